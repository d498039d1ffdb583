"""The daemon, both ways: what is done in folders reaches the server without a `sync`, and holds wait for the person."""

import time

import mail_reader
from mail_reader import letter
from support import wait_until
from two_way import TwoWay


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
        self.synced(self.subject, timeout=110)
        self.synced(self.subject, timeout=110)
        for turn in range(4):
            self.assertPlaces("sent%d" % turn, "Sent")
            self.assertPlaces("t%d" % (turn + 1), "Drafts")
        self.assertPlaces("t5", "INBOX", *["Archive"] * 4)
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame()
