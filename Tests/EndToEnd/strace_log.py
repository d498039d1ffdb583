"""Runs a program under strace and reads the log: one value per system call, in the order in which they ended."""

import os
import re
import subprocess

CALLS = ("openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,write,pwrite64,"
         "writev,pwritev,pwritev2,sendfile,copy_file_range,splice,ftruncate,fallocate,fsync,fdatasync,syncfs,sync,"
         "sync_file_range,fchmod,utimensat,symlinkat,lseek")

_WHOLE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+= (-?\d+|\?)(.*)$", re.S)
_BEGUN = re.compile(r"^(\d+)\s+(\w+)\((.*?)\s*<unfinished \.\.\.>$", re.S)
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. (\w+) resumed>(.*)\)\s+= (-?\d+|\?)(.*)$", re.S)
_ARGUMENT = re.compile(r'\s*((?:"(?:\\.|[^"\\])*"(?:\.\.\.)?|\[[^\]]*\]|\{[^}]*\}|[^,"\[\{<]|<(?:\\.|[^>\\])*>)+)(?:,|$)')
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|[0-7]{1,3}|.)", re.S)
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}


def _unescape(text):
    def one(match):
        code = match.group(1)
        if code[:1] == b"x":
            return bytes([int(code[1:], 16)])
        if code.isdigit():
            return bytes([int(code, 8)])
        return _PLAIN.get(code, code)
    return _ESCAPE.sub(one, text.encode("latin-1"))


class Call:
    """A system call: its name, arguments (as strace prints them), result, and the lines where it began and ended."""

    def __init__(self, thread, name, arguments, result, rest, begun, ended):
        self.thread, self.name, self.result = thread, name, result
        self.arguments = _ARGUMENT.findall(arguments)
        self.rest, self.begun, self.ended = rest, begun, ended

    def __repr__(self):
        return "%d-%d %s(%s) = %d" % (self.begun, self.ended, self.name, ", ".join(self.arguments)[:150], self.result)

    def descriptor(self, index=0):
        """The path of a descriptor argument, or None."""
        match = re.match(r"(?:\d+|AT_FDCWD)<(.*?)>", self.arguments[index])
        if match is None or ":[" in match.group(1):
            return None
        return os.fsdecode(_unescape(match.group(1))).replace(" (deleted)", "")

    def data(self, index):
        """The bytes of a string argument."""
        match = re.search(r'"((?:\\.|[^"\\])*)"', self.arguments[index])
        return _unescape(match.group(1)) if match else b""

    def text(self):
        """The bytes of all strings among the arguments, one after the other: what a writev sends, for instance."""
        return b"".join(_unescape(one) for argument in self.arguments
                        for one in re.findall(r'"((?:\\.|[^"\\])*)"', argument))

    def path(self, index):
        """The path of a string argument, below the descriptor before it in the calls that have one."""
        name = os.fsdecode(self.data(index))
        if index > 0 and not name.startswith("/"):
            name = os.path.join(self.descriptor(index - 1) or "", name)
        return os.path.normpath(name)

    def moved(self):
        """(from, to) of a rename or link, else None."""
        if self.name in ("rename", "link"):
            return os.path.normpath(os.fsdecode(self.data(0))), os.path.normpath(os.fsdecode(self.data(1)))
        if self.name in ("renameat", "renameat2", "linkat"):
            return self.path(1), self.path(3)
        return None


def run(command, log, width=4200, environment=None, timeout=110, extra=(), inject=()):
    """Runs the command under strace; (exit status, output, calls). `extra` names further calls to record, `inject` what
    becomes of some of them: `syncfs:error=EIO`."""
    done = subprocess.run(
        ["strace", "-f", "-y", "-qq", "-s", str(width), "-o", str(log), "-e", "trace=" + ",".join([CALLS, *extra]),
         "-e", "signal=none", *("--inject=" + one for one in inject), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
        env=dict(os.environ, **(environment or {})))
    return done.returncode, done.stdout.decode(errors="replace"), read(log)


def read(log):
    calls, waiting = [], {}
    with open(log, encoding="latin-1", newline="\n") as lines:
        for number, line in enumerate(lines):
            line = line.rstrip("\n")
            match = _WHOLE.match(line)
            if match:
                thread, name, arguments, result, rest = match.groups()
                begun = number
            else:
                match = _BEGUN.match(line)
                if match:
                    waiting[match.group(1)] = (match.group(2), match.group(3), number)
                    continue
                match = _RESUMED.match(line)
                if not match:
                    continue
                thread, name, tail, result, rest = match.groups()
                _, head, begun = waiting.pop(thread, (name, "", number))
                arguments = head + tail
            if result == "?":
                continue
            calls.append(Call(int(thread), name, arguments, int(result), rest, begun, number))
    return calls
