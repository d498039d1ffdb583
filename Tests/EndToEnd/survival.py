"""What must hold of the program whatever a server does to it."""

import os
import re

from mirror import peak_limit

PEAK = peak_limit()


class Survival:
    """For a test case. `told` is how an error reads, `allowed` what there may be beside the mail."""

    told = r"(?m)^mailmirror: [^:]+.*: .+"
    allowed = {"mail", "state", "config.toml", "password", "socket"}

    def assertAlive(self, result):
        """It ended by itself with one of its own exit statuses, in bounded memory, and printed nothing raw."""
        self.assertIn(result.status, (0, 1, 3), "it ended with %d: %s" % (result.status, result.err[-3000:]))
        self.assertNotIn("Fatal error", result.err)
        self.assertLess(result.peak, PEAK, "peak memory in kB")
        for text in (result.out, result.err):
            self.assertIsNone(re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text), "control characters printed")
            self.assertLess(len(text), 20_000)
        if result.status == 1:
            self.assertRegex(result.err, self.told)

    def assertContained(self, mirror):
        """Nothing was written outside the places that are meant for it."""
        self.assertLessEqual(set(os.listdir(mirror.directory)), self.allowed)
        self.assertLessEqual(set(os.listdir(mirror.maildir)) if mirror.maildir.exists() else set(), {mirror.name})
