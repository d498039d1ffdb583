"""What a server says while it is listened to (IDLE and NOTIFY): lies, nonsense, floods and endless news. Nothing is removed
or doubled for it, what really happens still arrives, and it keeps neither the daemon nor the server busy."""

import time

from daemon import mailbox
from daemon_case import DaemonCase
from hostile import Hostile, inbox, status
from servers.model import simple
from servers.scripted import CAPABILITIES
from support import FULL, wait_until

IDLE = CAPABILITIES + " IDLE"
NOTIFY = IDLE + " NOTIFY"
WATCHED = 3  # seconds for which the wire is looked at
SAMPLE = 4


class Untrusted(DaemonCase, Hostile):
    weight = 30

    def begin(self, capabilities, name, hooks=(), prepare=None, **account):
        server = self.serve(inbox(), inbox(3, b"Other"), capabilities=capabilities)
        server.hooks["NOTIFY"] = lambda session, tag, words: session.ok(tag) or True
        server.hooks.update(hooks)
        if prepare:
            prepare(server)
        account.setdefault("poll_interval", "1h")
        mirror = self.mirror(server, name=name, **account)
        daemon = self.daemon(mirror)
        daemon.wait_for(lambda accounts: all((mailbox(accounts["test"], one) or {}).get("state") == "ok"
                                             for one in ("INBOX", "Other")), 30)
        return server, mirror, daemon

    def calm(self, server, daemon, commands=40, sessions=8, cpu=0.5):
        """While the server goes on as it does, the daemon asks little and works little."""
        before, at, spent = len(server.commands), server.sessions, daemon.cpu()
        time.sleep(WATCHED)
        self.assertLessEqual(len(server.commands) - before, commands, server.commands[-20:])
        self.assertLessEqual(server.sessions - at, sessions)
        self.assertLess(daemon.cpu() - spent, cpu * WATCHED)
        self.assertLess(daemon.own_memory(), 64 * 1024)

    def ends(self, server, mirror, daemon, removed=0, timeout=12):
        """New mail of a server that behaves arrives."""
        for number, box in enumerate(server.mailboxes):
            box.add(simple(80 + number))
        server.notify()
        daemon.call("Sync", timeout=30)
        self.assertSoonHolds(mirror, *server.mailboxes, timeout=timeout)
        self.assertEqual(len(mirror.quarantined()), removed)
        self.assertOnlyRead(server)
        self.assertEnds(daemon)

    def some(self, cases):
        """All of them, in any order, or a sample."""
        names = sorted(cases)
        return [(name, cases[name]) for name in (names if FULL else self.dice.sample(names, min(SAMPLE, len(names))))]

    def test_answers_to_idle(self):
        def refused(text):
            return lambda session, tag, words: session.line(tag + b" " + text) or True

        def ended(session, tag, words):
            session.raw(b"+ idling\r\n")
            session.line(tag + b" OK that was it")
            session.flush()
            session._line()
            return True

        def never(session, tag, words):
            session.flush()
            session._line()
            return True

        def twice(session, tag, words):
            session.raw(b"+ idling\r\n+ yes, idling\r\n")

        def goodbye(session, tag, words):
            session.raw(b"+ idling\r\n")
            session.line(b"* BYE no idlers here")
            session.close()

        cases = {"refused": refused(b"NO not today"), "unknown": refused(b"BAD what?"),
                 "no-plus": refused(b"OK done already"), "ended-at-once": ended, "never": never, "twice": twice,
                 "goodbye": goodbye}
        for name, hook in self.some(cases):
            with self.subTest(name):
                server, mirror, daemon = self.begin(IDLE, name, {"IDLE": hook}, timeout="3s")
                self.calm(server, daemon)
                del server.hooks["IDLE"]
                self.ends(server, mirror, daemon)

    def test_lies_while_it_idles(self):
        cases = {
            "more": [b"* 4294967295 EXISTS"], "fewer": [b"* 0 EXISTS"],
            "expunged-beyond": [b"* %d EXPUNGE" % number for number in (99, 4294967295, 1, 1, 1, 1, 1, 1)],
            "all-vanished": [b"* VANISHED 1:4294967295"], "earlier": [b"* VANISHED (EARLIER) 1:4"],
            "flags-of-none": [b"* 7 FETCH (FLAGS (\\Seen))", b"* 3 FETCH (UID 999 FLAGS (\\Flagged) MODSEQ (9))"],
            "flags-that-are-not": [b"* 1 FETCH (UID 1 FLAGS (\\Deleted \\Flagged) MODSEQ (5))"],
            "numbers-too-large": [b"* 99999999999999999999 EXISTS", b"* -1 EXISTS", b"* 0 EXPUNGE"],
            "unasked-body": [b"* 1 FETCH (UID 1 BODY[] {5}\r\nhello)"],
            "validity": [b"* OK [UIDVALIDITY 77] changed my mind"],
            "nonsense": [b"* (((", b"hello", b"", b"* LIST (\\Noselect", b"x OK who?"],
            "closed": [b"* OK [CLOSED] gone"], "modseq": [b"* OK [HIGHESTMODSEQ 1] lower", b"* OK [NOMODSEQ] none"],
            "plus": [b"+ more?", b"+ "],
        }
        for name, lines in self.some(cases):
            with self.subTest(name):
                server, mirror, daemon = self.begin(IDLE, name)
                wait_until(server.idling, 10)
                server.notify(*lines)
                self.calm(server, daemon)
                self.ends(server, mirror, daemon)

    def test_lies_by_notify(self):
        cases = {
            "inbox-gone": [b'* LIST (\\NonExistent) "/" INBOX'], "gone": [b'* LIST (\\NonExistent) "/" Other'],
            "renamed": [b'* LIST () "/" New ("OLDNAME" ("Other"))'],
            "renamed-to-inbox": [b'* LIST () "/" INBOX ("OLDNAME" ("Other"))'],
            "to-another": [b'* LIST () "." Other'], "outside": [b'* LIST () "/" "../../x"', b'* LIST () "/" "/etc"'],
            "unknown": [b"* STATUS Box%d (MESSAGES 5 UIDNEXT 6)" % number for number in range(2000)],
            "listed-unknown": [b'* LIST () "/" Box%d' % number for number in range(2000)],
            "validity": [b"* STATUS Other (UIDVALIDITY 99)"], "empty": [b"* STATUS Other ()"],
            "none-left": [b"* STATUS Other (MESSAGES 0 UIDNEXT 1)"],
            "far-ahead": [b"* STATUS Other (MESSAGES 4294967295 UIDNEXT 4294967295 HIGHESTMODSEQ 9223372036854775807)"],
            "too-large": [b"* STATUS Other (MESSAGES 99999999999999999999)"],
            "literal": [b"* STATUS {5}\r\nOther (MESSAGES 3)"], "bad-name": [b"* STATUS &&&- (MESSAGES 3)"],
            "metadata": [b'* METADATA "" /private/x', b"* METADATA Other /shared/y"],
        }
        for name, lines in self.some(cases):
            with self.subTest(name):
                server, mirror, daemon = self.begin(NOTIFY, name)
                wait_until(server.idling, 10)
                server.notify(*lines)
                self.calm(server, daemon, commands=80)
                self.ends(server, mirror, daemon)

    def test_floods(self):
        many = 20_000
        cases = {
            "still-here": (IDLE, [b"* OK Still here"]), "exists": (IDLE, [b"* 4 EXISTS"]),
            "flags": (IDLE, [b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (2))"]),
            "alerts": (IDLE, [b"* OK [ALERT] your mailbox is nearly full"]),
            "status": (NOTIFY, [b"* STATUS Other (MESSAGES 3 UIDNEXT 4 HIGHESTMODSEQ 1)"]),
            "recent": (IDLE, [b"* 0 RECENT"]),
        }
        for name, (capabilities, lines) in self.some(cases):
            with self.subTest(name):
                server, mirror, daemon = self.begin(capabilities, name)
                wait_until(server.idling, 10)
                for _ in range(20):
                    server.notify(*(lines * (many // 20)))
                self.calm(server, daemon, cpu=1.2)
                self.assertLess(len(daemon.log), 200_000)
                self.ends(server, mirror, daemon)

    def test_news_that_never_ends(self):
        """What is told at each command, and never turns out to be so, is looked at ever more rarely."""
        def at_each(line):
            return {word: (lambda session, tag, words: session.raw(line + b"\r\n"))
                    for word in ("IDLE", "EXAMINE", "SELECT", "UID FETCH", "NOOP")}

        cases = {
            "exists": (IDLE, at_each(b"* 9 EXISTS")), "expunge": (IDLE, at_each(b"* 1 EXPUNGE")),
            "flags": (IDLE, at_each(b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (99999))")),
            "status": (NOTIFY, at_each(b"* STATUS Other (MESSAGES 9 UIDNEXT 99 HIGHESTMODSEQ 99999)")),
            "list": (NOTIFY, at_each(b'* LIST () "/" Third')),
            "overflow": (NOTIFY, at_each(b"* OK [NOTIFICATIONOVERFLOW] no more")),
            "gone": (NOTIFY, at_each(b'* LIST (\\NonExistent) "/" Other')),
        }
        for name, (capabilities, hooks) in self.some(cases):
            with self.subTest(name):
                def prepare(server, hooks=hooks):
                    self.addCleanup(server.hooks.clear)

                server, mirror, daemon = self.begin(capabilities, name, hooks, prepare)
                self.calm(server, daemon, commands=60)
                for word in hooks:
                    server.hooks.pop(word, None)
                self.ends(server, mirror, daemon)

    def test_a_modseq_that_rises_whenever_somebody_looks(self):
        for name, capabilities in (("idle", IDLE), ("notify", NOTIFY)):
            with self.subTest(name):
                server, mirror, daemon = self.begin(capabilities, name)
                wait_until(server.idling, 10)

                def look(session, tag, words, server=server):
                    box = server.box(words[0]) if words and isinstance(words[0], bytes) else session.selected
                    if box:
                        box.mod_seq += 1
                        if "NOTIFY" in server.capabilities:
                            session.raw(status(box) + b"\r\n")

                server.hooks.update({"EXAMINE": look, "UID FETCH": look, "IDLE": look})
                server.notify(status(server.box("Other")))
                self.calm(server, daemon, commands=60)
                for word in ("EXAMINE", "UID FETCH", "IDLE"):
                    del server.hooks[word]
                self.ends(server, mirror, daemon)
