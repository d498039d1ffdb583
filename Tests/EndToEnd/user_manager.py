"""A real `systemd --user` for a test, in name spaces of its own.

A user manager moves the processes that it finds into its own control group, so it must never see those of the machine:
it gets a process, a mount and a cgroup name space, an empty /run, and a control group hierarchy that nothing else uses.
In place of journald listens a recorder, which keeps the entries that services send.

    manager = UserManager(home)      # raises Unavailable where the machine does not allow it
    manager.run("systemctl", "--user", "start", "some.service")

It is the manager of the one who runs the test, or of another user, with `user`.
"""

import array
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SYSTEMD = "/usr/lib/systemd/systemd"
RUNTIME = "/run/user/%d" % os.getuid()


def runtime(user):
    return "/run/user/%d" % user


class Unavailable(Exception):
    """Why this machine can't run one."""


class UserManager:
    def __init__(self, home, environment=None, user=None):
        user = os.getuid() if user is None else user
        for program in (SYSTEMD, "unshare", "systemctl", "mount"):
            if shutil.which(program) is None:
                raise Unavailable("there is no %s" % program)
        if os.getuid() != 0:
            raise Unavailable("only root can make the name spaces")
        self.home = str(home)
        log = open(os.path.join(self.home, "manager.log"), "w+b")
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self.process = subprocess.Popen(
            ["unshare", "-m", sys.executable, os.path.abspath(__file__), "outside", str(user)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log, cwd="/",
            env=dict(kept, HOME=self.home, XDG_RUNTIME_DIR=runtime(user), **(environment or {})))
        first = self.process.stdout.readline()
        answer = json.loads(first) if first else {"failed": "the name spaces could not be made"}
        if "failed" in answer:
            self.close()
            log.seek(0)
            raise Unavailable("%s: %s" % (answer["failed"], log.read().decode(errors="replace").strip()[-500:]))
        log.close()

    def _ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the name space with the user manager has ended")
        return json.loads(line)

    def run(self, *command, timeout=30):
        """(status, standard output and error) of a command beside the manager."""
        answer = self._ask(command=command, timeout=timeout)
        return answer["status"], answer["output"]

    def systemctl(self, *words, timeout=60):
        status, output = self.run("systemctl", "--user", *words, timeout=timeout)
        return status, output.strip()

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit)[1]

    def journal(self):
        """Entries that services sent, oldest first: {field: value}; lines of standard error have only MESSAGE."""
        return self._ask(journal=True)["entries"]

    def close(self):
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def call(*command):
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=2)


def outside(user):
    """In the mount name space: makes the hierarchy, starts the rest in it, takes it away."""
    call("mount", "--make-rprivate", "/")
    directory, name = tempfile.mkdtemp(), "mailmirror-test-%d" % os.getpid()
    call("mount", "-t", "cgroup", "-o", "none,name=" + name, "cgroup", directory)
    group = os.path.join(directory, "test")
    os.mkdir(group)
    join(group)
    for path in (group, os.path.join(group, "cgroup.procs"), os.path.join(group, "tasks")):
        os.chown(path, user, user)
    try:
        subprocess.run(["unshare", "-p", "-f", "-C", "--kill-child", "--mount-proc", sys.executable,
                        os.path.abspath(__file__), "inside", name, str(user)])
    finally:
        join(directory)
        remove_hierarchy(directory, name)


def remove_hierarchy(directory, name):
    """A hierarchy goes with its last mount, but only when the kernel has forgotten the groups in it by then."""
    for _ in range(10):
        for path, _, _ in os.walk(os.path.join(directory, "test"), topdown=False):
            try:
                os.rmdir(path)
            except OSError:
                pass
        call("umount", directory)
        for _ in range(20):  # it takes a moment, and a mount meanwhile would make it anew
            with open("/proc/self/cgroup") as groups:
                if "name=%s:" % name not in groups.read():
                    os.rmdir(directory)
                    return
            time.sleep(0.05)
        call("mount", "-t", "cgroup", "-o", "none,name=" + name, "cgroup", directory)


def join(group):
    with open(os.path.join(group, "cgroup.procs"), "w") as processes:
        processes.write(str(os.getpid()))


class Journal:
    """Listens where journald would: at the socket of structured entries and at the one of standard error's lines."""

    def __init__(self):
        os.makedirs("/run/systemd/journal")
        self.entries = []
        self.native = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.native.bind("/run/systemd/journal/socket")
        self.lines = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.lines.bind("/run/systemd/journal/stdout")
        self.lines.listen(50)
        threading.Thread(target=self.read_entries, daemon=True).start()
        threading.Thread(target=self.accept, daemon=True).start()

    def read_entries(self):
        while True:
            data, control, _, _ = self.native.recvmsg(1 << 20, 4096)
            for level, kind, content in control:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    numbers = array.array("i", content[:len(content) // 4 * 4])
                    with os.fdopen(numbers[0], "rb") as big:
                        big.seek(0)
                        data = big.read()
            self.entries.append(self.fields(data))

    @staticmethod
    def fields(data):
        """NAME=VALUE lines, or NAME, a 64-bit little-endian length and the value."""
        entry = {}
        while data:
            line, _, rest = data.partition(b"\n")
            name, sign, value = line.partition(b"=")
            if not sign:
                size = int.from_bytes(rest[:8], "little")
                value, rest = rest[8:8 + size], rest[8 + size + 1:]
            entry[name.decode()] = value.decode(errors="replace")
            data = rest
        return entry

    def accept(self):
        while True:
            connection, _ = self.lines.accept()
            threading.Thread(target=self.read_lines, args=(connection,), daemon=True).start()

    def read_lines(self, connection):
        with connection.makefile("rb") as stream:
            for number, line in enumerate(stream):
                if number >= 7:  # the lines before are the stream's own description
                    self.entries.append({"MESSAGE": line.decode(errors="replace").rstrip("\n")})


def inside(name, user):
    """Process 1 of the name spaces: starts the manager and runs what it is told to."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**content):
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    # Credentials come to services as mounts that are shared, here among these name spaces alone.
    call("mount", "--make-rprivate", "/")
    call("mount", "--make-rshared", "/")
    call("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs("/run/systemd/system")
    os.makedirs(runtime(user), mode=0o700)
    os.chown(runtime(user), user, user)
    call("mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup")
    os.mkdir("/sys/fs/cgroup/systemd")
    call("mount", "-t", "cgroup", "-o", "none,name=" + name, "cgroup", "/sys/fs/cgroup/systemd")
    os.umask(0)  # anybody's entries are taken
    journal = Journal()
    os.umask(0o022)
    # What it sends to the journal when it ends is for nobody: it is taken along with the name space.
    become = [] if user == os.getuid() else [
        "setpriv", "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups", "--"]
    manager = subprocess.Popen([*become, SYSTEMD, "--user", "--unit=basic.target", "--log-target=console"],
                               stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while subprocess.run([*become, "systemctl", "--user", "is-system-running"], stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL).returncode != 0:
        if manager.poll() is not None or time.monotonic() > deadline:
            answer(failed="systemd --user does not start here")
            return
        time.sleep(0.1)
    answer(ready=True)
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("journal"):
            answer(entries=journal.entries)
            continue
        try:
            done = subprocess.run([*become, *request["command"]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=request["timeout"])
            answer(status=done.returncode, output=done.stdout.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            answer(status=-1, output="did not end within %s s" % request["timeout"])
    manager.send_signal(signal.SIGRTMIN + 24)  # exit.target at once
    try:
        manager.wait(5)
    except subprocess.TimeoutExpired:
        manager.kill()


if __name__ == "__main__":
    if sys.argv[1] == "outside":
        outside(int(sys.argv[2]))
    else:
        inside(sys.argv[2], int(sys.argv[3]))
