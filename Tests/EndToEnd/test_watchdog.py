"""WATCHDOG=1 only while the workers prove alive: one that hangs, wherever, ends it; one that waits does not."""

from daemon_case import DaemonCase
from fast_clock import FastClock
from support import FULL, corpus, wait_until

RATE = 200
LONGEST = 900  # seconds without a sign of life
EVERY = 50  # seconds between two proofs


class Watchdog(DaemonCase):
    alone = True  # a second is but a few milliseconds
    weight = 25

    def start(self, name, **environment):
        mirror = self.mirror(self.server, name=name, timeout="10m")
        self.clock = FastClock(mirror.directory, RATE)
        return self.daemon(mirror, environment=dict(
            self.clock.environment, WATCHDOG_USEC=str(2 * EVERY * 1_000_000), **environment))

    def proofs(self, daemon):
        with daemon.heard:
            return daemon.told.count("WATCHDOG=1")

    def test_a_worker_that_hangs_ends_it_and_one_that_waits_does_not(self):
        """A call of the disk or of the database that never returns, and half an hour in which nothing happens."""
        self.server = self.dovecot()
        self.server.append("INBOX", corpus.small(5))
        sites = ["rename#1", "databaseCommit#%d" % self.dice.randrange(3, 12), "syncFile#1"]
        hung = [self.start("hung%d" % number, MAILMIRROR_FAILPOINT=site + ":hang")
                for number, site in enumerate(sites if FULL else self.dice.sample(sites, 2))]
        idle = self.start("idle")
        idle.wait_until_watching()
        before = self.proofs(idle)
        client = self.server.client()
        for daemon in hung:
            wait_until(lambda daemon=daemon: "its worker hangs" in daemon.log, 4 * LONGEST / RATE)
            self.assertGreater(self.proofs(daemon), LONGEST / EVERY / 3)
        told = [self.proofs(daemon) for daemon in hung]
        client.append("INBOX", None, None, b"Message-ID: <late@watchdog>\r\n\r\nlate\r\n")
        self.clock.pause(2 * LONGEST)
        self.assertEqual([self.proofs(daemon) for daemon in hung], told, [daemon.log[-800:] for daemon in hung])
        self.assertNotIn("hangs", idle.log)
        self.assertGreater(self.proofs(idle) - before, 2 * LONGEST / EVERY)
        for daemon in hung:
            self.assertEqual(set(daemon.accounts()), {"test"}, "what is asked of it is answered")
        self.assertEnds(idle)
