"""The drain beside other fetchers: the same maildrop, put back on the server before each run, fetched over TLS into a
Maildir and deleted on the server.

Each is set up for speed as far as its own documentation goes. fetchmail delivers through a program, the smallest there
is: it writes the file where it belongs, with no rename and no fsync. getmail adds its header fields, as by default.
"""

import multiprocessing
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from mirror import Mirror, run
from server_copies import ServerCopy


class Fetcher:
    """A program that drains `port` into `mail`, in the empty directory `place`; `command` runs it once."""

    name = command = None
    slow = False  # whether it takes so long that one run has to do

    def __init__(self, server, port, place, environment):
        self.server, self.port, self.place, self.environment = server, port, place, dict(environment)
        self.mail = place / "mail"
        for part in ("cur", "new", "tmp"):
            (self.mail / part).mkdir(parents=True)
        self.configure()

    def configure(self):
        """Writes its configuration."""

    def file(self, name, text):
        path = self.place / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def count(self):
        return sum(len(os.listdir(self.mail / part)) for part in ("cur", "new"))


class Ours(Fetcher):
    name = "mailmirror"
    program = None

    def configure(self):
        self.mirror = Mirror(self.place, None, program=self.program, protocol="pop3", direction=None, port=self.port,
                             tls_ca_file=self.server.ca, maildir=self.mail, timeout="60s")
        self.mirror.set_password(self.server.password)
        self.mirror.write()
        self.command = self.mirror.command("sync")


class Mpop(Fetcher):
    name = "mpop"

    def configure(self):
        password = self.file("password", self.server.password)
        path = self.file("rc", "\n".join((
            "account default", "host localhost", "port %d" % self.port, "user user", "passwordeval cat '%s'" % password,
            "tls on", "tls_starttls off", "tls_trust_file %s" % self.server.ca, "keep off", "pipelining auto",
            "uidls_file %s" % (self.place / "uidls"), "delivery maildir %s" % self.mail, "")))
        self.command = ["mpop", "--quiet", "--file", str(path)]


class Fetchmail(Fetcher):
    name = "fetchmail"
    slow = True

    def configure(self):
        path = self.file("rc", (
            "poll localhost protocol pop3 service %d\n"
            "  user \"user\" password \"%s\"\n"
            "  ssl sslproto 'TLS1.2+' sslcertck sslcertfile \"%s\"\n"
            "  fetchall nokeep no rewrite mda \"exec cat > '%s/new/'$$\"\n" % (
                self.port, self.server.password, self.server.ca, self.mail)))
        self.environment["FETCHMAILHOME"] = str(self.place)
        self.command = ["fetchmail", "--silent", "-f", str(path), "--pidfile", str(self.place / "pid"),
                        "--idfile", str(self.place / "ids")]


class Getmail(Fetcher):
    name = "getmail6"
    slow = True

    def configure(self):
        self.file("rc", "\n".join((
            "[retriever]", "type = SimplePOP3SSLRetriever", "server = localhost", "port = %d" % self.port,
            "username = user", "password = %s" % self.server.password, "ca_certs = %s" % self.server.ca,
            "[destination]", "type = Maildir", "path = %s/" % self.mail,
            "[options]", "delete = true", "read_all = true", "verbose = 0", "")))
        self.command = ["getmail", "--getmaildir", str(self.place), "--rcfile", "rc"]
        if os.getuid() == 0:  # it delivers nothing as root
            self.place.parent.chmod(0o711)
            subprocess.run(["chown", "-R", "mail:mail", str(self.place)], check=True)
            self.command = ["setpriv", "--reuid=mail", "--regid=mail", "--clear-groups", *self.command]
        # It sets its handler after the fork and waits in vain for a child that was quicker: both on one core, the parent
        # goes first.
        self.command = ["taskset", "--cpu-list", "0", *self.command]


class Measure:
    """Wall, CPU and memory of one run, and what the server did for it."""

    def __init__(self, server, copy, program, count):
        server.quiet()
        copy.restore()
        os.sync()
        logged, busy = len(server.log()), server.cpu()
        result = run(program.command, timeout=7200, environment=program.environment)
        if result.status != 0 or program.count() != count:
            raise SystemExit("bench: %s ended with %d and %d messages: %s" % (
                program.name, result.status, program.count(), (result.err or result.out)[-1000:]))
        server.quiet()
        left = len(server.left())
        if left:
            raise SystemExit("bench: %s left %d messages on the server" % (program.name, left))
        text = server.log()[logged:]
        self.wall, self.cpu, self.peak = result.seconds, result.cpu, result.peak
        self.server_cpu = server.cpu() - busy
        self.bytes = sum(int(size) for size in re.findall(r"retr=\d+/(\d+)", text))
        self.connections = len(re.findall(r"retr=[1-9]\d*/", text))


def copied(server, place):
    """The server's mail as it is now, to be put back before each run."""
    server.stop()
    copy = ServerCopy(server, place)
    server.start()
    return copy


def retrieve_and_discard(server, port, count):
    """Seconds of fetching everything pipelined and dropping it: what the server and the line take."""
    context = ssl.create_default_context(cafile=server.ca)
    started = time.monotonic()
    with socket.create_connection(("localhost", port)) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as stream:
            stream.recv(4096)
            stream.sendall(("USER user\r\nPASS %s\r\n" % server.password).encode())
            stream.sendall(b"".join(b"RETR %d\r\n" % number for number in range(1, count + 1)) + b"STAT\r\n")
            tail = b""
            while not re.search(rb"\r\n\.\r\n\+OK %d \d+\r\n$" % count, tail):
                data = stream.recv(1 << 18)
                if not data:
                    raise SystemExit("bench: the server ended the session")
                tail = (tail + data)[-200:]
            stream.sendall(b"QUIT\r\n")
            stream.recv(4096)
    return time.monotonic() - started


def floor(server, port, place, sizes, environment):
    """Seconds of fetching everything and dropping it, beside a safe write in groups of as many files of those sizes
    into the empty directory `place`."""
    os.sync()
    started = time.monotonic()
    fetch = multiprocessing.Process(target=retrieve_and_discard, args=(server, port, len(sizes)))
    fetch.start()
    subprocess.run([sys.executable, str(Path(__file__).with_name("group_write.py")), str(place)], check=True, text=True,
                   input="".join("%d\n" % size for size in sizes), env={**os.environ, **environment})
    fetch.join()
    seconds = time.monotonic() - started
    if fetch.exitcode or len(os.listdir(place / "new")) != len(sizes):
        raise SystemExit("bench: the floor could not be measured")
    return seconds
