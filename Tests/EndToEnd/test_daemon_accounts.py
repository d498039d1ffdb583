"""Several accounts in one daemon: one's trouble is not another's, and a reload touches only what changed."""

import datetime
import re
import statistics
import time

from daemon import mailbox, settled, watching
from daemon_case import DaemonCase
from latency import Arrivals, BareIdle, Deliveries, beyond, deliver_and_time
from support import FULL, corpus, figure, wait_until
from varlink_client import VarlinkError

BASE = "IMAP4rev1 AUTH=PLAIN SASL-IR"
WEAKER = (("nothing", BASE),
          ("without IDLE", BASE + " UIDPLUS LIST-EXTENDED LIST-STATUS ENABLE CONDSTORE QRESYNC ESEARCH"),
          ("without LIST-STATUS", BASE + " IDLE ENABLE CONDSTORE QRESYNC"),
          ("without CONDSTORE", BASE + " IDLE LIST-EXTENDED LIST-STATUS UIDPLUS"), ("IDLE alone", BASE + " IDLE"))


def seconds(text):
    """Seconds since 1970 of a time on the socket."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def refused_logins(server):
    """How many logins the server has refused, by its log."""
    log = server.log()
    return max(len(re.findall(r"Password mismatch", log)),
               sum(int(count) for count in re.findall(r"auth failed, (\d+) attempts", log)))


def logins(server, user):
    """How often the daemon has logged in: over TLS, which this test's own clients don't use."""
    return len(re.findall(r"Login: user=<%s>.*, TLS" % user, server.log()))


class Trouble(DaemonCase):
    """Latencies are compared, so nothing runs beside."""

    alone = True
    weight = 45

    def test_one_is_refused_one_has_lost_its_server_and_one_never_notices(self):
        good = self.dovecot(users=("user", "user2"))
        lost = self.dovecot()
        for server in (good, lost):
            server.append("INBOX", corpus.small(5))
            server.append("Archive", corpus.small(5, seed=2))
        fine = self.mirror(good, poll_interval="5s")
        wrong = fine.beside("wrong", good, user="user2", poll_interval="1s", timeout="5s")
        wrong.set_password("not this one")
        crashing = fine.beside("crashing", lost, poll_interval="2s", timeout="5s")
        fine.write()
        began = time.monotonic()
        daemon = self.daemon(fine)
        daemon.wait_until_watching("test")
        daemon.wait_until_watching("crashing")
        daemon.wait_for(lambda accounts: accounts["wrong"]["error"], 15)
        rows = {}
        with BareIdle(good.imaps, good.ca, good.password) as bare, Arrivals(fine.root / "new") as arrivals:
            deliver = Deliveries(good)

            def measured(name, count, before=lambda: None):
                """The machine may be disturbed: one undisturbed measurement is enough."""
                for _ in range(3):
                    before()
                    rows[name] = beyond(deliver_and_time(deliver, bare, arrivals, count, self.dice))
                    if statistics.median(rows[name]) < 0.020 and max(rows[name]) < 1:
                        break

            def restart():
                nonlocal restarted
                lost.stop(kill=True)
                lost.start()
                restarted = time.monotonic()
                Deliveries(lost, seed=self.dice.randrange(10**9))()

            restarted = None

            measured("all well", 8)
            lost.stop(kill=True)
            killed = time.time()
            measured("one server killed", 12)
            daemon.wait_for(lambda accounts: accounts["crashing"]["error"], 15)
            self.told_truth(daemon.accounts(), killed)
            measured("restarted", 6, restart)
            daemon.wait_until_watching("crashing", timeout=30)
            self.assertSoonMirrored(crashing, lost, timeout=max(1, 30 - (time.monotonic() - restarted)))
            figure("all current again %.1f s after the killed server was back" % (time.monotonic() - restarted))
            # The latency was never another.
            figure("median beyond the bare client: " + ", ".join("%s %.1f ms" % (
                name, statistics.median(found) * 1000) for name, found in rows.items()))
            for name, found in rows.items():
                self.assertLess(statistics.median(found), 0.020, name)
                self.assertLess(max(found), 1, name)
            rest = 20 - (time.monotonic() - began)
            if rest > 0:
                time.sleep(rest)
        counted, span = refused_logins(good), time.monotonic() - began
        figure("%d logins with the wrong password in %.0f s" % (counted, span))
        self.assertGreaterEqual(counted, 1)
        self.assertLessEqual(counted, 3, "hammered")
        self.assertSoonMirrored(fine, good)
        # The right password, and a sync asked for, help at once.
        wrong.set_password(good.password)
        result = fine.run("sync", "wrong", timeout=60)
        self.assertEqual(result.status, 0, result.err)
        daemon.wait_until_watching("wrong", timeout=15)
        self.assertMirrored(wrong, good, user="user2")
        self.assertNotIn("not this one", daemon.log)
        self.assertNotIn(good.password, daemon.log)
        self.assertEnds(daemon)

    def told_truth(self, accounts, killed):
        now = time.time()
        for name in ("wrong", "crashing"):
            account = accounts[name]
            self.assertIn(account["state"], ("failing", "stopped"), account)
            self.assertTrue(account["error"]["what"], account)
            self.assertTrue(account["error"]["remedy"], account)
            self.assertTrue(account["error"].get("nextTry"), account)
            self.assertGreaterEqual(seconds(account["error"]["nextTry"]), now - 2, account)
            self.assertLessEqual(seconds(account["error"]["since"]), now + 1, account)
        self.assertRegex(accounts["wrong"]["error"]["what"].lower(), "log|password|authenti|refused")
        self.assertGreater(seconds(accounts["wrong"]["error"]["nextTry"]), now + 60)
        self.assertIsNone(accounts["wrong"].get("lastSuccess"))
        self.assertEqual(accounts["wrong"].get("connections") or 0, 0)
        self.assertLessEqual(seconds(accounts["crashing"]["lastSuccess"]), killed + 1)
        self.assertEqual(accounts["crashing"].get("connections") or 0, 0)
        fine = accounts["test"]
        self.assertEqual((fine["state"], fine["error"]), ("ok", None), fine)
        self.assertTrue(watching(fine), fine)
        self.assertGreater(seconds(fine["lastSuccess"]), now - 15)


class Changes(DaemonCase):
    """Reload, pause and resume: users of one server, whose logins its log counts."""

    weight = 30

    def household(self, name="mirror"):
        server = self.dovecot(users=("user", "user2", "user3", "user4"))
        for user in ("user", "user2", "user3", "user4"):
            server.append("INBOX", corpus.small(4), user=user)
            server.append("Other", corpus.small(4), user=user)
        mirrors = [self.mirror(server, name=name, poll_interval="2s")]
        for number in (2, 3):
            mirrors.append(mirrors[0].beside("account%d" % number, server, user="user%d" % number, poll_interval="2s"))
        daemon = self.daemon(mirrors[0])
        for mirror in mirrors:
            daemon.wait_until_watching(mirror.name)
        return server, mirrors, daemon

    def counts(self, server):
        return {user: logins(server, user) for user in ("user", "user2", "user3", "user4")}

    def reloaded(self, daemon, how):
        if how == "call":
            return daemon.call("Reload")
        if how == "command":
            result = daemon.mirror.run("reload")
            self.assertEqual(result.status, 0, result.err)
            return None
        before = daemon.told.count("READY=1")
        daemon.hang_up()
        daemon.wait_for_notice("READY=1", 10, before + 1)
        self.assertIn("RELOADING=1", daemon.told)
        self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in daemon.told))
        return None

    def test_reload_touches_only_what_changed(self):
        for how in ("call", "signal", "command"):
            with self.subTest(how):
                server, mirrors, daemon = self.household(how)
                first, second, third = mirrors
                before = self.counts(server)
                # One changes, one goes, one comes.
                second.account["mailboxes"] = ["INBOX"]
                first.accounts.remove(third)
                fourth = first.beside("account4", server, user="user4", poll_interval="2s")
                first.write()
                told = self.reloaded(daemon, how)
                if told:
                    self.assertEqual((told["added"], told["changed"], told["removed"]),
                                     (["account4"], ["account2"], ["account3"]))
                daemon.wait_for(lambda accounts: set(accounts) == {"test", "account2", "account4"} and
                                settled(accounts["account4"]) and watching(accounts["account2"]), 20)
                self.assertSoonMirrored(fourth, server, user="user4")
                after = self.counts(server)
                self.assertEqual(after["user"], before["user"], "the account that did not change connected again")
                self.assertGreater(after["user2"], before["user2"])
                self.assertEqual(after["user3"], before["user3"])
                Deliveries(server, user="user2")()
                Deliveries(server)()
                self.assertSoonMirrored(first, server)
                self.assertSoonMirrored(second, server, user="user2", selected=[b"INBOX"], others=False)
                self.assertEqual(len(third.bodies()), 8, "its mail stays")
                # Nothing changed: nothing happens.
                before = self.counts(server)
                told = self.reloaded(daemon, how)
                if told:
                    self.assertEqual((told["added"], told["changed"], told["removed"]), ([], [], []))
                time.sleep(0.5)
                self.assertEqual(self.counts(server), before)
                self.assertEnds(daemon)

    def test_a_bad_configuration_is_refused_and_the_running_one_kept(self):
        server, mirrors, daemon = self.household()
        good, before = mirrors[0].configuration.read_text(), self.counts(server)
        for text in ("this is no TOML [", good + "\nunknown_key = 1\n", good.replace('protocol = "imap"', "", 1), ""):
            mirrors[0].write(text)
            with self.assertRaises(VarlinkError) as raised:
                daemon.call("Reload")
            self.assertTrue(raised.exception.name.endswith(".InvalidConfiguration"), raised.exception)
            self.assertTrue(raised.exception.parameters["problems"])
            daemon.hang_up()
            time.sleep(0.3)
            self.assertTrue(daemon.running, daemon.log[-2000:])
            self.assertEqual(set(daemon.accounts()), {"test", "account2", "account3"})
        self.assertNotEqual(mirrors[0].run("reload").status, 0)
        mirrors[0].write(good)
        Deliveries(server)()
        self.assertSoonMirrored(mirrors[0], server)
        self.assertEqual(self.counts(server), before)
        self.assertEqual(daemon.call("Reload"), {"added": [], "changed": [], "removed": []})
        self.assertEnds(daemon)

    def test_pause_and_resume(self):
        server, mirrors, daemon = self.household()
        first, second, _ = mirrors
        before = self.counts(server)
        self.assertEqual(daemon.call("Pause", accounts=["account2"])["accounts"], ["account2"])
        daemon.wait_for(lambda accounts: accounts["account2"]["state"] == "paused", 5)
        wait_until(lambda: not daemon.account("account2").get("connections"), 5)
        deliver = Deliveries(server, user="user2")
        deliver()
        Deliveries(server)()
        self.assertSoonMirrored(first, server)
        time.sleep(3)
        self.assertEqual(len(second.bodies()), 8, "it was paused")
        self.assertEqual(self.counts(server), dict(before), "and nothing was opened")
        with self.assertRaises(VarlinkError) as raised:
            daemon.call("Pause", accounts=["nobody"])
        self.assertTrue(raised.exception.name.endswith(".NoSuchAccount"), raised.exception)
        # A pause outlives a reload of a configuration that is the same.
        daemon.call("Reload")
        self.assertEqual(daemon.account("account2")["state"], "paused")
        result = first.run("resume", "account2")
        self.assertEqual(result.status, 0, result.err)
        self.assertSoonMirrored(second, server, user="user2", timeout=10)
        result = first.run("pause")
        self.assertEqual(result.status, 0, result.err)
        daemon.wait_for(lambda accounts: all(one["state"] == "paused" for one in accounts.values()), 5)
        deliver()
        daemon.call("Resume")
        for mirror in mirrors:
            daemon.wait_until_watching(mirror.name, 20)
        self.assertSoonMirrored(second, server, user="user2", timeout=10)
        self.assertEnds(daemon)


class Servers(DaemonCase):
    """What servers and configurations may lack."""

    weight = 40

    def follows(self, server, mirror, daemon, timeout=10):
        """Mail, flags, expunges and a new mailbox arrive."""
        client = server.client()
        for mailbox_ in ("INBOX", "Other"):
            Deliveries(server, mailbox_)()
        self.assertSoonMirrored(mirror, server, timeout=timeout)
        client.select("INBOX")
        client.uid("STORE", "1", "+FLAGS", "(\\Flagged)")
        client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "2")
        client.select("Other")
        client.uid("STORE", "1", "+FLAGS", "(\\Answered)")
        server.append("Fresh", corpus.small(2))
        self.assertSoonMirrored(mirror, server, timeout=timeout)
        self.assertEqual(daemon.account()["state"], "ok", daemon.account())

    def filled(self, **options):
        server = self.dovecot(**options)
        server.append("INBOX", corpus.small(6))
        server.append("Other", corpus.small(6))
        return server

    def test_one_connection_is_enough(self):
        server = self.filled()
        server.append("Third", corpus.realistic(30, largest=30_000))
        mirror = self.mirror(server, connections=1, poll_interval="2s")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        self.follows(server, mirror, daemon)
        self.assertEqual(logins(server, "user"), 1, "it opened one connection and kept it")
        self.assertEnds(daemon)

    def test_a_server_that_refuses_a_second_connection(self):
        server = self.filled()
        text = server.configuration.read_text()
        server.configuration.write_text(text.replace("mail_max_userip_connections = 0",
                                                     "mail_max_userip_connections = 1"))
        server.restart()
        mirror = self.mirror(server, poll_interval="2s", connections=4, timeout="5s")
        daemon = self.daemon(mirror)
        # The test has no connection left either: doveadm asks.
        daemon.wait_for(lambda accounts: settled(accounts["test"]) and watching(accounts["test"]), 30)
        self.assertEqual(len(mirror.bodies()), 12)
        for number in range(4):
            name = ("INBOX", "Other")[number % 2]
            body = next(corpus.small(1, seed=number + 50))[0]
            server.doveadm("save", "-u", "user", "-m", name, input=body)
            wait_until(lambda: len(mirror.bodies()) == 13 + number, 15)
        self.assertEqual(daemon.account()["state"], "ok", daemon.account())
        count = server.log().count("Maximum number of connections")
        figure("%d further connections were tried where the server allows one" % count)
        self.assertLessEqual(count, 12)
        self.assertEnds(daemon)

    def test_inbox_is_not_among_the_mailboxes(self):
        server = self.filled()
        mirror = self.mirror(server, mailboxes=["*", "!INBOX"], poll_interval="2s")
        daemon = self.daemon(mirror)
        daemon.wait_for(lambda accounts: settled(accounts["test"]), 30)
        deliver = Deliveries(server, "Other")
        for _ in range(3):
            deliver()
            self.assertSoonMirrored(mirror, server, selected=[b"Other"])
        self.assertIsNone(mailbox(daemon.account(), "INBOX"))
        self.assertEnds(daemon)

    def test_servers_that_lack_something(self):
        for number, (name, capability) in enumerate(WEAKER if FULL else self.dice.sample(WEAKER, 3)):
            with self.subTest(name):
                server = self.filled(capability=capability)
                mirror = self.mirror(server, name="weak%d" % number, poll_interval="2s")
                daemon = self.daemon(mirror)
                daemon.wait_for(lambda accounts: settled(accounts["test"]), 30)
                push = daemon.account()["push"] or ""
                self.assertEqual("IDLE on" in push, " IDLE" in capability, push)
                self.follows(server, mirror, daemon)
                self.assertEnds(daemon)
