"""What status, list, mailboxes, history, verify and metrics tell of a maildrop."""

import json
import re

from drain_case import DrainCase
from servers.pop3_scripted import Drop, drops, simple
from support import wait_until


class Status(DrainCase):
    weight = 30

    def document(self, mirror, *arguments, status=0):
        result = mirror.run(*arguments, "--json")
        self.assertEqual(result.status, status, result.err or result.out)
        return json.loads(result.out)

    def account(self, mirror):
        return next(one for one in self.document(mirror, "status")["accounts"] if one["name"] == "test")

    def test_left_drained_and_too_large(self):
        large = Drop(b"large", b"Subject: large\r\n\r\n" + b"x" * 70 * 1024 + b"\r\n")
        server = self.serve([*drops(3), large])
        mirror = self.drain(server, retention="keep", size_limit="64KB")
        self.finished(mirror, server)
        told = self.account(mirror)
        self.assertEqual(told["maildrop"], {"left": 4, "drained": 3, "tooLarge": 1})
        self.assertTrue(told["lastSuccess"])
        self.assertIn(told["state"], ("ok",))
        text = mirror.run("status").out
        for word in ("4", "3", "larger"):
            self.assertIn(word, text)
        mirror.account["retention"] = "delete"
        mirror.write()
        self.finished(mirror, server)
        self.assertEqual(self.account(mirror)["maildrop"], {"left": 1, "drained": 3, "tooLarge": 1})

    def test_next_visit_of_a_daemon(self):
        server = self.serve(drops(2))
        mirror = self.drain(server, poll_interval="1h")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.drops == [], 20)
        told = daemon.wait_for(lambda accounts: accounts["test"]["nextPoll"] and accounts["test"], 20)
        self.assertEqual(told["maildrop"]["left"], 0)
        self.assertEqual(told["maildrop"]["drained"], 2)
        self.assertRegex(told["push"], r"1h|60m")
        self.assertRegex(mirror.run("status").out, r"\d{4}-\d\d-\d\d")
        self.assertEnds(daemon)

    def test_a_wait_is_told_as_a_wait(self):
        server = self.serve(drops(2))
        refuse = {"on": True}

        def busy(session, words):
            if not refuse["on"]:
                return False
            session.err(b"[IN-USE] another session")
            return True

        for word in ("PASS", "AUTH", "APOP"):
            server.hooks[word] = busy
        mirror = self.drain(server, poll_interval="1h")
        daemon = self.daemon(mirror)
        problem = daemon.wait_for(lambda accounts: accounts["test"]["error"], 20)
        self.assertRegex(problem["what"], r"(?i)in use|another session|IN-USE")
        self.assertTrue(problem["nextTry"])
        self.assertNotRegex(problem["what"], r"(?i)refused the login")
        refuse["on"] = False
        wait_until(lambda: server.drops == [], 60)
        daemon.wait_for(lambda accounts: accounts["test"]["error"] is None, 10)
        self.assertEnds(daemon)

    def test_history_says_when_it_came_and_when_it_went_from_the_server(self):
        server = self.serve(drops(2))
        mirror = self.drain(server)
        self.finished(mirror, server)
        entries = self.document(mirror, "history", "<pop1@example.org>")["entries"]
        self.assertEqual([(one["event"], one["cause"]) for one in entries], [("came", "server"), ("deleted", "sync")])
        self.assertIn("server", entries[1]["detail"])

    def test_history_without_a_deletion(self):
        server = self.serve(drops(2))
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)
        entries = self.document(mirror, "history", "<pop2@example.org>")["entries"]
        self.assertEqual([one["event"] for one in entries], ["came"])

    def test_list_and_mailboxes(self):
        server = self.serve(drops(3))
        mirror = self.drain(server, deliver_to="Archive/POP")
        self.finished(mirror, server)
        listed = mirror.run("mailboxes")
        self.assertEqual(listed.status, 0, listed.err)
        self.assertIn("test/Archive/POP", listed.out)
        self.assertEqual(mirror.folders()["Archive/POP"], mirror.root / ".Archive.POP")

    def test_verify_finds_nothing_wrong(self):
        for retention in ("delete", "keep"):
            with self.subTest(retention=retention):
                server = self.serve(drops(3))
                mirror = self.drain(server, name=retention, retention=retention)
                self.finished(mirror, server)
                result = mirror.run("verify", "--full")
                server.settle()
                self.assertEqual(result.status, 0, result.out + result.err)
                self.assertEqual(server.count("DELE"), 3 if retention == "delete" else 0)

    def test_metrics(self):
        server = self.serve(drops(3))
        mirror = self.drain(server, poll_interval="1h", retention="keep")
        daemon = self.daemon(mirror)
        wait_until(lambda: len(mirror.bodies()) == 3, 20)
        result = mirror.run("metrics")
        self.assertEqual(result.status, 0, result.err)
        self.assertTrue(re.search(r'account="test"', result.out))
        self.assertEnds(daemon)

    def test_a_sync_tells_what_it_did(self):
        server = self.serve(drops(3))
        mirror = self.drain(server)
        result = self.finished(mirror, server)
        self.assertRegex(result.out, r"\b3\b")
        server.drops = [Drop(b"x", simple(9))]
        told = self.document(mirror, "sync")
        one = told["accounts"][0] if "accounts" in told else told["results"][0] if "results" in told else told
        self.assertEqual((one["delivered"], one["deleted"]), (1, 1))
