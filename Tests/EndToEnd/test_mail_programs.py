"""Real mail programs in the Maildir: neomutt in a terminal, and the indexers notmuch and mu beside a sync."""

import collections
import contextlib
import os
import re
import shutil
import subprocess
import threading
import unittest
from pathlib import Path

import check
import mail_reader
import terminal
from servers.dovecot import quoted
from support import corpus
from two_way import TwoWay

MUTTRC = """
set folder = "{root}"
set spoolfile = "+INBOX"
set record = "+Sent"
set postponed = "+Drafts"
set mbox_type = Maildir
set sendmail = "{directory}/sendmail"
set editor = "{directory}/editor"
set from = "me@example.org"
set realname = "Me"
set hostname = "example.org"
set delete = yes
set quit = yes
set move = no
set mark_old = no
set confirmappend = no
set confirmcreate = no
set abort_unmodified = no
set abort_nosubject = no
set recall = no
set fast_reply = yes
set include = no
set wait_key = no
set beep = no
set sleep_time = 0
set sort = mailbox-order
set mail_check = 60
set pager_stop = yes
set edit_headers = no
"""


def needs(*programs):
    lacking = [program for program in programs if shutil.which(program) is None]
    return unittest.skipIf(lacking, "not installed: " + ", ".join(lacking))


@needs("neomutt")
class Neomutt(TwoWay):
    weight = 20
    options = {"more": "namespace inbox {\n  mailbox Drafts {\n    special_use = \\Drafts\n  }\n}\n"}

    def setUp(self):
        super().setUp()
        self.pair(6, layout="fs", delete_on_server="trash")
        for name, text in (("sendmail", "cat > /dev/null"), ("editor", 'echo "written in an editor" >> "$1"')):
            path = Path(self.directory, name)
            path.write_text("#!/bin/sh\n%s\n" % text)
            path.chmod(0o700)
        self.settings = Path(self.directory, "muttrc")
        self.settings.write_text(MUTTRC.format(root=self.subject.root, directory=self.directory))

    def neomutt(self, *keys, mailbox="INBOX"):
        """Opens a folder, types the keys and quits."""
        command = "push '%s<quit>'" % "".join(keys)
        status, drawn = terminal.run(
            ["neomutt", "-n", "-F", str(self.settings), "-f", str(self.folder(mailbox)), "-e", command],
            environment={"HOME": self.directory, "MAIL": "", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}, cwd=self.directory)
        self.assertEqual(status, 0, drawn[-1500:])

    @staticmethod
    def at(token):
        """Shows that message alone, so that the cursor is on it."""
        return "<limit>~i %s@example<enter><first-entry>" % token

    def places(self, token):
        """{mailbox: how many} of the server, whatever headers were added to it, and the last of its flags."""
        found, flags = collections.Counter(), None
        with self.client() as client:
            for name in check.server_mailboxes(client):
                client.select(quoted(name.decode()).decode(), readonly=True)
                for uid in client.uid("SEARCH", "HEADER", "Message-ID", "<%s@example.org>" % token)[1][0].split():
                    data = client.uid("FETCH", uid.decode(), "(FLAGS)")[1][0]
                    flags = set(re.search(rb"FLAGS \(([^)]*)\)", data).group(1).decode().lower().split()) - {"\\recent"}
                    found[name.decode()] += 1
        return dict(found), flags

    def assertAt(self, token, *mailboxes, flags=None):
        """neomutt adds a Content-Length header to what it saves, so it is looked for by its Message-ID."""
        found, seen = self.places(token)
        self.assertEqual(found, dict(collections.Counter(mailboxes)), token)
        if flags is not None:
            self.assertEqual(seen, set(flags), token)

    def assertSameMail(self):
        """As assertSame, without the header fields that neomutt adds to what it saves: only the file has them."""
        here, there = collections.Counter(), collections.Counter()
        with self.client() as client:
            for name, messages in self.server_view().items():
                client.select(quoted(name).decode(), readonly=True)
                for uid, message in messages.items():
                    body = client.uid("FETCH", str(uid), "(BODY.PEEK[])")[1][0][1]
                    there[name, stripped(body), message.flags] += 1
                for path, message in check.folder_messages(self.folder(name))[0].items():
                    here[name, stripped(Path(path).read_bytes()), message.flags] += 1
        self.assertEqual(here, there)

    def test_reads_and_flags(self):
        self.neomutt(self.at("t2"), "<display-message><exit>", self.at("t3"), "<flag-message>", "<sync-mailbox>")
        self.synced(self.subject)
        self.assertAt("t2", "INBOX", flags=["\\seen"])
        self.assertAt("t3", "INBOX", flags=["\\flagged"])
        self.neomutt(self.at("t2"), "<toggle-new>", self.at("t3"), "<flag-message>", "<sync-mailbox>")
        self.synced(self.subject)
        for token in ("t1", "t2", "t3"):
            self.assertAt(token, "INBOX", flags=[])
        self.assertSameMail()
        self.assertQuiet()

    def test_deletes(self):
        self.neomutt(self.at("t4"), "<delete-message>", self.at("t5"), "<delete-message>", "<sync-mailbox>")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertAt("t4", "Trash")
        self.assertAt("t5", "Trash")
        self.assertEqual(len(self.on_server("INBOX")), 4)
        self.assertSameMail()

    def test_moves_by_saving(self):
        self.neomutt(self.at("t1"), "<save-message><kill-line>=Archive<enter>", "<sync-mailbox>",
                     self.at("t2"), "<copy-message><kill-line>=Archive<enter>", "<sync-mailbox>")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertAt("t1", "Archive")
        self.assertAt("t2", "INBOX", "Archive")
        self.assertEqual(self.on_server("Trash"), [], "a move leaves nothing in the Trash")
        self.assertSameMail()
        # And back, marked in one session and carried out when it ends.
        self.neomutt(self.at("t1"), "<save-message><kill-line>=INBOX<enter>", mailbox="Archive")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertAt("t1", "INBOX")
        self.assertSameMail()
        self.assertQuiet()

    def test_copies_first_and_unlinks_in_a_later_sync(self):
        """neomutt saves at once and unlinks when the folder is synced, which may be hours later."""
        self.neomutt(self.at("t1"), "<copy-message><kill-line>=Archive<enter>")
        self.synced(self.subject)
        self.neomutt(self.at("t1"), "<delete-message>", "<sync-mailbox>")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertAt("t1", "Archive")
        self.assertEqual(self.on_server("Trash"), [])

    def test_sends_and_keeps_a_copy(self):
        self.neomutt("<mail>you@example.org<enter>greetings<enter>", "<send-message>")
        self.synced(self.subject)
        sent = self.on_server("Sent")
        self.assertEqual(len(sent), 1)
        self.assertIn("\\seen", sent[0].flags)
        with self.client("Sent") as client:
            body = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
        self.assertIn(b"written in an editor", body)
        self.assertIn(b"Subject: greetings", body)
        self.assertSameMail()
        self.assertQuiet()

    def test_a_draft_is_postponed_recalled_and_sent(self):
        self.neomutt("<mail>you@example.org<enter>slowly<enter>", "<postpone-message>")
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("Drafts")), 1)
        self.neomutt("<recall-message>", "<postpone-message>")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("Drafts")), 1)
        self.neomutt("<recall-message>", "<send-message>")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertEqual((len(self.on_server("Drafts")), len(self.on_server("Sent"))), (0, 1))
        self.assertEqual(self.on_server("Trash"), [], "an edited or sent draft leaves nothing in the Trash")
        self.assertSameMail()

    def test_reads_while_a_sync_runs(self):
        """All of it while new mail comes and syncs run."""
        ended = threading.Event()
        results = []

        def sync():
            number = 0
            while not ended.is_set():
                number += 1
                self.server.append("INBOX", [(mail_reader.letter("b%d" % number, ends=b"\r\n"), [], None)],
                                   user=self.user)
                results.append(self.subject.sync())

        worker = threading.Thread(target=sync)
        worker.start()
        try:
            for token in ("t1", "t2", "t3"):
                self.neomutt(self.at(token), "<display-message><exit>", "<sync-mailbox>")
                self.neomutt(self.at(token), "<save-message><kill-line>=Archive<enter>", "<sync-mailbox>")
        finally:
            ended.set()
            worker.join()
        self.assertEqual([result.status for result in results], [0] * len(results),
                         [result.err for result in results if result.status])
        self.synced(self.subject)
        self.synced(self.subject)
        for token in ("t1", "t2", "t3"):
            self.assertAt(token, "Archive", flags=["\\seen"])
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSameMail()


def stripped(body):
    return check.digest(re.sub(rb"(?m)^(?:Content-Length|Lines|Status): .*\r?\n", b"", body))


class Indexers(TwoWay):
    weight = 15

    def fill(self):
        self.count = 300
        messages = [(mail_reader.letter("n%d" % number, "hello " * (number % 50), ends=b"\r\n"), [],
                     corpus.date(1_600_000_000 + number)) for number in range(self.count)]
        self.server.append("INBOX", messages[:200], user=self.user)
        self.server.append("Archive", messages[200:], user=self.user)
        for box in ("Sent", "Trash"):
            self.server.append(box, [], user=self.user)

    def beside(self, index):
        """Syncs while the indexer runs again and again: first everything, then changes of both sides."""
        ended = threading.Event()

        def work():
            while not ended.is_set():
                with contextlib.suppress(subprocess.CalledProcessError):  # notmuch: a file went away under its hands
                    index()

        Path(self.subject.root).mkdir(parents=True, exist_ok=True)
        worker = threading.Thread(target=work)
        self.synced(self.subject)
        worker.start()
        try:
            for turn in range(3):
                with self.client("INBOX") as client:
                    client.uid("STORE", "%d:%d" % (1 + 20 * turn, 20 + 20 * turn), "+FLAGS", "(\\Seen)")
                    client._simple_command("UID", "MOVE", "%d:%d" % (101 + 10 * turn, 110 + 10 * turn),
                                           quoted("Archive").decode())
                    client.append("INBOX", None, None, mail_reader.letter("late%d" % turn, ends=b"\r\n"))
                for number in range(4):
                    mail_reader.move(mail_reader.one(self.folder(), "n%d" % (70 + 4 * turn + number)),
                                     self.folder("Archive"))
                mail_reader.deliver(self.folder("Sent"), mail_reader.letter("sent%d" % turn), "S")
                self.synced(self.subject)
        finally:
            ended.set()
            worker.join()
        self.count += 6
        index()
        self.synced(self.subject)
        self.assertSame()
        everything = [message.digest for found in self.server_view().values() for message in found.values()]
        self.assertEqual((len(everything), len(set(everything))), (self.count, self.count), "nothing lost or doubled")

    @needs("notmuch")
    def test_notmuch_indexes_while_a_sync_runs(self):
        self.fill()
        self.connect(sync=False)
        settings = Path(self.directory, "notmuch")
        settings.write_text("[database]\npath=%s\n[user]\nname=Me\nprimary_email=me@example.org\n"
                            "[new]\ntags=unread;inbox\nignore=/.*[.](lock|json)$/\n"
                            "[maildir]\nsynchronize_flags=true\n" % self.subject.root)
        environment = dict(os.environ, NOTMUCH_CONFIG=str(settings), HOME=self.directory)

        def notmuch(*arguments):
            return subprocess.run(["notmuch", *arguments], env=environment, check=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.decode()

        self.beside(lambda: notmuch("new", "--quiet"))
        self.assertEqual(int(notmuch("count", "*")), self.count)
        self.assertEqual(int(notmuch("count", "--output=files", "*")), self.count)
        # What notmuch does to tags it does to the names of files (maildir.synchronize_flags), and the server hears it.
        notmuch("tag", "-unread", "+flagged", "--", "id:n5@example.org")
        self.synced(self.subject)
        self.assertEqual([message.flags for message in self.server_messages("n5", "hello " * 5)],
                         [{"\\seen", "\\flagged"}])
        self.assertSame()

    @needs("mu")
    def test_mu_indexes_while_a_sync_runs(self):
        self.fill()
        self.connect(sync=False)
        environment = dict(os.environ, HOME=self.directory, XDG_CACHE_HOME=os.path.join(self.directory, "cache"),
                           LC_ALL="C.UTF-8")

        def mu(*arguments):
            return subprocess.run(["mu", *arguments], env=environment, check=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.decode()

        Path(self.subject.root).mkdir(parents=True, exist_ok=True)
        mu("init", "--maildir=%s" % self.subject.root, "--my-address=me@example.org")
        self.beside(lambda: mu("index", "--quiet"))
        self.assertEqual(len(mu("find", "--fields=i", "").split()), self.count)

    def server_messages(self, token, text):
        digest = check.digest(mail_reader.letter(token, text))
        return [message for found in self.server_view().values() for message in found.values()
                if message.digest == digest]
