"""The ladder of push: NOTIFY, else IDLE on several mailboxes, else questions; what servers refuse, forget and get wrong
on each rung, and what `status` and `doctor` say of it."""

import time

from daemon import mailbox, settled
from daemon_case import DaemonCase
from hostile import Hostile, inbox, status
from latency import Deliveries
from servers.model import simple
from servers.scripted import CAPABILITIES
from support import FULL, corpus, wait_until

NOTIFY = CAPABILITIES + " IDLE NOTIFY"
WITHOUT_NOTIFY = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE UIDPLUS LIST-EXTENDED LIST-STATUS CONDSTORE QRESYNC ESEARCH"


class Told(DaemonCase, Hostile):
    """A scripted server that offers NOTIFY, with INBOX and Other; no poll is near."""

    weight = 25

    def watched(self, answer=b"OK done", name="mirror", **account):
        """(server, mirror, daemon), watching; `answer` is what the server says to NOTIFY."""
        server = self.serve(inbox(), inbox(3, b"Other"), capabilities=NOTIFY)
        server.hooks["NOTIFY"] = lambda session, tag, words: session.line(tag + b" " + answer) or True
        account.setdefault("poll_interval", "1h")
        mirror = self.mirror(server, name=name, **account)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        wait_until(server.idling, 5)
        return server, mirror, daemon

    def tell(self, server, *lines):
        """To the session that IDLEs, when there is one."""
        wait_until(lambda: server.notify(*lines), 5)

    def test_what_is_told_of_a_mailbox_that_is_not_selected(self):
        server, mirror, daemon = self.watched()
        other = server.box("Other")
        for act in (lambda: other.add(simple(70)), lambda: other.flag(1, "\\Flagged"), lambda: other.expunge(2)):
            act()
            self.tell(server, status(other))
            self.assertSoonHolds(mirror, *server.mailboxes)
        # What it says again, and what we did ourselves, is no news.
        wait_until(server.idling, 5)
        before = server.count("EXAMINE")
        for _ in range(3):
            self.tell(server, status(other))
        other.add(simple(71))
        self.tell(server, status(other))
        self.assertSoonHolds(mirror, *server.mailboxes)
        self.assertLessEqual(server.count("EXAMINE") - before, 4)
        self.assertEnds(daemon)

    def test_servers_that_refuse_notify(self):
        answers = (b"NO [BADEVENT (MessageNew MessageExpunge FlagChange)] not these", b"BAD what is NOTIFY?",
                   b"NO [NOTIFICATIONOVERFLOW] too many mailboxes")
        for number, answer in enumerate(answers if FULL else self.dice.sample(answers, 1)):
            with self.subTest(answer):
                server, mirror, daemon = self.watched(answer, name="refused%d" % number)
                told = daemon.account()["push"]
                self.assertRegex(told, r"^IDLE on INBOX, others every 1h: the server refuses NOTIFY: \w+")
                server.box("INBOX").add(simple(70))
                server.notify()
                self.assertSoonHolds(mirror, server.box("INBOX"))
                self.assertEnds(daemon)

    def test_NOTIFICATIONOVERFLOW_is_a_look_at_all_mailboxes_and_another_try_later(self):
        server, mirror, daemon = self.watched()
        server.box("Other").add(simple(70))
        self.tell(server, b"* OK [NOTIFICATIONOVERFLOW] that is too much for me")
        self.assertSoonHolds(mirror, *server.mailboxes)
        daemon.wait_for(lambda accounts: "NOTIFICATIONOVERFLOW" in (accounts["test"]["push"] or ""), 5)
        daemon.wait_for(lambda accounts: (accounts["test"]["push"] or "").startswith("NOTIFY"), 12)
        self.assertEqual(server.count("NOTIFY"), 2)
        self.assertEnds(daemon)

    def test_events_that_the_server_has_lost_are_a_look_at_all_mailboxes(self):
        """Dovecot 2.3 says so in words alone."""
        server, mirror, daemon = self.watched()
        server.box("Other").add(simple(70))
        self.tell(server, b"* NO NOTIFY error, some events may have got lost")
        self.assertSoonHolds(mirror, *server.mailboxes)
        self.assertEnds(daemon)

    def test_an_expunge_without_a_higher_HIGHESTMODSEQ(self):
        """Neither the MODSEQ nor VANISHED tells of it, only the number of messages."""
        server, mirror, daemon = self.watched()
        for name in ("Other", "INBOX"):
            box = server.box(name)
            del box.messages[1]
            if name == "Other":
                self.tell(server, status(box, "MESSAGES", "HIGHESTMODSEQ"))
            else:
                self.tell(server, b"* VANISHED 2")
            self.assertSoonHolds(mirror, *server.mailboxes)
        self.assertEqual(len(mirror.quarantined()), 2)
        self.assertEnds(daemon)

    def test_the_STATUS_of_the_selected_mailbox_is_not_believed(self):
        """It claims another state than the mailbox has, in what is told and in each listing: nothing is removed or
        fetched for it, and it does not keep the daemon busy."""
        server, mirror, daemon = self.watched()
        lie = b"* STATUS INBOX (MESSAGES 1 UIDNEXT 99 HIGHESTMODSEQ 999)"
        server.rewrite = lambda session, line: lie if line.startswith(b'* STATUS "INBOX"') else line
        wait_until(server.idling, 5)
        before = server.count("EXAMINE")
        for _ in range(10):
            self.tell(server, lie)
            time.sleep(0.05)
        daemon.call("Sync", timeout=20)
        server.box("INBOX").add(simple(70))
        self.tell(server)
        self.assertSoonHolds(mirror, *server.mailboxes)
        self.assertLessEqual(server.count("EXAMINE") - before, 12)
        self.assertEqual(mirror.quarantined(), [])
        self.assertEnds(daemon)

    def test_Q17_a_server_that_promises_to_tell_and_does_not(self):
        server, mirror, daemon = self.watched(poll_interval="2s")
        server.mute = True
        for box in server.mailboxes:
            box.add(simple(70))
        self.assertSoonHolds(mirror, *server.mailboxes, timeout=6)
        self.assertEnds(daemon)


class Rungs(DaemonCase):
    """A Dovecot that has IDLE and no NOTIFY."""

    weight = 40

    def filled(self, *names):
        server = self.dovecot(capability=WITHOUT_NOTIFY)
        for number, one in enumerate(("INBOX",) + names):
            server.append(one, corpus.small(5, seed=number))
        return server

    def watched(self, server, name="mirror", **account):
        account.setdefault("poll_interval", "1h")
        mirror = self.mirror(server, name=name, **account)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        return mirror, daemon

    def listens(self, daemon, *names):
        wanted = "IDLE on %s, others every 1h: the server has no NOTIFY" % ", ".join(names)
        daemon.wait_for(lambda accounts: accounts["test"]["push"] == wanted, 20)

    def test_idle_on_as_many_mailboxes_as_there_are_connections_for(self):
        for connections, listening in ((4, ("INBOX", "Lists/a", "Lists/b")), (1, ("INBOX",))):
            with self.subTest(connections=connections):
                server = self.filled("Lists/a", "Lists/b", "Lists/c", "Other")
                mirror, daemon = self.watched(server, name="with%d" % connections, connections=connections,
                                              push=["INBOX", "Lists/*"])
                self.listens(daemon, *listening)
                for number, name in enumerate(listening * 2):
                    Deliveries(server, name, seed=number)()
                self.assertSoonMirrored(mirror, server, timeout=6)
                client = server.client()
                client.select(listening[-1])
                client.uid("STORE", "1:3", "+FLAGS", "(\\Flagged)")
                self.assertSoonMirrored(mirror, server, timeout=6)
                # What nobody listens to waits for a look at all, and there is a connection left for it.
                Deliveries(server, "Other", seed=9)()
                daemon.call("Sync", timeout=20)
                self.assertMirrored(mirror, server)
                self.assertLessEqual(daemon.account()["connections"], connections)
                self.assertEnds(daemon)

    def test_a_server_that_gives_no_further_connection(self):
        server = self.filled("Lists/a")
        text = server.configuration.read_text()
        server.configuration.write_text(text.replace("mail_max_userip_connections = 0",
                                                     "mail_max_userip_connections = 1"))
        server.restart()
        mirror, daemon = self.watched(server, push=["INBOX", "Lists/*"])
        daemon.wait_for(lambda accounts: "could not be had" in (accounts["test"]["push"] or ""), 20)
        server.doveadm("save", "-u", "user", "-m", "INBOX", input=next(corpus.small(1, seed=5))[0])
        wait_until(lambda: len(mirror.bodies()) == 11, 6)
        self.assertTrue(settled(daemon.account()), daemon.account())
        self.assertLessEqual(server.log().count("Maximum number of connections"), 6)
        self.assertEnds(daemon)

    def test_polls_come_closer_while_something_happens(self):
        server = self.filled("Other")
        mirror, daemon = self.watched(server, poll_interval="10s")
        deliver, delays = Deliveries(server, "Other"), []
        for number in range(4):
            deliver()
            started = time.monotonic()
            wait_until(lambda: (mailbox(daemon.account(), "Other") or {}).get("messages") == 6 + number, 15)
            delays.append(time.monotonic() - started)
        # The first may have to wait for a whole interval; those behind it do not.
        self.assertLess(max(delays[1:]), 4, delays)
        self.assertEnds(daemon)
