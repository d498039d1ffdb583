"""Runs a program in a terminal of its own and drains what it draws."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time


def run(command, environment=None, timeout=30, cwd=None):
    """Its exit status and what it drew, without the control sequences. It is ended after the timeout."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=cwd,
                               env=dict(os.environ, TERM="xterm", **(environment or {})), start_new_session=True)
    os.close(terminal)
    drawn, deadline = b"", time.monotonic() + timeout
    try:
        while True:
            if time.monotonic() > deadline:
                raise AssertionError("%s did not end within %d s; it shows: %s" % (
                    command[0], timeout, plain(drawn)[-1500:]))
            if not select.select([controller], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(controller, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # the terminal's other end is closed
                    raise
                break
            if not data:
                break
            drawn += data
        return process.wait(10), plain(drawn)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        os.close(controller)


def plain(drawn):
    return re.sub(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[()].|[=>78])", " ", drawn.decode(errors="replace"))
