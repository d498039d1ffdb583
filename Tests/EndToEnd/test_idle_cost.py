"""What the daemon costs while nothing happens: CPU time, wakeups, memory; threads and descriptors that don't grow."""

import time
from pathlib import Path

import idle_cost
from daemon_case import DaemonCase
from mirror import peak_limit
from support import FULL, corpus, figure, loaded, wait_until


class IdleCost(DaemonCase):
    weight = 55

    def test_an_idle_daemon_costs_next_to_nothing(self):
        server = self.dovecot()
        server.append("INBOX", corpus.small(50))
        for number in range(5):
            server.append("Mailbox%d" % number, corpus.small(20, seed=number))
        mirror = self.mirror(server)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        wait_until(lambda: daemon.account()["connections"] == 1, 40)  # further ones are closed
        span = 600 if FULL else 30
        cpu, switches, started = daemon.cpu(), daemon.switches(), time.monotonic()
        threads, descriptors = daemon.threads(), daemon.descriptors()
        time.sleep(span)
        seconds = time.monotonic() - started
        cpu, wakeups = daemon.cpu() - cpu, daemon.wakeups(switches)
        rss, pss, peak = daemon.memory()
        figure("idle for %d s with 1 account: %.2f s CPU, %d wakeups, RSS %.1f MB, PSS %.1f MB, peak %.1f MB, "
               "%d threads, %d descriptors" % (seconds, cpu, wakeups, rss / 1024, pss / 1024, peak / 1024,
                                               daemon.threads(), daemon.descriptors()))
        self.assertLess(cpu, 0.01 * seconds)
        self.assertLess(wakeups, 20 * seconds)
        self.assertLess(peak, peak_limit())
        self.assertLessEqual(daemon.threads(), threads + 2)
        self.assertLessEqual(daemon.descriptors(), descriptors)
        self.assertEnds(daemon)

    def test_an_unchanged_account_costs_nothing_for_its_messages(self):
        """Bytes and CPU while nothing happens, and of a look at all mailboxes: the same for ten times the messages."""
        boxes, few, span = (100, 100, 600) if FULL else (10, 5, 5)
        for name, capability in (("push", None), ("polling", idle_cost.POLLED))[:2 if FULL else 1]:
            found = {}
            for count in (few, few * 10):
                server = self.exits.enter_context(loaded(
                    "idle-%d-%d" % (boxes, count), lambda server: idle_cost.fill(server, boxes, count),
                    capability=capability))
                place = Path(self.directory) / ("%s%d" % (name, count))
                found[count] = cost = idle_cost.Cost(server, place, span, looks=10, timeout="2s")
                figure("%s, %d mailboxes of %d messages: %d bytes and %.2f s CPU in %d s (alive every 2 s); 10 looks at "
                       "all: %d bytes, %.2f s CPU" % ((name, boxes, count) + cost.quiet + (span,) + cost.look))
                self.assertEqual(cost.ended[0], 0)
                self.assertEqual(cost.push.startswith("every"), capability is not None, cost.push)
            less, more = found[few], found[few * 10]
            self.assertLess(more.quiet[0], less.quiet[0] * 1.5 + 500)
            self.assertLess(more.look[0], less.look[0] * 1.1 + 5000)
            self.assertLess(more.look[1], less.look[1] * 2 + 0.5)

    def test_connections_that_come_and_go_leave_nothing_behind(self):
        """Syncs asked for again and again, and clients that come and go: threads, descriptors and memory stay."""
        server = self.dovecot()
        server.append("INBOX", corpus.small(20))
        server.append("Other", corpus.small(20))
        mirror = self.mirror(server)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()

        def turns(count):
            for _ in range(count):
                daemon.call("Sync", timeout=30)
                for _ in range(10):
                    daemon.accounts()

        turns(5)
        before = daemon.descriptors(), daemon.threads(), daemon.memory()[0]
        turns(100 if FULL else 25)
        after = daemon.descriptors(), daemon.threads(), daemon.memory()[0]
        figure("descriptors, threads, RSS in kB: %s, after many syncs and clients %s" % (before, after))
        self.assertLessEqual(after[0], before[0] + 3)
        self.assertLessEqual(after[1], before[1] + 2)
        self.assertLess(after[2], before[2] + 8 * 1024)
        self.assertEnds(daemon)
