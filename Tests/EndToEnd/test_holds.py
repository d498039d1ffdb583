"""Holds: what waits for the person is shown, approved or rejected, with and without a daemon."""

import itertools
import json
import os
import subprocess
import threading
import unittest

from person_case import PersonCase
from support import corpus, wait_until


class Holds(PersonCase):
    weight = 40

    def held(self, **account):
        """40 of 60 messages are gone from the server, and their files wait."""
        self.filled(**account)
        self.before = self.files()
        self.expunge("11:50")
        self.synced(self.subject, status=3)
        self.assertEqual(self.files(), self.before)
        return self.hold("removals")

    def test_removals_are_shown_and_approved(self):
        hold = self.held()
        self.assertEqual((hold["account"], hold["mailbox"], hold["messages"]), ("test", "INBOX", 40))
        self.assertRegex(hold["hold"], r"^test:\d+$")
        self.assertEqual(len(hold["examples"]), 5)
        for example in hold["examples"]:
            self.assertTrue(os.path.exists(example["path"]), example)
            self.assertTrue(example["from"] and example["subject"] and example["date"], example)
        text = self.done("holds", status=3).out
        for word in (hold["hold"], "40 messages", "mailmirror approve", "mailmirror reject", hold["examples"][0]["subject"]):
            self.assertIn(word, text)
        self.assertIn(hold["hold"], self.done("status", status=3).out)
        self.assertIn(hold["hold"], self.done("approve", hold["hold"]).out)
        self.assertEqual(self.files(), self.before, "the next sync does it")
        self.assertEqual(self.tell("holds"), [])
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.subject.quarantined()), 40)
        self.assertEqual(self.done("status").status, 0)

    def test_approval_covers_what_was_listed_only(self):
        """More goes on the server after the approval and before the sync: what was listed goes, the rest is counted anew.
        Within the limits it goes as well; beyond them it waits in a hold of its own."""
        for more, status in (("1:10", 0), ("1:10,51:60", 3)):
            with self.subTest(more=more):
                hold = self.held(name="mirror%d" % status, hold={"share": 0.2, "count": 12, "account": 500})
                self.done("approve", hold["hold"])
                self.expunge(more)
                self.server.append("INBOX", corpus.small(5, seed=9))
                self.synced(self.subject, status=status)
                self.assertEqual(len(self.subject.quarantined()), 40 if status else 50)
                self.assertEqual(len(self.files()), 25 if status else 15)
                if status:
                    rest = self.hold("removals")
                    self.assertEqual(rest["messages"], 20)
                    self.assertNotEqual(rest["hold"], hold["hold"])
                    self.done("approve", rest["hold"])
                    self.synced(self.subject)
                    self.assertEqual(len(self.subject.quarantined()), 60)
                self.assertMirrored(self.subject, self.server)

    def test_rejected_removals_keep_their_files(self):
        """direction = "pull": the files stay, and are nobody's removal any more."""
        hold = self.held()
        number = int(hold["hold"].split(":")[1])
        self.done("reject", str(number))
        for _ in range(2):
            self.synced(self.subject)
            self.assertEqual(self.files(), self.before)
        self.assertEqual(self.tell("holds"), [])
        self.assertEqual(self.subject.quarantined(), [])
        self.expunge("1:10")
        self.expunge("51:56")
        self.server.append("INBOX", corpus.small(100, seed=9))
        self.synced(self.subject)
        client = self.client()
        client.uid("STORE", "61:160", "+FLAGS", "(\\Deleted)")
        client.expunge()
        self.synced(self.subject, status=3)
        self.assertNotEqual(self.hold("removals")["hold"], hold["hold"], "no number is given twice")

    def test_rejected_removals_are_sent_again(self):
        hold = self.held(direction="two-way")
        self.done("reject", hold["hold"])
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 60)
        self.assertEqual(sorted(path.stat().st_ino for path in self.files()),
                         sorted(path.stat().st_ino for path in self.before))

    def test_through_the_daemon(self):
        hold = self.held()
        with_daemon = self.daemon(self.subject)
        self.assertEqual(self.hold("removals")["hold"], hold["hold"])
        self.assertIn("the daemon does it now", self.done("approve", "--all").out)
        self.assertSoonMirrored(self.subject, self.server)
        self.assertEqual(self.tell("holds"), [])
        wait_until(lambda: self.subject.run("status").status == 0)
        self.server.append("INBOX", corpus.small(3, seed=5))
        self.assertSoonMirrored(self.subject, self.server)
        self.assertEnds(with_daemon)

    def test_events_tell(self):
        self.filled()
        with_daemon = self.daemon(self.subject)
        listener = subprocess.Popen(self.subject.command("events", "--json"), stdout=subprocess.PIPE, text=True)
        self.addCleanup(listener.stdout.close)
        self.addCleanup(listener.wait)
        self.addCleanup(listener.kill)
        lines = []
        threading.Thread(target=lambda: lines.extend(map(json.loads, listener.stdout)), daemon=True).start()
        client, signs = self.client(), itertools.cycle("+-")

        def listens():
            client.uid("STORE", "1", next(signs) + "FLAGS", "(\\Flagged)")
            return lines

        wait_until(listens, pause=1)
        self.expunge("11:50")
        held = wait_until(lambda: [line for line in lines if line["kind"] == "held"])[0]
        self.assertEqual((held["account"], held["mailbox"]), ("test", "INBOX"))
        self.assertIn("40 of 60", held["reason"])
        self.assertEnds(with_daemon)

    def test_wrong_words(self):
        self.filled(count=3)
        for command in ("approve", "reject"):
            self.assertOneLine(self.subject.run(command), 2)
            self.assertOneLine(self.subject.run(command, "--all", "test:1"), 2)
            self.assertOneLine(self.subject.run(command, "test:7"), 1)
            self.assertOneLine(self.subject.run(command, "7"), 1)
            self.assertOneLine(self.subject.run(command, "nobody:1"), 2)
            self.assertIn("nothing waits", self.done(command, "--all").out)
        self.assertEqual(self.tell("holds"), [])
        self.assertIn("nothing waits", self.done("holds").out)

    def test_a_number_of_two_accounts_is_ambiguous(self):
        self.held()
        other = self.subject.beside("other", self.server)
        self.synced(self.subject, status=3)
        self.server.append("INBOX", corpus.small(60, seed=3))
        self.synced(self.subject, status=3)
        client = self.client()
        client.uid("STORE", "1:*", "+FLAGS", "(\\Deleted)")
        client.expunge()
        self.synced(self.subject, status=3)
        self.assertEqual(len(other.mail()), 80)
        holds = self.tell("holds", status=3)
        self.assertEqual([hold["hold"] for hold in holds], ["test:1", "other:1"])
        line = self.assertOneLine(self.subject.run("approve", "1"), 1)
        self.assertIn("test:1, other:1", line)
        self.assertEqual(len(self.tell("holds", status=3)), 2)

    def test_an_emptied_mailbox_is_approved_and_rejected(self):
        """UIDVALIDITY changed to an empty mailbox: everything waits; approved, it goes to quarantine; rejected, it stays."""
        for word in ("approve", "reject"):
            with self.subTest(word):
                self.filled(count=12, mailbox="Old", **({"name": word}))
                client = self.server.client()
                self.assertEqual(client.delete("Old")[0], "OK")
                self.assertEqual(client.create("Old")[0], "OK")
                client.logout()
                files = self.files(b"Old")
                self.synced(self.subject, status=3)
                hold = self.hold("uidvalidity")
                self.assertEqual(hold["messages"], 12)
                self.done(word, hold["hold"])
                self.synced(self.subject)
                if word == "approve":
                    self.assertEqual(self.files(b"Old"), [])
                    self.assertEqual(len(self.subject.quarantined()), 12)
                else:
                    self.assertEqual(self.files(b"Old"), files)
                    self.assertEqual(self.subject.quarantined(), [])
                self.server.append("Old", corpus.small(2, seed=8))
                self.synced(self.subject)
                self.assertEqual(len(self.files(b"Old")), 2 if word == "approve" else 14)

    def test_approval_at_each_commit(self):
        """The command ends at any of its commits: the hold stands, or it is decided; never half."""
        hold, ended, decided = self.held(), 0, 0
        kept = self.kept()
        for word in ("approve", "reject"):
            for number in range(1, 6):
                self.put_back(kept)
                broken = self.subject.run(word, hold["hold"],
                                          environment={"MAILMIRROR_FAILPOINT": "databaseCommit#%d:exit" % number})
                rows = self.subject.tables("hold")
                self.assertIn((len(rows["hold"]), len(rows["hold_message"])), ((1, 40), (0, 0)), broken.err)
                ended += broken.status != 0
                decided += not rows["hold"]
                result = self.subject.run(word, "--all")
                self.assertEqual(result.status, 0, result.err)
                self.synced(self.subject)
                self.assertEqual(len(self.files()), 20 if word == "approve" else 60)
        self.assertGreater(ended, 2)
        self.assertGreater(decided, 2)


class LocalHolds(PersonCase):
    weight = 40

    def deleted(self):
        self.filled(direction="two-way", settle="1s")
        for path in self.files()[:40]:
            path.unlink()
        self.synced(self.subject, status=3)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 60)
        return self.hold("deletions")

    def test_deletions_are_approved(self):
        hold = self.deleted()
        self.assertEqual(hold["messages"], 40)
        self.done("approve", hold["hold"])
        self.synced(self.subject)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 20)
        self.assertEqual(len(self.remote(self.server, b"Trash")), 40)

    def test_deletions_are_rejected(self):
        hold = self.deleted()
        self.done("reject", hold["hold"])
        self.synced(self.subject)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 60)
        self.assertMirrored(self.subject, self.server)

    def test_a_file_that_is_back_is_not_deleted(self):
        """Approved, but put back before the sync: the word counts no more."""
        self.filled(direction="two-way", settle="1s")
        away = self.subject.directory / "away"
        away.mkdir()
        files = self.files()[:40]
        for path in files:
            os.rename(path, away / path.name)
        self.synced(self.subject, status=3)
        self.done("approve", self.hold("deletions")["hold"])
        for path in files:
            os.rename(away / path.name, path)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 60)
        for path in self.files()[:40]:
            path.unlink()
        self.synced(self.subject, status=3)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 60)

    def test_flags(self):
        """Seen is taken from 250 of 300 messages here: held; rejected, they have it again; approved, the server lacks it."""
        self.server = self.dovecot()
        self.server.append("INBOX", [(body, ["\\Seen"], date) for body, _, date in corpus.small(300)])
        self.subject = self.mirror(self.server, direction="two-way")
        self.synced(self.subject)
        for word in ("reject", "approve"):
            for path in self.files()[:250]:
                os.rename(path, str(path)[:-1])
            self.synced(self.subject, status=3)
            self.done(word, self.hold("flags")["hold"])
            self.synced(self.subject)
            self.assertMirrored(self.subject, self.server)
            seen = sum("\\seen" in message.flags for message in self.remote(self.server, b"INBOX").values())
            self.assertEqual(seen, 300 if word == "reject" else 50)

    def test_pull_then_two_way(self):
        """Made under "pull": waits as one hold; rejected, the folder is as the server; approved, the server as the folder."""
        for word in ("reject", "approve"):
            with self.subTest(word):
                self.filled(count=10, name=word, direction="pull")
                files = self.files()
                files[0].unlink()
                os.rename(files[1], files[1].parent.parent / "cur" / (files[1].name.split(":")[0] + ":2,F"))
                (files[2].parent / "1.mine").write_bytes(b"Subject: mine\n\nmine\n")
                os.chmod(files[2].parent / "1.mine", 0o600)
                self.synced(self.subject)
                self.subject.account.update(direction="two-way", settle="1s")
                self.subject.write()
                self.synced(self.subject, status=3)
                before = self.remote(self.server, b"INBOX")
                self.done(word, self.hold("pull")["hold"])
                self.synced(self.subject)
                after = self.remote(self.server, b"INBOX")
                if word == "reject":
                    self.assertEqual(after, before)
                    self.assertEqual(len(self.files()), 11, "the new one is kept here")
                else:
                    self.assertMirrored(self.subject, self.server, others=False)
                self.synced(self.subject)


if __name__ == "__main__":
    unittest.main()
