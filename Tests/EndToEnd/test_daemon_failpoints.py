"""Push that is stopped at every step, by exit and by error: afterwards each message is there once, and none is lost."""

import collections
import contextlib
import shutil
import subprocess

from daemon import Daemon
from daemon_case import DaemonCase
from support import FULL, corpus, figure, wait_until

# The short form tries so many of the steps.
EXITS = None if FULL else 15
ERRORS = None if FULL else 4


class Push(DaemonCase):
    """New mail, a flag and a removal come by push to a mirror that is in step."""

    weight = 40

    def prepare(self):
        self.server = self.dovecot()
        self.server.append("INBOX", corpus.small(8))
        self.target = self.mirror(self.server, poll_interval="1h", keep_deleted="1d")
        self.synced(self.target)
        self.saved = self.target.directory / "saved"
        for path in (self.target.maildir, self.target.state):
            subprocess.run(["cp", "-a", "--parents", path.name, str(self.make(self.saved))],
                           cwd=self.target.directory, check=True)
        self.number = 100

    def make(self, path):
        path.mkdir(exist_ok=True)
        return path

    def reset(self):
        """The mirror as it was; the server has moved on, so it is brought into step first, and then disturbed."""
        for path in (self.target.maildir, self.target.state):
            shutil.rmtree(path)
            subprocess.run(["cp", "-a", str(self.saved / path.name), str(path)], check=True)
        self.synced(self.target)

    def disturb(self):
        """What another program does on the server."""
        self.number += 1
        client = self.server.client()
        try:
            body = b"Subject: pushed %d\r\nMessage-ID: <%d@push>\r\n\r\nbody %d\r\n" % ((self.number,) * 3)
            client.append("INBOX", None, None, body)
            client.select("INBOX")
            client.store("2", "+FLAGS" if self.number % 2 else "-FLAGS", "(\\Flagged)")
            client.store("3", "+FLAGS.SILENT", "(\\Deleted)")
            client.expunge()
        finally:
            client.logout()
        self.server.append("INBOX", corpus.small(1, seed=self.number))

    def passes(self):
        """{site: (passes before the push, passes after it)}."""
        log = self.target.directory / "steps"
        log.unlink(missing_ok=True)

        def counted():
            return collections.Counter(log.read_text().split())

        with Daemon(self.target, environment={"MAILMIRROR_FAILPOINT_LOG": str(log)}) as daemon:
            daemon.wait_until_watching()
            before = counted()
            self.disturb()
            self.assertSoonMirrored(self.target, self.server)
            daemon.wait_until_watching()
            after = counted()
            self.assertEnds(daemon)
        return [(site, number) for site in sorted(after) for number in range(before[site] + 1, after[site] + 1)]

    def steps(self, count):
        """So many steps that two pushes have in common, or all that either has."""
        first = self.passes()
        self.reset()
        second = self.passes()
        self.common = set(first) & set(second)
        if count is None:
            return sorted({*first, *second})
        return sorted(self.dice.sample(sorted(self.common), min(count, len(self.common))))

    def stopped_by_exit(self, site, number):
        self.reset()
        with Daemon(self.target, environment={"MAILMIRROR_FAILPOINT": "%s#%d:exit" % (site, number)}) as daemon:
            daemon.wait_until_watching()
            self.disturb()
            try:
                wait_until(lambda: not daemon.running, 3)
            except AssertionError:
                with contextlib.suppress(AssertionError):
                    wait_until(lambda: not daemon.running or self.equal(self.target, self.server, leftovers=False),
                               20, 0.2)
                if daemon.running:
                    self.assertMirrored(self.target, self.server, leftovers=False)
                    return False
            self.assertEqual(daemon.process.returncode, 86, daemon.log[-2000:])
        self.synced(self.target)
        return True

    def stopped_by_error(self, site, number):
        """The daemon goes on by itself."""
        self.reset()
        with Daemon(self.target, environment={"MAILMIRROR_FAILPOINT": "%s#%d:error" % (site, number)}) as daemon:
            daemon.wait_until_watching()
            self.disturb()
            self.assertSoonMirrored(self.target, self.server, timeout=40)
            self.assertEnds(daemon)
        return True

    def test_steps_by_exit(self):
        self.prepare()
        steps, fired = self.steps(EXITS), 0
        for site, number in steps:
            with self.subTest(site=site, number=number):
                self.server.append("INBOX", corpus.small(1, seed=7000 + number))
                fired += self.stopped_by_exit(site, number)
                # What an exit leaves in tmp/ has its 36 hours (M13).
                self.assertMirrored(self.target, self.server, leftovers=False)
        figure("push stopped by exit at %d of %d steps" % (fired, len(steps)))
        # How many rounds a push takes is up to when the server tells.
        self.assertGreater(fired, len(self.common.intersection(steps)) // 2)

    def test_steps_by_error(self):
        self.prepare()
        steps = self.steps(ERRORS)
        for site, number in steps:
            with self.subTest(site=site, number=number):
                self.server.append("INBOX", corpus.small(1, seed=8000 + number))
                self.stopped_by_error(site, number)
                self.assertMirrored(self.target, self.server)
        figure("push stopped by error at %d steps of %d that two had in common" % (len(steps), len(self.common)))
