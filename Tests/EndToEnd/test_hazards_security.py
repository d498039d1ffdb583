"""HAZARDS.md, security: S1 to S27 end to end, against a scripted server."""

import os

from hostile import Hostile, inbox
from servers.model import Mailbox, Message, simple


class Security(Hostile):
    weight = 50

    def test_S1_names_that_climb_out_stay_inside(self):
        names = [b"../../x", b"a/../../b", b"/etc/x", b"..", b"a/..", b"./x", b"~/x", b"~root", b"...", b"a/./b"]
        for layout in ("maildir++", "fs"):
            with self.subTest(layout=layout):
                boxes = [inbox(), *(Mailbox(name, [Message(1, simple(number, "escape"))])
                                    for number, name in enumerate(names))]
                server = self.serve(*boxes)
                mirror = self.mirror(server, name="S1" + layout[:2], layout=layout)
                result = mirror.sync()
                self.assertAlive(result)
                self.assertContained(mirror)
                self.assertEqual(sorted(os.listdir(self.directory)), sorted(
                    name for name in os.listdir(self.directory) if name.startswith("S1")))
                self.assertFalse(os.path.exists("/etc/x"))
                self.assertHolds(mirror, boxes[0])
                self.assertOnlyRead(server)
                if len(mirror.bodies()) < 4 + len(names):
                    self.assertTrue(result.err.strip(), "what was skipped is reported")

    def test_S5_literal_sizes_that_no_one_can_hold(self):
        for size in (b"2147483648", b"99999999999999999999", b"-1", b"18446744073709551615", b"9223372036854775807",
                     b"", b"1e9"):
            with self.subTest(size=size):
                server = self.serve(inbox(), inbox(2, b"Other"))

                def fetched(session, number, message, items):
                    if session.selected.name == b"INBOX" and message.uid == 2 and any(b"BODY" in i for i in items):
                        session.raw(b"* 2 FETCH (UID 2 BODY[] {" + size + b"}\r\n")
                        session.raw(b"some bytes")
                        session.close()

                server.fetched = fetched
                self.survives(server, self.mirror(server, name="S5" + size.decode()))

    def test_S5_literal_sizes_in_other_places(self):
        for number, line in enumerate((b'* LIST () "/" {4294967296}', b"* STATUS {99999999999999999999}",
                                       b"* OK {-1}", b"* {3", b"* 1 FETCH (UID 1 X-A {2147483648}")):
            with self.subTest(line=line):
                server = self.serve()

                def hook(session, tag, words):
                    session.raw(line + b"\r\n")
                    session.close()

                server.hooks["LIST"] = hook
                self.survives(server, self.mirror(server, name="S5-%d" % number))

    def test_S7_huge_ranges_are_never_expanded(self):
        server = self.serve()
        self.inject(server, "EXAMINE", b"* OK [COPYUID 1 1:4294967295 1:4294967295] copied",
                    b"* OK [MODIFIED 1:4294967295] x")
        server.hooks["SELECT"] = server.hooks["EXAMINE"]
        result = self.survives(server, self.mirror(server))
        self.assertLess(result.seconds, 30)

    def test_S7_huge_vanished_ranges(self):
        server = self.serve()
        mirror = self.mirror(server)
        self.synced(mirror)
        server.box("INBOX").add(simple(9))
        self.inject(server, "EXAMINE", b"* VANISHED (EARLIER) 100:4294967295")
        server.hooks["SELECT"] = server.hooks["EXAMINE"]
        result = self.survives(server, mirror)
        self.assertLess(result.seconds, 30)

    def test_S9_appenduid_where_nothing_was_appended(self):
        server = self.serve()

        def hook(session, tag, words):
            session.line(tag + b" OK [APPENDUID 1 5] in")
            return True

        server.hooks["LOGIN"] = server.hooks["AUTHENTICATE"] = hook
        server.rewrite = lambda session, line: line.replace(b"[READ-ONLY]", b"[APPENDUID 1 5]").replace(
            b"[READ-WRITE]", b"[APPENDUID 1 5]")
        self.survives(server, self.mirror(server), complete=True)

    def test_S11_messages_without_a_header(self):
        bodies = [b"\r\nbody", b"\r\n", b"", b"\n", b"x", b"\r\n\r\n", b":\r\n\r\n", b"\x00", b"Subject: a", b"\n\n\r\n"]
        box = Mailbox(b"INBOX", [Message(uid, body) for uid, body in enumerate(bodies, 1)])
        for step in (None, 1):
            with self.subTest(split=step):
                server = self.serve(box, split=step)
                mirror = self.mirror(server, name="S11-%s" % step)
                self.survives(server, mirror, complete=True)
                self.assertEqual(sorted(path.stat().st_size for path in (mirror.root / "new").iterdir()),
                                 sorted(len(body.replace(b"\r\n", b"\n")) for body in bodies))

    def never_logged_in(self, server, mirror):
        result = mirror.sync(timeout=90)
        self.assertAlive(result)
        self.assertOneLine(result, 1)
        for word in ("LOGIN", "AUTHENTICATE"):
            self.assertFalse(server.asked(word), "credentials were sent: %s" % server.commands)
        self.assertEqual(mirror.mail(), {})
        return result

    def test_S13_bytes_together_with_the_answer_to_starttls(self):
        for name, extra in (("S13a", b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"), ("S13b", b"x"),
                            ("S13c", b"a9 OK [CAPABILITY IMAP4rev1] hello\r\n")):
            with self.subTest(extra=extra):
                server = self.serve(tls="starttls")

                def hook(session, tag, words):
                    session.raw(tag + b" OK begin\r\n" + extra)
                    session.secure()
                    return True

                server.hooks["STARTTLS"] = hook
                self.never_logged_in(server, self.mirror(server, name=name))

    def test_S15_preauth_where_tls_is_required(self):
        server = self.serve(tls="starttls", greeting=b"* PREAUTH welcome")
        self.never_logged_in(server, self.mirror(server))
        self.assertEqual(server.commands, [], "dropped before any command")

    def test_S17_starttls_missing_or_refused(self):
        for name, act in (("missing", None), ("no", b"NO not now"), ("bad", b"BAD what"), ("bye", b"BYE")):
            with self.subTest(name=name):
                server = self.serve(tls="starttls")
                if act is None:
                    server.hooks["CAPABILITY"] = lambda session, tag, words: (
                        session.line(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN"), session.ok(tag), True)[-1]
                    server.hooks["STARTTLS"] = lambda session, tag, words: (
                        session.line(tag + b" BAD unknown"), True)[-1]
                else:
                    server.hooks["STARTTLS"] = lambda session, tag, words, act=act: (
                        session.line(tag + b" " + act), True)[-1]
                self.never_logged_in(server, self.mirror(server, name="S17" + name))

    def test_S17_greetings_that_are_none(self):
        for number, greeting in enumerate((b"* BYE go away", b"* NO", b"hello", b"+OK pop3 here", b"220 smtp",
                                           b"* BAD x", b"a1 OK x", b"", b"\x00\x01", b"* OK" + b"x" * 3_000_000)):
            with self.subTest(greeting=greeting[:20]):
                server = self.serve(tls="starttls", greeting=greeting)
                if greeting.startswith(b"* OK"):
                    result = self.mirror(server, name="S17long").sync(timeout=90)
                    self.assertAlive(result)
                else:
                    self.never_logged_in(server, self.mirror(server, name="S17g%d" % number))

    def test_S17_nothing_secret_without_tls_when_login_is_disabled(self):
        server = self.serve(capabilities="IMAP4rev1 LOGINDISABLED")
        self.never_logged_in(server, self.mirror(server))

    def test_S19_certificate_of_another_host_with_a_scripted_server(self):
        for tls in ("implicit", "starttls"):
            for certificate in ("wronghost", "otherca", "expired"):
                with self.subTest(tls=tls, certificate=certificate):
                    server = self.serve(tls=tls, certificate=certificate)
                    self.never_logged_in(server, self.mirror(server, name="S19%s%s" % (tls, certificate)))

    def test_S23_structures_nested_a_hundred_thousand_deep(self):
        deep = 100_000
        for number, line in enumerate((b"* 1 FETCH (BODYSTRUCTURE " + b"(" * deep + b")" * deep + b")",
                                       b"* 1 FETCH (BODY " + b"(" * deep,
                                       b"* FLAGS " + b"(" * deep + b")" * deep,
                                       b"* NAMESPACE " + b"(" * deep + b")" * deep + b" NIL NIL",
                                       b"* X " + b"[(" * deep)):
            with self.subTest(line=line[:30]):
                server = self.serve()
                for command in ("SELECT", "EXAMINE"):
                    self.inject(server, command, line)
                self.survives(server, self.mirror(server, name="S23-%d" % number))

    def test_S25_malformed_answers_trap_nothing(self):
        lines = [b"* CAPABILITY", b"* CAPABILITY ", b"* STATUS x ()", b"* STATUS", b"* LIST (", b"* LIST", b"* LIST ()",
                 b"* FLAGS ((((", b"* FLAGS", b"* 1 FETCH (FLAGS ((\\Seen)))", b"* 1 FETCH", b"* 1 FETCH (",
                 b"* 1 FETCH ()", b"* 1 FETCH (UID)", b"* 0 EXISTS", b"* -1 EXISTS", b"* 99999999999999999999 EXISTS",
                 b"* 4294967296 EXISTS", b"* OK [", b"* OK [UIDVALIDITY", b"* OK [UIDVALIDITY 0] x",
                 b"* OK [UIDNEXT 99999999999999999999] x", b"* OK [HIGHESTMODSEQ -1] x", b"* SEARCH x", b"* ESEARCH (",
                 b"* VANISHED", b"* VANISHED ()", b"* VANISHED (EARLIER)", b"* VANISHED 0", b"* VANISHED 5:", b"*",
                 b"* ", b"", b" ", b"* NAMESPACE", b"* NAMESPACE ((", b"* ID (", b"* ENABLED", b"* EXPUNGE",
                 b"* 0 EXPUNGE", b"* 999 EXPUNGE", b"\xff\xfe", b"* OK [BADCHARSET (", b'* LIST () "/" "unfinished',
                 b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (", b"* 1 FETCH (UID 1 BODY[ {3}", b"* RECENT", b"* 1 RECENT x"]
        if not os.environ.get("MAILMIRROR_FULL"):
            lines = [line for number, line in enumerate(lines) if number % 2 == 0 or self.dice.random() < 0.3]
        for number, line in enumerate(lines):
            with self.subTest(line=line):
                server = self.serve()
                for command in ("SELECT", "EXAMINE", "LIST", "CAPABILITY"):
                    self.inject(server, command, line)
                self.survives(server, self.mirror(server, name="S25-%d" % number))

    def test_S27_server_text_is_cut_and_cleaned(self):
        text = b"%n%s%x \x1b[2J\x1b]0;owned\x07 \xff\xfe\xc3( \x00\x01\x9b2J \xe2\x80\xae" + b"A" * 1_000_000
        for name in ("SELECT", "LOGIN", "LIST"):
            with self.subTest(command=name):
                server = self.serve()

                def hook(session, tag, words):
                    session.raw(tag + b" NO " + text.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n")
                    return True

                for command in {"SELECT": ("SELECT", "EXAMINE"), "LOGIN": ("LOGIN", "AUTHENTICATE"),
                                "LIST": ("LIST",)}[name]:
                    server.hooks[command] = hook
                mirror = self.mirror(server, name="S27" + name)
                result = mirror.sync(timeout=90)
                self.assertAlive(result)
                self.assertEqual(result.status, 1)
                self.assertLess(len(result.err), 5_000)
                self.assertNotIn("\u202e", result.err)
                status = mirror.run("status")
                self.assertAlive(status)

    def test_S31_referrals_are_not_followed(self):
        server = self.serve()
        other = self.serve()
        for command in ("LOGIN", "AUTHENTICATE"):
            server.hooks[command] = lambda session, tag, words: (session.line(
                tag + b" NO [REFERRAL imap://user@127.0.0.1:%d/] go there" % other.port), True)[-1]
        mirror = self.mirror(server)
        self.assertEqual(mirror.sync().status, 1)
        self.assertEqual(other.commands, [])


class Bytes(Hostile):
    """What the server sends is what is stored (SAME), however it is cut."""

    def test_SAME_odd_bytes_that_no_real_server_keeps(self):
        import corpus
        bodies = [body for body, _, _ in corpus.odd()] + [b"Subject: nul\r\n\r\n\x00\x01\x00\r\n", b"\r\r\n", b"a\r",
                                                         b"\r\n\r", b"\n\r\n\r", b"From x\n", b"a\n" * 5_000,
                                                         b"a\r\nb\n" * 5_000, bytes(range(256)) * 20]
        box = Mailbox(b"INBOX", [Message(uid, body) for uid, body in enumerate(bodies, 1)])
        for step in (None, 7):
            with self.subTest(split=step):
                server = self.serve(box, split=step)
                self.survives(server, self.mirror(server, name="same%s" % step), complete=True)

    def test_one_byte_at_a_time(self):
        for tls in ("none", "implicit", "starttls"):
            with self.subTest(tls=tls):
                server = self.serve(inbox(), inbox(3, b"Other"), split=1, tls=tls)
                mirror = self.mirror(server, name="one" + tls)
                self.survives(server, mirror, complete=True)
                server.box("INBOX").flag(1, "\\Flagged", "word")
                server.box("INBOX").expunge(2)
                server.box("Other").add(simple(77))
                self.synced(mirror)
                self.assertHolds(mirror, *server.mailboxes)
