"""Both directions against Cyrus and Courier, which differ from Dovecot: names below INBOX., no QRESYNC, no MOVE, keywords
that must be allowed, OBJECTID, refusal of bare CR and LF."""

import os
import threading
import time
import unittest
from pathlib import Path

import mail_reader
from mail_reader import letter
from servers.dovecot import quoted
from servers.other import MISSING, Courier, Cyrus
from servers.wire import Wire
from support import EndToEnd, figure, wait_until
from two_way import CRLF, DATE, TwoWay, loads


# Seconds; within 100 ms Cyrus copies a message and removes the old one even on a busy machine.
STALL = 0.100


class Server(TwoWay):
    """What a person does on both sides of a mirror of that server."""

    kind = None
    weight = 50
    most_fetched_again = 0

    @classmethod
    def setUpClass(cls):
        if MISSING:
            raise unittest.SkipTest(MISSING)

    def setUp(self):
        EndToEnd.setUp(self)
        self.server = self.exits.enter_context(self.kind())
        self.user = "user"
        self.server.append("INBOX", loads(8))
        for box in ("Archive", "Archive/2024", "Drafts", "Sent", "Trash"):
            self.server.append(self.name(box), loads(5, prefix=box.replace("/", "")))
        self.wire = self.exits.enter_context(Wire(self.server.imap))
        self.subject = self.mirror(host="127.0.0.1", port=self.wire.port, tls="none", direction="two-way", settle="1s",
                                   password_file=self.password_file())
        self.synced(self.subject)

    def password_file(self):
        path = os.path.join(self.directory, "password")
        with open(path, "w", opener=lambda name, how: os.open(name, how, 0o600)) as file:
            file.write(self.server.password + "\n")
        return path

    def name(self, mailbox):
        return self.server.name(mailbox)

    def folder(self, mailbox="INBOX"):
        return self.subject.folder_of(mailbox.encode())

    def box(self, mailbox="INBOX"):
        """The folder of a mailbox by its plain name."""
        return self.folder(self.name(mailbox))

    def places(self, token, *mailboxes, text="hello"):
        self.assertPlaces(token, *(self.name(mailbox) for mailbox in mailboxes), text=text)

    def test_first_sync(self):
        self.assertSame()
        self.assertQuiet()

    def test_changes_of_the_server(self):
        with self.client("INBOX") as client:
            client.uid("STORE", self.uid_of(client, "t1"), "+FLAGS", "(\\Seen \\Flagged)")
            client.uid("STORE", self.uid_of(client, "t2"), "+FLAGS", "(reading)")
            client.uid("STORE", self.uid_of(client, "t3"), "+FLAGS", "(\\Deleted)")
            client.expunge()
            client.uid("COPY", self.uid_of(client, "t4"), quoted(self.name("Archive")).decode())
            client.uid("COPY", self.uid_of(client, "t5"), quoted(self.name("Archive")).decode())
            client.uid("STORE", self.uid_of(client, "t5"), "+FLAGS", "(\\Deleted)")
            client.expunge()
            client.create(quoted(self.name("Archive/new")).decode())
            client.append(quoted(self.name("Archive/new")).decode(), None, '"%s"' % DATE, letter("n1", ends=CRLF))
            client.rename(quoted(self.name("Drafts")).decode(), quoted(self.name("Entw&APw-rfe")).decode())
        self.synced(self.subject)
        self.assertSame()
        self.places("t4", "INBOX", "Archive")
        self.places("t5", "Archive")
        self.places("n1", "Archive/new")
        self.assertQuiet()

    def test_changes_in_the_folder(self):
        inbox, archive, sent = self.box(), self.box("Archive"), self.box("Sent")
        mail_reader.deliver(inbox, letter("n1"))
        mail_reader.deliver(sent, letter("n2"), "S", date=1_600_000_000)
        mail_reader.deliver(sent, letter("n3"), "S" + mail_reader.keyword(sent, "reading"))
        mail_reader.flag(self.file("t1"), "SF")
        mail_reader.flag(self.file("t2"), mail_reader.keyword(inbox, "reading"))
        mail_reader.move(self.file("t3"), archive)
        mail_reader.copy(self.file("t4"), archive)
        mail_reader.edit(self.file("t5"), letter("t5", "edited"))
        self.file("t6").unlink()
        mail_reader.move(self.file("t7"), self.box("Archive/2024"), base=mail_reader.base_name())
        for _ in range(3):
            self.synced(self.subject)
            time.sleep(1.1)
        self.assertSame(dates=False)
        for token, *where in (("n1", "INBOX"), ("n2", "Sent"), ("t1", "INBOX"), ("t2", "INBOX"), ("t3", "Archive"),
                              ("t4", "INBOX", "Archive"), ("t6", "Trash"), ("t7", "Archive/2024"), ("t8", "INBOX")):
            self.places(token, *where)
        self.places("t5", "INBOX", text="edited")
        self.assertEqual(self.on_server("INBOX", "t2")[0].keywords, {"reading"})
        self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\seen", "\\flagged"})
        self.assertQuiet()

    def test_a_message_without_a_line_end_is_there_once(self):
        """A server may add what is lacking: the message is the same one, and neither side gets another."""
        path = mail_reader.deliver(self.box("Sent"), letter("open") + b"no line end", "S")
        for _ in range(3):
            self.synced(self.subject)
        self.assertEqual([len(mail_reader.find(self.box(box), "open")) for box in ("INBOX", "Sent")], [0, 1])
        self.assertTrue(path.exists())
        with self.client(self.name("Sent")) as client:
            self.uid_of(client, "open")
        self.assertQuiet()

    def test_folders_made_and_renamed_here(self):
        root = self.subject.root
        archive = self.box("Archive/2024")
        new = archive.with_name(archive.name.replace("2024", "2025"))
        for part in ("cur", "new", "tmp"):
            (new / part).mkdir(parents=True)
        mail_reader.deliver(new, letter("n1"), "S")
        drafts = self.box("Drafts")
        drafts.rename(drafts.with_name(drafts.name.replace("Drafts", "Old")))
        for _ in range(3):
            self.synced(self.subject)
            time.sleep(1.1)
        self.assertSame(dates=False)
        self.places("n1", "Archive/2025")
        self.places("Drafts1", "Old")
        self.assertQuiet()
        self.assertTrue(root.exists())

    def test_what_goes_in_trash_is_expunged(self):
        self.file("Trash1", self.name("Trash")).unlink()
        for _ in range(3):
            self.synced(self.subject)
            time.sleep(1.1)
        self.places("Trash1")
        self.assertSame()
        self.assertQuarantined(letter("Trash1"))
        self.assertQuiet()

    def test_a_message_that_is_expunged_just_before_it_is_fetched(self):
        """Courier then sends a text of its own in its place."""
        self.server.append("INBOX", [(letter(token, ends=CRLF), [], DATE) for token in ("gone", "stays")])
        expunged = []

        def expunge(number, upward, data):
            if upward and not expunged and b"BODY.PEEK[]" in data:
                expunged.append(data)
                with self.client("INBOX") as client:
                    client.uid("STORE", self.uid_of(client, "gone"), "+FLAGS", "(\\Deleted)")
                    client.expunge()

        self.wire.cut_at = expunge
        self.synced(self.subject)
        self.wire.cut_at = None
        self.assertEqual(len(expunged), 1)
        self.synced(self.subject)
        self.assertSame()
        self.places("stays", "INBOX")
        self.assertEqual([one for one in self.subject.quarantined() if b"<gone@" not in one], [])
        self.assertQuiet()

    def moves_in_quick_succession(self, longest):
        """By another client, as one without MOVE does it; `stalled` are those that took too long."""
        self.stalled = 0
        with self.client() as client:
            for _ in range(24):
                source, target = self.dice.sample(("INBOX", self.name("Archive"), self.name("Drafts")), 2)
                client.select(quoted(source).decode())
                uids = client.uid("SEARCH", "ALL")[1][0].decode().split()
                if uids:
                    uid, began = self.dice.choice(uids), time.monotonic()
                    client.uid("COPY", uid, quoted(target).decode())
                    client.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)")
                    client.expunge()
                    self.stalled += time.monotonic() - began > STALL
                time.sleep(self.dice.uniform(0, longest))

    def assertFollowed(self, before):
        """The same files under other names; what was fetched again all the same is told, and its old file is kept."""
        self.assertSame()
        after = {row[0]: path for path, row in self.subject.mail().items()}
        again = sorted(Path(after[inode]).read_bytes() for inode in after.keys() - before)
        if again:
            figure("%d of 24 moved messages were fetched again; the server stalled within %d moves" % (
                len(again), self.stalled))
        self.assertLessEqual(len(again), self.most_fetched_again + self.stalled)
        self.assertEqual(sorted(self.subject.quarantined()), again)
        for path in sorted(self.subject.quarantine.rglob("*")):
            if path.is_file():
                path.unlink()
        return set(after)

    def inodes(self):
        return {row[0] for row in self.subject.mail().values()}

    def test_moves_in_quick_succession_during_syncs(self):
        before = self.inodes()
        for longest in (0.1, 0.5):
            mover = threading.Thread(target=self.moves_in_quick_succession, args=(longest,))
            mover.start()
            while mover.is_alive():
                self.synced(self.subject)
            mover.join()
            self.synced(self.subject)
            before = self.assertFollowed(before)

    def test_the_daemon_follows_moves_in_quick_succession(self):
        before = self.inodes()
        self.subject.account["poll_interval"] = "1s"
        self.daemon(self.subject).wait_until_watching()
        for longest in (0.1, 0.5):
            self.moves_in_quick_succession(longest)
            wait_until(self.is_same, 30)
            time.sleep(2)
            before = self.assertFollowed(before)

    def is_same(self):
        try:
            self.assertSame()
            return True
        except (AssertionError, FileNotFoundError):  # a file is renamed while it is read
            return False

    def test_the_daemon_hears_of_new_mail(self):
        daemon = self.daemon(self.subject)
        daemon.wait_for_notice("READY=1")
        self.server.append("INBOX", [(letter("pushed", ends=CRLF), [], DATE)])
        began = time.monotonic()
        while not mail_reader.find(self.box(), "pushed"):
            self.assertLess(time.monotonic() - began, 30, daemon.log[-3000:])
            time.sleep(0.05)


class CourierServer(Server):
    kind = Courier
    most_fetched_again = 8  # a session that waits for one of its locks sleeps for seconds, and is waited for no longer


class CyrusServer(Server):
    kind = Cyrus


del Server

if __name__ == "__main__":
    unittest.main()
