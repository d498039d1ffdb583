"""HAZARDS.md, IMAP grammar: G1 to G25 end to end, against a scripted server."""

import os
import re

import check
from hostile import Hostile, inbox
from mirror import FULL
from servers.model import Mailbox, Message, simple


def both(server, hook):
    for command in ("SELECT", "EXAMINE"):
        server.hooks[command] = hook


class Grammar(Hostile):
    weight = 88

    def test_G1_mailbox_names_as_literals(self):
        server = self.serve(inbox(), inbox(2, b"Archive/2024"), inbox(2, b"with space"))
        server.quote = lambda name: b"{%d}\r\n%s" % (len(name), name)
        self.survives(server, self.mirror(server), complete=True)

    def test_G3_nil_is_not_the_word_nil(self):
        boxes = [Mailbox(b"INBOX", [Message(1, simple(1), ["NIL"]), Message(2, simple(2), ["nil"])]),
                 inbox(2, b"NIL"), inbox(2, b"nil/NIL")]
        for number, quote in enumerate((lambda name: b'"%s"' % name, lambda name: name)):
            with self.subTest(quoted=not number):
                server = self.serve(*boxes)
                server.quote = quote
                self.survives(server, self.mirror(server, name="G3%d" % number), complete=not number)

    def test_G5_end_inside_a_literal(self):
        server = self.serve(inbox(), inbox(2, b"Other"))
        cut = []

        def fetched(session, number, message, items):
            if message.uid == 2 and any(b"BODY" in item for item in items) and len(cut) < 2:
                cut.append(number)
                session.raw(b"* %d FETCH (UID 2 FLAGS () BODY[] {%d}\r\n" % (number, len(message.body)))
                session.raw(message.body[:20])
                session.close()

        server.fetched = fetched
        mirror = self.mirror(server)
        self.survives(server, mirror)
        self.assertEqual([path for path in mirror.mail() if os.path.basename(os.path.dirname(path)) == "tmp"], [])

    def test_G7_literal8_with_nuls(self):
        body = b"Subject: nul\r\n\r\na\x00b\x00\r\n"
        server = self.serve(Mailbox(b"INBOX", [Message(1, body), Message(2, simple(2))]))

        def fetched(session, number, message, items):
            if any(b"BODY[]" in item or b"BODY.PEEK[]" in item for item in items):
                session.raw(b'* %d FETCH (UID %d FLAGS () INTERNALDATE "%s" RFC822.SIZE %d MODSEQ (1) BODY[] ~{%d}\r\n' % (
                    number, message.uid, message.internal_date().encode(), len(message.body), len(message.body)))
                session.raw(message.body + b")\r\n")
                return True

        server.fetched = fetched
        self.survives(server, self.mirror(server), complete=True)

    def test_G9_continuations_that_are_odd(self):
        for number, line in enumerate((b"+", b"+ ", b"+ idling", b"+ aGVsbG8=", b"+OK")):
            with self.subTest(stray=line):
                server = self.serve()
                both(server, lambda session, tag, words: session.raw(line + b"\r\n") and None)
                self.survives(server, self.mirror(server, name="G9-%d" % number))
        for number, line in enumerate((b"+\r\n", b"+ \r\n", b"+ go ahead, please\r\n")):
            with self.subTest(challenge=line):
                server = self.serve(capabilities="IMAP4rev1 AUTH=PLAIN")

                def authenticate(session, tag, words):
                    session.raw(line)
                    import base64
                    session._login(tag, base64.b64decode(session._line()).split(b"\0")[-1])
                    return True

                server.hooks["AUTHENTICATE"] = authenticate
                self.survives(server, self.mirror(server, name="G9c%d" % number), complete=number < 2)

    def test_G11_fetch_without_uid_is_no_new_message(self):
        server = self.serve()
        both(server, lambda session, tag, words: None)
        self.inject(server, "UID FETCH", b"* 1 FETCH (FLAGS (\\Seen))", b"* 99 FETCH (FLAGS ())",
                    b"* 2 FETCH (FLAGS (\\Deleted) MODSEQ (5))")
        self.inject(server, "UID SEARCH", b"* 3 FETCH (FLAGS (\\Flagged))")
        self.inject(server, "NOOP", b"* 3 FETCH (FLAGS (\\Flagged))")
        mirror = self.mirror(server)
        self.assertAlive(mirror.sync())
        self.assertBodies(mirror, server.box("INBOX"))
        server.hooks.clear()
        for _ in range(2):
            self.synced(mirror)
        self.assertBodies(mirror, server.box("INBOX"))

    def test_G13_bye_or_end_at_every_line_of_a_first_sync(self):
        probe = self.serve(inbox(), inbox(2, b"Archive/2024"))
        self.synced(self.mirror(probe, name="probe"))
        total = probe.lines
        self.assertGreater(total, 10)
        for number in range(1, total + 1) if FULL else sorted(self.dice.sample(range(1, total + 1), 12)):
            for farewell in (None, b"* BYE gone"):
                with self.subTest(line=number, farewell=farewell):
                    server = self.serve(inbox(), inbox(2, b"Archive/2024"))
                    server.cut, server.farewell = number, farewell
                    self.survives(server, self.mirror(server, name="G13-%d-%s" % (number, bool(farewell))))

    def test_G13_bye_or_end_at_every_line_of_a_later_sync(self):
        def changed(server):
            server.box("INBOX").expunge(2)
            server.box("INBOX").add(simple(50))
            server.box("INBOX").flag(1, "\\Flagged")

        for capabilities in (None, "IMAP4rev1 SASL-IR AUTH=PLAIN"):
            options = {"capabilities": capabilities} if capabilities else {}
            probe = self.serve(inbox(), inbox(2, b"Archive/2024"), **options)
            mirror = self.mirror(probe, name="probe%s" % bool(capabilities))
            self.synced(mirror)
            changed(probe)
            probe.lines = 0
            self.synced(mirror)
            for number in (range(1, probe.lines + 1) if FULL
                           else sorted(self.dice.sample(range(1, probe.lines + 1), 8))):
                with self.subTest(line=number, capabilities=capabilities):
                    server = self.serve(inbox(), inbox(2, b"Archive/2024"), **options)
                    mirror = self.mirror(server, name="G13l-%d-%s" % (number, bool(capabilities)))
                    self.synced(mirror)
                    changed(server)
                    server.lines, server.cut = 0, number
                    broken = mirror.sync()
                    self.assertAlive(broken)
                    self.assertLessEqual(len(mirror.quarantined()), 1)
                    server.cut = None
                    self.synced(mirror)
                    self.assertHolds(mirror, *server.mailboxes)
                    self.assertEqual([check.digest(body) for body in mirror.quarantined()], [check.digest(simple(2, "INBOX"))])
                    self.assertOnlyRead(server)

    def test_G15_uids_at_the_ends_of_their_range(self):
        box = Mailbox(b"INBOX", [Message(uid, simple(uid)) for uid in (1, 2147483647, 2147483648, 4294967294)])
        server = self.serve(box)
        mirror = self.mirror(server)
        self.survives(server, mirror, complete=True)
        box.flag(2147483648, "\\Flagged")
        box.expunge(2147483647)
        self.synced(mirror)
        self.assertHolds(mirror, box)

    def test_G15_the_last_uid_of_all(self):
        box = Mailbox(b"INBOX", [Message(uid, simple(uid)) for uid in (1, 4294967295)])
        server = self.serve(box)
        server.rewrite = lambda session, line: None if b"UIDNEXT" in line and b"* OK" in line else line
        mirror = self.mirror(server)
        self.assertAlive(mirror.sync())
        self.assertBodies(mirror, box)

    def test_G15_uid_zero_is_rejected(self):
        server = self.serve()
        self.inject(server, "UID FETCH", b"* 1 FETCH (UID 0 FLAGS (\\Seen))",
                    b"* 1 FETCH (UID 4294967296 FLAGS ())")
        self.survives(server, self.mirror(server))

    def test_G17_modseqs_at_the_ends_of_their_range(self):
        for number, value in enumerate((2**53 + 1, 2**63 - 1)):
            with self.subTest(modseq=value):
                box = inbox()
                box.mod_seq = value
                for message in box.messages:
                    message.modseq = value
                server = self.serve(box)
                mirror = self.mirror(server, name="G17-%d" % number)
                self.survives(server, mirror, complete=True)
                server.commands.clear()
                self.synced(mirror)
                text = " ".join(command for _, command in server.commands)
                if "QRESYNC (" in text or "CHANGEDSINCE" in text:
                    self.assertIn(str(value), text, "exact, not rounded")
        for number, value in enumerate((0, 2**63, 2**64, 2**64 - 1, 10**30)):
            with self.subTest(modseq=value):
                server = self.serve()
                server.rewrite = lambda session, line: re.sub(
                    rb"MODSEQ \(\d+\)", b"MODSEQ (%d)" % value, re.sub(
                        rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ %d" % value, line))
                self.survives(server, self.mirror(server, name="G17x%d" % number))

    def test_G19_raw_utf8_and_quotes_desync_nothing(self):
        server = self.serve(inbox(), inbox(2, b'quo"te'), inbox(2, b"back\\slash"), inbox(2, b"(paren) {3}"),
                            inbox(2, b"100% * done"))
        mirror = self.mirror(server)
        self.survives(server, mirror)
        self.assertBodies(mirror, *server.mailboxes)
        for number, line in enumerate(("* OK grüß dich \"unmatched".encode(), "* OK [ALERT] Größe \"\\".encode(),
                                       b"* NO \"", "* BYTE ü".encode(), b"* OK [X-FOO \"bar] baz\\\"] text",
                                       b"* OK {5} not a literal", b"* OK ends with {5} in text ")):
            with self.subTest(line=line):
                server = self.serve()
                both(server, lambda session, tag, words: session.raw(line + b"\r\n") and None)
                self.survives(server, self.mirror(server, name="G19-%d" % number), complete=b"* OK" in line)

    def test_G21_permanent_flags_that_are_none(self):
        for number, flags in enumerate((b"()", b"(\\Seen)", b"(\\Answered \\Flagged \\Deleted \\Seen \\Draft)")):
            with self.subTest(flags=flags):
                box = Mailbox(b"INBOX", [Message(1, simple(1), ["\\Seen", "word"]), Message(2, simple(2))])
                server = self.serve(box)
                server.rewrite = lambda session, line: re.sub(rb"PERMANENTFLAGS \([^)]*\)",
                                                              lambda _: b"PERMANENTFLAGS " + flags, line)
                mirror = self.mirror(server, name="G21-%d" % number)
                self.synced(mirror)
                self.assertHolds(mirror, box)
                unread = next((mirror.root / "new").iterdir())
                os.rename(unread, mirror.root / "cur" / (unread.name + ":2,F"))
                before, asked = sorted(os.listdir(mirror.root / "cur")), len(server.commands)
                self.synced(mirror)
                self.assertEqual(sorted(os.listdir(mirror.root / "cur")), before, "a local flag is kept")
                self.assertLess(len(server.commands) - asked, 30, "no loop")
                self.assertOnlyRead(server)

    def test_G23_odd_internal_dates(self):
        texts = {1: "17-Nov-1858 00:00:00 +0000", 2: " 1-Jan-1899 10:00:00 +0100", 3: "1-Jan-2020 00:00:00 +0000",
                 4: "31-Dec-9999 23:59:59 +0000", 5: "29-Feb-2024 12:00:00 -0930", 6: None, 7: "99-Xyz-0000 99:99:99 +9999"}
        box = Mailbox(b"INBOX", [Message(uid, simple(uid)) for uid in texts])
        for message in box.messages:
            message.internal_date = lambda text=texts[message.uid]: text or "01-Jan-1970 00:00:00 +0000"
        server = self.serve(box)

        def fetched(session, number, message, items):
            if message.uid == 6 and b"INTERNALDATE" in items:
                session.fetch(number, message, [item for item in items if item != b"INTERNALDATE"])
                return True

        server.fetched = fetched
        mirror = self.mirror(server)
        self.assertAlive(mirror.sync())
        server.fetched = None
        for uid in (6, 7):
            box.messages[uid - 1].internal_date = lambda: "01-Jan-1970 00:00:00 +0000"
        self.assertAlive(mirror.sync())
        self.assertBodies(mirror, box)
        found = {message.digest: message.date for message in check.folder_messages(mirror.root)[0].values()}
        for uid in (3, 5):
            self.assertEqual(found[check.digest(simple(uid))], check.seconds(texts[uid]))

    def test_G25_search_answers_of_all_kinds(self):
        answers = {
            "several lines": lambda uids: [b"* SEARCH %d" % uid for uid in uids],
            "trailing space": lambda uids: [b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b" "],
            "empty, then all": lambda uids: [b"* SEARCH", b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids)],
            "extended": lambda uids: [b'* ESEARCH UID ALL ' + ",".join(map(str, uids)).encode()],
            "with modseq": lambda uids: [b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b" (MODSEQ 917162500)"],
        }
        for number, (name, lines) in enumerate(answers.items()):
            with self.subTest(answer=name):
                server = self.serve(inbox(6), capabilities="IMAP4rev1 SASL-IR AUTH=PLAIN")
                mirror = self.mirror(server, name="G25-%d" % number)
                self.synced(mirror)
                box = server.box("INBOX")
                box.expunge(3)
                box.add(simple(60))

                def search(session, tag, words):
                    for line in lines([message.uid for message in box.messages]):
                        session.line(line)
                    session.ok(tag)
                    return True

                server.hooks["UID SEARCH"] = search
                self.synced(mirror)
                self.assertHolds(mirror, box)

    def test_G25_an_empty_search_is_never_no_messages(self):
        for number, lines in enumerate(([b"* SEARCH"], [], [b"* ESEARCH UID"])):
            with self.subTest(lines=lines):
                server = self.serve(inbox(6), capabilities="IMAP4rev1 SASL-IR AUTH=PLAIN")
                mirror = self.mirror(server, name="G25e%d" % number)
                self.synced(mirror)
                server.box("INBOX").expunge(3)

                def search(session, tag, words):
                    for line in lines:
                        session.line(line)
                    session.ok(tag)
                    return True

                server.hooks["UID SEARCH"] = search
                self.assertAlive(mirror.sync())
                self.assertGreaterEqual(len(mirror.bodies()), 5, "nothing may be removed that the server still has")
                server.hooks.clear()
                self.synced(mirror)
                self.assertHolds(mirror, server.box("INBOX"))
