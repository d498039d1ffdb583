"""HAZARDS.md, mailbox names: N1 to N11 end to end, against a scripted server."""

import os
import unicodedata

import check
from hostile import Hostile, inbox
from servers.dovecot import modified_utf7
from servers.model import Mailbox, Message, simple

KNOWN = {"CAPABILITY", "STARTTLS", "AUTHENTICATE", "LOGIN", "ID", "NAMESPACE", "ENABLE", "LIST", "LSUB", "STATUS",
         "SELECT", "EXAMINE", "UID", "NOOP", "CHECK", "UNSELECT", "CLOSE", "LOGOUT", "COMPRESS", "IDLE", "NOTIFY"}


def boxes_of(names):
    return [inbox(2)] + [Mailbox(name, [Message(1, simple(number, "name")), Message(2, simple(number, "second"))])
                         for number, name in enumerate(names)]


class Names(Hostile):
    def folders_with_mail(self, mirror):
        return [folder for folder in check.folders(mirror.root) if check.folder_messages(folder)[0]]

    def in_both_layouts(self, names, complete=True, **options):
        """All mail of all those mailboxes arrives, each mailbox in a folder of its own (or is reported)."""
        for layout in ("maildir++", "fs"):
            with self.subTest(layout=layout):
                server = self.serve(*boxes_of(names))
                for key, value in options.items():
                    for box in server.mailboxes:
                        setattr(box, key, value)
                mirror = self.mirror(server, name="%s%d" % (layout[:2], len(os.listdir(self.directory))), layout=layout)
                result = mirror.sync()
                self.assertAlive(result)
                self.assertContained(mirror)
                if complete:
                    self.assertEqual(result.status, 0, result.err)
                    self.assertBodies(mirror, *server.mailboxes)
                    self.assertEqual(len(self.folders_with_mail(mirror)), len(server.mailboxes))
                elif len(self.folders_with_mail(mirror)) < len(server.mailboxes):
                    self.assertTrue(result.err.strip(), "what was skipped is reported")
                self.assertHolds(mirror, server.mailboxes[0])
                before = mirror.mail()
                self.assertAlive(mirror.sync())
                self.assertEqual(mirror.mail(), before)
                self.assertOnlyRead(server)
                for _, command in server.commands:
                    self.assertIn(command.split()[0].upper(), KNOWN, "an injected command")
        return server

    def test_N1_line_ends_and_nul_in_a_name(self):
        self.in_both_layouts([b"a\r\nx LOGOUT", b"b\nx2 DELETE INBOX", b"c\r\n", b"d\x00e", b"tab\there", b"\x1b[2J"],
                             complete=False)

    def test_N3_names_that_are_no_modified_utf7(self):
        names = [b"&bad-", b"&&&", b"caf\xe9", b"x&AGE-y", b"&AMQ", b"a&", b"&-&", b"&2AA-", b"&AMQ-&ANY-", b"gr\xc3\xbc"]
        server = self.in_both_layouts(names)
        selected = " ".join(command for _, command in server.commands if command.startswith(("SELECT", "EXAMINE")))
        for name in names:
            if name.isascii():
                self.assertIn(name.decode(), selected, "the server's own bytes go into commands")

    def test_N5_twins_by_case_or_normalisation_stay_two(self):
        self.in_both_layouts([b"Work", b"work", b"WORK"] + [
            modified_utf7(unicodedata.normalize(form, "Größe")).encode() for form in ("NFC", "NFD")])

    def test_N7_servers_without_a_separator(self):
        self.in_both_layouts([b"flat", b"with/slash", b"with.dot"], delimiter=b"NIL")
        self.in_both_layouts([b"a/../b", b".."], complete=False, delimiter=b"NIL")
        self.in_both_layouts([b"flat", b"with/slash", b"with.dot"], delimiter=b'""', complete=False)

    def test_N9_names_that_mean_something_to_a_maildir(self):
        self.in_both_layouts([b"cur", b"new", b"tmp", b"a//b", b"a/", b"/a", b"dovecot-uidlist", b"maildirfolder", b".",
                              b"x/cur", b"x/new", b".mailmirror", b"subscriptions", b" ", b"-rf", b"~", b"a%2Fb", b"%2E"],
                             complete=False)
        self.in_both_layouts([b"n" * 200])
        self.in_both_layouts([b"x" * 300, b"y" * 300 + b"/z", b"/".join([b"d" * 200] * 30)], complete=False)

    def test_N11_a_list_that_is_empty_or_refused_or_short_removes_nothing(self):
        def nothing(session, tag, words):
            session.ok(tag)
            return True

        def refused(session, tag, words):
            session.no(tag)
            return True

        def short(session, tag, words):
            kept, session.server.mailboxes = session.server.mailboxes, session.server.mailboxes[:1]
            session.do_list(tag, words)
            session.server.mailboxes = kept
            return True

        for name, hook in (("empty", nothing), ("refused", refused), ("short", short)):
            with self.subTest(list=name):
                server = self.serve(*boxes_of([b"Archive", b"Archive/2024"]))
                mirror = self.mirror(server, name="N11" + name)
                self.synced(mirror)
                before = mirror.mail()
                server.hooks["LIST"] = server.hooks["LSUB"] = hook
                self.assertAlive(mirror.sync())
                self.assertEqual(mirror.mail(), before)
                self.assertEqual(mirror.quarantined(), [])
                server.hooks.clear()
                self.synced(mirror)
                self.assertEqual(mirror.mail(), before)
