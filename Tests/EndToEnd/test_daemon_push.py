"""Push against a real server: how long after the server's notice mail is in the folder, and that nothing is missed."""

import os
import shutil
import statistics
import threading
import time

import check
from daemon import settled, watching
from daemon_case import DaemonCase
from latency import Arrivals, BareIdle, Deliveries, FsyncCost, beyond, deliver_and_time, mail_under_load, percentile
from mirror import is_release
from servers.proxy import Proxy
from support import FULL, SCRATCH, corpus, figure, loaded, wait_until

# Seconds that a message may be later in the folder than the notice at a bare IDLE client, and while a first sync runs what
# a debug build may take more for it.
MEDIAN, MOST = 0.020, 0.100
DEBUG = 0 if is_release() else 0.020


class Latency(DaemonCase):
    """Times are the test's own, in one process (latency.py), with nothing else running."""

    alone = True
    weight = 40

    def within(self, what, rows, allowed=0.0):
        """Shows the figures; whether they hold, with so many seconds allowed for."""
        late = beyond(rows)
        median, most = statistics.median(late), percentile(late, 0.99)
        figure("%s: %d messages, in new/ %.1f ms (median), %.1f ms (p99) beyond the notice at a bare IDLE client; "
               "after delivery %.0f ms" % (what, len(rows), median * 1000, most * 1000,
                                           statistics.median(row[-1] - row[0] for row in rows) * 1000))
        return median < MEDIAN + allowed and most < MOST + allowed

    def test_new_mail_is_in_the_folder_at_once(self):
        server = self.dovecot()
        for name in ("INBOX", "Other"):
            server.append(name, corpus.small(20))
        mirror = self.mirror(server, poll_interval="1h")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()

        def measured(name):
            with BareIdle(server.imaps, server.ca, server.password, mailbox=name) as bare, \
                    Arrivals(mirror.folder_of(name.encode()) / "new") as arrivals:
                rows = deliver_and_time(Deliveries(server, name), bare, arrivals, 100 if FULL else 12, self.dice)
            return self.within("idle, " + name, rows)

        for name in ("INBOX", "Other"):
            # The machine may be disturbed: one undisturbed measurement is enough.
            self.assertTrue(any(measured(name) for _ in range(2)), name)
        self.assertMirrored(mirror, server)
        self.assertEnds(daemon)

    def test_new_mail_is_in_the_folder_at_once_while_another_mailbox_is_synced_for_the_first_time(self):
        """The same, while the first sync of thousands of messages runs; an fsync costs more then, which is measured in
        the same run and allowed for four times."""
        count, wanted = (10_000, 100) if FULL else (2_000, 20)
        server = self.exits.enter_context(loaded("load%d" % count, lambda server: server.append(
            "Load", corpus.realistic(count))))
        for name in ("INBOX", "Other"):
            server.append(name, corpus.small(20))
        cost = self.exits.enter_context(FsyncCost(SCRATCH))

        def start(turn):
            shutil.rmtree(os.path.join(self.directory, "turn"), ignore_errors=True)
            return self.daemon(self.mirror(server, name="turn", poll_interval="1h"))

        def measured(name):
            self.process, rows, spans = mail_under_load(start, server, "Load", wanted, self.dice, name)
            allowed = 4 * cost.median(spans)
            if self.within("%s during a first sync of %d messages, where an fsync costs %.1f ms" % (
                    name, count, allowed / 4 * 1000), rows, DEBUG + allowed):
                return True
            self.process.stop()
            return False

        for name in ("INBOX", "Other") if FULL else ("INBOX",):
            # The machine may be disturbed: one undisturbed measurement is enough.
            self.assertTrue(any(measured(name) for _ in range(3)), name)
            self.process.wait_until_watching(timeout=300)
            self.assertMirrored(self.process.mirror, server, selected=[b"INBOX", b"Other"], others=False)
            self.assertEnds(self.process)


class Push(DaemonCase):
    weight = 60

    def test_flags_and_expunges_of_another_client_arrive_by_push(self):
        server = self.dovecot()
        server.append("INBOX", corpus.small(12))
        mirror = self.mirror(server, poll_interval="1h")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        self.assertMirrored(mirror, server)
        client = server.client()
        client.select("INBOX")
        for act in (lambda: client.uid("STORE", "1:3", "+FLAGS", "(\\Flagged $label1)"),
                    lambda: client.uid("STORE", "2", "-FLAGS", "(\\Flagged)"),
                    lambda: client.uid("STORE", "4,6", "+FLAGS", "(\\Deleted)"),
                    lambda: client.uid("EXPUNGE", "4,6"),
                    lambda: (client.append("INBOX", "(\\Seen)", None, next(corpus.small(1, seed=9))[0]),
                             client.uid("STORE", "7", "+FLAGS", "(\\Answered)"))):
            act()
            self.assertSoonMirrored(mirror, server, timeout=15)
        self.assertEqual(len(mirror.quarantined()), 2)
        self.assertEnds(daemon)

    def test_Q15_mail_between_the_first_fetch_and_idle(self):
        """Deliveries rain while the daemon starts, syncs and begins to IDLE; no poll is near. All of them are there
        within seconds of the last."""
        for turn in range(5 if FULL else 2):
            with self.subTest(turn=turn):
                server = self.dovecot()
                server.append("INBOX", corpus.small(5))
                mirror = self.mirror(server, name="Q15-%d" % turn, poll_interval="1h")
                stop, counts = threading.Event(), []

                def rain(seed):
                    deliver, count = Deliveries(server, seed=seed), 0
                    dice = type(self.dice)(seed)
                    while not stop.is_set():
                        deliver()
                        count += 1
                        stop.wait(dice.random() * 0.03)
                    counts.append(count)

                threads = [threading.Thread(target=rain, args=(self.dice.randrange(10**9),)) for _ in range(2)]
                for thread in threads:
                    thread.start()
                daemon = self.daemon(mirror)
                daemon.wait_for(lambda accounts: watching(accounts["test"]), 60)
                time.sleep(self.dice.random() * 0.7)
                stop.set()
                for thread in threads:
                    thread.join()
                self.assertSoonMirrored(mirror, server, timeout=15)
                self.assertEqual(len(mirror.bodies()), 5 + sum(counts))
                self.assertEnds(daemon)

    def test_Q17_a_connection_gone_silent_is_noticed_and_replaced(self):
        """The watching connection stays open and carries nothing any more, as behind a NAT that forgot it."""
        server = self.dovecot()
        server.append("INBOX", corpus.small(3))
        proxy = self.exits.enter_context(Proxy(server.imaps))
        mirror = self.mirror(server, port=proxy.port, poll_interval="3s", timeout="3s")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        before = proxy.connections
        proxy.silence()
        deliver = Deliveries(server)
        deliver()
        started = time.monotonic()
        self.assertSoonMirrored(mirror, server, timeout=15)
        figure("a connection gone silent was replaced, and its mail there, after %.1f s (poll_interval 3 s, timeout "
               "3 s)" % (time.monotonic() - started))
        self.assertGreater(proxy.connections, before)
        daemon.wait_for(lambda accounts: settled(accounts["test"]) and watching(accounts["test"]), 10)
        deliver()
        self.assertSoonMirrored(mirror, server, timeout=15)
        self.assertEnds(daemon)

    def test_Q17_a_cut_connection_is_replaced(self):
        server = self.dovecot()
        server.append("INBOX", corpus.small(3))
        proxy = self.exits.enter_context(Proxy(server.imaps))
        mirror = self.mirror(server, port=proxy.port, poll_interval="1h")
        daemon = self.daemon(mirror)
        deliver = Deliveries(server)
        for _ in range(3):
            daemon.wait_until_watching()
            proxy.cut()
            deliver()
            self.assertSoonMirrored(mirror, server, timeout=10)
        self.assertEqual(mirror.quarantined(), [])
        self.assertEnds(daemon)

    def test_Q23_a_mailbox_is_deleted_and_made_anew_again_and_again(self):
        """While the daemon polls and syncs it, a mailbox is deleted and recreated with other mail, at random moments;
        in the end its folder holds what the last one holds."""
        server = self.dovecot()
        server.append("INBOX", corpus.small(3))
        mirror = self.mirror(server, poll_interval="1s", timeout="5s")
        daemon = self.daemon(mirror)
        client = server.client()
        for turn in range(12 if FULL else 5):
            _append(server, corpus.small(60, seed=turn, size=3000))
            time.sleep(self.dice.random() * 1.5)
            if turn % 2:
                server.append("INBOX", corpus.small(1, seed=100 + turn))
            client.delete("Other")
            time.sleep(self.dice.random() * 0.3)

        # Removals by the dozen are held (DESIGN.md section 5), so only what is on the server is asked for here.
        def arrived():
            wanted = [message.digest for message in self.remote(server, b"Other").values()]
            if not wanted:
                _append(server, corpus.small(10, seed=1000))
                return False
            there = [message.digest for message in check.folder_messages(mirror.folder_of(b"Other"))[0].values()]
            return all(there.count(one) == wanted.count(one) for one in wanted)

        _append(server, corpus.small(10, seed=1000))
        wait_until(lambda: _quiet(arrived), 20)
        self.assertSoonMirrored(mirror, server, timeout=15, selected=[b"INBOX"], others=False, leftovers=False)
        self.assertEnds(daemon)


def _append(server, messages):
    """Into Other. Dovecot 2.3's sessions that had it open when it was deleted can empty its successor, or refuse it."""
    def done():
        try:
            server.append("Other", messages)
            return True
        except RuntimeError:
            return False
    wait_until(done, 10, pause=0.2)


def _quiet(condition):
    try:
        return condition()
    except (OSError, RuntimeError):
        return False
