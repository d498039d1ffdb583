"""What the tests of the daemon's surroundings share, and those that run in a network of their own (test_surroundings)."""

import subprocess
import time

from servers.model import simple
from support import figure, wait_until
from test_daemon_hazards import IDLE, Pushed


class Surroundings(Pushed):
    weight = 20

    def assertConnectsAnew(self, server, act, within):
        """The server, which told nothing of a new message, sees a new session soon, and the message is fetched."""
        server.mute = True
        box, before = server.box("INBOX"), server.sessions
        box.add(simple(60 + before))
        began = time.monotonic()
        act()
        wait_until(lambda: server.sessions > before, within)
        figure("%s: connected anew after %.2f s" % (self._testMethodName, time.monotonic() - began))
        server.mute = False
        wait_until(lambda: server.idling(), 10)


class InNamespace(Surroundings):
    """In a network namespace of its own, whose addresses these tests give and take."""

    address = "192.0.2.1"

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def setUp(self):
        super().setUp()
        self.ip("link", "set", "lo", "up")
        self.addCleanup(subprocess.run, ["ip", "addr", "flush", "dev", "lo", "scope", "global"])

    def test_an_address_comes_goes_and_comes_back(self):
        server = self.serve(capabilities=IDLE, address="")
        mirror = self.mirror(server, host=self.address, allow_cleartext=True)
        daemon = self.daemon(mirror)
        # Three failures; the next pause is one of about 4 s.
        wait_until(lambda: daemon.log.count("next try in") >= 3, 15)
        self.assertConnectsAnew(server, lambda: self.ip("addr", "add", self.address + "/32", "dev", "lo"), 2)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.ip("addr", "del", self.address + "/32", "dev", "lo")
        daemon.wait_for(lambda accounts: accounts["test"]["error"], 3)
        wait_until(lambda: daemon.log.count("next try in") >= 5, 15)
        self.assertConnectsAnew(server, lambda: self.ip("addr", "add", self.address + "/32", "dev", "lo"), 2)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)

    def test_a_server_that_does_not_greet_is_not_waited_for(self):
        self.ip("addr", "add", self.address + "/32", "dev", "lo")
        server = self.serve(capabilities=IDLE, address="", greeting=None)
        mirror = self.mirror(server, host=self.address, allow_cleartext=True, timeout="60s")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.sessions, 5)
        server.greeting = b"* OK ready"
        self.assertConnectsAnew(server, lambda: self.ip("addr", "add", "192.0.2.77/32", "dev", "lo"), 2)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)

    def test_a_connection_that_lives_is_kept_and_one_that_is_dead_is_replaced(self):
        self.ip("addr", "add", self.address + "/32", "dev", "lo")
        server = self.serve(capabilities=IDLE, address="")
        mirror = self.mirror(server, host=self.address, allow_cleartext=True, timeout="3s")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        wait_until(lambda: server.idling(), 5)
        server.mute = True
        server.box("INBOX").add(simple(60))
        before = server.sessions
        self.ip("addr", "add", "192.0.2.77/32", "dev", "lo")
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEqual(server.sessions, before, "the connection lives, and what came meanwhile is fetched over it")
        server.mute = False
        wait_until(lambda: server.idling(), 5)
        # The server's end hangs from now on; new sessions work.
        for session in server.idling():
            session.hang()
        self.assertConnectsAnew(server, lambda: self.ip("addr", "del", "192.0.2.77/32", "dev", "lo"), 8)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)
