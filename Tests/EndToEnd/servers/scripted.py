"""An IMAP server that does as it is told, wrong where it is told: for what a real one can't be made to do.

    with Scripted([Mailbox(b"INBOX", [Message(1, simple(1))])]) as server:
        server.hooks["SELECT"] = lambda session, tag, words: session.line(b"* BYE no") or session.close()

A hook gets the session, the tag and the command's words; unless it returns True the usual answer follows. `rewrite`
sees every line that is not part of a literal and may return another, several, or None; `fetched` every message that
is about to be sent, and returns True where it has sent another answer. What was received is in `commands`; what would
change the mailbox is in `writes` (a pull must leave it empty). With IDLE among its capabilities a session hears of
what happened to its mailbox when IDLE begins and whenever the test calls `notify`, unless the server is `mute`.
"""

import base64
import re
import socket
import ssl
import threading
import time
import traceback
import zlib

from . import certificates
from .model import Generated, ranges
from .writing import Writing

CAPABILITIES = ("IMAP4rev1 SASL-IR AUTH=PLAIN ID ENABLE NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE "
                "QRESYNC ESEARCH UIDPLUS LITERAL+ UNSELECT")
WRITES = ("STORE", "EXPUNGE", "APPEND", "COPY", "MOVE", "DELETE", "RENAME", "CREATE", "SUBSCRIBE", "REPLACE")


class Closed(Exception):
    """The session is over."""


class Scripted:
    """Speaks TLS from the first byte ("implicit"), after STARTTLS ("starttls"), or never ("none")."""

    password = "secret"

    def __init__(self, mailboxes=(), tls="none", certificate="good", capabilities=CAPABILITIES, split=None, cut=None,
                 pause=0.0, greeting=b"* OK ready", address="127.0.0.1"):
        self.mailboxes, self.tls, self.capabilities = list(mailboxes), tls, capabilities
        self.split, self.cut, self.pause, self.greeting = split, cut, pause, greeting
        self.address = address
        self.certificates = certificates.shared()
        self.certificate = certificate
        self.hooks, self.rewrite, self.fetched, self.quote, self.farewell = {}, None, None, None, None
        self.commands, self.writes, self.failures = [], [], []
        self.lines = self.sessions = 0
        self.mute = False
        self.lock = threading.RLock()
        self.open = set()

    @property
    def ca(self):
        return str(self.certificates / "ca.pem")

    def __enter__(self):
        self.listener = socket.create_server((self.address, 0), backlog=64)
        self.port = self.imaps = self.listener.getsockname()[1]
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

    def box(self, name):
        if isinstance(name, str):
            name = name.encode()
        for mailbox in self.mailboxes:
            if mailbox.name == name or name.upper() == b"INBOX" == mailbox.name.upper():
                return mailbox
        return None

    def idling(self, name="INBOX"):
        """The sessions that IDLE on a mailbox."""
        box = self.box(name)
        with self.lock:
            return [session for session in self.open if session.idle and session.selected is box]

    def notify(self, *lines):
        """Tells the sessions that IDLE what happened to their mailboxes, or those lines instead."""
        with self.lock:
            sessions = [session for session in self.open if session.idle]
        for session in sessions:
            session.notify(lines)
        return len(sessions)

    def count(self, word):
        """How many commands had that first word."""
        with self.lock:
            return sum(command[1].upper().split()[:1] == [word] for command in self.commands)

    def asked(self, word):
        """Whether any command had that first word (or `UID` word)."""
        return any(word.upper() in command[1].upper().split()[:2] for command in self.commands)


class Session(Writing):
    def __init__(self, server, one, number):
        self.server, self.socket, self.number = server, one, number
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.selected, self.enabled, self.state = b"", None, set(), {}
        self.out = []
        # COMPRESS=DEFLATE, once it is agreed on.
        self.deflate = self.inflate = None
        # What this session was told of its mailbox: the UIDs and up to which MODSEQ.
        self.view, self.told, self.idle = [], 0, False
        self.sending = threading.RLock()

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
        if sum(map(len, self.out)) > 65536:
            self.flush()

    def flush(self):
        with self.sending:
            data, self.out = b"".join(self.out), []
            if data:
                self._send(data)

    def _send(self, data):
        if self.deflate:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        self.wire(data)

    def wire(self, data):
        """Sends what is compressed already, or need not be."""
        if self.server.pause:
            time.sleep(self.server.pause)
        step = self.server.split
        if step:
            for start in range(0, len(data), step):
                self.socket.sendall(data[start:start + step])
        else:
            self.socket.sendall(data)

    def line(self, text):
        """One line of an answer, through `rewrite` and the count that cuts."""
        rewrite = self.server.rewrite
        lines = rewrite(self, text) if rewrite else text
        if lines is None:
            return
        for one in [lines] if isinstance(lines, bytes) else lines:
            self.count()
            self.raw(one + b"\r\n")

    def count(self):
        with self.server.lock:
            self.server.lines += 1
            cut = self.server.cut is not None and self.server.lines == self.server.cut
        if cut:
            if self.server.farewell:
                self.raw(self.server.farewell + b"\r\n")
            self.close()

    def ok(self, tag, text=b"done"):
        self.line(tag + b" OK " + text)

    def no(self, tag, text=b"no"):
        self.line(tag + b" NO " + text)

    def _more(self):
        self.flush()
        data = self.socket.recv(65536)
        if not data:
            raise Closed()
        self.buffer += self.inflate.decompress(data) if self.inflate else data

    def _line(self):
        while b"\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def command(self):
        """(tag, words): atoms and strings as bytes, lists as lists."""
        text, literals = self._line(), []
        while True:
            match = re.search(rb"\{(\d+)(\+?)\}$", text)
            if not match:
                break
            if not match.group(2):
                self.raw(b"+ go on\r\n")
            size = int(match.group(1))
            while len(self.buffer) < size:
                self._more()
            literals.append(self.buffer[:size])
            self.buffer = self.buffer[size:]
            text = text[:match.start()] + b"\x00%d\x00" % (len(literals) - 1) + self._line()
        words, stack = [], []
        for quoted, literal, mark, atom in re.findall(
                rb'"((?:\\.|[^"\\])*)"|\x00(\d+)\x00|([()])|((?:[^\s()"\x00\[]|\[[^\]]*\])+)', text):
            if mark == b"(":
                stack.append(words)
                words = []
            elif mark == b")" and stack:
                inner, words = words, stack.pop()
                words.append(inner)
            elif literal:
                words.append(literals[int(literal)])
            elif atom:
                words.append(atom)
            else:
                words.append(re.sub(rb"\\(.)", rb"\1", quoted))
        with self.server.lock:
            self.server.commands.append((self.number, text.partition(b" ")[2].decode("latin-1")))
        return (words[0] if words else b"*"), words[1:]

    # The session.

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
            self.flush()
            tag, words = self.command()
            if not words:
                self.line(tag + b" BAD what?")
                continue
            name = words[0].decode("latin-1").upper()
            if name == "UID" and len(words) > 1:
                name = "UID " + words[1].decode("latin-1").upper()
                words = words[1:]
            if name.split()[-1] in WRITES:
                self.server.writes.append((name, words[1:]))
            with self.server.lock:
                hook = self.server.hooks.get(name) or self.server.hooks.get("*")
            if hook and hook(self, tag, words[1:]):
                continue
            handler = getattr(self, "do_" + name.lower().replace(" ", "_"), None)
            if handler is None:
                self.line(tag + b" BAD unknown")
            else:
                handler(tag, words[1:])

    def capability_words(self):
        words = self.server.capabilities
        if self.server.tls == "starttls" and not isinstance(self.socket, ssl.SSLSocket):
            words = "IMAP4rev1 STARTTLS LOGINDISABLED"
        return words.encode()

    def do_capability(self, tag, words):
        self.line(b"* CAPABILITY " + self.capability_words())
        self.ok(tag)

    def do_starttls(self, tag, words):
        self.ok(tag, b"begin")
        self.secure()

    def do_logout(self, tag, words):
        self.line(b"* BYE bye")
        self.ok(tag)
        self.close()

    def do_noop(self, tag, words):
        self.ok(tag)

    def do_id(self, tag, words):
        self.line(b'* ID ("name" "scripted")')
        self.ok(tag)

    def do_enable(self, tag, words):
        self.enabled |= {word.decode().upper() for word in words}
        self.line(b"* ENABLED " + b" ".join(words))
        self.ok(tag)

    def compressing(self):
        """What goes out from now on is compressed, and what comes in."""
        self.deflate, self.inflate = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    def do_compress(self, tag, words):
        self.ok(tag, b"compressing")
        self.flush()
        self.compressing()

    def do_namespace(self, tag, words):
        self.line(b'* NAMESPACE (("" "/")) NIL NIL')
        self.ok(tag)

    def _login(self, tag, password):
        if password != self.server.password.encode():
            return self.no(tag, b"[AUTHENTICATIONFAILED] wrong")
        self.ok(tag, b"[CAPABILITY " + self.server.capabilities.encode() + b"] in")

    def do_login(self, tag, words):
        self._login(tag, words[1])

    def do_authenticate(self, tag, words):
        if words[0].upper() != b"PLAIN":
            return self.no(tag, b"unknown mechanism")
        if len(words) > 1:
            answer = words[1]
        else:
            self.raw(b"+ \r\n")
            answer = self._line()
        self._login(tag, base64.b64decode(answer).split(b"\0")[-1])

    # Mailboxes.

    def name(self, name):
        """A mailbox name as it goes on the wire; a literal where quoting can't carry it."""
        if self.server.quote:
            return self.server.quote(name)
        if re.search(rb"[\r\n\x00\x80-\xff]", name):
            return b"{%d}\r\n" % len(name) + name
        return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'

    def do_list(self, tag, words, kind=b"LIST"):
        returns = []
        if any(isinstance(word, bytes) and word.upper() == b"RETURN" for word in words):
            place = next(i for i, word in enumerate(words) if isinstance(word, bytes) and word.upper() == b"RETURN")
            returns, words = words[place + 1], words[:place]
        words = [word for word in words if not (isinstance(word, list) and word and word[0].upper() in (
            b"SUBSCRIBED", b"SPECIAL-USE", b"REMOTE", b"RECURSIVEMATCH"))]
        patterns = words[1] if len(words) > 1 and isinstance(words[1], list) else words[1:]
        if patterns == [b""]:
            self.line(b"* " + kind + b' (\\Noselect) "/" ""')
            return self.ok(tag)
        items = next((returns[i + 1] for i, word in enumerate(returns)
                      if isinstance(word, bytes) and word.upper() == b"STATUS"), None)
        for box in self.server.mailboxes:
            if not any(self._matches(box.name, pattern) for pattern in patterns):
                continue
            attributes = list(box.attributes) + ([] if box.selectable else ["\\Noselect"])
            if any(isinstance(word, bytes) and word.upper() == b"SUBSCRIBED" for word in returns):
                attributes.append("\\Subscribed")
            self.line(b"* " + kind + b" (" + " ".join(attributes).encode() + b") " + box.delimiter + b" " +
                      self.name(box.name))
            if items and box.selectable:
                self._status(box, items)
        self.ok(tag)

    def _matches(self, name, pattern):
        regular = "".join(".*" if c == "*" else "[^/]*" if c == "%" else re.escape(c)
                          for c in pattern.decode("latin-1"))
        return re.fullmatch(regular, name.decode("latin-1"), re.S | re.I if name.upper() == b"INBOX" else re.S)

    def do_lsub(self, tag, words):
        self.do_list(tag, words, b"LSUB")

    def _status(self, box, items):
        values = {"MESSAGES": len(box.messages), "UIDNEXT": box.uid_next, "UIDVALIDITY": box.uid_validity,
                  "HIGHESTMODSEQ": box.mod_seq, "UNSEEN": box.unseen(), "RECENT": 0, "SIZE": 0}
        words = ["%s %d" % (item.decode().upper(), values[item.decode().upper()]) for item in items
                 if item.decode().upper() in values]
        self.line(b"* STATUS " + self.name(box.name) + b" (" + " ".join(words).encode() + b")")

    def do_status(self, tag, words):
        box = self.server.box(words[0])
        if box is None:
            return self.no(tag)
        self._status(box, words[1])
        self.ok(tag)

    def do_examine(self, tag, words):
        self.do_select(tag, words, b"READ-ONLY")

    def do_select(self, tag, words, mode=b"READ-WRITE"):
        box = self.server.box(words[0])
        if box is None or not box.selectable:
            self.selected = None
            return self.no(tag, b"[NONEXISTENT] no such mailbox")
        self.selected = box
        self.view = None if isinstance(box.messages, Generated) else [message.uid for message in box.messages]
        self.told = box.mod_seq
        options = words[1] if len(words) > 1 else []
        self.line(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)")
        permanent = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "\\*"]
        permanent = [] if box.read_only else permanent if box.permanent is None else box.permanent
        self.line(b"* OK [PERMANENTFLAGS (" + " ".join(permanent).encode() + b")] ok")
        self.line(b"* %d EXISTS" % len(box.messages))
        self.line(b"* 0 RECENT")
        self.line(b"* OK [UIDVALIDITY %d] ok" % box.uid_validity)
        self.line(b"* OK [UIDNEXT %d] ok" % box.uid_next)
        if "CONDSTORE" in self.server.capabilities:
            self.line(b"* OK [HIGHESTMODSEQ %d] ok" % box.mod_seq)
        if options and options[0].upper() == b"QRESYNC":
            known = options[1]
            if int(known[0]) == box.uid_validity:
                self._changes(box, int(known[1]), known[2].decode() if len(known) > 2 and isinstance(
                    known[2], bytes) else "1:*")
        self.ok(tag, b"[" + (b"READ-ONLY" if box.read_only else mode) + b"] selected")

    def _changes(self, box, since, known):
        gone = [uid for modseq, uid in box.vanished if modseq > since and self._in(uid, known, box)]
        if gone:
            self.line(b"* VANISHED (EARLIER) " + ranges(gone).encode())
        for number, message in box.in_set("1:*"):
            if message.modseq > since:
                self.fetch(number, message, [b"UID", b"FLAGS", b"MODSEQ"])

    def _in(self, uid, text, box):
        for part in text.split(","):
            low, _, high = part.partition(":")
            low, high = [box.uid_next if word == "*" else int(word) for word in (low, high or low)]
            if min(low, high) <= uid <= max(low, high):
                return True
        return False

    def hang(self):
        """From now on this session says nothing, whatever comes."""
        with self.sending:
            self.idle = False
            self.wire = lambda data: None

    # Push.

    def do_idle(self, tag, words):
        with self.sending:
            self.raw(b"+ idling\r\n")
            self.idle = True
            if not self.server.mute:
                self.announce()
            self.flush()
        try:
            answer = self._line()
        finally:
            self.idle = False
        with self.server.lock:
            self.server.commands.append((self.number, answer.decode("latin-1")))
            hook = self.server.hooks.get("DONE")
        if answer.upper() == b"DONE":
            if not (hook and hook(self, tag, [])):
                self.ok(tag)
        else:
            self.line(tag + b" BAD not DONE")

    def notify(self, lines=()):
        try:
            with self.sending:
                if self.idle:
                    for one in lines:
                        self.raw(one + b"\r\n")
                    if not lines and not self.server.mute:
                        self.announce()
                    self.flush()
        except Closed:
            self.abort()
        except OSError:
            pass

    def announce(self):
        """What happened in the selected mailbox since this session was last told of it."""
        box, known = self.selected, self.view
        if box is None or known is None:
            return
        now = [message.uid for message in box.messages]
        gone = sorted(set(known) - set(now))
        if gone and "QRESYNC" in self.enabled:
            self.line(b"* VANISHED " + ranges(gone).encode())
        else:
            for uid in reversed(gone):
                self.line(b"* %d EXPUNGE" % (known.index(uid) + 1))
        if set(now) - set(known):
            self.line(b"* %d EXISTS" % len(now))
        items = [b"UID", b"FLAGS"] + ([b"MODSEQ"] if "CONDSTORE" in self.server.capabilities else [])
        for number, message in enumerate(box.messages, 1):
            if message.modseq > self.told and message.uid in known:
                self.fetch(number, message, items[1:])
        self.view, self.told = now, box.mod_seq

    def do_unselect(self, tag, words):
        self.selected = None
        self.ok(tag)

    do_close = do_unselect

    # Messages.

    def do_uid_search(self, tag, words):
        box = self.selected
        extended = words and isinstance(words[0], bytes) and words[0].upper() == b"RETURN"
        criteria = words[2:] if extended else words
        uids = [message.uid for _, message in self._search(box, criteria)] if not self._plain(criteria) else None
        if uids is None and not isinstance(box.messages, list):
            text = "1:%d" % len(box.messages) if len(box.messages) else ""
            uids = range(1, len(box.messages) + 1)
        else:
            uids = uids if uids is not None else [message.uid for message in box.messages]
            text = ranges(uids)
        if extended:
            wanted = [word.upper() for word in words[1]] or [b"ALL"]
            parts = []
            if b"ALL" in wanted and text:
                parts.append("ALL " + text)
            if b"COUNT" in wanted:
                parts.append("COUNT %d" % len(uids))
            if b"MIN" in wanted and len(uids):
                parts.append("MIN %d" % uids[0])
            if b"MAX" in wanted and len(uids):
                parts.append("MAX %d" % uids[-1])
            self.line(b'* ESEARCH (TAG "' + tag + b'") UID' + (" " + " ".join(parts) if parts else "").encode())
        else:
            self.line(b"* SEARCH" + "".join(" %d" % uid for uid in uids).encode())
        self.ok(tag)

    def _plain(self, criteria):
        return [word.upper() for word in criteria] == [b"ALL"]

    def _search(self, box, criteria):
        """ALL, and UID sets: all that a pull asks for."""
        words = [word.decode().upper() for word in criteria if isinstance(word, bytes)]
        text = words[words.index("UID") + 1] if "UID" in words else "1:*"
        return box.in_set(text)

    def do_uid_fetch(self, tag, words):
        box, items = self.selected, words[1]
        items = items if isinstance(items, list) else [items]
        modifiers = words[2] if len(words) > 2 else []
        upper = [word.upper() for word in modifiers]
        since = int(modifiers[upper.index(b"CHANGEDSINCE") + 1]) if b"CHANGEDSINCE" in upper else None
        known = words[0].decode()
        if b"VANISHED" in upper and since is not None:
            gone = [uid for modseq, uid in box.vanished if modseq > since and self._in(uid, known, box)]
            if gone:
                self.line(b"* VANISHED (EARLIER) " + ranges(gone).encode())
        if since is not None and b"MODSEQ" not in items:
            items = items + [b"MODSEQ"]
        for number, message in box.in_set(known):
            if since is None or message.modseq > since:
                if self.server.fetched and self.server.fetched(self, number, message, items):
                    continue
                self.fetch(number, message, items)
        self.ok(tag)

    def fetch(self, number, message, items, uid=True):
        """One FETCH response; bodies are sent as they are made."""
        parts, names = [], [item.decode().upper() for item in items]
        if uid:
            parts.append(b"UID %d" % message.uid)
        bodies = []
        for name in names:
            if name == "FLAGS":
                parts.append(b"FLAGS (" + " ".join(message.flags).encode() + b")")
            elif name == "INTERNALDATE":
                parts.append(b'INTERNALDATE "' + message.internal_date().encode() + b'"')
            elif name == "RFC822.SIZE":
                parts.append(b"RFC822.SIZE %d" % len(message.body))
            elif name == "MODSEQ":
                parts.append(b"MODSEQ (%d)" % message.modseq)
            elif name == "X-GM-MSGID" and message.gmail_id:
                parts.append(b"X-GM-MSGID %d" % message.gmail_id)
            elif name == "X-GM-LABELS":
                parts.append(b"X-GM-LABELS ()")
            elif name == "EMAILID" and message.email_id:
                parts.append(b"EMAILID (" + message.email_id.encode() + b")")
            elif name.startswith("BODY"):
                bodies.append(name)
        head = b"* %d FETCH (" % number + b" ".join(parts)
        if not bodies:
            return self.line(head + b")")
        self.count()
        self.raw(head)
        for name in bodies:
            section, _, part = name.replace("BODY.PEEK", "BODY").partition("<")
            if section == "BODY[]" and not part:
                self.raw(b" BODY[] {%d}\r\n" % len(message.body))
                for piece in [message.body] if isinstance(message.body, bytes) else message.body.pieces():
                    self.raw(piece)
                continue
            whole = message.whole()
            if section.startswith("BODY[HEADER"):
                end = whole.find(b"\r\n\r\n")
                whole = b"\r\n" if whole.startswith(b"\r\n") else whole if end < 0 else whole[:end + 4]
            if part:
                start, _, length = part.rstrip(">").partition(".")
                whole = whole[int(start):int(start) + int(length)]
                section += "<%s>" % start
            self.raw(b" " + section.encode() + b" {%d}\r\n" % len(whole) + whole)
        self.raw(b")\r\n")
