"""What the tests of the daemon against real servers share."""

import contextlib

import check
from support import EndToEnd, wait_until


class DaemonCase(EndToEnd):
    def equal(self, mirror, server, user="user", **options):
        client = server.client(user)
        try:
            return not check.compare(client, mirror.folder_of, mirror.root, **options)
        except (OSError, RuntimeError):  # a file or message went away between the listing and the reading
            return False
        finally:
            client.logout()

    def assertSoonMirrored(self, mirror, server, timeout=20, **options):
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.equal(mirror, server, **options), timeout, 0.2)
        self.assertMirrored(mirror, server, **options)

    def assertEnds(self, daemon):
        """SIGTERM ends it with status 0, and soon (how soon: `test_daemon_end.InTime`)."""
        self.assertTrue(daemon.running, daemon.log[-2000:])
        self.assertNotIn("Fatal error", daemon.log)
        status, seconds = daemon.stop()
        self.assertEqual(status, 0, daemon.log[-2000:])
        self.assertLess(seconds, 5)
