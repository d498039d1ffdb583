"""A drain of a real server over TLS, killed at random moments, cut off, and left by a server that is killed."""

import os
import shutil
import signal
import subprocess
import time

import corpus
from drain_case import DrainCase, digests
from server_copies import ServerCopy
from servers.proxy import Proxy
from support import FULL, figure


class Kill(DrainCase):
    """kill -9 at random moments, a real server over TLS whose mail is put back each time."""

    weight = 90

    def messages(self):
        return list(corpus.realistic(200, seed=17, largest=200_000)) + corpus.twins() + corpus.twins()

    def begin(self, **options):
        self.server = self.office(self.messages(), **options)
        self.wanted = digests(self.messages())
        self.subject = self.drain(self.server)
        self.server.stop()
        self.copy = ServerCopy(self.server, os.path.join(self.directory, "copy"))
        self.server.start()
        began = time.monotonic()
        self.finished(self.subject)
        self.usual = time.monotonic() - began
        self.assertDelivered(self.subject, self.wanted)

    def again(self):
        """The mail is on the server, nothing is here."""
        self.server.quiet()
        self.copy.restore()
        for path in (self.subject.maildir, self.subject.state):
            shutil.rmtree(path, ignore_errors=True)

    def kill_within(self, seconds):
        """Whether it was killed; else it was through."""
        with open(os.path.join(self.directory, "output"), "ab") as output:
            process = subprocess.Popen(self.subject.command("sync"), stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output)
        try:
            process.wait(timeout=seconds)
            return False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True

    def completed(self, where):
        self.server.quiet()
        self.finished(self.subject, tries=3)
        self.assertDelivered(self.subject, self.wanted, leftovers=True)
        self.assertEqual(self.server.left(), [], where)
        self.assertNoIntents(self.subject)

    def test_random_kills_lose_and_double_nothing(self):
        self.begin()
        kills, end = 0, time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or 0)
        while kills < (200 if FULL else 25) or time.monotonic() < end:
            self.again()
            for _ in range(self.dice.randrange(1, 8)):
                if not self.kill_within(self.dice.uniform(0.02, self.usual * 1.1)):
                    break
                kills += 1
            self.completed("after %d kills" % kills)
        figure("%d kills" % kills)

    def test_kills_near_the_end_where_deletions_become_real(self):
        self.begin()
        for _ in range(60 if FULL else 4):
            self.again()
            self.kill_within(self.dice.uniform(self.usual * 0.75, self.usual * 1.02))
            self.completed("near the end")

    def test_P3_cut_connections(self):
        """The connection ends after so many bytes, again and again, at another place each time."""
        self.begin()
        with Proxy(self.server.pop3s) as proxy:
            self.subject.account["port"] = proxy.port
            self.subject.write()
            total = sum(len(body) for body, _, _ in self.messages()) + 40_000
            for _ in range(40 if FULL else 3):
                self.again()
                for _ in range(self.dice.randrange(1, 5)):
                    proxy.cut_after = self.dice.choice((self.dice.randrange(4_000, 20_000), self.dice.randrange(total),
                                                        total - self.dice.randrange(40_000)))
                    self.assertAlive(self.subject.sync(timeout=100))
                    self.server.quiet()
                proxy.cut_after = None
                self.completed("after cuts")

    def test_a_server_that_is_killed_within_sessions(self):
        self.begin()
        for _ in range(12 if FULL else 2):
            self.again()
            moment = self.dice.uniform(0.05, self.usual)
            began = time.monotonic()
            killed = []

            def strike(_):
                if not killed and time.monotonic() - began > moment:
                    killed.append(True)
                    self.server.stop(kill=True)

            self.subject.sync(timeout=100, while_running=strike)
            self.server.stop(kill=True)
            self.server.start()
            self.completed("after the server was killed")
