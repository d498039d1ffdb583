"""POP3 in the daemon: visits by the clock and on request, beside IMAP, through trouble, with hooks and events."""

import json
import time

import corpus
from drain_case import DrainCase, digests
from mirror import Mirror
from servers.pop3_scripted import drops
from servers.system_bus import SystemBus
from support import wait_until


class Visits(DrainCase):
    weight = 60

    def test_by_the_clock(self):
        server = self.serve(drops(2))
        mirror = self.drain(server, poll_interval="1s")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.drops == [], 20)
        server.drops = drops(3, first=10)
        wait_until(lambda: server.drops == [], 10)
        server.settle()
        wait_until(lambda: len(mirror.bodies()) == 5, 5)
        self.assertDelivered(mirror, digests(drops(2) + drops(3, first=10)))
        self.assertEnds(daemon)

    def test_on_request_and_not_before(self):
        server = self.office(corpus.small(3))
        mirror = self.drain(server, poll_interval="1h")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.left() == [], 20)
        server.append("INBOX", corpus.small(4, seed=2))
        time.sleep(2)
        self.assertEqual(len(mirror.bodies()), 3)
        result = mirror.sync(timeout=30)
        self.assertEqual(result.status, 0, result.err)
        self.assertDelivered(mirror, digests(list(corpus.small(3)) + list(corpus.small(4, seed=2))))
        self.assertEqual(server.left(), [])
        self.assertEnds(daemon)

    def test_it_is_visited_when_the_machine_wakes_and_its_traffic_is_counted(self):
        server = self.serve(drops(2))
        with SystemBus(self.directory) as bus:
            mirror = self.drain(server, poll_interval="1h")
            daemon = self.daemon(mirror, environment={"DBUS_SYSTEM_BUS_ADDRESS": bus.address})
            traffic = daemon.wait_for(lambda accounts: accounts["test"]["activity"] == "idle" and accounts["test"][
                "traffic"], 20)
            self.assertEqual(traffic["messagesDelivered"], 2)
            self.assertGreater(traffic["received"], 500)
            self.assertGreater(traffic["sent"], 50)
            wait_until(lambda: bus.listeners, 5)
            bus.prepare_for_sleep(True)
            server.drops = drops(1, first=10)
            bus.prepare_for_sleep(False)
            wait_until(lambda: server.drops == [], 5)
            self.assertEnds(daemon)

    def test_no_connection_stays_open_between_visits(self):
        """A POP3 session locks the maildrop: it is as short as the work."""
        server = self.office(corpus.small(3), lock_session=True)
        mirror = self.drain(server, poll_interval="1h")
        daemon = self.daemon(mirror)
        wait_until(lambda: len(mirror.bodies()) == 3, 20)
        server.quiet()
        self.assertEqual(server.left(), [])
        self.assertEqual(daemon.account()["connections"] or 0, 0)
        self.assertEnds(daemon)

    def test_beside_imap(self):
        """Both protocols in one daemon; the trouble of one is not the other's."""
        server = self.office(corpus.small(5), users=("user", "user2"))
        server.append("INBOX", corpus.small(4, seed=2), user="user2")
        mirror = self.drain(server, poll_interval="2s")
        other = Mirror(mirror.directory, server, name="imap", first=mirror, user="user2")
        mirror.write()
        daemon = self.daemon(mirror)
        daemon.wait_until_watching("imap")
        wait_until(lambda: len(mirror.bodies()) == 5, 20)
        self.assertMirrored(other, server, user="user2")
        mirror.account["user"] = "nobody"
        mirror.write()
        self.assertEqual(mirror.run("reload").status, 0)
        daemon.wait_for(lambda accounts: accounts["test"]["error"], 20)
        server.append("INBOX", corpus.small(1, seed=3), user="user2")
        self.assertSoonMirrored(other, server, user="user2")
        self.assertEnds(daemon)

    def test_a_wrong_password_is_tried_once(self):
        server = self.serve(drops(2))
        mirror = self.drain(server, poll_interval="1s")
        mirror.set_password("wrong")
        mirror.write()
        daemon = self.daemon(mirror)
        problem = daemon.wait_for(lambda accounts: accounts["test"]["error"], 20)
        time.sleep(6)
        self.assertLessEqual(server.sessions, 2)
        self.assertTrue(problem["nextTry"] and problem["remedy"])
        self.assertEqual(len(server.drops), 2)
        mirror.set_password(server.password)
        self.assertEqual(mirror.run("sync", timeout=30).status, 0)
        self.assertDelivered(mirror, digests(drops(2)))
        wait_until(lambda: daemon.account()["error"] is None, 10)
        self.assertEnds(daemon)

    def test_a_server_that_goes_away_and_comes_back(self):
        server = self.office(corpus.small(3))
        mirror = self.drain(server, poll_interval="1s", timeout="3s")
        daemon = self.daemon(mirror)
        wait_until(lambda: len(mirror.bodies()) == 3, 20)
        server.stop(kill=True)
        daemon.wait_for(lambda accounts: accounts["test"]["error"], 20)
        server.start()
        server.append("INBOX", corpus.small(2, seed=2))
        wait_until(lambda: len(mirror.bodies()) == 5, 40)
        daemon.wait_for(lambda accounts: accounts["test"]["error"] is None, 20)
        self.assertEnds(daemon)

    def test_it_ends_at_any_moment(self):
        """SIGTERM within a session: status 0 in under 2 s, and the next run ends as always."""
        messages = list(corpus.realistic(150, seed=6, largest=300_000))
        server = self.office(messages)
        mirror = self.drain(server, poll_interval="1s")
        for _ in range(6):
            with self.subTest():
                daemon = self.daemon(mirror)
                time.sleep(self.dice.uniform(0, 0.5))
                self.assertEnds(daemon)
                server.quiet()
        self.synced(mirror)
        self.assertDelivered(mirror, digests(messages), leftovers=True)
        self.assertEqual(server.left(), [])

    def test_killed_within_sessions(self):
        messages = list(corpus.realistic(150, seed=6, largest=300_000))
        server = self.office(messages)
        mirror = self.drain(server, poll_interval="1s")
        for _ in range(6):
            daemon = self.daemon(mirror)
            time.sleep(self.dice.uniform(0, 0.5))
            daemon.kill()
            server.quiet()
        self.synced(mirror)
        self.assertDelivered(mirror, digests(messages), leftovers=True)
        self.assertEqual(server.left(), [])

    def test_paused_and_resumed(self):
        server = self.serve(drops(1))
        mirror = self.drain(server, poll_interval="1s")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.drops == [], 20)
        self.assertEqual(mirror.run("pause", "test").status, 0)
        time.sleep(0.5)
        server.settle()
        visits = server.sessions
        server.drops = drops(2, first=5)
        time.sleep(3)
        self.assertEqual(server.sessions, visits)
        self.assertEqual(mirror.run("resume", "test").status, 0)
        wait_until(lambda: server.drops == [], 10)
        self.assertEnds(daemon)

    def test_a_reload_changes_the_policy(self):
        server = self.serve(drops(3))
        mirror = self.drain(server, poll_interval="1s", retention="keep")
        daemon = self.daemon(mirror)
        wait_until(lambda: len(mirror.bodies()) == 3, 20)
        self.assertEqual(len(server.drops), 3)
        mirror.account["retention"] = "delete"
        mirror.write()
        self.assertEqual(mirror.run("reload").status, 0)
        wait_until(lambda: server.drops == [], 10)
        self.assertDelivered(mirror, digests(drops(3)))
        self.assertEnds(daemon)

    def test_hooks_and_events(self):
        """Each delivered message once, with sender and subject, to `on_change` and to the stream of events."""
        server = self.serve([])
        output = self.directory + "/told"
        mirror = self.drain(server, poll_interval="1s", on_change=["sh", "-c", "cat >> '%s'" % output])
        daemon = self.daemon(mirror)
        wait_until(lambda: server.sessions >= 1, 20)
        with daemon.client() as client:
            client.send("Events", more=True)
            client.reply()
            server.drops = drops(4)
            changes = []
            while len(changes) < 4:
                client.socket.settimeout(15)
                found, _ = client.reply()
                changes += [found["change"]] if "change" in found else []
        wait_until(lambda: self.told(output) >= 4, 10)
        lines = [json.loads(line) for line in open(output, encoding="utf-8")]
        for told in (changes, lines):
            self.assertEqual(sorted(one["subject"] for one in told), ["pop %d" % n for n in (1, 2, 3, 4)])
            self.assertEqual({one["kind"] for one in told}, {"new"})
            self.assertEqual({one["mailbox"] for one in told}, {"INBOX"})
        for one in lines:
            self.assertTrue(open(one["path"], "rb").read())
        self.assertEnds(daemon)

    def told(self, path):
        try:
            with open(path, encoding="utf-8") as lines:
                return len(lines.readlines())
        except OSError:
            return 0
