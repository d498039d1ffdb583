"""The daemon, both ways: what is done in folders reaches the server without a `sync`, and holds wait for the person."""

import os
import time

import mail_reader
from daemon import watching
from mail_reader import letter
from support import wait_until
from two_way import DATE, TwoWay


class DaemonBothWays(TwoWay):
    weight = 25

    def running(self, count=6, **account):
        self.pair(count, poll_interval="1s", **account)
        self.process = self.daemon(self.subject)
        return self.process

    def test_a_sync_through_the_daemon_sends_and_waits(self):
        """`sync` asks the daemon, waits `settle` and for Trash, and ends with all done; M23: one works at a time."""
        self.pair(6, poll_interval="1h")
        self.daemon(self.subject)
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        self.file("t1").unlink()
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        self.synced(self.subject)
        self.assertPlaces("sent", "Sent")
        self.assertPlaces("t1", "Trash")
        self.assertPlaces("t2", "Archive")
        self.assertSame()

    def test_holds_through_the_daemon(self):
        """A hold is in status and in the exit status of `sync`; approved, the daemon carries it out by itself."""
        daemon = self.running(24)
        for number in range(1, 25):
            self.file("t%d" % number).unlink()
        self.synced(self.subject, status=3)
        self.assertEqual(len(self.on_server("INBOX")), 24)
        self.assertEqual(self.subject.run("status").status, 3)
        self.assertHeld("deletions", 24)
        daemon.wait_for(lambda accounts: accounts["test"]["holds"], 10)
        self.assertEqual(self.subject.run("approve", "--all").status, 0)
        wait_until(lambda: len(self.on_server("Trash")) == 24, 30, 0.3)
        wait_until(lambda: len(mail_reader.files(self.folder("Trash"))) == 24, 30, 0.3)
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertSame()

    def test_a_killed_daemon_and_its_successor_do_each_thing_once(self):
        """kill -9 at a random moment after changes of all kinds, four times; then all is done, once."""
        daemon = self.running()
        for turn in range(4):
            mail_reader.deliver(self.folder("Sent"), letter("sent%d" % turn), "S")
            mail_reader.copy(self.file("t5"), self.folder("Archive"))
            mail_reader.move(self.file("t%d" % (turn + 1)), self.folder("Drafts"))
            time.sleep(self.dice.uniform(0.05, 2.0))
            daemon.kill()
            daemon.start()
        self.synced(self.subject)
        self.synced(self.subject)
        for turn in range(4):
            self.assertPlaces("sent%d" % turn, "Sent")
            self.assertPlaces("t%d" % (turn + 1), "Drafts")
        self.assertPlaces("t5", "INBOX", *["Archive"] * 4)
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame()

    def downloading(self):
        """A daemon to whose Archive a large message is coming, for a quarter of a minute, over a connection of its own."""
        self.pair(6, poll_interval="1h")
        self.server.append("Archive", [(letter("large", "x" * 2_000_000), [], DATE)], user=self.user)
        watch = self.wire.connections + 1

        def slow(number, upward, data):
            if not upward and number > watch:
                time.sleep(len(data) / 250_000)
            return False
        self.wire.cut_at = slow
        self.daemon(self.subject).wait_for(lambda accounts: watching(accounts["test"]), 20)

    def assertDownloading(self):
        self.assertFalse([path for path in mail_reader.files(self.folder("Archive")) if path.stat().st_size > 10_000])

    def test_a_deletion_does_not_wait_for_a_long_download(self):
        """While a large message comes to one mailbox, what is deleted in another is gone after `settle`, and the server is
        not asked all the time."""
        self.downloading()
        self.file("t1").unlink()
        wait_until(lambda: self.on_server("Trash", "t1"), 10, 0.05)
        self.assertDownloading()
        self.assertLess(self.wire.verbs().count("LIST"), 12)

    def test_a_file_in_the_folder_of_a_long_download_is_no_deletion(self):
        """It was moved there under another name, and nothing is sent from that mailbox yet; when that is known, what was
        deleted elsewhere goes at once."""
        self.downloading()
        self.file("t2").unlink()
        os.rename(self.file("t1"), self.folder("Archive") / "cur" / (mail_reader.base_name() + ":2,S"))
        time.sleep(5)
        self.assertDownloading()
        self.assertEqual(self.on_server("Trash"), [])
        wait_until(lambda: self.on_server("Archive", "t1"), 30, 0.1)
        wait_until(lambda: self.on_server("Trash", "t2"), 10, 0.1)
        self.assertPlaces("t1", "Archive")
        self.assertEqual(len(self.on_server("Trash")), 1)

    def test_one_folder_that_cannot_be_looked_at_is_tried_now_and_then(self):
        """Until then no missing file counts as deleted, since it may be there."""
        self.pair(6, poll_interval="1h")
        self.daemon(self.subject).wait_until_watching()
        cur = self.folder("Archive") / "cur"
        cur.rename(cur.with_name("away"))
        self.file("t1").unlink()
        time.sleep(2)
        self.wire.forget()
        time.sleep(6)
        self.assertEqual(len(self.on_server("INBOX", "t1")), 1)
        self.assertLess(self.wire.verbs().count("LIST"), 5)
        cur.with_name("away").rename(cur)
        wait_until(lambda: mail_reader.files(self.folder("Trash")), 30, 0.1)
        self.assertPlaces("t1", "Trash")
