"""verify: the three views are compared, every difference is told, and only --repair mends."""

import os
import sqlite3
import unittest

from person_case import PersonCase
from support import corpus


class Verify(PersonCase):
    weight = 30

    def verified(self, *arguments, status=0):
        [account] = self.tell("verify", *arguments, status=status)
        return account

    def box(self, account, name="test/INBOX"):
        [mailbox] = [mailbox for mailbox in account["mailboxes"] if mailbox["name"] == name]
        return mailbox

    def test_no_difference(self):
        self.filled(count=20)
        for arguments in ([], ["--full"], ["--full", "--repair"]):
            mailbox = self.box(self.verified(*arguments))
            self.assertEqual((mailbox["onServer"], mailbox["inState"], mailbox["inFolder"]), (20, 20, 20))
            self.assertEqual((mailbox["differences"], mailbox["repaired"]), ([], []))

    def damage(self, path):
        """Other bytes of the same size under the same times, as a disk may do it."""
        times = path.stat()
        data = bytearray(path.read_bytes())
        data[-2] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def test_damage_is_told_and_repaired(self):
        """Only --full sees it; without --repair nothing changes; with it the damaged file is in quarantine and the
        message here again."""
        self.filled(count=20)
        path = self.files()[7]
        good = path.read_bytes()
        self.damage(path)
        bad = path.read_bytes()
        self.assertEqual(self.box(self.verified())["differences"], [])
        [line] = self.box(self.verified("--full", status=1))["differences"]
        self.assertIn(str(path), line)
        self.assertRegex(line, r"^UID \d+: ")
        self.assertEqual(path.read_bytes(), bad)
        mailbox = self.box(self.verified("--full", "--repair"))
        self.assertEqual(len(mailbox["repaired"]), 1)
        self.assertMirrored(self.subject, self.server)
        self.assertIn(good, [path.read_bytes() for path in self.files()])
        self.assertEqual(self.subject.quarantined(), [bad])

    def test_an_edited_file_is_no_damage(self):
        """A program wrote it since the last sync: told, and left alone."""
        self.filled(count=20)
        path = self.files()[7]
        path.write_bytes(path.read_bytes() + b"more\n")
        edited = path.read_bytes()
        self.assertEqual(len(self.box(self.verified("--repair", status=1))["differences"]), 1)
        self.assertEqual(path.read_bytes(), edited)
        self.assertEqual(self.subject.quarantined(), [])
        self.synced(self.subject)
        mailbox = self.box(self.verified("--full"))
        self.assertEqual(len(mailbox["explained"]), 1)

    def test_missing_files_are_fetched_again(self):
        self.filled(count=20)
        for path in self.files()[:3]:
            path.unlink()
        self.assertEqual(len(self.box(self.verified(status=1))["differences"]), 3)
        self.assertEqual(len(self.files()), 17)
        mailbox = self.box(self.verified("--repair"))
        self.assertEqual(len(mailbox["repaired"]), 1)
        self.assertMirrored(self.subject, self.server)

    def test_what_a_person_deleted_is_no_difference(self):
        self.filled(count=20)
        self.files()[0].unlink()
        self.synced(self.subject)
        mailbox = self.box(self.verified("--repair"))
        self.assertEqual((len(mailbox["explained"]), mailbox["repaired"]), (1, []))
        self.assertEqual(len(self.files()), 19)

    def test_the_server_went_on(self):
        """New mail, an expunge and a flag since the last sync: told; repaired, it is synced."""
        self.filled(count=20)
        self.expunge("5")
        client = self.client()
        client.uid("STORE", "6", "+FLAGS", "(\\Flagged)")
        client.logout()
        self.server.append("INBOX", corpus.small(2, seed=3))
        self.assertEqual(len(self.box(self.verified(status=1))["differences"]), 3)
        self.verified("--repair")
        self.assertMirrored(self.subject, self.server)

    def test_a_row_that_claims_what_is_not_there(self):
        """The state has a row for a UID that the server never had, and lacks one that it has, under a checkpoint that
        says all is well: sync sees nothing, verify does, and repairs it without losing a file."""
        self.filled(count=20)
        self.synced(self.subject)
        with sqlite3.connect(self.subject.database) as connection:
            connection.execute("UPDATE message SET uid = 4000 WHERE uid = 9")
        connection.close()
        self.synced(self.subject)
        self.assertEqual(len(self.box(self.verified(status=1))["differences"]), 2)
        self.verified("--repair")
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.files()), 20)

    def test_files_of_others_are_explained(self):
        self.filled(count=3)
        for name in ("1.mine", "2.mine"):
            path = self.subject.root / "new" / name
            path.write_bytes(b"Subject: mine\n\nmine\n")
            path.chmod(0o600)
        self.assertIn("since the last sync", " ".join(self.box(self.verified())["explained"]))
        self.synced(self.subject)
        mailbox = self.box(self.verified("--repair"))
        self.assertEqual((mailbox["inFolder"], mailbox["differences"]), (5, []))
        self.assertIn("2 files", " ".join(mailbox["explained"]))
        self.assertEqual(len(self.files()), 5)

    def test_what_was_sent_is_equal(self):
        """Files with CRLF and with LF that were sent: byte for byte, line ends apart."""
        self.filled(count=3, direction="two-way")
        for name, data in (("1.crlf", b"Subject: crlf\r\n\r\nmine\r\n"), ("2.lf", b"Subject: lf\n\nmine\n"),
                           ("3.mixed", b"Subject: mixed\r\n\nmine\r\nand\nyours")):
            path = self.subject.root / "new" / name
            path.write_bytes(data)
            path.chmod(0o600)
        self.synced(self.subject)
        self.assertEqual(len(self.remote(self.server, b"INBOX")), 6)
        mailbox = self.box(self.verified("--full"))
        self.assertEqual((mailbox["onServer"], mailbox["inState"], mailbox["differences"]), (6, 6, []))

    def test_through_the_daemon(self):
        self.filled(count=20)
        daemon = self.daemon(self.subject)
        path = self.files()[2]
        self.damage(path)
        self.assertEqual(len(self.box(self.verified("--full", status=1))["differences"]), 1)
        self.verified("--full", "--repair")
        self.assertSoonMirrored(self.subject, self.server)
        self.assertEqual(self.verified("--full")["failures"], [])
        self.assertEnds(daemon)


if __name__ == "__main__":
    unittest.main()
