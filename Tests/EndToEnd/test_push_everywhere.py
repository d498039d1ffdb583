"""Push of all mailboxes on one connection (NOTIFY, RFC 5465), against a real server; no poll is near."""

import threading
import time

from daemon import mailbox
from daemon_case import DaemonCase
from latency import Deliveries
from servers.proxy import Proxy
from support import FULL, corpus, figure, wait_until


class Everywhere(DaemonCase):
    weight = 40

    def watched(self, *others, port=None, **account):
        """(server, mirror, daemon) with INBOX and the others synced, and all watched."""
        server = self.dovecot()
        for number, name in enumerate(("INBOX",) + others):
            server.append(name, corpus.small(12, seed=number))
        account.setdefault("poll_interval", "1h")
        mirror = self.mirror(server, **account)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        return server, mirror, daemon

    def test_all_that_happens_in_any_mailbox_arrives_by_push(self):
        server, mirror, daemon = self.watched("Other", "Lists/swift")
        told = daemon.account()
        self.assertEqual((told["activity"], told["push"]),
                         ("watching all mailboxes", "NOTIFY on all mailboxes, checked every 1h"))
        self.assertMirrored(mirror, server)
        client = server.client()

        def change(name):
            client.select('"%s"' % name)
            client.uid("STORE", "1:3", "+FLAGS", "(\\Flagged $label1)")
            client.uid("STORE", "4", "+FLAGS", "(\\Deleted)")
            client.uid("EXPUNGE", "4")
            client.append('"%s"' % name, "(\\Seen)", None, next(corpus.small(1, seed=9))[0])

        for names in (["Other"], ["Lists/swift"], ["INBOX"], ["Other", "INBOX", "Lists/swift"]):
            for name in names:
                change(name) if len(names) == 1 else client.append('"%s"' % name, None, None,
                                                                   next(corpus.small(1, seed=10))[0])
            self.assertSoonMirrored(mirror, server, timeout=15)
        self.assertEqual(len(mirror.quarantined()), 3)
        self.assertEnds(daemon)

    @staticmethod
    def inodes(mirror):
        return sorted(path.stat().st_ino for folder in ("new", "cur") for path in mirror.root.rglob(folder + "/*"))

    def test_a_message_moved_between_mailboxes_is_renamed_and_not_fetched_again(self):
        """The server tells of both mailboxes one after the other. Where the second notice comes late, and in INBOX, where
        nothing waits for it, the message may be fetched; never is it there twice or not at all."""
        server, mirror, daemon = self.watched("Other", "Third")
        client = server.client()
        for source, target in (("INBOX", "Other"), ("Other", "Third"), ("Third", "INBOX")):
            renamed = 0
            for uid in ("2", "3", "4"):
                client.select(source)
                before = self.inodes(mirror)
                client.uid("MOVE", uid, target)
                self.assertSoonMirrored(mirror, server, timeout=15)
                renamed += self.inodes(mirror) == before
            self.assertGreaterEqual(renamed, target != "INBOX", "from %s to %s" % (source, target))
        self.assertEnds(daemon)

    def test_mailboxes_that_come_and_go_and_change_their_names(self):
        server, mirror, daemon = self.watched("Other")
        client = server.client()
        client.create("New")
        client.append("New", None, None, next(corpus.small(1, seed=3))[0])
        wait_until(lambda: (mailbox(daemon.account(), "New") or {}).get("messages") == 1, 15)
        # Dovecot 2.3 is silent about a rename; what happens next under the new name tells.
        client.rename("New", "Newer")
        client.append("Newer", None, None, next(corpus.small(1, seed=4))[0])
        wait_until(lambda: (mailbox(daemon.account(), "Newer") or {}).get("messages") == 2, 15)
        self.assertIsNone(mailbox(daemon.account(), "New"))
        self.assertSoonMirrored(mirror, server, timeout=15)
        self.assertEnds(daemon)

    def test_Q15_mail_that_rains_into_all_mailboxes_from_the_start(self):
        """While the daemon starts, syncs, begins to be told, and goes from mailbox to mailbox: nothing is overlooked."""
        server = self.dovecot()
        names = ("INBOX", "Other", "Third")
        for number, name in enumerate(names):
            server.append(name, corpus.small(3, seed=number))
        mirror = self.mirror(server, poll_interval="1h")
        stop, counts = threading.Event(), []

        def rain(name, seed):
            deliver, count, dice = Deliveries(server, name, seed=seed), 0, type(self.dice)(seed)
            while not stop.is_set():
                deliver()
                count += 1
                stop.wait(dice.random() * 0.1)
            counts.append(count)

        threads = [threading.Thread(target=rain, args=(name, self.dice.randrange(10**9))) for name in names]
        for thread in threads:
            thread.start()
        daemon = self.daemon(mirror)
        time.sleep((20 if FULL else 2) + self.dice.random())
        stop.set()
        for thread in threads:
            thread.join()
        self.assertSoonMirrored(mirror, server, timeout=15)
        self.assertEqual(len(mirror.bodies()), 9 + sum(counts))
        self.assertEnds(daemon)

    def test_Q17_a_connection_gone_dead_is_noticed_by_itself(self):
        """No poll, no timeout of the configuration: with the defaults in under 90 s, in the short form in two times
        `timeout`."""
        server = self.dovecot()
        server.append("INBOX", corpus.small(3))
        server.append("Other", corpus.small(3))
        proxy = self.exits.enter_context(Proxy(server.imaps))
        account = {} if FULL else {"timeout": "2s"}
        mirror = self.mirror(server, port=proxy.port, poll_interval="1h", **account)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        proxy.silence()
        started = time.monotonic()
        Deliveries(server, "Other")()
        self.assertSoonMirrored(mirror, server, timeout=90 if FULL else 10)
        figure("a connection gone dead was replaced after %.1f s (%s)" % (
            time.monotonic() - started, "default settings" if FULL else "timeout 2 s"))
        self.assertEnds(daemon)
