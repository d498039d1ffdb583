"""What the latency of push is measured with: a bare IDLE client, a watcher of a directory, the cost of an fsync.

All of them timestamp with time.monotonic in this process, so that differences are exact.
"""

import base64
import contextlib
import ctypes
import itertools
import math
import os
import select
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import threading
import time

import corpus
import mail_reader
from daemon import mailbox

CREATE, MOVED_TO = 0x100, 0x80
SILENCE = 3.0  # seconds after which a server that has told nothing must have missed the change
QUIET = 0.020  # seconds for which a folder must be quiet before the program looks at it (FolderBurst)


class Times:
    """A list of (time, what) that a thread adds to and others wait for."""

    def __init__(self):
        self.rows, self.condition = [], threading.Condition()

    def add(self, moment, what):
        with self.condition:
            self.rows.append((moment, what))
            self.condition.notify_all()

    def wait(self, count, timeout=20):
        """Waits for that many rows and returns the last of these."""
        with self.condition:
            if not self.condition.wait_for(lambda: len(self.rows) >= count, timeout):
                raise AssertionError("%d of %d within %d s" % (len(self.rows), count, timeout))
            return self.rows[count - 1]


class BareIdle(Times):
    """A client that does nothing but IDLE on a mailbox: `rows` are the moments at which EXISTS was read, and its count.

    act: called with the client for each notice, in its thread (as a notifier that starts a sync would)."""

    def __init__(self, port, ca, password, user="user", mailbox="INBOX", act=None):
        super().__init__()
        self.act = act
        raw = socket.create_connection(("127.0.0.1", port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = ssl.create_default_context(cafile=ca).wrap_socket(raw, server_hostname="localhost")
        self.buffer = b""
        self._line()
        login = base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()
        self._command(b"AUTHENTICATE PLAIN " + login.encode())
        self._command(b"EXAMINE " + mailbox.encode())
        self.stream.sendall(b"i IDLE\r\n")
        while not self._line().startswith(b"+"):
            pass
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(10)
        self.stream.close()

    def _line(self):
        while b"\n" not in self.buffer:
            data = self.stream.recv(65536)
            if not data:
                raise EOFError("the server closed the connection")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def _command(self, text):
        self.stream.sendall(b"c " + text + b"\r\n")
        while True:
            line = self._line()
            if line.startswith(b"c "):
                if not line.startswith(b"c OK"):
                    raise RuntimeError("%r: %r" % (text[:20], line))
                return

    def _read(self):
        try:
            while True:
                line = self._line()
                now = time.monotonic()
                words = line.split()
                if len(words) == 3 and words[0] == b"*" and words[2] == b"EXISTS":
                    self.add(now, int(words[1]))
                    if self.act:
                        self.act(self)
        except (OSError, EOFError, ValueError):
            pass


class Arrivals(Times):
    """Watches a directory (inotify): `rows` are the moments at which a name appeared in it, and the name."""

    def __init__(self, directory):
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        self.file = libc.inotify_init1(os.O_CLOEXEC)
        if self.file < 0 or libc.inotify_add_watch(self.file, os.fsencode(directory), CREATE | MOVED_TO) < 0:
            raise OSError(ctypes.get_errno(), "inotify on %s" % directory)
        self.ended, self.end = os.pipe()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.end)
        self.thread.join(10)
        os.close(self.file)
        os.close(self.ended)

    def _read(self):
        while True:
            ready = select.select([self.file, self.ended], [], [])[0]
            now = time.monotonic()
            if self.ended in ready:
                return
            data, place = os.read(self.file, 65536), 0
            while place < len(data):
                _, _, _, length = struct.unpack_from("iIII", data, place)
                name = data[place + 16:place + 16 + length].rstrip(b"\0")
                place += 16 + length
                self.add(now, os.fsdecode(name))


class Deliveries:
    """Appends small messages to a mailbox over a connection that stays open. Without a seed no two of these give the same
    ones: a copy of what another mailbox has is no new mail (`test_copies_are_no_moves`)."""

    seeds = itertools.count(1)

    def __init__(self, server, mailbox="INBOX", seed=None, user="user"):
        self.client, self.mailbox = server.client(user), mailbox
        self.messages = corpus.small(1_000_000, seed=next(self.seeds) if seed is None else seed)

    def __call__(self):
        body, _, _ = next(self.messages)
        answer, data = self.client.append(self.mailbox, None, None, body)
        if answer != "OK":
            raise RuntimeError("APPEND: %r" % data)


class Loading:
    """Follows the status of a mailbox: `runs()` until it is ok, `ended` when that was."""

    def __init__(self, daemon, name):
        self.daemon, self.name, self.ended = daemon, name, float("inf")

    def __enter__(self):
        self.client = self.daemon.client(timeout=600)
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.client.__exit__()

    def runs(self):
        return self.ended == float("inf")

    def _follow(self):
        try:
            for told in self.client.stream("Status"):
                found = mailbox(told["accounts"][0], self.name)
                if found and found["state"] == "ok":
                    self.ended = time.monotonic()
                    return
        except (OSError, EOFError, ValueError):
            pass


class FsyncCost:
    """Appends 8 kB to a file and fsyncs it, again and again with pauses between, in a process of its own."""

    CODE = """
import os, sys, time
with open(sys.argv[1], "ab") as file:
    while True:
        file.write(b"x" * 8192)
        file.flush()
        started = time.monotonic()
        os.fsync(file.fileno())
        print(started, time.monotonic() - started, flush=True)
        time.sleep(0.02)
"""

    def __init__(self, directory):
        self.path, self.rows = os.path.join(directory, "fsync-cost"), []

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.CODE, self.path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.thread.join(10)
        self.process.stdout.close()
        os.unlink(self.path)

    def _read(self):
        for line in self.process.stdout:
            words = line.split()
            if len(words) == 2:
                self.rows.append((float(words[0]), float(words[1])))

    def median(self, spans=None):
        """Median seconds, of those that began in one of the spans (start, end) of time.monotonic."""
        return statistics.median(cost for moment, cost in list(self.rows)
                                 if spans is None or any(start <= moment <= end for start, end in spans))


class Stalls:
    """A thread that sleeps 10 ms again and again: what it oversleeps by more than 50 ms nobody could have worked in.
    Times are those of `clock`, which goes `rate` times as fast as ours."""

    SLEEP, LEAST = 0.010, 0.050

    def __init__(self, clock=time.monotonic, rate=1):
        self.clock, self.rate, self.rows, self.ended = clock, rate, [], threading.Event()

    def __enter__(self):
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.ended.set()

    def _watch(self):
        while not self.ended.is_set():
            began = self.clock()
            time.sleep(self.SLEEP)
            now = self.clock()
            over = now - began - self.SLEEP * self.rate
            if over > self.LEAST * self.rate:
                self.rows.append((now, over))

    def since(self, moment):
        return sum(over for ended, over in list(self.rows) if ended > moment)


def percentile(values, share):
    """The smallest value that at least that share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def beyond(rows):
    """How much later each message was in the folder than its notice at the bare client, in seconds."""
    return [arrived - noticed for _, noticed, arrived in rows]


def deliver_and_time(deliver, bare, arrivals, count, dice, while_=None, least=0.25):
    """Delivers messages one after the other, each when the bare client and the folder have seen the one before, at
    random gaps; [(delivered, noticed, arrived)], at most `count`, ended early when `while_()` is false.

    A server may tell of a change only some time after it (Dovecot: 500 ms, to gather others): that is why the notice at
    the bare client is what the arrival is compared with. `least` is the shortest gap, in seconds: long enough that the
    program under test is back in IDLE and does not see the next message by chance before anyone is told. What the server
    tells nobody for seconds does not count: when it changes the files that its sessions watch, which it does every few
    minutes, Dovecot 2.3 tells of the next change only when it looks by itself, within 30 s."""
    found = []
    while len(found) < count:
        if while_ and not while_():
            break
        before, there = len(bare.rows), len(arrivals.rows)
        moment = time.monotonic()
        deliver()
        arrived = arrivals.wait(there + 1, 60)[0]
        noticed = bare.wait(before + 1, 60)[0]
        if noticed - moment < SILENCE:
            found.append((moment, noticed, arrived))
        time.sleep(least + dice.random() * 0.2)
    return found


def time_under_load(start, load, wanted, target, measure):
    """Measures something of the mailbox `target` while the first sync of the mailbox `load` runs, in as many first syncs as
    it takes.

    start(turn) starts a daemon on an empty Maildir; measure(daemon, count, while_) gives rows that begin and end with the
    moment at which something was done and the one at which it had come through. Returns (the last daemon, rows, [(start,
    end)] of the load)."""
    found, spans, turn = [], [], 0
    while True:
        daemon = start(turn)
        daemon.wait_for(lambda accounts: (mailbox(accounts["test"], target) or {}).get("state") == "ok", 60)
        with Loading(daemon, load) as loading:
            rows = measure(daemon, wanted - len(found), loading.runs)
        # What came through before the end of the load was timed under it.
        found += [row for row in rows if row[-1] < loading.ended]
        if rows:
            spans.append((rows[0][0], min(loading.ended, rows[-1][-1])))
        if len(found) >= wanted:
            return daemon, found, spans
        turn += 1
        if turn > wanted:
            raise AssertionError("only %d measured in %d first syncs" % (len(found), turn))
        daemon.wait_until_watching(timeout=600)
        daemon.stop()


def mail_under_load(start, server, load, wanted, dice, target="INBOX"):
    """time_under_load of messages that are delivered to `target`."""
    deliver = Deliveries(server, target)

    def measure(daemon, count, while_):
        folder = daemon.mirror.folder_of(target.encode())
        with BareIdle(server.imaps, server.ca, server.password, mailbox=target) as bare, \
                Arrivals(folder / "new") as arrivals:
            return deliver_and_time(deliver, bare, arrivals, count, dice, while_)

    return time_under_load(start, load, wanted, target, measure)


def flags_under_load(start, server, load, wanted, dice, target="INBOX"):
    """time_under_load of flags that are set in the folder of `target`, which has to hold enough messages without."""
    def measure(daemon, count, while_):
        files = without_flag(daemon.mirror.folder_of(target.encode()), "F")
        with Onlooker(server, target) as onlooker:
            return flag_and_time(files[:count], onlooker, dice, "F", while_=while_)

    return time_under_load(start, load, wanted, target, measure)


class Onlooker:
    """Another client with a mailbox open, which asks again and again whether flags have changed."""

    def __init__(self, server, mailbox, user="user"):
        self.client = server.client(user)
        self.client.select(mailbox, readonly=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.client.logout()

    def wait(self, timeout=20):
        """The moment at which a change of flags is told."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.client.untagged_responses = {}
            self.client.noop()
            if self.client.untagged_responses.get("FETCH"):
                return time.monotonic()
            time.sleep(0.002)
        raise AssertionError("no flag changed within %d s" % timeout)


def without_flag(folder, flag):
    """The files of a folder whose names lack the flag."""
    return [path for path in mail_reader.files(folder) if flag not in mail_reader.parts(path)[1]]


def flag_and_time(paths, onlooker, dice, add="", remove="", while_=None):
    """Changes flags of the files one after the other, as a mail program does, each when the one before is changed on the
    server, at random gaps; [(changed in the folder, changed on the server)], ended early when `while_()` is false."""
    found = []
    for path in paths:
        if while_ and not while_():
            break
        moment = time.monotonic()
        mail_reader.flag(path, add, remove)
        found.append((moment, onlooker.wait()))
        time.sleep(0.05 + dice.random() * 0.1)
    return found


def beyond_pause(rows):
    """How long after the program's own pause each flag was changed on the server, in seconds."""
    return [told - changed - QUIET for changed, told in rows]
