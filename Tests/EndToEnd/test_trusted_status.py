"""What status says can be relied on: what was moved, what kind of trouble there is, and that somebody is told when an
account is not current."""

import time

from hostile import inbox
from servers.model import simple
from support import figure, wait_until
from test_daemon_hazards import Pushed


class TrustedStatus(Pushed):
    weight = 16

    def test_what_was_moved(self):
        server, mirror, daemon = self.watched(self.serve(inbox(5)))
        server.box("INBOX").add(simple(60))
        server.notify()
        self.assertSoonHolds(mirror, server.box("INBOX"))
        traffic = daemon.wait_for(lambda accounts: accounts["test"]["traffic"]["messagesDelivered"] == 6 and accounts[
            "test"]["traffic"], 5)
        self.assertGreater(traffic["received"], 6 * len(simple(60)))
        self.assertGreater(traffic["sent"], 100)
        backlog = daemon.account()["backlog"]
        self.assertEqual(backlog, {"mailboxes": 0, "toFetch": 0, "toSend": 0})
        self.assertIsNone(daemon.account().get("stale"))
        self.assertIn("since the start: 6 messages fetched, 0 sent", mirror.run("status").out)
        self.assertEnds(daemon)

    def test_a_server_that_is_started_anew_is_back_at_once_and_one_that_is_busy_is_left_alone(self):
        server, mirror, daemon = self.watched()
        before = server.sessions
        began = time.monotonic()

        def bye(text):
            for session in server.idling():
                session.notify([text])
                session.abort()

        bye(b"* BYE shutting down")
        wait_until(lambda: server.sessions > before, 4)
        figure("after a BYE connected anew within %.1f s" % (time.monotonic() - began))
        daemon.wait_until_watching()
        wait_until(lambda: server.idling(), 5)
        bye(b"* BYE [UNAVAILABLE] overloaded")
        error = daemon.wait_for(lambda accounts: accounts["test"]["error"], 5)
        self.assertEqual(error["kind"], "busy")
        self.assertEnds(daemon)

    def test_an_account_that_is_not_current_raises_an_alarm_once(self):
        server, mirror, daemon = self.watched(poll_interval="1s")
        with daemon.client() as client:
            client.send("Events", more=True)
            client.reply()
            server.hooks["AUTHENTICATE"] = lambda session, tag, words: session.no(tag, b"[UNAVAILABLE] no") or True
            for session in list(server.open):
                session.abort()
            client.socket.settimeout(30)
            change = client.reply()[0]["change"]
        self.assertEqual((change["kind"], change["account"], change["mailbox"]), ("stale", "test", ""))
        account = daemon.account()
        self.assertRegex(change["reason"], "^not current since " + account["stale"])
        self.assertEqual(account["error"]["kind"], "busy")
        daemon.wait_for_notice("STATUS=1 account: 1 failing; not current for long: test", 5)
        self.assertIn("not current since", mirror.run("status").out)
        server.hooks.clear()
        mirror.run("sync")
        daemon.wait_for(lambda accounts: not accounts["test"].get("stale"), 10)
        self.assertEqual(daemon.log.count("not current since"), 1, daemon.log)
        self.assertIn("test: current again", daemon.log)
        self.assertEnds(daemon)
