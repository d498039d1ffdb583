"""The control socket from outside: a strange client, hostile ones, the socket's place, and the commands as clients."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unicodedata
from pathlib import Path

import corpus
import openmetrics
import varlink_package
from daemon import Daemon
from daemon_case import DaemonCase
from servers.proxy import Proxy
from support import sample, wait_until
from varlink_client import VarlinkError

MIRROR = "io.mailmirror.Mirror"


class SocketCase(DaemonCase):
    """A daemon that watches a small account."""

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server, count=4, mailboxes=("INBOX", "Archive/2024"))
        self.mirrored = self.mirror(self.server)

    def daemon(self, **options):
        daemon = self.exits.enter_context(Daemon(self.mirrored, **options))
        daemon.wait_until_watching()
        return daemon

    def add(self, seed=7):
        self.server.append("INBOX", corpus.realistic(1, seed=seed, largest=2_000))


class StrangeClients(SocketCase):
    """Clients that we did not write."""

    def test_the_varlink_package(self):
        varlink = varlink_package.load()
        daemon = self.daemon()
        address = "unix:%s" % daemon.socket
        with varlink.Client.new_with_address(address) as client:
            names = [interface.name if hasattr(interface, "name") else interface
                     for interface in client.get_interfaces()]
            self.assertEqual(sorted(names), [MIRROR, "org.varlink.service"])
            described = client.get_interface(MIRROR)
            self.assertIn("method Status(accounts: ?[]string)", described.description)
            for method in ("Status", "Mailboxes", "Sync", "Verify", "Pause", "Resume", "Reload", "Events", "Instance",
                           "Metrics"):
                self.assertIn(method, described.members)
            with client.open(MIRROR) as mirror:
                account, = mirror.Status()["accounts"]
                self.assertEqual((account["name"], account["state"]), ("test", "ok"))
                self.assertEqual({one["name"] for one in mirror.Mailboxes("test")["mailboxes"]},
                                 {"INBOX", "Archive/2024"})
                self.assertEqual(mirror.Instance()["process"], daemon.pid)
                results = list(mirror.Sync(["test/INBOX"], _more=True))
                self.assertEqual([one["account"] for one in results[-1]["results"]], ["test"])
                self.assertEqual(mirror.Pause()["accounts"], ["test"])
                self.assertEqual(mirror.Status(["test"])["accounts"][0]["state"], "paused")
                self.assertEqual(mirror.Resume()["accounts"], [])
                result, = mirror.Verify()["results"]
                self.assertEqual(([one["differences"] for one in result["mailboxes"]], result["failures"]),
                                 ([[], []], []))
                for call, error in ((lambda: mirror.Status(["nobody"]), MIRROR + ".NoSuchAccount"),
                                    (lambda: mirror.Events(), "org.varlink.service.ExpectedMore")):
                    with self.assertRaises(varlink.VarlinkError) as caught:
                        call()
                    self.assertEqual(caught.exception.error(), error)
            daemon.wait_until_watching()
            with client.open(MIRROR) as mirror:
                events = mirror.Events(_more=True)
                next(events)
                self.add()
                change = next(events)["change"]
                self.assertEqual((change["account"], change["mailbox"], change["kind"]), ("test", "INBOX", "new"))
                self.assertTrue(os.path.exists(change["path"]), change)
            with client.open(MIRROR) as mirror:
                live = mirror.Status(_more=True)
                count = next(live)["accounts"][0]["mailboxes"]
                self.add(seed=8)
                self.assertNotEqual(next(live)["accounts"][0], count)
        self.assertEnds(daemon)

    def test_varlinkctl(self):
        if shutil.which("varlinkctl") is None:
            self.skipTest("there is no varlinkctl (systemd 255 and later have it)")
        daemon = self.daemon()

        def run(*words):
            done = subprocess.run(["varlinkctl", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=20)
            self.assertEqual(done.returncode, 0, done.stdout)
            return done.stdout.decode()

        address = "unix:%s" % daemon.socket
        self.assertIn(MIRROR, run("info", address))
        self.assertIn(MIRROR, run("list-interfaces", address))
        self.assertIn("method Status", run("introspect", address, MIRROR))
        reply = json.loads(run("call", "--json=short", address, MIRROR + ".Status", "{}"))
        self.assertEqual(reply["accounts"][0]["name"], "test")


class HostileClients(SocketCase):
    """S29: what a client does harms neither the daemon nor other clients."""

    weight = 2

    def raw(self, daemon):
        one = self.exits.enter_context(socket.socket(socket.AF_UNIX))
        # Without a timeout first: connect(2) then waits for its turn where many come at once.
        one.connect(str(daemon.socket))
        one.settimeout(20)
        return one

    def answer(self, one):
        """What comes until the connection ends or stands still."""
        data = b""
        with contextlib.suppress(OSError):
            while True:
                more = one.recv(65536)
                if not more:
                    break
                data += more
        return data

    def assertWell(self, daemon, within=8):
        started = time.monotonic()
        self.assertEqual(daemon.account()["state"], "ok")
        self.assertLess(time.monotonic() - started, within)

    def test_S29_malformed_requests(self):
        daemon = self.daemon()
        status = MIRROR.encode() + b".Status"
        table = [b"", b"null", b"[]", b"{", b"{}", b"\xff\xfe", b'{"method":1}', b'{"method":"Status"}',
                 b"[" * 100_000, b'{"a":' * 100_000, b'"' + b"x" * 900_000 + b'"', b'{"method":"%s","method":"x"}' % status,
                 b'{"method":"%s","parameters":[]}' % status, b'{"method":"%s","more":"yes"}' % status,
                 b'{"method":"%s","upgrade":true}' % status, b'{"method":"\\ud800"}', b"9" * 1000, b"1e999",
                 b'{"method":"%s","parameters":{"accounts":"x"}}' % status,
                 b'{"method":"%s","parameters":{"accounts":[%s1]}}' % (status, b"1," * 200_000),
                 b'{"method":"%s","parameters":{"extra":1}}' % status, b"\x1b[31m", b"GET / HTTP/1.1\r\n\r\n"]
        for message in table:
            with self.subTest(message[:60]):
                one = self.raw(daemon)
                one.sendall(message + b"\0")
                reply = json.loads(one.recv(65536).rstrip(b"\0"))
                self.assertEqual(reply["error"], "org.varlink.service.InvalidParameter")
        for count in (1, 1_000_000):
            one = self.raw(daemon)
            with contextlib.suppress(OSError):
                one.sendall(b"\0" * count)
            self.answer(one)
        for number in range(300):
            one = self.raw(daemon)
            with contextlib.suppress(OSError):
                one.sendall(self.dice.randbytes(self.dice.randrange(1, 3000)))
            one.close()
        self.assertWell(daemon)
        self.assertEnds(daemon)

    def test_S29_a_request_of_100_MB(self):
        daemon = self.daemon()
        self.assertWell(daemon)
        before = daemon.memory()[0]
        for filler in (b"x", b"[", b" "):
            one = self.raw(daemon)
            sent = 0
            with contextlib.suppress(OSError):
                while sent < 100 << 20:
                    sent += one.send(filler * 65536)
            self.assertLess(sent, 4 << 20, "it read on")
            self.answer(one)
            self.assertWell(daemon)
        after = daemon.memory()[2]
        print("a 100 MB request: %d kB resident before, %d kB at the peak" % (before, after))
        self.assertLess(after - before, 24_000)
        self.assertEnds(daemon)

    def test_S29_a_thousand_clients_and_half_requests(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        daemon = self.daemon()
        before, descriptors = daemon.memory()[0], daemon.descriptors()
        clients, busy = [], 0
        for number in range(1_000):
            one = socket.socket(socket.AF_UNIX)
            one.connect(str(daemon.socket))
            one.settimeout(20)
            clients.append(one)
            if number % 2:
                with contextlib.suppress(OSError):
                    one.sendall(b'{"method":"io.mailmirror')
        most = daemon.descriptors()

        def learn():
            nonlocal busy
            for one in clients[100:]:
                one.settimeout(0.001)
                with contextlib.suppress(OSError):
                    busy += b"Busy" in one.recv(65536)
            return busy > 100

        # Those that are not served learn why; new ones, too, at once.
        wait_until(learn, 10)
        started = time.monotonic()
        with self.assertRaises((VarlinkError, EOFError, OSError)):
            daemon.call("Status")
        self.assertLess(time.monotonic() - started, 5)
        self.add()
        self.assertSoonMirrored(self.mirrored, self.server)
        for one in clients:
            one.close()
        wait_until(lambda: daemon.descriptors() <= descriptors + 4, 10)
        self.assertWell(daemon)
        rss, _, peak = daemon.memory()
        print("1,000 clients: %d told that it is busy, %d descriptors at most; %d kB before, %d kB at the peak, %d kB "
              "after" % (busy, most, before, peak, rss))
        self.assertLess(most, descriptors + 400)
        self.assertLess(peak - before, 30_000)
        self.assertEnds(daemon)

    def test_S29_half_a_request_ends_after_30_s(self):
        daemon = self.daemon()
        one = self.raw(daemon)
        one.settimeout(45)
        one.sendall(b'{"method":"io.mail')
        started = time.monotonic()
        self.assertEqual(self.answer(one), b"")
        self.assertTrue(25 < time.monotonic() - started < 40, time.monotonic() - started)
        self.assertEnds(daemon)

    def test_S29_clients_that_do_not_read(self):
        """They ask for much and read nothing: others are answered as before, and memory stays bounded."""
        daemon = self.daemon()
        before = daemon.memory()[0]
        description = json.dumps({"method": "org.varlink.service.GetInterfaceDescription",
                                  "parameters": {"interface": MIRROR}}).encode() + b"\0"
        for number in range(40):
            one = self.raw(daemon)
            one.setblocking(False)
            with contextlib.suppress(OSError):
                for _ in range(5_000):
                    one.send(description)
        for number in range(5):
            self.assertWell(daemon)
        peak = daemon.memory()[2]
        print("40 clients that do not read: %d kB before, %d kB at the peak" % (before, peak))
        self.assertLess(peak - before, 30_000)
        self.add()
        self.assertSoonMirrored(self.mirrored, self.server)
        self.assertEnds(daemon)

    def test_S29_a_client_that_closes_half_of_its_connection(self):
        """It may go on reading, costs nothing meanwhile, and is forgotten when it goes."""
        daemon = self.daemon()
        descriptors = daemon.descriptors()
        followers = []
        for method in ("Events", "Status"):
            one = self.raw(daemon)
            one.sendall(b'{"method":"%s.%s","more":true}\0' % (MIRROR.encode(), method.encode()))
            one.shutdown(socket.SHUT_WR)
            self.assertIn(b'"continues":true', one.recv(65536))
            followers.append(one)
        before = daemon.cpu()
        time.sleep(2)
        self.assertLess(daemon.cpu() - before, 0.5, "it spins")
        self.add()
        for one in followers:
            self.assertIn(b"INBOX", one.recv(65536))
            one.close()
        wait_until(lambda: daemon.descriptors() <= descriptors, 10)
        self.assertEnds(daemon)

    def test_S29_another_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        daemon = self.daemon()
        program = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.settimeout(10); s.connect(sys.argv[1])\n"
                   "try: s.sendall(b'{\"method\":\"io.mailmirror.Mirror.Pause\"}\\0')\nexcept OSError: pass\n"
                   "print(s.recv(65536).decode())")

        def stranger():
            return subprocess.run(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-I", "-c", program,
                 str(daemon.socket)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd="/", timeout=30)

        done = stranger()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"PermissionError", done.stdout)
        # Even where the modes would let it in.
        daemon.place.chmod(0o755)
        done = stranger()
        self.assertIn(b"PermissionError", done.stdout)
        daemon.socket.chmod(0o666)
        done = stranger()
        self.assertIn(b"org.varlink.service.PermissionDenied", done.stdout)
        self.assertEqual(daemon.account()["state"], "ok", "a stranger paused it")
        self.assertEnds(daemon)


class Place(SocketCase):
    """Where the socket is, and what may stand there."""

    def test_S29_modes_under_any_umask(self):
        for mask in (0o000, 0o022, 0o077, 0o277):
            with self.subTest(oct(mask)):
                daemon = Daemon(self.mirrored)
                place = daemon.place / "new" / "deep"
                daemon.socket = place / "control.sock"
                self.mirrored.settings["socket"] = daemon.socket
                self.mirrored.write()
                seen, ended = set(), threading.Event()

                def watch():
                    while not ended.is_set():
                        with contextlib.suppress(OSError):
                            seen.add(stat.S_IMODE(os.lstat(daemon.socket).st_mode) & 0o077)

                watcher = threading.Thread(target=watch)
                watcher.start()
                before = os.umask(mask)
                try:
                    with daemon:
                        os.umask(before)
                        self.assertEqual(stat.S_IMODE(daemon.socket.stat().st_mode), 0o600)
                        for directory in (place, place.parent):
                            self.assertEqual(stat.S_IMODE(directory.stat().st_mode), 0o700)
                        self.assertIn("test", daemon.accounts())
                        self.assertEqual(daemon.stop()[0], 0)
                        self.assertFalse(daemon.socket.exists())
                finally:
                    os.umask(before)
                    ended.set()
                    watcher.join()
                self.assertEqual(seen, {0}, "others could get in for a moment")

    def test_S29_a_stale_socket_is_replaced(self):
        with Daemon(self.mirrored) as daemon:
            daemon.kill()
            self.assertTrue(stat.S_ISSOCK(daemon.socket.lstat().st_mode))
            result = self.mirrored.run("events")
            self.assertIn("none runs", self.assertOneLine(result, 1))
            daemon.start()
            self.assertIn("test", daemon.accounts())
            self.assertEnds(daemon)

    def test_S29_something_else_in_its_place(self):
        daemon = self.exits.enter_context(contextlib.closing(_Place(self.mirrored)))
        other = os.path.join(self.directory, "elsewhere")
        for make in (lambda: os.symlink(other, daemon.socket), lambda: daemon.socket.write_text("mine"),
                     lambda: daemon.socket.mkdir(), lambda: os.mkfifo(daemon.socket)):
            make()
            before = daemon.socket.lstat()
            line = self.assertOneLine(self.mirrored.run("daemon", timeout=20), 1)
            self.assertIn("in the socket's place", line)
            after = daemon.socket.lstat()
            self.assertEqual((before.st_ino, before.st_mode), (after.st_ino, after.st_mode))
            self.assertFalse(os.path.exists(other))
            os.rmdir(daemon.socket) if stat.S_ISDIR(after.st_mode) else os.unlink(daemon.socket)

    def test_a_path_that_is_too_long(self):
        self.mirrored.settings["socket"] = os.path.join(self.directory, "x" * 120)
        self.mirrored.write()
        line = self.assertOneLine(self.mirrored.run("daemon", timeout=20), 1)
        self.assertIn("a socket's can have 107", line)
        # A status without a daemon does not care.
        self.assertEqual(self.mirrored.run("status").status, 0)

    def test_the_runtime_directory_is_the_default(self):
        with Daemon(self.mirrored) as daemon:
            daemon.kill()
            del self.mirrored.settings["socket"]
            self.mirrored.write()
            daemon.environment = {"XDG_RUNTIME_DIR": str(daemon.place)}
            daemon.socket = daemon.place / "mailmirror" / "control.sock"
            daemon.start()
            self.assertIn("test", daemon.accounts())
            self.assertEqual(self.mirrored.run("pause", environment=daemon.environment).status, 0)
            self.assertEqual(daemon.account()["state"], "paused")
            # Without it the commands look in the state directory, and find no daemon.
            line = self.assertOneLine(self.mirrored.run("pause", environment={"XDG_RUNTIME_DIR": ""}), 1)
            self.assertIn("none runs", line)
            self.assertEqual(daemon.stop()[0], 0)


class _Place:
    """A short directory for a socket."""

    def __init__(self, mirror):
        self.directory = Path(tempfile.mkdtemp(prefix="mm-place-"))
        self.socket = self.directory / "control.sock"
        mirror.settings["socket"] = self.socket
        mirror.write()

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)


class Commands(SocketCase):
    """The command line as the daemon's client."""

    weight = 2

    def start(self, *arguments, **options):
        process = subprocess.Popen(self.mirrored.command(*arguments), stdin=subprocess.DEVNULL, **options)
        self.exits.callback(process.wait)
        self.exits.callback(process.kill)
        return process

    def test_status_events_pause_resume_reload(self):
        daemon = self.daemon()
        run = self.mirrored.run
        self.assertIn("test: ok, watching all mailboxes", run("status").out)
        account, = json.loads(run("status", "--json").out)["accounts"]
        self.assertEqual((account["state"], account["connections"] > 0), ("ok", True))
        self.assertEqual(run("pause").out, "paused: test\n")
        self.assertIn("test: paused", run("status").out)
        self.assertEqual(run("resume", "test").out, "no account is paused\n")
        self.assertEqual(run("reload").out, "nothing changed\n")
        self.assertEqual(run("pause", "nobody").status, 2)
        result = run("sync", "--dry-run")
        self.assertEqual((result.status, result.err), (0, ""))
        self.assertEqual(run("verify").status, 0)
        listed = json.loads(run("mailboxes", "--json").out)
        self.assertEqual(sorted(one["wire"] for one in listed), ["Archive/2024", "INBOX"])
        text = self.mirrored.configuration.read_text()
        self.mirrored.write(text + "\nnonsense = 1\n")
        self.assertEqual(run("reload").status, 2)
        self.mirrored.write(text)
        self.assertEnds(daemon)
        for command in ("pause", "resume", "reload", "events"):
            self.assertIn("mailmirror daemon", self.assertOneLine(run(command), 1))

    def test_a_daemon_of_another_state_is_not_ours(self):
        daemon = self.daemon()
        other = self.mirror(self.server, name="other", settings={"socket": daemon.socket})
        self.assertIn("never synced", other.run("status").out)
        self.synced(other)
        self.assertMirrored(other, self.server)
        self.assertIn("none runs", self.assertOneLine(other.run("pause"), 1))
        self.assertEnds(daemon)

    def test_a_daemon_that_does_not_answer(self):
        daemon = self.daemon()
        os.kill(daemon.pid, signal.SIGSTOP)
        started = time.monotonic()
        line = self.assertOneLine(self.mirrored.run("status", timeout=40), 1)
        os.kill(daemon.pid, signal.SIGCONT)
        self.assertIn("does not answer", line)
        self.assertLess(time.monotonic() - started, 20)
        self.assertEnds(daemon)

    def test_events_end_quietly_when_nobody_reads(self):
        daemon = self.daemon()
        for arguments in (("events",), ("events", "--json"), ("status", "--watch", "--json"), ("status", "--watch")):
            with self.subTest(arguments):
                process = self.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

                def told():  # what comes before it listens is not
                    self.add(seed=self.dice.randrange(1 << 30))
                    return select.select([process.stdout], [], [], 2)[0]

                wait_until(told, 40)
                line = process.stdout.readline().decode()
                if "--json" in arguments:
                    json.loads(line)
                elif arguments[0] == "events":
                    self.assertRegex(line, r"^\S+Z  new +test/INBOX  ")
                process.stdout.close()
                self.assertEqual(process.wait(10), 0)
                self.assertEqual(process.stderr.read(), b"")
        self.assertEnds(daemon)

    def test_status_watch_fits_80_columns(self):
        daemon = self.daemon()
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        process = self.start("status", "--watch", stdout=terminal, stderr=terminal,
                             env=dict(os.environ, TERM="xterm"))
        os.close(terminal)
        data = b""

        def read(until, timeout=15):
            nonlocal data
            deadline = time.monotonic() + timeout
            while not until(data.decode(errors="replace")):
                self.assertLess(time.monotonic(), deadline, data)
                if select.select([controller], [], [], 0.2)[0]:
                    data += os.read(controller, 65536)

        read(lambda text: "watching" in text)
        before = len(data)
        self.add(seed=11)
        read(lambda text: re.search(r"INBOX +5 ", text[before:]))
        for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", data.decode())):
            width = sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line)
            self.assertLessEqual(width, 80, line)
        self.assertNotIn("\n\x1b[H" * 2, data.decode())
        process.send_signal(signal.SIGINT)

        def ended():
            """A terminal is read all along: what it shows last is written before the end."""
            if select.select([controller], [], [], 0)[0]:
                with contextlib.suppress(OSError):
                    os.read(controller, 65536)
            return process.poll() is not None

        wait_until(ended, 10)
        os.close(controller)
        self.assertEnds(daemon)

    def test_sync_through_the_daemon_can_be_left(self):
        proxy = self.exits.enter_context(Proxy(self.server.imaps))
        self.mirrored.account["port"] = proxy.port
        daemon = self.daemon()
        self.add(seed=21)
        result = self.mirrored.sync()
        self.assertEqual((result.status, result.err), (0, ""))
        self.assertEqual([one["account"] for one in json.loads(self.mirrored.sync("--json").out)], ["test"])
        # A slow server makes it last.
        proxy.round_trip = 3
        self.server.append("Archive/2024", corpus.realistic(3, seed=5, largest=2_000))
        process = self.start("sync", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=10)[1].decode()
        proxy.round_trip = 0
        self.assertEqual((process.returncode, error), (
            1, "mailmirror: sync: no longer watched, the daemon goes on; see mailmirror status --watch\n"))
        self.assertSoonMirrored(self.mirrored, self.server, timeout=60)
        self.assertEnds(daemon)

    def test_metrics(self):
        before = openmetrics.parse(self.synced(self.mirrored) and self.mirrored.run("metrics").out)
        self.assertEqual(before["mailmirror_messages", (("account", "test"), ("mailbox", "INBOX"))], 4)
        self.assertNotIn(("process_resident_memory_bytes", ()), before)
        daemon = self.daemon()
        found = openmetrics.parse(self.mirrored.run("metrics").out)
        self.assertEqual(found["mailmirror_messages", (("account", "test"), ("mailbox", "INBOX"))], 4)
        self.assertEqual(found["mailmirror_account_state",
                               (("account", "test"), ("mailmirror_account_state", "ok"))], 1)
        self.assertEqual(sum(value for (name, _), value in found.items() if name == "mailmirror_account_state"), 1)
        self.assertAlmostEqual(found["process_resident_memory_bytes", ()] / 1024, daemon.memory()[0], delta=8_000)
        self.assertAlmostEqual(found["process_open_fds", ()], daemon.descriptors(), delta=4)
        self.assertLess(abs(found["process_start_time_seconds", ()] - time.time()), 60)
        self.assertLess(abs(found["mailmirror_last_success_timestamp_seconds", (("account", "test"),)] - time.time()),
                        60)
        self.assertEnds(daemon)


class NotTheDaemon(SocketCase):
    """Something else that listens at the socket."""

    def test_a_listener_that_talks_nonsense(self):
        place = self.exits.enter_context(contextlib.closing(_Place(self.mirrored)))
        for reply in (b"hello\0", b"{}\0", b"", b'{"parameters":[]}\0', b'{"error":"x.Y"}\0', b"[" * 1000 + b"\0"):
            with self.subTest(reply), socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(place.socket))
                listener.listen()

                def serve():
                    one, _ = listener.accept()
                    with one:
                        one.recv(65536)
                        one.sendall(reply)

                thread = threading.Thread(target=serve)
                thread.start()
                line = self.assertOneLine(self.mirrored.run("pause", timeout=30), 1)
                self.assertIn("daemon: ", line)
                thread.join()
                os.unlink(place.socket)
