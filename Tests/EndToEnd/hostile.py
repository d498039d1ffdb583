"""What the tests of HAZARDS.md share: a scripted server, and what must hold whatever it does."""

import check
from servers.model import Mailbox, Message, simple
from servers.scripted import Scripted
from support import EndToEnd, wait_until
from survival import Survival


def inbox(count=4, name=b"INBOX", first=1, **options):
    return Mailbox(name, [Message(uid, simple(uid, name.decode("latin-1") if name.isalpha() else "x"),
                                  ["\\Seen"] if uid % 2 else []) for uid in range(first, first + count)], **options)


def expected(box):
    """What a folder must hold for a mailbox."""
    return [check.Message(check.digest(message.whole()), *check._split(message.flags), message.date)
            for message in box.messages]


def status(box, *items):
    """What a server tells of a mailbox that changed."""
    numbers = {"MESSAGES": len(box.messages), "UIDNEXT": box.uid_next, "HIGHESTMODSEQ": box.mod_seq}
    words = " ".join("%s %d" % (item, numbers[item]) for item in items or numbers)
    return b"* STATUS %s (%s)" % (box.name, words.encode())


class Hostile(Survival, EndToEnd):
    weight = 25

    def serve(self, *boxes, **options):
        return self.exits.enter_context(Scripted(boxes or [inbox()], **options))

    def mirror(self, server, name="mirror", **account):
        settings = {"host": "127.0.0.1", "tls": "none", "tls_ca_file": None, "timeout": "5s"}
        if server.tls != "none":
            settings = {"tls": server.tls, "timeout": "5s"}
        settings.update(account)
        return super().mirror(server, name=name, **settings)

    # What must hold.

    def assertHolds(self, mirror, *boxes, dates=True):
        """The folders hold what the mailboxes (plain names) hold, message by message."""
        for box in boxes:
            folder = mirror.folder_of(box.name)
            self.assertIsNotNone(folder, box.name)
            found, odd = check.folder_messages(folder)
            self.assertEqual(odd + check.differences(expected(box), found.values(), str(box.name), dates=dates), [])

    def assertSoonHolds(self, mirror, *boxes, timeout=6):
        def holds():
            try:
                return all(not check.differences(expected(box), check.folder_messages(mirror.folder_of(box.name))[0]
                                                 .values(), "") for box in boxes)
            except OSError:
                return False
        try:
            wait_until(holds, timeout)
        except AssertionError:
            pass
        self.assertHolds(mirror, *boxes)

    def assertBodies(self, mirror, *boxes):
        """All messages of the mailboxes are there once, in whatever folders."""
        self.assertEqual(mirror.bodies(), sorted(check.digest(message.whole()) for box in boxes
                                                 for message in box.messages))

    def assertOnlyRead(self, server):
        self.assertEqual(server.writes, [], "a pull never writes to the server")
        self.assertEqual(server.failures, [], "the script itself must not fail")

    def survives(self, server, mirror, *boxes, complete=False, dates=True):
        """Syncs against the misbehaving server, then against the same one behaving."""
        boxes = boxes or server.mailboxes
        wanted = [check.digest(message.whole()) for box in boxes for message in box.messages]
        result = mirror.sync(timeout=90)
        self.assertAlive(result)
        for digest in mirror.bodies():
            self.assertIn(digest, wanted, "a message that the server does not have")
        if complete:
            self.assertEqual(result.status, 0, result.err)
        if result.status == 0:
            self.assertHolds(mirror, *boxes, dates=dates)
        server.hooks.clear()
        server.rewrite = server.fetched = server.cut = None
        again = mirror.sync(timeout=90)
        self.assertAlive(again)
        self.assertEqual(again.status, 0, again.err)
        self.assertHolds(mirror, *boxes, dates=dates)
        self.assertEqual(mirror.quarantined(), [])
        self.assertContained(mirror)
        self.assertOnlyRead(server)
        return result

    def inject(self, server, command, *lines):
        """Untagged lines before the usual answer to a command."""
        def hook(session, tag, words):
            for line in lines:
                session.raw(line + b"\r\n")
        server.hooks[command] = hook
