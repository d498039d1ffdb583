"""`adopt` takes over a Maildir that another program made: nothing is fetched twice, sent twice or deleted."""

import os
import shutil
import subprocess

from support import EndToEnd, check, corpus, sample
from test_lost_state import MAILBOXES


class Adopt(EndToEnd):
    weight = 40
    mailboxes = MAILBOXES

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server, count=10, mailboxes=self.mailboxes)
        self.counts = self.count()

    def count(self):
        client = self.server.client()
        try:
            return {name: len(check.server_messages(client, name)) for name in check.server_mailboxes(client)}
        finally:
            client.logout()

    def mbsync(self, directory, style):
        """A Maildir made by mbsync, before there is anything of ours."""
        directory.mkdir(parents=True, exist_ok=True)
        store = {"verbatim": "Path %s/\nInbox %s/INBOX\nSubFolders Verbatim\n" % (directory, directory),
                 "maildir++": "Inbox %s\nSubFolders Maildir++\n" % directory}[style]
        configuration = self.subject.directory / "mbsyncrc"
        configuration.write_text(
            "IMAPStore far\nHost localhost\nPort %d\nUser user\nPassCmd \"cat %s\"\n%s\nCertificateFile %s\n\n"
            "MaildirStore near\n%s\nChannel all\n%s :far:\n%s :near:\nPatterns *\nCreate %s\nSync Pull\nSyncState *\n" % (
                self.server.imaps, self.subject.account["password_file"], self.tls(), self.server.ca, store, *self.words()))
        done = subprocess.run(["mbsync", "-q", "-c", str(configuration), "-a"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + configuration.read_text())

    def version(self):
        text = subprocess.run(["mbsync", "--version"], capture_output=True, text=True).stdout.split()[1]
        return tuple(int(part) for part in text.split(".")[:2])

    def tls(self):
        return "TLSType IMAPS" if self.version() >= (1, 5) else "SSLType IMAPS"

    def words(self):
        return ("Far", "Near", "Near") if self.version() >= (1, 4) else ("Master", "Slave", "Slave")

    def make(self, layout="maildir++", **account):
        self.subject = self.mirror(self.server, direction="two-way", settle="1s", layout=layout, **account)
        return self.subject

    def adopt(self, *arguments, status=0):
        result = self.subject.run("adopt", "test", "--from", str(self.subject.root), *arguments)
        self.assertEqual(result.status, status, result.err)
        return result

    def files(self):
        root = str(self.subject.root)
        return {path: row for path, row in self.subject.mail().items() if "/tmp/" not in path[len(root):]}

    def assertTakenOver(self, before, bodies=True, isAltered=False):
        self.assertEqual(len(before), sum(self.counts.values()))
        self.synced(self.subject)
        after = self.files()
        self.assertEqual(sorted(row[0] for row in after.values()), sorted(row[0] for row in before.values()),
                         "the same files")
        self.assertEqual(sorted((row[0], row[3]) for row in after.values()),
                         sorted((row[0], row[3]) for row in before.values()), "and nothing in them was changed")
        self.assertEqual(self.count(), self.counts, "the server has what it had")
        self.assertEqual(self.subject.quarantined(), [])
        if bodies:
            self.assertMirrored(self.subject, self.server)
        self.synced(self.subject)
        self.assertEqual(self.files(), after, "and it stays so")
        self.assertEqual(self.count(), self.counts)
        verified = self.subject.run("verify", "--full", "--repair")
        self.assertEqual(verified.status, 0, verified.out + verified.err)
        self.assertEqual("another program added or altered" in verified.out, isAltered)
        self.assertEqual(self.files(), after, "there is nothing to repair")

    def test_from_mbsync_in_maildirpp(self):
        self.make()
        self.mbsync(self.subject.root, "maildir++")
        before = self.files()
        self.assertEqual(self.subject.sync().status, 1, "without adopt it is not touched")
        said = self.adopt("--dry-run").out
        self.assertIn("mbsync", said)
        self.assertIn("30 messages", said)
        self.assertFalse((self.subject.root / ".mailmirror").exists())
        self.adopt()
        self.assertTakenOver(before, bodies=False, isAltered=True)

    def test_from_mbsync_with_verbatim_folders(self):
        self.make(layout="fs")
        self.mbsync(self.subject.root, "verbatim")
        before = self.files()
        self.adopt()
        self.assertTakenOver(before, bodies=False, isAltered=True)

    def test_with_the_header_that_mbsync_adds(self):
        self.make()
        self.mbsync(self.subject.root, "maildir++")
        for path in self.files():
            with open(path, "r+b") as file:
                content = file.read()
                header, _, body = content.partition(b"\n\n")
                file.seek(0)
                file.write(header + b"\nX-TUID: AbCdEf012345\n\n" + body)
        before = self.files()
        self.adopt()
        self.assertTakenOver(before, bodies=False, isAltered=True)

    def test_from_getmail(self):
        """It puts fields of its own before the header and makes names without flags in new/."""
        self.make()
        self.mbsync(self.subject.root, "maildir++")
        for path in self.files():
            with open(path, "r+b") as file:
                content = file.read()
                file.seek(0)
                file.write(b"Return-Path: <someone@example.org>\nDelivered-To: user@example.org\n"
                           b"Received: from localhost (127.0.0.1:993)\n  by here with IMAP4-SSL; 1 Jan 2024 10:00:00 -0000\n"
                           + content)
        before = self.files()
        self.adopt()
        self.assertTakenOver(before, bodies=False, isAltered=True)

    def test_from_offlineimap(self):
        """It writes headers anew, folded in its own way."""
        self.make()
        self.mbsync(self.subject.root, "maildir++")
        for path in self.files():
            with open(path, "r+b") as file:
                header, mark, body = file.read().partition(b"\n\n")
                lines = []
                for line in header.split(b"\n"):
                    lines.append(line if len(line) < 60 or b" " not in line[40:] or line[:1] in b" \t" else
                                 line[:40] + line[40:].replace(b" ", b"\n ", 1))
                file.seek(0)
                file.truncate()
                file.write(b"\n".join(lines) + mark + body)
        before = self.files()
        self.adopt()
        self.assertTakenOver(before, bodies=False, isAltered=True)

    def test_damage_of_an_adopted_file_is_seen(self):
        """Another byte in the body is no work of a mail program."""
        self.make()
        self.mbsync(self.subject.root, "maildir++")
        for path in self.files():
            with open(path, "r+b") as file:
                header, _, body = file.read().partition(b"\n\n")
                file.seek(0)
                file.write(header + b"\nX-TUID: AbCdEf012345\n\n" + body)
        self.adopt()
        self.synced(self.subject)
        path = sorted(self.files())[0]
        times = os.stat(path)
        with open(path, "r+b") as file:
            file.seek(-3, os.SEEK_END)
            file.write(b"~")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        verified = self.subject.run("verify", "--full")
        self.assertEqual(verified.status, 1, verified.out)
        self.assertIn(path, verified.out)
        self.assertIn("1 difference,", verified.out)

    def test_M22_from_another_machine(self):
        self.make()
        self.synced(self.subject)
        before = self.files()
        marker = self.subject.root / ".mailmirror"
        marker.write_text(marker.read_text().replace("machine ", "machine 0"))
        shutil.rmtree(self.subject.state)
        refused = self.subject.sync()
        self.assertEqual(refused.status, 1)
        self.assertIn("mailmirror adopt", refused.err)
        self.assertIn("another Mailmirror", self.adopt().out)
        kept = [name for name in os.listdir(self.subject.root) if name.startswith(".mailmirror.before")]
        self.assertEqual(len(kept), 1, "the old marker is kept")
        self.assertTakenOver(before)

    def test_what_the_server_lacks_is_sent_and_what_is_unknown_stays(self):
        self.make()
        self.mbsync(self.subject.root, "maildir++")
        new = self.subject.root / "cur" / "1790000000.local.here:2,S"
        new.write_bytes(b"From: me@example.org\nMessage-ID: <only-here@example.org>\n\nhello\n")
        new.chmod(0o600)
        (self.subject.root / "notes.txt").write_text("mine")
        self.server.append("INBOX", corpus.small(2, seed=21))
        self.adopt()
        self.synced(self.subject)
        self.assertEqual((self.subject.root / "notes.txt").read_text(), "mine")
        self.assertEqual(self.count()[b"INBOX"], self.counts[b"INBOX"] + 3)
        self.assertEqual(len(self.files()), 33)
        self.assertEqual(self.subject.quarantined(), [])

    def test_refusals(self):
        self.make()
        self.subject.root.mkdir(parents=True)
        self.assertIn("holds no Maildir", self.adopt(status=1).err)
        elsewhere = self.subject.directory / "elsewhere"
        self.mbsync(elsewhere, "maildir++")
        result = self.subject.run("adopt", "test", "--from", str(elsewhere))
        self.assertOneLine(result, 1)
        self.assertIn("maildir = ", result.err)
        shutil.rmtree(self.subject.root)
        os.rename(elsewhere, self.subject.root)
        self.subject.account["layout"] = "fs"
        self.subject.write()
        self.assertIn('layout = "maildir++"', self.adopt(status=1).err)
        self.subject.account["layout"] = "maildir++"
        self.subject.write()
        self.adopt()
        self.assertIn("has a state already", self.adopt(status=1).err)
