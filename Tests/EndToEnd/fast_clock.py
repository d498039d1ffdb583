"""A daemon whose clock is driven: it runs RATE times as fast as ours, and jumps when its machine has been suspended."""

import mmap
import os
import signal
import struct
import time
from pathlib import Path

from preloaded import library


class FastClock:
    """`environment` is the daemon's; `now()` is its monotonic clock in seconds; all pauses are in its seconds."""

    def __init__(self, directory, rate):
        self.rate, self.slept = rate, 0.0
        self.path = Path(directory) / "clock"
        self.origin = time.monotonic_ns()
        self.path.write_bytes(struct.pack("=qqqq", self.origin, rate, 0, time.time_ns()))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 32)
        self.environment = {"LD_PRELOAD": str(library("fast_clock", directory)), "MAILMIRROR_TEST_CLOCK": str(self.path)}

    def now(self):
        """Without what was slept."""
        return (self.origin + (time.monotonic_ns() - self.origin) * self.rate) / 1e9

    def pause(self, seconds):
        time.sleep(seconds / self.rate)

    def suspend(self, pid, seconds, while_suspended=lambda: None):
        """The machine sleeps for so long: nothing runs, and CLOCK_BOOTTIME goes on while CLOCK_MONOTONIC does not."""
        os.kill(pid, signal.SIGSTOP)
        try:
            while_suspended()
            self.slept += seconds
            struct.pack_into("=q", self.page, 16, int(self.slept * 1e9))
        finally:
            os.kill(pid, signal.SIGCONT)
