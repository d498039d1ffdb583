"""What the tests of two-way synchronisation against a real Dovecot share."""

import collections
import contextlib
import imaplib
import json
import os

import check
import mail_reader
from mail_reader import letter
from servers.dovecot import Dovecot, quoted
from servers.wire import Wire
from support import EndToEnd

CRLF = b"\r\n"
DATE = "14-Jul-2017 02:40:00 +0000"
BOXES = ("Archive", "Drafts", "Sent", "Trash")


def token_digest(token, text="hello"):
    return check.digest(letter(token, text))


def loads(count, flags=(), first=1, prefix="t"):
    """Messages t1 to tN for Dovecot.append."""
    return [(letter("%s%d" % (prefix, number), ends=CRLF), list(flags), DATE)
            for number in range(first, first + count)]


class TwoWay(EndToEnd):
    """One Dovecot for a class, a user of it for each test; the program reaches it in the clear, through a Wire."""

    options = {}
    weight = 40

    @classmethod
    def setUpClass(cls):
        cls.names = iter("user%d" % number for number in range(1, 100))
        cls.server = Dovecot(users=["user"] + ["user%d" % number for number in range(1, 100)], **cls.options)
        cls.server.start()
        cls.addClassCleanup(cls.server.remove)

    def setUp(self):
        super().setUp()
        self.user = next(self.names)

    def pair(self, count=6, boxes=BOXES, flags=(), name="mirror", sync=True, **account):
        """INBOX with t1 to tN, empty mailboxes beside it, and a mirror of them."""
        self.server.append("INBOX", loads(count, flags), user=self.user)
        for box in boxes:
            self.server.append(box, [], user=self.user)
        return self.connect(name, sync, **account)

    def connect(self, name="mirror", sync=True, **account):
        self.wire = self.exits.enter_context(Wire(self.server.imap))
        settings = dict(host="127.0.0.1", port=self.wire.port, tls="none", tls_ca_file=None, user=self.user,
                        direction="two-way", settle="1s")
        settings.update(account)
        self.subject = self.mirror(self.server, name=name, **settings)
        if sync:
            self.synced(self.subject)
            self.wire.forget()
        return self.subject

    # The server's side.

    @contextlib.contextmanager
    def client(self, mailbox=None):
        client = self.server.client(self.user)
        try:
            if mailbox:
                client.select(quoted(mailbox).decode())
            yield client
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                client.logout()

    def server_view(self):
        """{mailbox: {uid: message}}"""
        with self.client() as client:
            return {name.decode("latin-1"): check.server_messages(client, name)
                    for name in check.server_mailboxes(client)}

    def on_server(self, mailbox, token=None, text="hello"):
        """The messages of a mailbox, or those with that token's content."""
        with self.client() as client:
            found = check.server_messages(client, mailbox.encode())
        return [message for message in found.values() if token is None or message.digest == token_digest(token, text)]

    def uid_of(self, client, token):
        """In the selected mailbox."""
        uids = client.uid("SEARCH", "HEADER", "Message-ID", "<%s@example.org>" % token)[1][0].split()
        self.assertEqual(len(uids), 1, "%s is there once" % token)
        return uids[0].decode()

    def remove_on_server(self, mailbox, *tokens):
        with self.client(mailbox) as client:
            for token in tokens:
                uid = self.uid_of(client, token)
                client.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)")
                client.uid("EXPUNGE", uid)

    def store_on_server(self, mailbox, token, how, flags):
        with self.client(mailbox) as client:
            client.uid("STORE", self.uid_of(client, token), how, "(%s)" % flags)

    def move_on_server(self, mailbox, token, target):
        with self.client(mailbox) as client:
            answer, _ = client._simple_command("UID", "MOVE", self.uid_of(client, token), quoted(target).decode())
            self.assertEqual(answer, "OK")

    # The folder's side.

    def folder(self, mailbox="INBOX"):
        return self.subject.folder_of(mailbox.encode())

    def file(self, token, mailbox="INBOX"):
        return mail_reader.one(self.folder(mailbox), token)

    def local(self, mailbox="INBOX"):
        """The messages of a folder, contents with CRLF as LF."""
        found, odd = check.folder_messages(self.folder(mailbox))
        self.assertEqual([line for line in odd if "mode" not in line], [])
        return [message._replace(digest=check.digest(open(path, "rb").read())) for path, message in found.items()]

    # What must hold.

    def assertSame(self, dates=True, leftovers=True):
        """The Maildir equals the server, message by message, contents compared with CRLF as LF."""
        out, seen = [], set()
        for name, messages in self.server_view().items():
            folder = self.folder(name)
            if folder is None or not (folder / "cur").is_dir():
                out.append("%s: no folder" % name)
                continue
            seen.add(folder.resolve())
            out += check.differences(messages.values(), self.local(name), name, dates=dates)
            if leftovers:
                out += ["%s: left in tmp: %s" % (name, entry) for entry in os.listdir(folder / "tmp")]
        for folder in check.folders(self.subject.root):
            if folder.resolve() not in seen and (folder / "cur").is_dir() and mail_reader.files(folder):
                out.append("%s: a folder with mail that belongs to no mailbox" % folder)
        self.assertEqual(out, [], "%d differences" % len(out))

    def assertPlaces(self, token, *mailboxes, text="hello"):
        """The message is in those mailboxes and their folders, once for each time that they are named."""
        wanted = collections.Counter(mailboxes)
        content = token_digest(token, text)
        view = self.server_view()
        there = collections.Counter({name: sum(m.digest == content for m in messages.values())
                                     for name, messages in view.items()})
        here = collections.Counter({name: sum(m.digest == content for m in self.local(name)) for name in view
                                    if self.folder(name) and (self.folder(name) / "cur").is_dir()})
        self.assertEqual((+there, +here), (wanted, wanted), "%s: server, folder" % token)

    def assertQuiet(self, status=0):
        """One more sync writes nothing to the server and nothing into the folders."""
        before = self.subject.mail()
        self.wire.forget()
        self.synced(self.subject, status=status)
        self.assertEqual(self.wire.writes, [])
        self.assertEqual(self.subject.mail(), before)

    def assertCareful(self):
        """No command that takes other people's messages along or goes by sequence numbers was ever sent."""
        for verb in self.wire.verbs():
            self.assertNotIn(verb, ("EXPUNGE", "CLOSE", "STORE", "COPY", "MOVE"))

    def tearDown(self):
        if getattr(self, "wire", None):
            self.assertCareful()

    def assertQuarantined(self, *bodies):
        self.assertEqual(sorted(check.digest(body) for body in self.subject.quarantined()),
                         sorted(check.digest(body) for body in bodies))

    # Holds.

    def holds(self):
        return holds(self, self.subject)

    def assertHeld(self, kind=None, count=None):
        """One hold, of that kind, that lists so many messages; its id."""
        found = self.holds()
        self.assertEqual(len(found), 1, found)
        if kind:
            self.assertEqual(found[0]["kind"], kind)
        if count is not None:
            self.assertIn(str(count), json.dumps(found[0]))
        return hold_id(found[0])

    def answered(self, word, *holds, status=0):
        """`approve` or `reject` of all holds or of some, then a sync."""
        result = self.subject.run(word, *(holds or ["--all"]))
        self.assertEqual(result.status, 0, result.err)
        return self.synced(self.subject, status=status)

    def state_rows(self):
        """All rows of all tables of the state."""
        return self.subject.tables("")


def holds(case, mirror):
    """What `holds --json` lists."""
    result = mirror.run("holds", "--json")
    case.assertIn(result.status, (0, 3), result.err)
    found = []

    def walk(value):
        if isinstance(value, dict) and "kind" in value and "reason" in value:
            found.append(value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    text = result.out.strip()
    try:
        walk(json.loads(text))
    except ValueError:
        for line in text.splitlines():
            walk(json.loads(line))
    return found


def hold_id(hold):
    return str(hold.get("id", hold.get("hold")))


def modified(path):
    return os.stat(path).st_mtime_ns
