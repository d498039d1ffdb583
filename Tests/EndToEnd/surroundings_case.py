"""What the tests of the daemon's surroundings share, and those that run in a network of their own (test_surroundings)."""

import socket
import subprocess
import threading
import time
from pathlib import Path

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


class Names:
    """A name server that gives every name the address `answer`, and says nothing while that is None."""

    answer = None

    def __init__(self, directory):
        self.file = Path(directory) / "resolv.conf"
        self.file.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def start(self):
        if subprocess.run(["mount", "--bind", str(self.file), "/etc/resolv.conf"], capture_output=True).returncode:
            return False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()
        return True

    def stop(self):
        self.socket.close()
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            if self.answer is None:
                continue
            question = query[12:query.index(b"\0", 12) + 5]
            isAddress = question[-4:] == b"\0\1\0\1"
            reply = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if isAddress else b"\0\0") + b"\0\0\0\0" + question
            if isAddress:
                reply += b"\xc0\x0c\0\1\0\1\0\0\0\x01\0\x04" + socket.inet_aton(self.answer)
            self.socket.sendto(reply, peer)


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
        self.assertConnectsAnew(server, lambda: self.ip("addr", "add", self.address + "/32", "dev", "lo"), 8)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.ip("addr", "del", self.address + "/32", "dev", "lo")
        daemon.wait_for(lambda accounts: accounts["test"]["error"], 3)
        wait_until(lambda: daemon.log.count("next try in") >= 5, 15)
        self.assertConnectsAnew(server, lambda: self.ip("addr", "add", self.address + "/32", "dev", "lo"), 8)
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)

    def test_names_that_can_be_looked_up_only_after_a_while(self):
        """A name server that says nothing holds nothing up for longer than `timeout`; soon after it answers, so do we."""
        names = Names(self.directory)
        if not names.start():
            self.skipTest("resolv.conf can't be replaced here")
        self.addCleanup(names.stop)
        server = self.serve(capabilities=IDLE, address="")
        mirror = self.mirror(server, host="mail.example", allow_cleartext=True, timeout="2s")
        daemon = self.daemon(mirror)
        error = daemon.wait_for(lambda accounts: accounts["test"]["error"], 5)
        self.assertEqual(error["kind"], "network")
        # As after a sleep: from now on the pauses are short.
        self.ip("addr", "add", self.address + "/32", "dev", "lo")
        wait_until(lambda: daemon.log.count("next try in") >= 3, 20)
        names.answer = self.address
        self.assertConnectsAnew(server, lambda: None, 8)
        self.assertEnds(daemon)

    def test_a_server_that_does_not_greet_is_not_waited_for(self):
        self.ip("addr", "add", self.address + "/32", "dev", "lo")
        server = self.serve(capabilities=IDLE, address="", greeting=None)
        mirror = self.mirror(server, host=self.address, allow_cleartext=True, timeout="60s")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.sessions, 5)
        server.greeting = b"* OK ready"
        self.assertConnectsAnew(server, lambda: self.ip("addr", "add", "192.0.2.77/32", "dev", "lo"), 8)
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
