"""Runs `mailmirror daemon`: starts it and waits for its READY, asks it over its socket, measures it, ends it."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from varlink_client import Client


class Daemon:
    """The daemon on the configuration of a Mirror; use it in a `with`, which starts it and kills what is left of it.

    place: where its socket and the notify socket go, by default a short directory of their own: a socket's path has 107
    bytes at most."""

    def __init__(self, mirror, environment=None, arguments=(), place=None):
        self.mirror, self.environment, self.arguments = mirror, environment or {}, arguments
        self.kept = place is not None
        self.place = Path(place or tempfile.mkdtemp(prefix="mm-daemon-"))
        self.place.mkdir(mode=0o700, exist_ok=True)
        self.socket = self.place / "control.sock"
        mirror.settings["socket"] = self.socket
        mirror.write()
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notices.bind(str(self.place / "notify"))
        self.process, self.told, self.heard = None, [], threading.Condition()
        threading.Thread(target=self._hear, daemon=True).start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):
            self.notices.shutdown(socket.SHUT_RDWR)
        self.notices.close()
        if self.kept:
            (self.place / "notify").unlink(missing_ok=True)
        else:
            shutil.rmtree(self.place, ignore_errors=True)

    # Starting and ending.

    def start(self, ready=True, timeout=30):
        with self.heard:
            self.told = []
        environment = dict(os.environ, NOTIFY_SOCKET=str(self.place / "notify"), **self.environment)
        with open(self.output, "ab") as output:
            self.process = subprocess.Popen(self.mirror.command("daemon", *self.arguments), stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, env=environment, start_new_session=True)
        if ready:
            self.wait_for_notice("READY=1", timeout)
        return self

    @property
    def output(self):
        return self.mirror.directory / "daemon.log"

    @property
    def log(self):
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def _hear(self):
        """Reads what the service manager would be told, so that the sender never waits."""
        while True:
            try:
                text = self.notices.recv(4096)
            except OSError:
                return
            if not text:
                return
            with self.heard:
                self.told += text.decode(errors="replace").splitlines()
                self.heard.notify_all()

    def wait_for_notice(self, line, timeout=30, count=1):
        """Waits until the daemon has told the service manager that line (sd_notify), `count` times since its start."""
        deadline = time.monotonic() + timeout
        while True:
            with self.heard:
                if self.heard.wait_for(lambda: self.told.count(line) >= count, 0.05):
                    return
            if not self.running:
                raise AssertionError("the daemon ended with %s: %s" % (self.process.returncode, self.log[-3000:]))
            if time.monotonic() > deadline:
                raise AssertionError("no %s within %d s: %s" % (line, timeout, self.log[-3000:]))

    def stop(self, timeout=20):
        """Ends it by SIGTERM: (exit status, seconds)."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("SIGTERM did not end it within %d s: %s" % (timeout, self.log[-3000:])) from None
        return status, time.monotonic() - started

    def kill(self):
        self.process.kill()
        self.process.wait()

    def hang_up(self):
        """SIGHUP: the configuration is read again."""
        self.process.send_signal(signal.SIGHUP)

    # Asking.

    def client(self, timeout=20):
        return Client(self.socket, timeout)

    def call(self, method, timeout=20, **parameters):
        with self.client(timeout) as client:
            return client.call(method, **parameters)

    def accounts(self):
        """{name: account} as Status tells now."""
        return {account["name"]: account for account in self.call("Status")["accounts"]}

    def account(self, name="test"):
        return self.accounts()[name]

    def wait_for(self, condition, timeout=30):
        """Follows Status until condition({name: account}) holds, and returns what it returned."""
        deadline, seen = time.monotonic() + timeout, None
        with self.client() as client:
            client.send("Status", more=True)
            while True:
                client.socket.settimeout(max(0.01, deadline - time.monotonic()))
                try:
                    found, continues = client.reply()
                except (socket.timeout, TimeoutError):
                    break
                except EOFError:
                    raise AssertionError("the status stream ended: %s" % self.log[-3000:]) from None
                seen = {account["name"]: account for account in found["accounts"]}
                value = condition(seen)
                if value:
                    return value
                if not continues:
                    raise AssertionError("the status stream ended by itself")
        late = condition(self.accounts()) if self.running else None
        raise AssertionError("waited %d s in vain%s; the last status: %s\n%s" % (
            timeout, "" if not late else " for the stream (Status itself says so by now)", seen, self.log[-2000:]))

    def wait_until_watching(self, name="test", timeout=60):
        """Waits until the account has synced everything once and IDLEs."""
        return self.wait_for(lambda accounts: settled(accounts[name]) and watching(accounts[name]), timeout)

    # Measuring.

    def cpu(self):
        """CPU seconds, user and system."""
        fields = Path("/proc/%d/stat" % self.pid).read_text().rsplit(")", 1)[1].split()
        return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")

    def switches(self):
        """{thread: context switches, voluntary and involuntary}: each is a wakeup."""
        found = {}
        for task in Path("/proc/%d/task" % self.pid).iterdir():
            with contextlib.suppress(OSError):
                found[task.name] = sum(int(number) for number in re.findall(r"ctxt_switches:\s+(\d+)",
                                                                            (task / "status").read_text()))
        return found

    def wakeups(self, since):
        """Wakeups since `switches` was taken, of the threads that are still there."""
        return sum(count - since.get(thread, 0) for thread, count in self.switches().items())

    def memory(self):
        """(RSS, PSS, peak RSS) in kB."""
        rollup = Path("/proc/%d/smaps_rollup" % self.pid).read_text()
        status = Path("/proc/%d/status" % self.pid).read_text()
        return tuple(int(re.search(r"(?m)^%s:\s+(\d+)" % word, text).group(1))
                     for word, text in (("Rss", rollup), ("Pss", rollup), ("VmHWM", status)))

    def own_memory(self):
        """Anonymous memory in kB, resident or swapped out: what it has allocated, not what of its program is mapped in."""
        status = Path("/proc/%d/status" % self.pid).read_text()
        return sum(int(re.search(r"(?m)^%s:\s+(\d+)" % word, status).group(1)) for word in ("RssAnon", "VmSwap"))

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.pid))

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))


def settled(account):
    """Whether it is ok, and all its mailboxes are."""
    return (account["state"] == "ok" and account["mailboxes"] and
            all(mailbox["state"] == "ok" for mailbox in account["mailboxes"]))


def watching(account):
    return (account.get("activity") or "").startswith("watching")


def mailbox(account, name):
    return next((one for one in account["mailboxes"] if one["name"] == name), None)
