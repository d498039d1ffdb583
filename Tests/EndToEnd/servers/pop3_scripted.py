"""A POP3 server that does as it is told, wrong where it is told: for what a real one can't be made to do.

    with POP3Scripted([Drop(b"u1", b"Subject: a\\r\\n\\r\\nb\\r\\n")]) as server:
        server.hooks["UIDL"] = lambda session, words: session.err(b"[SYS/TEMP] not now") or True

A hook gets the session and the command's words; unless it returns True the usual answer follows. `rewrite` sees every
line that is sent, those of messages too, and may return another, several, or None. `cut` ends the session instead of
sending the line of that number. `window` is how many of the messages a session sees at most, as at Gmail. What was received is in `commands`; what was deleted by a QUIT that was carried out is in
`deleted`. A session sees the messages that were there when it signed in, as RFC 1939 wants, unless a hook changes them.
"""

import base64
import hashlib
import hmac
import re
import socket
import ssl
import threading
import time
import traceback

from . import certificates, scram

CAPABILITIES = ("TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "SASL PLAIN")


class Drop:
    """A message of the maildrop: its unique id (None: it has none) and its bytes as they go on the wire, before
    dot-stuffing. size: what LIST says instead of the truth."""

    def __init__(self, uidl, body, size=None):
        self.uidl, self.body = uidl, body
        self.size = len(body) if size is None else size

    def stored(self):
        """What a client must have on disk: LF for CRLF, and the last line ended, as the protocol can't do otherwise."""
        whole = self.body if self.body.endswith(b"\r\n") or not self.body else self.body + b"\r\n"
        return whole.replace(b"\r\n", b"\n")

    def digest(self):
        """SHA-256 of the file that a client must have."""
        return hashlib.sha256(self.stored()).hexdigest()


def drops(count, first=1, prefix=b"uid-"):
    """That many small messages."""
    return [Drop(prefix + b"%d" % number, simple(number)) for number in range(first, first + count)]


def simple(number, word="pop"):
    return ("From: a@example.org\r\nDate: Mon, 5 Jan 2026 10:%02d:%02d +0000\r\nMessage-ID: <%s%d@example.org>\r\n"
            "Subject: %s %d\r\n\r\nthe body of %s %d\r\n" % (
                number // 60 % 60, number % 60, word, number, word, number, word, number)).encode()


class Closed(Exception):
    """The session is over."""


class POP3Scripted:
    """Speaks TLS from the first byte ("implicit"), after STLS ("starttls"), or never ("none")."""

    user, password = "user", "secret"

    def __init__(self, messages=(), tls="none", certificate="good", capabilities=CAPABILITIES, split=None, cut=None,
                 pause=0.0, greeting=b"+OK ready", stamp=None):
        self.drops, self.tls, self.certificate = list(messages), tls, certificate
        self.capabilities, self.split, self.cut, self.pause = capabilities, split, cut, pause
        self.stamp = stamp  # the timestamp of APOP, in the greeting
        self.greeting = greeting + (b" " + stamp if stamp and greeting else b"") if greeting is not None else None
        self.certificates = certificates.shared()
        self.hooks, self.rewrite, self.window = {}, None, None
        self.commands, self.deleted, self.failures = [], [], []
        self.mechanisms = []  # how each login was made
        self.lines = self.sessions = 0
        self.lock = threading.RLock()
        self.open = set()

    @property
    def ca(self):
        return str(self.certificates / "ca.pem")

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        with self.lock:
            sessions = list(self.open)
        for session in sessions:
            session.abort()

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self._serve, args=(one, self.sessions), daemon=True).start()

    def _serve(self, one, number):
        session = Session(self, one, number)
        with self.lock:
            self.open.add(session)
        try:
            session.serve()
        except (Closed, OSError, ssl.SSLError):
            pass
        except Exception:  # noqa: BLE001  a fault of the script: the test shows it
            self.failures.append(traceback.format_exc())
        finally:
            session.abort()
            with self.lock:
                self.open.discard(session)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificates / (self.certificate + ".pem"),
                                self.certificates / (self.certificate + ".key"))
        return context

    def words(self, session=None):
        """The names of the commands so far, of one session or of all."""
        with self.lock:
            return [text.split(" ")[0].upper() for number, text in self.commands if session in (None, number)]

    def count(self, word):
        return self.words().count(word)

    def forget(self):
        with self.lock:
            self.commands.clear()
            self.deleted.clear()
            self.mechanisms.clear()

    def settle(self, timeout=10):
        """Waits until no session is left: a client may be gone before its QUIT is carried out here."""
        deadline = time.monotonic() + timeout
        while self.open and time.monotonic() < deadline:
            time.sleep(0.01)


class Session:
    def __init__(self, server, one, number):
        self.server, self.socket, self.number = server, one, number
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.out, self.name, self.drops, self.marked = b"", [], None, None, set()
        self.state = {}  # for hooks

    # Bytes.

    def abort(self):
        for act in (lambda: self.socket.shutdown(socket.SHUT_RDWR), self.socket.close):
            try:
                act()
            except OSError:
                pass

    def close(self):
        self.flush()
        raise Closed()

    def raw(self, data):
        """Sends bytes as they are."""
        self.out.append(data)
        if len(self.out) > 500 or len(data) > 65536:
            self.flush()

    def flush(self):
        data, self.out = b"".join(self.out), []
        if not data:
            return
        if self.server.pause:
            time.sleep(self.server.pause)
        step = self.server.split or len(data)
        for start in range(0, len(data), step):
            self.socket.sendall(data[start:start + step])

    def line(self, text):
        """One line, through `rewrite` and the count that cuts."""
        lines = self.server.rewrite(self, text) if self.server.rewrite else text
        if lines is None:
            return
        for one in [lines] if isinstance(lines, bytes) else lines:
            with self.server.lock:
                self.server.lines += 1
                cut = self.server.cut is not None and self.server.lines == self.server.cut
            if cut:
                self.close()
            self.raw(one + b"\r\n")

    def ok(self, text=b""):
        self.line(b"+OK" + (b" " + text if text else b""))

    def err(self, text=b"no"):
        self.line(b"-ERR " + text)

    def listing(self, lines):
        for one in lines:
            self.line(one)
        self.line(b".")

    def text(self, body):
        """A message or a part of one, dot-stuffed, with its end."""
        if body and not body.endswith(b"\r\n"):
            body += b"\r\n"
        for one in body.split(b"\r\n")[:-1]:
            self.line(b"." + one if one.startswith(b".") else one)
        self.line(b".")

    def _line(self):
        while b"\n" not in self.buffer:
            self.flush()
            data = self.socket.recv(65536)
            if not data:
                raise Closed()
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def ask(self, challenge=b""):
        """The client's answer to a challenge, decoded; None where it cancels."""
        self.line(b"+ " + base64.b64encode(challenge))
        answer = self._line()
        return None if answer == b"*" else base64.b64decode(answer)

    # The session.

    @property
    def secured(self):
        return isinstance(self.socket, ssl.SSLSocket)

    def secure(self):
        self.flush()
        self.socket = self.server.context().wrap_socket(self.socket, server_side=True)
        self.buffer = b""

    def serve(self):
        if self.server.tls == "implicit":
            self.secure()
        if self.server.greeting is not None:
            self.line(self.server.greeting)
        while True:
            line = self._line()
            words = line.split(b" ")
            name = words[0].decode("latin-1").upper()
            with self.server.lock:
                self.server.commands.append((self.number, line.decode("latin-1")))
                hook = self.server.hooks.get(name) or self.server.hooks.get("*")
            if hook and hook(self, words[1:]):
                continue
            handler = getattr(self, "do_" + name.lower(), None)
            if handler is None:
                self.err(b"unknown command")
            elif self.drops is None and name not in ("CAPA", "STLS", "USER", "PASS", "APOP", "AUTH", "QUIT", "LANG",
                                                     "UTF8"):
                self.err(b"sign in first")
            else:
                handler(words[1:])

    def do_capa(self, words):
        self.ok(b"capabilities")
        lines = [one.encode() for one in self.server.capabilities]
        if self.server.tls == "starttls" and not self.secured:
            lines = [b"STLS"] + [one for one in lines if not one.startswith((b"SASL", b"USER"))]
        self.listing(lines)

    def do_stls(self, words):
        if self.server.tls != "starttls" or self.secured:
            return self.err(b"no TLS here")
        self.ok(b"begin")
        self.secure()

    def do_quit(self, words):
        if self.drops is not None:
            self.update()
        self.ok(b"bye")
        self.close()

    def update(self):
        """Carries out the deletions."""
        with self.server.lock:
            gone = [drop for number, drop in enumerate(self.drops, 1) if number in self.marked]
            identities = {id(drop) for drop in gone}
            self.server.drops = [drop for drop in self.server.drops if id(drop) not in identities]
            self.server.deleted += [drop.uidl for drop in gone]
        self.marked = set()

    # Signing in.

    def enter(self, mechanism):
        with self.server.lock:
            self.server.mechanisms.append(mechanism)
            self.drops = self.server.drops[:self.server.window]
        self.ok(b"signed in")

    def refuse(self):
        self.err(b"[AUTH] wrong name or password")

    def do_user(self, words):
        self.name = b" ".join(words).decode()
        self.ok(b"and the password?")

    def do_pass(self, words):
        if self.name == self.server.user and b" ".join(words).decode() == self.server.password:
            self.enter("USER")
        else:
            self.refuse()

    def do_apop(self, words):
        right = hashlib.md5((self.server.stamp or b"") + self.server.password.encode()).hexdigest().encode()
        if self.server.stamp and words == [self.server.user.encode(), right]:
            self.enter("APOP")
        else:
            self.refuse()

    def offered(self):
        return [word for one in self.server.capabilities if one.startswith("SASL ") for word in one.split()[1:]]

    def do_auth(self, words):
        name = words[0].decode().upper() if words else ""
        if name not in self.offered():
            return self.err(b"no such mechanism")
        initial = base64.b64decode(words[1].replace(b"=", b"", words[1] == b"=")) if len(words) > 1 else None
        exchange = {"PLAIN": self.plain, "LOGIN": self.login, "CRAM-MD5": self.cram, "XOAUTH2": self.bearer,
                    "OAUTHBEARER": self.bearer}.get(name)
        if name.startswith("SCRAM-SHA-"):
            right = self.scram(name, initial)
        else:
            right = exchange(initial)
        if right is None:
            return self.err(b"cancelled")
        if right:
            self.enter(name)
        else:
            self.refuse()

    def plain(self, initial):
        answer = self.ask() if initial is None else initial
        return answer and answer.split(b"\0")[1:] == [self.server.user.encode(), self.server.password.encode()]

    def login(self, initial):
        name = self.ask(b"Username:") if initial is None else initial
        return [name, self.ask(b"Password:")] == [self.server.user.encode(), self.server.password.encode()]

    def cram(self, initial):
        challenge = b"<17.42@example.org>"
        right = hmac.new(self.server.password.encode(), challenge, "md5").hexdigest()
        return self.ask(challenge) == ("%s %s" % (self.server.user, right)).encode()

    def bearer(self, initial):
        """The token is the password. What goes wrong is told in a challenge, which the client answers before -ERR."""
        self.state["initial"] = initial is not None
        answer = self.ask() if initial is None else initial
        if answer is None:
            return None
        if b"auth=Bearer %s\x01" % self.server.password.encode() in answer:
            return True
        self.ask(b'{"status":"401"}')
        return False

    def scram(self, name, initial):
        first = self.ask() if initial is None else initial
        steps = scram.exchange(first, self.server.user, self.server.password,
                               hash="sha1" if name.startswith("SCRAM-SHA-1") else "sha256",
                               bound=name.endswith("PLUS"))
        try:
            challenge = next(steps)
            while True:
                challenge = steps.send(self.ask(challenge))
        except StopIteration as end:
            return end.value is None

    # The maildrop.

    def present(self):
        return [(number, drop) for number, drop in enumerate(self.drops, 1) if number not in self.marked]

    def one(self, words):
        """(number, message) that the words name; None, and -ERR is sent, where there is none."""
        number = int(words[0]) if words and re.fullmatch(rb"\d{1,9}", words[0]) else 0
        if not 0 < number <= len(self.drops) or number in self.marked:
            self.err(b"no such message")
            return None
        return number, self.drops[number - 1]

    def do_stat(self, words):
        present = self.present()
        self.ok(b"%d %d" % (len(present), sum(drop.size for _, drop in present)))

    def do_list(self, words):
        if words:
            found = self.one(words)
            return found and self.ok(b"%d %d" % (found[0], found[1].size))
        self.ok(b"sizes")
        self.listing(b"%d %d" % (number, drop.size) for number, drop in self.present())

    def do_uidl(self, words):
        if "UIDL" not in self.server.capabilities:
            return self.err(b"unknown command")
        if words:
            found = self.one(words)
            return found and self.ok(b"%d %s" % (found[0], found[1].uidl))
        self.ok(b"ids")
        self.listing(b"%d %s" % (number, drop.uidl) for number, drop in self.present() if drop.uidl is not None)

    def do_retr(self, words):
        found = self.one(words)
        if found:
            self.ok(b"%d octets" % found[1].size)
            self.text(found[1].body)

    def do_top(self, words):
        found = self.one(words)
        if found:
            head, mark, body = found[1].body.partition(b"\r\n\r\n")
            lines = body.split(b"\r\n")[:int(words[1])]
            self.ok()
            self.text(head + mark + b"".join(line + b"\r\n" for line in lines))

    def do_dele(self, words):
        found = self.one(words)
        if found:
            self.marked.add(found[0])
            self.ok(b"marked")

    def do_rset(self, words):
        self.marked = set()
        self.ok()

    def do_noop(self, words):
        self.ok()

    def do_utf8(self, words):
        self.ok()

    def do_lang(self, words):
        self.err(b"no languages")
