"""What the test files share: a scratch directory, a Dovecot, the comparison as an assertion."""

import contextlib
import os
import random
import shutil
import tempfile
import time
import unittest

import check
import corpus
import mirror
from daemon import Daemon
from mirror import FULL, SCRATCH, Mirror
from servers.dovecot import Dovecot

SEED = int(os.environ.get("MAILMIRROR_SEED") or random.SystemRandom().randrange(1_000_000))


def loaded(name, fill, **options):
    """A Dovecot that holds what `fill(server)` loads; loaded once per name, copied for later ones."""
    template = SCRATCH / ("mail-%s-%d" % (name, os.getuid()))
    if template.exists():
        return Dovecot(template=template, **options)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    server = Dovecot(**options)
    server.start()
    fill(server)
    server.stop()
    try:
        server.save(template)
    except OSError:
        pass  # another process was quicker
    return server


class EndToEnd(unittest.TestCase):
    """Each test has a directory of its own, kept only when MAILMIRROR_KEEP is set."""

    maxDiff = 4000

    def setUp(self):
        SCRATCH.mkdir(parents=True, exist_ok=True)
        self.directory = tempfile.mkdtemp(prefix="%s-" % self._testMethodName[:40], dir=SCRATCH)
        if not os.environ.get("MAILMIRROR_KEEP"):
            self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.exits = contextlib.ExitStack()
        self.addCleanup(self.exits.close)
        self.dice = random.Random("%d/%s" % (SEED, self.id()))

    def dovecot(self, **options):
        return self.exits.enter_context(Dovecot(**options))

    def mirror(self, server=None, name="mirror", **account):
        return Mirror(os.path.join(self.directory, name), server, **account)

    def daemon(self, mirror_, **options):
        return self.exits.enter_context(Daemon(mirror_, **options))

    def synced(self, mirror_, *arguments, status=0, **options):
        """Runs sync and asks for its exit status."""
        result = mirror_.sync(*arguments, **options)
        self.assertEqual(result.status, status, "sync ended with %d: %s" % (
            result.status, (result.err or result.out)[-3000:]))
        if status == 0:
            self.assertNotIn("Fatal error", result.err)
        return result

    def assertMirrored(self, mirror_, server, user="user", **options):
        """The Maildir equals the server, message by message."""
        client = server.client(user)
        try:
            found = check.compare(client, mirror_.folder_of, mirror_.root, **options)
        finally:
            client.logout()
        self.assertEqual(found, [], "%d differences" % len(found))

    def remote(self, server, mailbox):
        """{uid: message} of a mailbox on the server."""
        client = server.client()
        try:
            return check.server_messages(client, mailbox)
        finally:
            client.logout()

    def assertOneLine(self, result, status):
        """One line on standard error, of the form `mailmirror: WHERE: WHAT; REMEDY`, and that exit status."""
        lines = result.err.strip().splitlines()
        self.assertEqual(result.status, status, result.err)
        self.assertEqual(len(lines), 1, result.err)
        self.assertRegex(lines[0], r"^mailmirror: [^:]+.*: .+; .+")
        return lines[0]


def sample(server, count=12, mailboxes=("INBOX", "Archive/2024", "Listen/Köln & Größe"), seed=1):
    """A few messages of all kinds in a few mailboxes."""
    for number, mailbox in enumerate(mailboxes):
        server.append(mailbox, corpus.realistic(count, seed=seed + number, largest=40_000))


def wait_until(condition, timeout=20, pause=0.05):
    """What the condition returns when it holds. It does not yet where it raises what a look at files or messages that
    are being renamed or expunged does."""
    deadline, last = time.monotonic() + timeout, None
    while time.monotonic() < deadline:
        try:
            value = condition()
        except (FileNotFoundError, AssertionError, RuntimeError) as error:
            value, last = None, error
        if value:
            return value
        time.sleep(pause)
    raise AssertionError("waited %d s in vain" % timeout) from last


def figure(text):
    """A measurement that the run shows even when the test passes."""
    print("figure: " + text, flush=True)


__all__ = ["Daemon", "EndToEnd", "FULL", "SEED", "SCRATCH", "Dovecot", "Mirror", "check", "corpus", "figure", "loaded",
           "mirror", "sample", "wait_until"]
