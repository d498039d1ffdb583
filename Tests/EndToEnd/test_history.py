"""History: what happened to a message, when, why and on whose word."""

import os
import unittest

from person_case import PersonCase
from support import corpus, wait_until


class History(PersonCase):
    weight = 20

    def events(self, *message):
        """Those outside the Trash, where a deleted message comes as a new one."""
        return [(entry["event"], entry["cause"]) for entry in self.tell("history", *message)["entries"]
                if entry["mailbox"] != "Trash"]

    def test_of_one_message(self):
        """Came, flagged there, flagged here, moved here, deleted here: each with its author, under any of its names."""
        self.filled(count=8, direction="two-way", settle="1s")
        self.server.append("Archive", corpus.small(1, seed=4))
        self.synced(self.subject)
        path = self.files()[3]
        name = self.message_id(path)
        self.assertEqual(self.events(name), [("came", "server")])
        uid = self.tell("history", str(path))["entries"][0]["uid"]
        client = self.client()
        client.uid("STORE", str(uid), "+FLAGS", "(\\Flagged)")
        client.logout()
        self.synced(self.subject)
        [path] = [path for path in self.files() if self.message_id(path) == name]
        answered = path.parent / path.name.replace(":2,FS", ":2,FRS")
        os.rename(path, answered)
        self.synced(self.subject)
        flags = [("came", "server"), ("flags changed", "server"), ("flags changed", "folder")]
        self.assertEqual(self.events("test/INBOX:%d" % uid), flags)
        self.assertEqual(self.events(str(answered)), flags)
        moved = self.subject.folder_of(b"Archive") / "cur" / answered.name
        os.rename(answered, moved)
        self.synced(self.subject)
        self.assertEqual(self.events(str(moved)), flags + [("moved", "folder")])
        moved.unlink()
        self.synced(self.subject)
        # By its UID in Archive, by its file's last name, and by its name where it was first.
        last = [entry for entry in self.tell("history")["entries"] if entry["mailbox"] != "Trash"][-1]
        self.assertEqual((last["event"], last["cause"], last["mailbox"]), ("deleted", "folder", "Archive"))
        gone = flags + [("moved", "folder"), ("deleted", "folder")]
        self.assertEqual(self.events("test/Archive:%d" % last["uid"]), gone)
        self.assertEqual(self.events(str(moved)), gone)
        text = self.done("history", str(moved)).out
        for word in ("came", "on the server", "in the folder", "test/Archive"):
            self.assertIn(word, text)

    def test_on_the_server(self):
        """Expunged there: quarantined on the server's word, and it still says when it came."""
        self.filled(count=5)
        came = self.tell("history", "test/INBOX:2")["entries"]
        self.expunge("2")
        self.synced(self.subject)
        entries = self.tell("history", "test/INBOX:2")["entries"]
        self.assertEqual([(entry["event"], entry["cause"]) for entry in entries],
                         [("came", "server"), ("quarantined", "server")])
        self.assertEqual(entries[0]["time"], came[0]["time"])
        self.assertIn("no longer on the server", entries[1]["detail"])

    def test_of_holds(self):
        self.filled(count=60)
        self.expunge("11:50")
        self.synced(self.subject, status=3)
        self.assertEqual(self.events("test/INBOX:20"), [("came", "server"), ("held", "sync")])
        self.synced(self.subject, status=3)
        self.assertEqual(self.events("test/INBOX:20"), [("came", "server"), ("held", "sync")], "once")
        self.done("approve", "--all")
        self.synced(self.subject)
        self.assertEqual(self.events("test/INBOX:20"), [
            ("came", "server"), ("held", "sync"), ("approved", "person"), ("quarantined", "server")])

    def told(self, message):
        """(event, cause, detail) of each line outside the Trash."""
        return [(entry["event"], entry["cause"], entry["detail"]) for entry in self.tell("history", message)["entries"]
                if entry["mailbox"] != "Trash"]

    def two_way(self, count=8, **account):
        self.filled(count=count, direction="two-way", settle="1s", **account)
        self.server.append("Archive", corpus.small(1, seed=4))
        self.synced(self.subject)
        return self.files()[3]

    def test_a_moved_message_was_not_deleted(self):
        """A mail program that moves by copying, the copy in one sync and the unlinking in a later one."""
        path = self.two_way()
        uid = self.tell("history", str(path))["entries"][0]["uid"]
        copy = self.subject.folder_of(b"Archive") / "cur" / "1790000000.copy.reader:2,S"
        copy.write_bytes(path.read_bytes())
        copy.chmod(0o600)
        self.synced(self.subject)
        path.unlink()
        self.synced(self.subject)
        told = self.told("test/INBOX:%d" % uid)
        self.assertEqual([line[:2] for line in told], [("came", "server"), ("copied", "folder"), ("moved", "folder")])
        self.assertIn("the copy stays", told[-1][2])

    def test_an_edited_message_was_not_deleted(self):
        path = self.two_way()
        uid = self.tell("history", str(path))["entries"][0]["uid"]
        path.write_bytes(path.read_bytes() + b"edited\n")
        self.synced(self.subject)
        told = self.told("test/INBOX:%d" % uid)
        self.assertEqual([line[:2] for line in told], [("came", "server"), ("replaced", "folder")])
        self.assertIn("edited here took its place", told[-1][2])
        [edited] = [path for path in self.files() if path.read_bytes().endswith(b"edited\n")]
        self.assertEqual(self.told(str(edited)), [("replaced", "folder", "edited here")])

    def test_gone_on_both_sides(self):
        """Nobody can say who was first: it says what is so."""
        path = self.two_way()
        uid = self.tell("history", str(path))["entries"][0]["uid"]
        path.unlink()
        self.expunge(str(uid))
        self.synced(self.subject)
        told = self.told("test/INBOX:%d" % uid)
        self.assertEqual([line[0] for line in told], ["came", "forgotten"])
        self.assertIn("gone on the server, and no longer in this folder", told[-1][2])

    def test_an_expunge_says_where_the_copy_is(self):
        path = self.two_way(delete_on_server="expunge")
        uid = self.tell("history", str(path))["entries"][0]["uid"]
        path.unlink()
        self.synced(self.subject)
        self.assertEqual(self.told("test/INBOX:%d" % uid)[1:], [
            ("deleted", "folder", "expunged, with a copy in quarantine")])

    def test_what_was_changed_under_pull(self):
        """The hold that is made when changes are sent from now on is in the history of each message and file."""
        self.filled(count=6, settle="1s")
        flagged, deleted = self.files()[:2]
        os.rename(flagged, str(flagged) + "F" if ":2," in flagged.name else str(flagged))
        uid = self.tell("history", str(deleted))["entries"][0]["uid"]
        deleted.unlink()
        mine = self.subject.root / "new" / "1.mine"
        mine.write_bytes(b"Message-ID: <mine@example.org>\nSubject: mine\n\nmine\n")
        mine.chmod(0o600)
        self.synced(self.subject)
        self.subject.account["direction"] = "two-way"
        self.subject.write()
        self.synced(self.subject, status=3)
        held = ("held", "sync", 'changed here while direction was "pull"')
        self.assertEqual(self.told("test/INBOX:%d" % uid)[1:], [held])
        self.assertEqual(self.told(str(mine)), [held])
        self.done("approve", "--all")
        self.synced(self.subject)
        self.assertEqual([line[:2] for line in self.told("test/INBOX:%d" % uid)[1:]], [
            ("held", "sync"), ("approved", "person"), ("deleted", "folder")])
        self.assertEqual([line[:2] for line in self.told(str(mine))], [
            ("held", "sync"), ("approved", "person"), ("uploaded", "folder")])

    def test_of_a_hold_that_is_dropped(self):
        """Its cause is gone: each message says so."""
        self.two_way(count=60)
        files = self.files()[:40]
        uid = self.tell("history", str(files[5]))["entries"][0]["uid"]
        away = self.subject.directory / "away"
        away.mkdir()
        for path in files:
            os.rename(path, away / path.name)
        self.synced(self.subject, status=3)
        for path in files:
            os.rename(away / path.name, path)
        self.synced(self.subject)
        told = self.told("test/INBOX:%d" % uid)
        self.assertEqual([line[0] for line in told], ["came", "held", "released"])
        self.assertIn("its file is in the folder again", told[-1][2])

    def test_several_matches_and_none(self):
        """Two messages of one Message-ID with other content: both are listed, and no history is told."""
        self.server = self.dovecot()
        bodies = [b"Message-ID: <twin@example.org>\r\nSubject: %s\r\n\r\nx\r\n" % word for word in (b"one", b"two")]
        self.server.append("INBOX", [(body, [], None) for body in bodies])
        self.subject = self.mirror(self.server)
        self.synced(self.subject)
        found = self.tell("history", "<twin@example.org>", status=1)
        self.assertEqual(found["entries"], [])
        self.assertEqual(sorted(match["subject"] for match in found["matches"]), ["one", "two"])
        for message in ("<none@example.org>", "test/INBOX:99", "test/Nowhere:1", str(self.files()[0]) + "x",
                        "/nowhere/cur/1", "nonsense", "1700000000.0123456789abcdef01234567"):
            self.assertOneLine(self.subject.run("history", message), 1)
        self.assertOneLine(self.subject.run("history", "--limit", "0"), 2)

    def test_lately(self):
        """The newest entries of all accounts, no more than asked for; the daemon tells the same."""
        self.filled(count=30)
        self.assertEqual(len(self.tell("history", "--limit", "7")["entries"]), 7)
        entries = self.tell("history")["entries"]
        self.assertEqual({entry["event"] for entry in entries}, {"came"})
        self.assertEqual(len(entries), 30)
        daemon = self.daemon(self.subject)
        self.assertEqual(self.tell("history")["entries"], entries)
        self.expunge("3")
        wait_until(lambda: self.tell("history", "--limit", "1")["entries"][0]["event"] == "quarantined")
        self.assertEqual(self.events("test/INBOX:3"), [("came", "server"), ("quarantined", "server")])
        self.assertEnds(daemon)


if __name__ == "__main__":
    unittest.main()
