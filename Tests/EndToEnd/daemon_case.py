"""What the tests of the daemon against real servers share."""

import contextlib

import check
from support import EndToEnd, wait_until


class DaemonCase(EndToEnd):
    def equal(self, mirror, server, user="user", **options):
        client = server.client(user)
        try:
            return not check.compare(client, mirror.folder_of, mirror.root, **options)
        except OSError:  # a file went away between the listing and the reading
            return False
        finally:
            client.logout()

    def assertSoonMirrored(self, mirror, server, timeout=20, **options):
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.equal(mirror, server, **options), timeout, 0.2)
        self.assertMirrored(mirror, server, **options)

    def assertEnds(self, daemon):
        """SIGTERM ends it with status 0 in under 2 s."""
        self.assertTrue(daemon.running, daemon.log[-2000:])
        self.assertNotIn("Fatal error", daemon.log)
        status, seconds = daemon.stop()
        self.assertEqual(status, 0, daemon.log[-2000:])
        self.assertLess(seconds, 2)
