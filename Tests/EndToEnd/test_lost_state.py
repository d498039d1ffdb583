"""The state is gone, damaged, cut short or old, and the mail is there: it is matched with the server, and nothing is
fetched twice, sent twice or deleted. Against a real Dovecot."""

import os
import shutil

import mail_reader
from support import EndToEnd, check, corpus, sample

MAILBOXES = ("INBOX", "Archive/2024", "Listen/Köln & Größe")


class LostState(EndToEnd):
    weight = 40

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server, count=10, mailboxes=MAILBOXES)
        self.server.append("INBOX", corpus.small(40, seed=3))
        self.subject = self.mirror(self.server, direction="two-way", settle="1s")
        self.synced(self.subject)
        self.before = {path: row[0] for path, row in self.subject.mail().items()}
        self.counts = self.count()

    def count(self):
        client = self.server.client()
        try:
            return {name: len(check.server_messages(client, name)) for name in check.server_mailboxes(client)}
        finally:
            client.logout()

    def lose(self, path=None):
        for end in ("", "-wal", "-shm"):
            one = str(self.subject.database) + end
            if os.path.exists(one):
                os.unlink(one)

    def aside(self):
        return [name for name in os.listdir(self.subject.state) if ".damaged-" in name]

    def assertRebuilt(self, result, says="the state was"):
        self.assertIn(says, result.out)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(self.count(), self.counts, "the server has what it had")
        self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), sorted(self.before.values()),
                         "the same files: nothing was fetched again")
        self.assertEqual(self.subject.quarantined(), [])
        files = self.subject.mail()
        self.assertIn("rebuilt", self.subject.run("status").out)
        quiet = self.synced(self.subject)
        self.assertNotIn(says, quiet.out)
        self.assertEqual(self.subject.mail(), files)
        self.assertEqual(self.count(), self.counts)

    def test_M22_the_database_is_gone(self):
        self.lose()
        self.assertRebuilt(self.synced(self.subject))
        self.assertEqual(self.aside(), [])

    def test_M22_the_database_is_gone_while_a_mail_program_marks_messages(self):
        """A message whose file is renamed while it is looked for is known again nonetheless."""
        self.server.append("INBOX", [
            (body + b"A line of a long message.\r\n" * 4_000, *rest) for body, *rest in corpus.small(60, seed=4)])
        self.synced(self.subject)
        self.before = {path: row[0] for path, row in self.subject.mail().items()}
        self.counts = self.count()
        for _ in range(3):
            self.lose()
            with mail_reader.marking(self.subject.folder_of(b"INBOX")):
                result = self.subject.sync()
                self.subject.sync()
            self.assertIn("the state was", result.out)
            self.synced(self.subject)
            self.assertEqual(self.count(), self.counts, "the server has what it had")
            self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), sorted(self.before.values()),
                             "the same files: nothing was fetched again")
            self.assertEqual(self.subject.quarantined(), [])

    def test_M22_the_database_is_gone_and_its_log_is_not(self):
        os.unlink(self.subject.database)
        for end in ("-wal", "-shm"):
            with open(str(self.subject.database) + end, "wb") as file:
                file.write(b"left over" * 100)
        self.assertRebuilt(self.synced(self.subject))
        self.assertTrue(self.aside())

    def test_M22_the_database_is_damaged(self):
        with open(self.subject.database, "r+b") as file:
            file.write(b"\0" * 4096)
        self.assertRebuilt(self.synced(self.subject))
        self.assertEqual(len(self.aside()), 1)
        self.assertGreater(os.path.getsize(self.subject.state / self.aside()[0]), 4096, "set aside, as it was")

    def test_M22_the_database_is_cut_short(self):
        os.truncate(self.subject.database, os.path.getsize(self.subject.database) // 2)
        self.assertRebuilt(self.synced(self.subject))
        os.truncate(self.subject.database, 0)
        self.assertRebuilt(self.synced(self.subject))
        self.assertEqual(len(self.aside()), 2, "nothing is overwritten")

    def test_M22_the_database_is_an_old_one(self):
        """A backup from before much happened: it heals."""
        backup = self.subject.directory / "backup"
        shutil.copy(self.subject.database, backup)
        self.server.append("INBOX", corpus.small(5, seed=11))
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "1:3", "+FLAGS", "(\\Flagged)")
        client.uid("STORE", "4:5", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "4:5")
        client.uid("MOVE", "6:8", '"Archive/2024"')
        client.logout()
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.before = {path: row[0] for path, row in self.subject.mail().items()}
        self.counts, kept = self.count(), sorted(self.subject.quarantined())
        self.lose()
        shutil.copy(backup, self.subject.database)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(self.count(), self.counts)
        self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), sorted(self.before.values()))
        self.assertEqual(sorted(self.subject.quarantined()), kept)

    def test_what_happened_meanwhile_is_merged(self):
        """Flags of both sides are united, new mail of both sides is brought to the other."""
        self.lose()
        path = sorted(path for path in self.before if "/.Archive.2024/" in path)[0]
        base, _, letters = os.path.basename(path).partition(":2,")
        os.rename(path, os.path.join(os.path.dirname(os.path.dirname(path)), "cur",
                                     base + ":2," + "".join(sorted(set(letters + "F")))))
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "1:3", "+FLAGS", "(\\Answered fresh)")
        client.logout()
        self.server.append("INBOX", corpus.small(2, seed=21))
        new = self.subject.folder_of(b"INBOX") / "new" / "1790000000.local.here"
        new.write_bytes(b"From: me@example.org\nTo: you@example.org\nMessage-ID: <local@example.org>\n"
                        b"Subject: made here\nDate: Mon, 1 Jan 2024 10:00:00 +0000\n\nhello\n")
        new.chmod(0o600)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server, dates=False)
        after = self.count()
        self.assertEqual(after[b"INBOX"], self.counts[b"INBOX"] + 3)
        self.assertEqual(sum(after.values()), sum(self.counts.values()) + 3)
        self.assertEqual(self.subject.quarantined(), [])

    def test_another_server_gets_nothing_of_it(self):
        """D11: state lost and the account pointed to an empty server: its mail waits for the person's word."""
        self.lose()
        other = self.dovecot()
        self.subject.account.update(port=other.imaps, tls_ca_file=other.ca)
        self.subject.write()
        result = self.subject.sync()
        self.assertEqual(result.status, 3, result.err + result.out)
        client = other.client()
        try:
            self.assertEqual(sum(len(check.server_messages(client, name)) for name in check.server_mailboxes(client)), 0)
        finally:
            client.logout()
        self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), sorted(self.before.values()))

    def test_in_one_direction_nothing_is_sent(self):
        self.subject.account["direction"] = "pull"
        self.subject.write()
        self.lose()
        self.assertRebuilt(self.synced(self.subject))

    def test_a_foreign_marker_stays_a_stop(self):
        self.lose()
        marker = self.subject.root / ".mailmirror"
        marker.write_text(marker.read_text().replace("machine ", "machine 0"))
        result = self.subject.sync()
        self.assertEqual(result.status, 1)
        self.assertIn("adopt", result.err)
        self.assertEqual({path: row[0] for path, row in self.subject.mail().items()}, self.before)

    def test_it_resumes_after_a_stop_at_any_commit(self):
        saved = os.path.join(self.directory, "saved")
        self.lose()
        shutil.copytree(self.subject.maildir, saved)
        for number in range(1, 30, 4):
            with self.subTest(commit=number):
                self.lose()
                broken = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": "databaseCommit#%d:exit" % number})
                self.assertIn(broken.status, (0, 86), broken.err)
                self.synced(self.subject)
                self.assertMirrored(self.subject, self.server)
                self.assertEqual(self.count(), self.counts)
                self.assertEqual(sorted(row[0] for row in self.subject.mail().values()),
                                 sorted(self.before.values()))
