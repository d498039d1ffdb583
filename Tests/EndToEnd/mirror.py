"""Runs the program under test: writes its configuration, bounds its time, measures its memory."""

import collections
import json
import os
import re
import signal
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import check

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SCRATCH = Path(os.environ.get("MAILMIRROR_SCRATCH") or REPOSITORY / ".build" / "e2e")
FULL = os.environ.get("MAILMIRROR_FULL") == "1"

Result = collections.namedtuple("Result", "status out err peak seconds cpu")


def binary():
    """The program: MAILMIRROR_BIN, else the debug build."""
    return os.environ.get("MAILMIRROR_BIN") or str(REPOSITORY / ".build" / "debug" / "mailmirror")


def is_release():
    return "release" in Path(binary()).resolve().parts


def peak_limit():
    """What the program may have resident at its peak, kB: 64 MB, and 12 MB more for the larger code of a debug build."""
    return (64 if is_release() else 76) * 1024


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join("%s = %s" % (json.dumps(key), toml(item)) for key, item in value.items()) + " }"
    return json.dumps(str(value), ensure_ascii=False)


def _status(pid, field):
    try:
        with open("/proc/%d/status" % pid) as status:
            for line in status:
                if line.startswith(field):
                    return int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    return 0


def run(command, environment=None, timeout=300, while_running=None, input=None, cwd=None):
    """Runs a command to its end; its peak memory is VmHWM, read until it ends.

    (ru_maxrss of a child counts what its parent used at the fork, so it would be Python's own.)"""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                   env=dict(os.environ, **(environment or {})), start_new_session=True)
        peak, late, pause = 0, False, 0.002
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _status(process.pid, "VmHWM:"))
            if while_running:
                while_running(process)
            if time.monotonic() - started > timeout:
                late = True
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(pause)
            pause = min(0.02, pause * 1.5)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        if usage.ru_maxrss > _status(os.getpid(), "VmHWM:"):
            peak = max(peak, usage.ru_maxrss)
        out.seek(0)
        err.seek(0)
        texts = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        if late:
            raise AssertionError("%s did not end within %d s; it printed: %s %s" % (
                " ".join(command), timeout, texts[0][-2000:], texts[1][-2000:]))
        return Result(process.returncode, *texts, peak, seconds, usage.ru_utime + usage.ru_stime)


class Mirror:
    """One account, "test" by default, its Maildir and its state; its configuration, in a directory of its own, may hold
    others (`beside`)."""

    def __init__(self, directory, server=None, program=None, settings=None, name="test", first=None, **account):
        self.directory, self.name = Path(directory), name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.maildir, self.state = self.directory / "mail", self.directory / "state"
        self.program = program or binary()
        self.settings = first.settings if first else {"maildir": self.maildir, "state_dir": self.state}
        self.settings.update(settings or {})
        self.accounts = first.accounts if first else []
        self.accounts.append(self)
        self.account = {"protocol": "imap", "host": "localhost", "tls": "implicit", "user": "user",
                        "direction": "pull", "timeout": "20s"}
        if server is not None:
            self.account.update(port=server.imaps, tls_ca_file=server.ca)
            self.set_password(server.password)
        self.account.update(account)
        self.account = {key: value for key, value in self.account.items() if value is not None}
        self.write()

    def beside(self, name, server=None, **account):
        """Another account in the same configuration."""
        return Mirror(self.directory, server, program=self.program, name=name, first=self, **account)

    def set_password(self, password):
        path = self.directory / ("password" if self.name == "test" else "password-" + self.name)
        path.write_text(password + "\n", encoding="utf-8")
        path.chmod(0o600)
        self.account["password_file"] = path

    @property
    def configuration(self):
        return self.directory / "config.toml"

    def write(self, text=None):
        lines = ["%s = %s" % (key, toml(value)) for key, value in self.settings.items()]
        for one in self.accounts:
            lines += ["", "[accounts.%s]" % one.name]
            lines += ["%s = %s" % (key, toml(value)) for key, value in one.account.items()]
        self.configuration.write_text(text if text is not None else "\n".join(lines) + "\n", encoding="utf-8")

    def command(self, *arguments):
        return [self.program, *arguments, "--config", str(self.configuration)]

    def run(self, *arguments, **options):
        return run(self.command(*arguments), **options)

    def sync(self, *arguments, **options):
        return self.run("sync", *arguments, **options)

    @property
    def root(self):
        return Path(self.account.get("maildir", self.maildir / self.name))

    @property
    def quarantine(self):
        return self.state / "quarantine" / self.name

    # What it says of itself, used only to find folders.

    def folders(self):
        """{wire name: folder} as `mailboxes --json` tells it."""
        result = self.run("mailboxes", "--json")
        if result.status != 0:
            raise AssertionError("mailboxes --json: status %d, %s" % (result.status, result.err))
        found = {}

        def walk(value):
            if isinstance(value, dict):
                name, folder = value.get("wire", value.get("mailbox", value.get("name"))), value.get("folder")
                if isinstance(name, str) and isinstance(folder, str):
                    found[name] = self.root / folder
                for item in value.values():
                    walk(item)
            elif isinstance(value, list):
                for item in value:
                    walk(item)

        text = result.out.strip()
        for document in ([text] if text[:1] in "[{" and _is_json(text) else text.splitlines()):
            walk(json.loads(document))
        return found

    def folder_of(self, name):
        """The folder of a mailbox (wire name, bytes): INBOX and plain names by the layout, others as it says."""
        from servers.dovecot import modified_utf7
        text = name.decode("latin-1")
        fs = self.account.get("layout", "maildir++") == "fs"
        if text.upper() == "INBOX":
            return self.root / "INBOX" if fs else self.root
        if re.fullmatch(r"[A-Za-z0-9 _/]+" if fs else r"[A-Za-z0-9 _/&,+-]+", text) and "map" not in self.account:
            return self.root / (text if fs else "." + text.replace("/", "."))
        if not hasattr(self, "_folders") or text not in self._folders:
            self._folders = {}
            for known, folder in self.folders().items():
                self._folders[known] = self._folders[modified_utf7(known)] = folder
        return self._folders.get(text)

    # What it left on disk.

    def mail(self):
        """{path: (inode, mtime, ctime, size)} of all mail files."""
        found = {}
        for folder in check.folders(self.root) if self.root.exists() else []:
            for part in ("new", "cur", "tmp"):
                if (folder / part).is_dir():
                    for entry in os.scandir(folder / part):
                        status = entry.stat(follow_symlinks=False)
                        found[entry.path] = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
        return found

    def bodies(self):
        """Sorted digests of all messages in the Maildir."""
        return sorted(message.digest for folder in check.folders(self.root)
                      for message in check.folder_messages(folder)[0].values())

    def quarantined(self):
        """Contents of all files in quarantine."""
        found = []
        for path, _, names in os.walk(self.quarantine):
            found += [Path(path, name).read_bytes() for name in names]
        return found

    @property
    def database(self):
        return self.state / (self.name + ".sqlite")

    def tables(self, having="message"):
        """{table: rows} of the tables whose name has that word."""
        with sqlite3.connect("file:%s?mode=ro" % self.database, uri=True) as connection:
            connection.text_factory = bytes
            names = [row[0].decode() for row in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE ?", ("%" + having + "%",))]
            rows = {name: sorted(connection.execute('SELECT * FROM "%s"' % name).fetchall(), key=repr)
                    for name in names}
        connection.close()
        return rows

    def query(self, statement):
        """Rows of the state."""
        connection = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True)
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()


def _is_json(text):
    try:
        json.loads(text)
        return True
    except ValueError:
        return False
