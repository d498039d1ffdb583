"""What the hazards of the two-way side share: a scripted server that also takes what is sent to it."""

import collections
import contextlib
import signal
import sqlite3
import time

import check
import mail_reader
import two_way
from hostile import Hostile
from mail_reader import letter
from servers.model import Mailbox, Message
from servers.scripted import CAPABILITIES
from support import FULL

PLAIN = "IMAP4rev1 SASL-IR AUTH=PLAIN"
MOVE = CAPABILITIES + " MOVE"


def box(name, count=0, first=1, flags=(), prefix=None, attributes=()):
    """A mailbox with the letters t1 to tN."""
    prefix = prefix or "t"
    return Mailbox(name, [Message(number, letter("%s%d" % (prefix, number), ends=b"\r\n"), flags)
                          for number in range(first, first + count)], attributes=attributes)


class HostileTwoWay(Hostile):
    def pair(self, count=6, capabilities=MOVE, name="mirror", boxes=None, account=None, **options):
        """INBOX with t1 to tN, Archive and Trash, and a mirror of them."""
        self.server = self.serve(*(boxes or [box(b"INBOX", count), box(b"Archive"), box(b"Sent"),
                                             box(b"Trash", attributes=["\\Trash"])]),
                                 capabilities=capabilities, **options)
        self.subject = self.mirror(self.server, name=name, **dict({"direction": "two-way", "settle": "1s"},
                                                                 **(account or {})))
        self.synced(self.subject)
        self.assertEqual(self.server.writes, [])
        self.inbox = self.server.box("INBOX")
        return self.server

    def folder(self, name="INBOX"):
        return self.subject.folder_of(name.encode())

    def file(self, token, name="INBOX"):
        return mail_reader.one(self.folder(name), token)

    def token_count(self, token, text="hello"):
        """{mailbox: how often the server has it}, and the same of the folders."""
        content = check.digest(letter(token, text))
        there = collections.Counter({one.name.decode(): sum(check.digest(m.whole()) == content for m in one.messages)
                                     for one in self.server.mailboxes})
        here = collections.Counter()
        for one in self.server.mailboxes:
            folder = self.subject.folder_of(one.name)
            if folder and (folder / "cur").is_dir():
                here[one.name.decode()] = sum(check.digest(path.read_bytes()) == content
                                              for path in mail_reader.files(folder))
        return +there, +here

    def assertPlaces(self, token, *mailboxes, text="hello"):
        wanted = collections.Counter(mailboxes)
        self.assertEqual(self.token_count(token, text), (wanted, wanted), "%s: server, folder" % token)

    def message(self, token, name="INBOX"):
        content = check.digest(letter(token))
        found = [one for one in self.server.box(name).messages if check.digest(one.whole()) == content]
        self.assertEqual(len(found), 1, token)
        return found[0]

    def flags_of(self, token, name="INBOX"):
        return {flag.lower() for flag in self.message(token, name).flags} - {"\\recent"}

    def snapshot(self):
        """All that the server has, to see whether anything was changed."""
        return {one.name: [(m.uid, m.whole(), tuple(m.flags)) for m in one.messages] for one in self.server.mailboxes}

    def verbs(self):
        return [name for name, _ in self.server.writes]

    def settle(self, rounds=8, status=0):
        """Syncs until all is well. A sync that waits (60 s) until the server can't be at an uncertain act any more is
        killed, and the act made so old."""
        for _ in range(rounds):
            result = self.subject.sync(timeout=100, while_running=None if FULL else self.hurry())
            if result.status != -signal.SIGKILL:
                self.assertAlive(result)
                if result.status == status:
                    return result
            self.age_intents()
        self.fail("it never came to rest: %d %s" % (result.status, result.err))

    def hurry(self):
        """Kills a process that only waits: its last act has been uncertain for longer than it pauses before it tries
        again, nothing is said."""
        last = [None, 0]

        def look(process):
            now = time.monotonic()
            if len(self.server.commands) != last[1]:
                last[:] = [now, len(self.server.commands)]
            elif now - last[0] > 2.5 and self.uncertain():
                process.kill()
        return look

    def uncertain(self):
        with contextlib.closing(sqlite3.connect(self.subject.database)) as connection:
            return connection.execute("SELECT count(*) FROM intent WHERE uncertain = 1").fetchone()[0]

    def age_intents(self):
        with contextlib.closing(sqlite3.connect(self.subject.database)) as connection, connection:
            connection.execute("UPDATE intent SET since = since - 1000")

    def assertSame(self, *names, dates=True):
        self.assertHolds(self.subject, *[self.server.box(name) for name in names] or self.server.mailboxes, dates=dates)

    def assertQuiet(self, status=0):
        before, files = self.snapshot(), self.subject.mail()
        self.server.writes.clear()
        self.synced(self.subject, status=status)
        self.assertEqual(self.server.writes, [])
        self.assertEqual(self.snapshot(), before)
        self.assertEqual(self.subject.mail(), files)

    def holds(self):
        return two_way.holds(self, self.subject)

    def answered(self, word, status=0):
        result = self.subject.run(word, "--all")
        self.assertEqual(result.status, 0, result.err)
        return self.synced(self.subject, status=status)

    def tearDown(self):
        if getattr(self, "server", None):
            self.assertEqual(self.server.failures, [], "the script itself must not fail")
            for verb, _ in self.server.writes:
                self.assertNotIn(verb, ("EXPUNGE", "STORE", "COPY", "MOVE"), "never by sequence number, never plain")
            for _, command in self.server.commands:
                self.assertNotEqual(command.upper().split()[:1], ["CLOSE"], "CLOSE expunges")
