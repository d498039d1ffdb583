"""The daemon's end at random moments: SIGTERM and kill -9 during a first sync, while idle, while it reconnects."""

import contextlib
import os
import signal
import time

import check
from daemon import Daemon
from daemon_case import DaemonCase
from latency import Deliveries
from servers.proxy import Proxy
from support import FULL, SEED, corpus, figure, wait_until

MOMENTS = 51 if FULL else 12  # a third of them for each kind


def catches(pid, number):
    """Whether the process has come so far that the signal does not simply end it."""
    try:
        with open("/proc/%d/status" % pid) as status:
            masks = dict(line.split(":", 1) for line in status)
    except OSError:
        return True
    return bool(int(masks["SigCgt"], 16) >> (number - 1) & 1)


class Ends(DaemonCase):
    """After each end the disk holds whole messages of the server only; the run after the last completes the mirror."""

    weight = 55
    split = True

    @classmethod
    def setUpClass(cls):
        from support import Dovecot
        cls.server = Dovecot().start()
        cls.server.append("INBOX", corpus.realistic(150, largest=300_000))
        cls.server.append("Archive", corpus.realistic(150, seed=2, largest=300_000))
        cls.proxy = Proxy(cls.server.imaps).__enter__()
        cls.lasts = None

    @classmethod
    def tearDownClass(cls):
        cls.proxy.__exit__()
        cls.server.remove()

    def digests(self):
        return {message.digest for name in (b"INBOX", b"Archive")
                for message in self.remote(self.server, name).values()}

    def assertWhole(self, mirror, clean):
        """Nothing half-done: no file in tmp/ (after a clean end), and each message is one of the server's."""
        known = self.digests()
        for folder in check.folders(mirror.root) if mirror.root.exists() else []:
            if clean:
                self.assertEqual(os.listdir(folder / "tmp") if (folder / "tmp").is_dir() else [], [])
            for path, message in check.folder_messages(folder)[0].items():
                self.assertIn(message.digest, known, "%s is no message of the server" % path)
        self.assertEqual(mirror.quarantined(), [])

    def length(self):
        """Seconds of a whole first sync, measured once."""
        if type(self).lasts is None:
            mirror = self.mirror(self.server, name="whole", poll_interval="1h")
            daemon = self.daemon(mirror)
            started = time.monotonic()
            daemon.wait_until_watching()
            type(self).lasts = time.monotonic() - started
            self.assertEnds(daemon)
        return self.lasts

    def ended(self, daemon, kill, moment):
        """Ends it, and checks how."""
        if kill:
            daemon.kill()
            self.assertEqual(daemon.process.returncode, -signal.SIGKILL)
        else:
            status, seconds = daemon.stop()
            self.slowest = max(getattr(self, "slowest", 0), seconds)
            self.assertEqual(status, 0, "seed %d, %s: %s" % (SEED, moment, daemon.log[-2000:]))
            self.assertLess(seconds, 5, "seed %d, %s" % (SEED, moment))

    def completes(self, mirror, daemon, clean):
        daemon.start()
        daemon.wait_until_watching()
        # What a killed process left in tmp/ is not known to be nobody's before 36 hours have passed.
        self.assertSoonMirrored(mirror, self.server, leftovers=clean)
        self.assertEqual(mirror.quarantined(), [])
        self.assertEnds(daemon)

    def during_first_sync(self, kill):
        lasts = self.length()
        for number in range(MOMENTS // 3):
            mirror = self.mirror(self.server, name="first%d%s" % (number, kill), poll_interval="1h")
            with contextlib.ExitStack() as stack:
                daemon = Daemon(mirror)
                stack.callback(daemon.__exit__)
                pause = self.dice.random() * lasts * 1.1
                if not self.dice.randrange(5):
                    pause = self.dice.random() * 0.1  # while it starts
                with self.subTest(moment="%.3f s of a first sync" % pause):
                    daemon.start(ready=pause > 0.15)
                    if pause <= 0.15:
                        wait_until(lambda: catches(daemon.process.pid, signal.SIGTERM), 10, 0.0005)
                    time.sleep(pause)
                    self.ended(daemon, kill, "%.3f s of a first sync" % pause)
                    self.assertWhole(mirror, clean=not kill)
                    if number % 2 or kill:
                        self.completes(mirror, daemon, clean=not kill)

    def while_idle(self, kill):
        mirror = self.mirror(self.server, name="idle%s" % kill, poll_interval="1s")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        deliver = Deliveries(self.server, seed=self.dice.randrange(10**6))
        for number in range(MOMENTS // 3):
            for _ in range(self.dice.randrange(3)):
                deliver()
            pause = self.dice.random() * 1.2
            with self.subTest(moment="%.3f s of idling, number %d" % (pause, number)):
                time.sleep(pause)
                self.ended(daemon, kill, "%.3f s of idling" % pause)
                self.assertWhole(mirror, clean=not kill)
            daemon.start()
            daemon.wait_until_watching()
        self.assertSoonMirrored(mirror, self.server, leftovers=not kill)
        self.assertEnds(daemon)

    def while_it_reconnects(self, kill):
        mirror = self.mirror(self.server, name="again%s" % kill, port=self.proxy.port, poll_interval="1s",
                             timeout="5s")
        daemon = self.daemon(mirror)
        deliver = Deliveries(self.server, seed=self.dice.randrange(10**6))
        for number in range(MOMENTS // 3):
            daemon.wait_until_watching()
            self.proxy.silent = bool(self.dice.randrange(2))  # the new connection may hang, too
            self.proxy.cut()
            deliver()
            pause = self.dice.random() * 2.5
            with self.subTest(moment="%.3f s of reconnecting, number %d" % (pause, number)):
                time.sleep(pause)
                self.ended(daemon, kill, "%.3f s of reconnecting" % pause)
                self.assertWhole(mirror, clean=not kill)
            self.proxy.silent = False
            daemon.start()
        daemon.wait_until_watching()
        self.assertSoonMirrored(mirror, self.server, leftovers=not kill)
        self.assertEnds(daemon)

    def test_sigterm_at_random_moments(self):
        for act in (self.during_first_sync, self.while_idle, self.while_it_reconnects):
            act(kill=False)
        figure("SIGTERM at %d moments (seed %d): the slowest end took %.2f s" % (
            MOMENTS // 3 * 3, SEED, self.slowest))

    def test_kill_at_random_moments(self):
        for act in (self.during_first_sync, self.while_idle, self.while_it_reconnects):
            act(kill=True)


class InTime(DaemonCase):
    """An end takes less than 2 s, whatever goes on.

    The machine may be disturbed: one undisturbed try of two is enough."""

    alone = True
    weight = 10

    def assertEndsInTime(self, prepare, **options):
        server = self.dovecot()
        server.append("INBOX", corpus.small(20))
        proxy, took = self.exits.enter_context(Proxy(server.imaps)), []
        for number in range(2):
            mirror = self.mirror(server, name="mirror%d" % number, port=proxy.port, timeout="60s", **options)
            daemon = self.daemon(mirror)
            prepare(daemon, proxy)
            status, seconds = daemon.stop()
            took.append(seconds)
            self.assertEqual(status, 0, daemon.log[-2000:])
            if seconds < 2:
                return
            proxy.silent, proxy.deaf = False, 0
        self.fail("SIGTERM took %s s" % took)

    def test_while_idle(self):
        self.assertEndsInTime(lambda daemon, proxy: daemon.wait_until_watching())

    def test_while_the_server_hangs(self):
        def hangs(daemon, proxy):
            daemon.wait_until_watching()
            proxy.silence()
            daemon.call("Status")

        self.assertEndsInTime(hangs)

    def test_while_it_connects(self):
        def hangs(daemon, proxy):
            daemon.wait_until_watching()
            proxy.silent = True
            before = proxy.connections
            proxy.cut()
            wait_until(lambda: proxy.connections > before, 30)

        self.assertEndsInTime(hangs)

    def test_while_a_hook_hangs(self):
        began = os.path.join(self.directory, "began")

        def hangs(daemon, proxy):
            wait_until(lambda: os.path.exists(began))
            os.unlink(began)

        self.assertEndsInTime(hangs, on_change=[
            "sh", "-c", "trap '' TERM; echo > '%s'; while :; do sleep 1; done" % began])


class HangingServer(DaemonCase):
    weight = 5

    def test_sigterm_while_the_server_hangs(self):
        """Nothing answers: neither while it connects nor while it syncs."""
        server = self.dovecot()
        server.append("INBOX", corpus.small(20))
        proxy = self.exits.enter_context(Proxy(server.imaps))
        proxy.silent = True
        mirror = self.mirror(server, port=proxy.port, timeout="60s")
        daemon = self.daemon(mirror)
        wait_until(lambda: proxy.connections, 10)
        self.assertEnds(daemon)
        proxy.silent, proxy.cut_after = False, None
        daemon.start()
        daemon.wait_until_watching()
        proxy.silence()
        daemon.call("Status")
        self.assertEnds(daemon)
