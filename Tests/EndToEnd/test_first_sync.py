"""The first sync of a mailbox and of a tree of mailboxes: every message once, its bytes, flags, keywords and date."""

import os

from support import FULL, EndToEnd, check, corpus, loaded

COUNT = 10_000 if FULL else 2_000
TREE = ["INBOX", "Archive", "Archive/2023", "Archive/2024", "Archive/2024/Q1", "Archive/2024/Q2", "Lists/swift",
        "Lists/dovecot", "Lists/dovecot/old", "Sent", "Trash", "Projekte/Köln", "Projekte/Größe & Gewicht",
        "日本語/メール", "with.dot/inner", "with space", "ALLCAPS", "a/b/c/d/e/f", "Tag #1", "100% done"]


class OneMailbox(EndToEnd):
    weight = 90

    def test_every_message_of_one_mailbox_arrives_once(self):
        server = self.exits.enter_context(
            loaded("inbox", lambda server: server.append("INBOX", corpus.realistic(COUNT))))
        mirror = self.mirror(server)
        self.synced(mirror, timeout=600 if FULL else 110)
        self.assertMirrored(mirror, server)


class Tree(EndToEnd):
    weight = 80

    def test_every_message_of_twenty_nested_mailboxes_arrives_once(self):
        def fill(server):
            for number, name in enumerate(TREE):
                server.append(name, corpus.realistic(COUNT // len(TREE), seed=100 + number))

        server = self.exits.enter_context(loaded("tree", fill))
        for layout in ("maildir++", "fs"):
            with self.subTest(layout=layout):
                mirror = self.mirror(server, name=layout.replace("+", "p"), layout=layout)
                self.synced(mirror, timeout=600 if FULL else 110)
                self.assertMirrored(mirror, server)


class Small(EndToEnd):
    weight = 20

    def test_odd_bytes_arrive_as_the_server_sends_them(self):
        server = self.dovecot()
        server.append("INBOX", corpus.odd())
        server.append("Twins", corpus.twins())
        for name, tls in (("implicit", "implicit"), ("starttls", "starttls"), ("none", "none")):
            with self.subTest(tls=tls):
                mirror = self.mirror(server, name=name, tls=tls,
                                     host="127.0.0.1" if tls == "none" else "localhost",
                                     port=server.imaps if tls == "implicit" else server.imap,
                                     tls_ca_file=None if tls == "none" else server.ca)
                self.synced(mirror)
                self.assertMirrored(mirror, server)
                self.assertEqual(len(mirror.bodies()), len(list(corpus.odd())) + 2)

    def test_directories_and_files_are_private(self):
        server = self.dovecot()
        server.append("Deep/er", corpus.small(3))
        mirror = self.mirror(server)
        old = os.umask(0)
        try:
            self.synced(mirror)
        finally:
            os.umask(old)
        for folder in check.folders(mirror.root):
            for part in (folder, folder / "cur", folder / "new", folder / "tmp"):
                self.assertEqual(part.stat().st_mode & 0o777, 0o700, part)
        self.assertEqual(mirror.state.stat().st_mode & 0o077, 0, "the state directory is the owner's alone")

    def test_new_holds_unread_and_cur_the_rest(self):
        server = self.dovecot()
        server.append("INBOX", [(b"Subject: %d\r\n\r\n.\r\n" % number, flags, None) for number, flags in
                                enumerate(([], ["\\Seen"], ["\\Flagged"], ["work"]))])
        mirror = self.mirror(server)
        self.synced(mirror)
        self.assertEqual(len(os.listdir(mirror.root / "new")), 1)
        self.assertEqual(len(os.listdir(mirror.root / "cur")), 3)
        for part in ("new", "cur"):
            for name in os.listdir(mirror.root / part):
                size = (mirror.root / part / name).stat().st_size
                self.assertIn(",S=%d" % size, name)

    def test_patterns_select_mailboxes_and_map_renames_folders(self):
        server = self.dovecot()
        for name in ("INBOX", "Spam", "Archive/2023", "Archive/keep", "Lists/a"):
            server.append(name, corpus.small(2))
        mirror = self.mirror(server, mailboxes=["*", "!Spam", "!Archive/*", "Archive/keep"])
        self.synced(mirror)
        self.assertMirrored(mirror, server, selected=[b"INBOX", b"Archive/keep", b"Lists/a"])
        renamed = self.mirror(server, name="renamed", map={"Lists/a": "Swift"})
        self.synced(renamed)
        self.assertMirrored(renamed, server)
        self.assertEqual(len(os.listdir(renamed.root / ".Swift" / "new") +
                             os.listdir(renamed.root / ".Swift" / "cur")), 2)

    def test_a_dry_run_writes_nothing(self):
        server = self.dovecot()
        server.append("INBOX", corpus.small(5))
        mirror = self.mirror(server)
        result = self.synced(mirror, "--dry-run")
        self.assertTrue(result.out.strip(), "a dry run prints its plan")
        self.assertEqual(mirror.mail(), {})

    def test_one_mailbox_by_name(self):
        server = self.dovecot()
        for name in ("INBOX", "One", "Two"):
            server.append(name, corpus.small(2))
        mirror = self.mirror(server)
        self.synced(mirror, "test/One")
        self.assertEqual(len(mirror.bodies()), 2)
        self.synced(mirror)
        self.assertMirrored(mirror, server)

    def test_more_keywords_than_letters(self):
        server = self.dovecot()
        server.append("INBOX", [(b"Subject: %d\r\n\r\n.\r\n" % number, ["key%02d" % number], None)
                                for number in range(40)])
        mirror = self.mirror(server)
        self.synced(mirror)
        letters = check.keyword_names(mirror.root)
        self.assertLessEqual(len(letters), 26)
        self.assertEqual(len(mirror.bodies()), 40)
        before = mirror.mail()
        self.synced(mirror)
        self.assertEqual(mirror.mail(), before)


class Servers(EndToEnd):
    weight = 15

    def test_weaker_servers_give_the_same_mail(self):
        """Without QRESYNC, CONDSTORE, ESEARCH, LIST-STATUS, LITERAL+ the result is the same."""
        base = "IMAP4rev1 AUTH=PLAIN SASL-IR"
        for number, capability in enumerate((base, base + " UIDPLUS CONDSTORE ENABLE", base + " ESEARCH NAMESPACE",
                                             "IMAP4rev1 AUTH=SCRAM-SHA-256 QRESYNC ENABLE CONDSTORE LIST-EXTENDED")):
            with self.subTest(capability=capability):
                server = self.dovecot(capability=capability)
                server.append("INBOX", corpus.realistic(20, largest=50_000))
                server.append("Archive/2024", corpus.small(20))
                mirror = self.mirror(server, name="weak%d" % number)
                self.synced(mirror)
                self.assertMirrored(mirror, server)
                client = server.client()
                client.select("INBOX")
                client.uid("STORE", "1:5", "-FLAGS.SILENT", "(\\Seen)")
                client.uid("STORE", "6:9", "+FLAGS.SILENT", "(\\Flagged)")
                client.uid("STORE", "10:12", "+FLAGS.SILENT", "(\\Deleted)")
                client.uid("EXPUNGE", "10:12")
                client.logout()
                server.append("Archive/2024", corpus.small(3, seed=2))
                self.synced(mirror)
                self.assertMirrored(mirror, server)

    def test_mechanisms_and_separators(self):
        for number, options in enumerate(({"separator": "."}, {"mechanisms": "plain"}, {"mechanisms": "scram-sha-1"},
                                          {"mechanisms": "scram-sha-256"})):
            with self.subTest(**options):
                server = self.dovecot(mechanisms=options.get("mechanisms", "plain") + " plain",
                                      separator=options.get("separator", "/"))
                server.append("Archive%s2024" % options.get("separator", "/"), corpus.small(2))
                auth = {"auth": [options["mechanisms"]]} if "mechanisms" in options else {}
                mirror = self.mirror(server, name="auth%d" % number, **auth)
                self.synced(mirror)
                self.assertMirrored(mirror, server)
