"""Quarantine and restore: what a sync removed comes back, here and on the server."""

import os
import stat
import unittest

import check
from person_case import PersonCase
from support import corpus, wait_until


class Restore(PersonCase):
    weight = 30

    def contents(self):
        """{content: (flags, keywords, date)} of the folder."""
        return {message.digest: message[1:] for message in check.folder_messages(self.subject.folder_of(b"INBOX"))[0].values()}

    def removed(self, **account):
        """A message with flags and a keyword that was expunged on the server."""
        self.filled(count=6, **account)
        client = self.client()
        client.uid("STORE", "3", "+FLAGS", "(\\Flagged \\Answered mine)")
        client.logout()
        self.synced(self.subject)
        self.before = self.contents()
        self.expunge("3")
        self.synced(self.subject)
        self.assertEqual(len(self.contents()), 5)
        [entry] = self.tell("restore", "--list")
        return entry

    def test_brings_back_the_file_as_it_was(self):
        entry = self.removed()
        self.assertEqual((entry["account"], entry["mailbox"], entry["uid"]), ("test", "INBOX", 3))
        self.assertTrue(entry["from"] and entry["subject"] and entry["date"], entry)
        self.assertLess(entry["removed"], entry["until"])
        text = self.done("restore", "--list", "test").out
        for word in (entry["name"], entry["subject"], "no longer on the server", entry["until"]):
            self.assertIn(word, text)
        self.assertIn("restored", self.done("restore", entry["name"]).out)
        self.assertEqual(self.contents(), self.before)
        self.assertEqual(self.subject.quarantined(), [])
        self.assertEqual(self.tell("restore", "--list"), [])
        for path in self.files():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.synced(self.subject)
        self.assertEqual(self.contents(), self.before, "direction = \"pull\": it stays here")
        self.assertOneLine(self.subject.run("restore", entry["name"]), 1)

    def test_two_ways_it_is_sent_again(self):
        entry = self.removed(direction="two-way")
        self.done("restore", "test/INBOX:3")
        self.synced(self.subject)
        self.assertEqual(self.contents(), self.before)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 6)
        events = [item["event"] for item in self.tell("history", "test/INBOX:7")["entries"]]
        self.assertEqual(events, ["came", "flags changed", "quarantined", "restored", "uploaded"])
        self.assertEqual(entry["reason"], "no longer on the server")

    def test_many_are_no_mass_upload(self):
        self.filled(count=30, direction="two-way", delete_on_server="expunge")
        self.expunge("1:15")
        self.synced(self.subject)
        names = [entry["name"] for entry in self.tell("restore", "--list")]
        self.assertEqual(len(names), 15)
        result = self.tell("restore", *names)
        self.assertEqual(len(result["restored"]), 15)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 30)

    def test_a_deletion_of_mine(self):
        """Deleted here with delete_on_server = "expunge": it went to quarantine first, and comes back from there."""
        self.filled(count=6, direction="two-way", settle="1s", delete_on_server="expunge")
        before = self.contents()
        path = self.files()[2]
        name = self.message_id(path)
        path.unlink()
        self.synced(self.subject)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 5)
        self.done("restore", str(path))
        self.assertEqual(self.contents(), before)
        self.synced(self.subject)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 6)
        self.assertMirrored(self.subject, self.server)
        self.assertOneLine(self.subject.run("restore", name), 1)

    def test_nothing_is_kept(self):
        """keep_deleted = "0": quarantine is empty behind each sync."""
        self.filled(count=6, keep_deleted="0")
        self.expunge("2")
        self.synced(self.subject)
        self.assertEqual(len(self.files()), 5)
        self.assertEqual(self.subject.quarantined(), [])
        self.assertEqual(self.tell("restore", "--list"), [])
        self.assertIn("nothing", self.done("restore", "--list").out)

    def test_nothing_is_kept_by_the_daemon(self):
        """The same by push, long before the next look at the whole account."""
        self.filled(count=6, keep_deleted="0", poll_interval="1h")
        daemon = self.daemon(self.subject)
        self.assertSoonMirrored(self.subject, self.server)
        self.expunge("2")
        wait_until(lambda: len(self.files()) == 5)
        wait_until(lambda: self.subject.quarantined() == [], timeout=5)
        self.assertEqual(self.tell("restore", "--list"), [])
        self.assertEnds(daemon)

    def test_several_matches(self):
        """A message was removed, restored, sent and removed again under the same Message-ID as another: nothing is done."""
        self.server = self.dovecot()
        self.server.append("INBOX", [(b"Message-ID: <twin@example.org>\r\nSubject: %d\r\n\r\nx\r\n" % number, [], None)
                                     for number in range(2)] + list(corpus.small(20)))
        self.subject = self.mirror(self.server)
        self.synced(self.subject)
        self.expunge("1:2")
        self.synced(self.subject)
        found = self.tell("restore", "<twin@example.org>", status=1)
        self.assertEqual(found["restored"], [])
        self.assertEqual(sorted(match["subject"] for match in found["matches"]), ["0", "1"])
        self.assertEqual(len(self.subject.quarantined()), 2)

    def test_wrong_words(self):
        self.filled(count=3)
        self.assertOneLine(self.subject.run("restore"), 2)
        self.assertOneLine(self.subject.run("restore", "--list", "test", "test"), 2)
        self.assertOneLine(self.subject.run("restore", "--list", "nobody"), 2)
        self.assertIn("in its folder", self.assertOneLine(self.subject.run("restore", "test/INBOX:1"), 1))
        self.assertOneLine(self.subject.run("restore", "test/INBOX:9"), 1)

    def test_ended_at_each_step(self):
        """The command ends anywhere: the message is in quarantine or in the folder, and done again it is there once."""
        entry, ended = self.removed(direction="two-way"), 0
        kept = self.kept()
        for site in ("openTemporary", "write", "syncFile", "rename.publish", "syncDirectory", "databaseCommit",
                     "unlink.restored"):
            for number in range(1, 8):
                whole = 0
                for action in ("exit", "error"):
                    self.put_back(kept)
                    name = "%s#%d:%s" % (site, number, action)
                    broken = self.subject.run("restore", entry["name"], environment={"MAILMIRROR_FAILPOINT": name})
                    self.assertNotIn("Fatal error", broken.err)
                    whole += broken.status == 0
                    again = self.subject.run("restore", entry["name"])
                    self.assertIn(again.status, (0, 1), again.err)
                    self.assertEqual(self.contents(), self.before, name)
                    self.assertEqual(os.listdir(self.subject.root / "tmp"), [], name)
                    self.assertEqual(self.tell("restore", "--list"), [], name)
                if whole == 2:
                    break
                ended += 1
        self.assertGreater(ended, 8)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)

    def test_through_the_daemon(self):
        entry = self.removed(direction="two-way")
        daemon = self.daemon(self.subject)
        self.assertEqual([item["name"] for item in self.tell("restore", "--list")], [entry["name"]])
        self.done("restore", entry["name"])
        self.assertSoonMirrored(self.subject, self.server)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 6)
        self.assertEnds(daemon)


if __name__ == "__main__":
    unittest.main()
