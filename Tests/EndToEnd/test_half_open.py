"""A server that says nothing more, in every state of a connection: noticed within `timeout`, and tried again."""

import socket
import threading
import time

from daemon import watching
from hostile import inbox
from servers.scripted import CAPABILITIES
from support import figure, wait_until
from test_daemon_hazards import Pushed

# The state that a silence is in, by the command that is not answered.
SILENT = {"login": "AUTHENTICATE", "list": "LIST", "select": "EXAMINE", "headers": "UID FETCH"}


class HalfOpen(Pushed):
    weight = 12

    def silent(self, command):
        """A server that hangs in its first session at that command."""
        server = self.serve(inbox(3))

        def hook(session, tag, words):
            if session.number == 1:
                session.flush()
                session.hang()
                return True

        server.hooks[command] = hook
        return server

    def mute_listener(self):
        """Takes the first connection and says nothing to it, then passes others on: a TLS handshake without an answer."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self.addCleanup(listener.close)
        self.kept = []

        def accept():
            while True:
                try:
                    self.kept.append(listener.accept()[0])
                except OSError:
                    return
        threading.Thread(target=accept, daemon=True).start()
        return listener.getsockname()[1]

    def test_every_state(self):
        """All at once, an account for each."""
        servers = {name: self.silent(command) for name, command in SILENT.items()}
        greeting = servers["greeting"] = self.serve(inbox(3), greeting=None)
        first = self.mirror(servers["login"], timeout="2s")
        mirrors = {"login": first}
        for name, server in servers.items():
            if name != "login":
                mirrors[name] = self.beside(first, name, server, timeout="2s")
        port = self.mute_listener()
        tls = self.beside(first, "tls", greeting, timeout="2s", port=port, tls="implicit",
                          tls_ca_file=greeting.ca, host="localhost")
        first.write()
        began = time.monotonic()
        daemon = self.daemon(first)
        wait_until(lambda: greeting.sessions, 5)
        daemon.wait_for(lambda accounts: accounts["greeting"]["error"] and accounts["tls"]["error"], 10)
        self.assertIn("waited for the login", daemon.account("greeting")["error"]["what"])
        self.assertIn("did not answer in time in the TLS handshake", daemon.account("tls")["error"]["what"])
        greeting.greeting = b"* OK ready"
        for name, mirror in mirrors.items():
            daemon.wait_for(lambda accounts: watching(accounts[mirror.name]), 20)
            self.assertSoonHolds(mirror, servers[name].box("INBOX"))
        figure("silence of 2 s in each of %d states was noticed and mended within %.1f s" % (
            len(mirrors), time.monotonic() - began))
        for name, server in servers.items():
            self.assertGreaterEqual(server.sessions, 2, name)
        self.assertEqual(tls.bodies(), [])
        self.assertEnds(daemon)


class NotHammered(Pushed):
    """A server that wants to be left alone, in each way of saying so when one signs in."""

    weight = 12

    def test_throttled_and_refused_logins(self):
        words = {
            "limit": b"NO [LIMIT] too many", "throttled": b"NO [THROTTLED] later", "unavailable": b"NO [UNAVAILABLE] db",
            "connections": b"NO Maximum number of connections from user+IP exceeded",
            "simultaneous": b"NO [ALERT] Too many simultaneous connections. (Failure)",
            "inuse": b"NO [INUSE] another session", "wrong": b"NO [AUTHENTICATIONFAILED] wrong"}
        servers, first, mirrors = {}, None, {}
        for name, text in words.items():
            server = servers[name] = self.serve(inbox(2), capabilities=CAPABILITIES + " IDLE")
            server.hooks["AUTHENTICATE"] = (
                lambda session, tag, words, text=text: session.line(tag + b" " + text) or True)
            if first is None:
                first = mirrors[name] = self.mirror(server)
            else:
                mirrors[name] = self.beside(first, name, server)
        first.write()
        daemon = self.daemon(first)
        accounts = daemon.wait_for(lambda accounts: all(one["error"] for one in accounts.values()), 10)
        time.sleep(3)
        for name, server in servers.items():
            with self.subTest(name):
                account = daemon.account(mirrors[name].name)
                self.assertEqual(server.sessions, 1, "it is left alone")
                self.assertTrue(account["error"]["nextTry"], account)
        pause = {name: self.pause_of(daemon, mirrors[name].name) for name in words}
        self.assertGreater(pause["wrong"], 200)
        for name in set(words) - {"wrong"}:
            self.assertLess(pause[name], 60, "%s is no wrong password: %s" % (name, accounts))
        self.assertEnds(daemon)

    def pause_of(self, daemon, name):
        from test_daemon_hazards import moment
        return moment(daemon.account(name)["error"]["nextTry"]) - time.time()
