"""HAZARDS.md, security, as it applies to POP3: what a server or one between does to get credentials, or to break in."""

from drain_case import DrainCase, digests
from servers.pop3_scripted import Drop, drops, simple
from support import FULL


class Credentials(DrainCase):
    weight = 50

    def never_signed_in(self, server, mirror):
        result = mirror.sync(timeout=90)
        server.settle()
        self.assertAlive(result)
        line = self.assertOneLine(result, 1)
        self.assertNotSignedIn(server, result)
        self.assertEqual(mirror.mail(), {})
        self.assertNotIn(server.password, result.err + result.out)
        self.assertEqual(len(server.drops), 4)
        return line

    def test_S13_bytes_together_with_the_answer_to_STLS(self):
        for name, extra in (("a", b"+OK capabilities\r\nUSER\r\n.\r\n"), ("b", b"x"), ("c", b"+OK\r\n"), ("d", b"\r\n")):
            with self.subTest(extra=extra):
                server = self.serve(tls="starttls")

                def hook(session, words):
                    session.raw(b"+OK begin\r\n" + extra)
                    session.secure()
                    return True

                server.hooks["STLS"] = hook
                self.never_signed_in(server, self.drain(server, name="S13" + name))

    def test_S13_bytes_before_the_answer_to_STLS(self):
        server = self.serve(tls="starttls")

        def hook(session, words):
            session.raw(b"+OK capabilities\r\nUSER\r\n.\r\n+OK begin\r\n")
            session.secure()
            return True

        server.hooks["STLS"] = hook
        self.never_signed_in(server, self.drain(server))

    def test_S15_a_greeting_that_is_signed_in_already(self):
        """As IMAP's PREAUTH: a greeting with more behind it, which would answer what is not yet asked."""
        for number, more in enumerate((b"+OK signed in\r\n", b"+OK\r\nSTLS\r\n.\r\n+OK begin\r\n", b"+OK 1 1\r\n" * 20,
                                       b"* PREAUTH welcome\r\n")):
            with self.subTest(more=more[:30]):
                server = self.serve(tls="starttls", greeting=b"+OK ready\r\n" + more.rstrip(b"\r\n"))
                self.never_signed_in(server, self.drain(server, name="S15-%d" % number))

    def test_S15_imap_preauth_as_a_greeting(self):
        server = self.serve(tls="starttls", greeting=b"* PREAUTH welcome")
        self.never_signed_in(server, self.drain(server))
        self.assertEqual(server.commands, [], "dropped before any command")

    def test_S17_STLS_missing_or_refused(self):
        for name, act in (("missing", None), ("refused", b"-ERR not now"), ("unknown", b"-ERR [SYS/PERM] what"),
                          ("odd", b"hello"), ("empty", b""), ("close", False)):
            with self.subTest(name=name):
                server = self.serve(tls="starttls")
                if act is None:
                    server.hooks["CAPA"] = lambda session, words: (
                        session.ok(), session.listing([b"USER", b"UIDL", b"TOP"]), True)[-1]
                if act is False:
                    server.hooks["STLS"] = lambda session, words: session.close()
                else:
                    server.hooks["STLS"] = lambda session, words, act=act: (
                        session.line(act or b"-ERR unknown"), True)[-1]
                self.never_signed_in(server, self.drain(server, name="S17" + name))

    def test_S17_without_CAPA_STLS_is_tried_or_refused_and_never_left_out(self):
        """An old server that knows no CAPA may still know STLS."""
        server = self.serve(tls="starttls")
        server.hooks["CAPA"] = lambda session, words: (session.err(b"unknown"), True)[-1]
        mirror = self.drain(server)
        result = mirror.sync()
        server.settle()
        self.assertAlive(result)
        said = server.words()
        for word in ("USER", "PASS", "APOP", "AUTH"):
            if word in said:
                self.assertIn("STLS", said[:said.index(word)])

    def test_S17_greetings_that_are_none(self):
        for number, greeting in enumerate((b"-ERR go away", b"hello", b"* OK imap here", b"220 smtp", b"", b"\x00\x01",
                                           b"+OK" + b"x" * 3_000_000, b"OK", b"+ OK", b"-")):
            with self.subTest(greeting=greeting[:20]):
                server = self.serve(tls="starttls", greeting=greeting)
                mirror = self.drain(server, name="S17g%d" % number)
                if greeting.startswith(b"+OK"):
                    self.assertAlive(mirror.sync(timeout=90))
                else:
                    self.never_signed_in(server, mirror)

    def test_S17_capabilities_from_before_TLS_are_forgotten(self):
        """What was offered in the clear (by one between) does not decide how the password is sent inside."""
        server = self.serve(tls="starttls", capabilities=("UIDL", "TOP", "USER", "SASL SCRAM-SHA-256 PLAIN"))

        def hook(session, words):
            if session.secured:
                return False
            session.ok()
            session.listing([b"STLS", b"USER", b"SASL PLAIN LOGIN", b"UIDL"])
            return True

        server.hooks["CAPA"] = hook
        self.finished(self.drain(server), server)
        self.assertEqual(server.mechanisms, ["SCRAM-SHA-256"])
        self.assertGreaterEqual(server.count("CAPA"), 2)

    def test_S19_certificate_of_another_host(self):
        for tls in ("implicit", "starttls"):
            for certificate in ("wronghost", "otherca", "expired"):
                with self.subTest(tls=tls, certificate=certificate):
                    server = self.serve(tls=tls, certificate=certificate)
                    self.never_signed_in(server, self.drain(server, name="S19%s%s" % (tls, certificate)))

    def test_S19_certificate_of_another_host_on_a_later_visit(self):
        for tls in ("implicit", "starttls"):
            with self.subTest(tls=tls):
                server = self.serve(tls=tls)
                mirror = self.drain(server, name=tls, retention="keep")
                self.finished(mirror, server)
                server.certificate = "wronghost"
                server.forget()
                result = mirror.sync(timeout=60)
                server.settle()
                self.assertNotSignedIn(server, result)
                server.certificate = "good"
                self.finished(mirror, server)
                self.assertDelivered(mirror, digests(drops(4)))

    def test_S19_certificate_of_another_host_of_a_real_server(self):
        server = self.office(certificate="wronghost")
        for tls, port in (("implicit", server.pop3s), ("starttls", server.pop3)):
            with self.subTest(tls=tls):
                result = self.drain(server, name=tls, tls=tls, port=port).sync(timeout=60)
                self.assertIn("localhost", self.assertOneLine(result, 1))
        self.assertNotIn("pop3-login: Info: Login:", server.log())

    FORGED = (b"<>", b"<x>", b"<@>", b"<a@>", b"<@b>", b"<a@b", b"a@b>", b"<a@b@c>", b"<a b@c>", b"<a@b c>",
              b"<\x00\x01\xff@x>", b"<a@\x80\x81>", b"<" + b"x" * 2_000 + b"@x>", b"<a@b><c@d>", b"<a\x7f@b>")

    def test_S21_a_forged_timestamp_refuses_APOP_and_nothing_goes_in_plain_text(self):
        """Where APOP was asked for, a stamp that is no msg-id means one between who wants to learn the password from
        colliding digests: no APOP, and no fallback to the password itself."""
        for number, stamp in enumerate(self.FORGED):
            with self.subTest(stamp=stamp[:20]):
                server = self.serve(stamp=stamp, capabilities=("UIDL", "TOP", "USER", "SASL PLAIN LOGIN"))
                mirror = self.drain(server, name="S21-%d" % number, auth=["apop"])
                self.never_signed_in(server, mirror)

    def test_S21_a_missing_timestamp_does_not_fall_back(self):
        server = self.serve(capabilities=("UIDL", "TOP", "USER", "SASL PLAIN"))
        self.never_signed_in(server, self.drain(server, auth=["apop"]))

    def test_S21_a_good_timestamp_is_used(self):
        server = self.serve(stamp=b"<1896.697170952@dbc.mtview.ca.us>", capabilities=("UIDL", "TOP"))
        mirror = self.drain(server, auth=["apop"])
        self.finished(mirror, server)
        self.assertEqual(server.mechanisms, ["APOP"])
        self.assertNotIn("PASS", server.words())

    def test_S21_APOP_never_replaces_TLS(self):
        """A server with APOP and without STLS, where TLS is wanted, is refused just the same."""
        server = self.serve(tls="starttls", stamp=b"<1896.697170952@dbc.mtview.ca.us>")
        server.hooks["CAPA"] = lambda session, words: (session.ok(), session.listing([b"USER", b"UIDL"]), True)[-1]
        server.hooks["STLS"] = lambda session, words: (session.err(b"unknown"), True)[-1]
        self.never_signed_in(server, self.drain(server))

    def test_S21_a_refused_APOP_does_not_fall_back(self):
        server = self.serve(stamp=b"<1896.697170952@dbc.mtview.ca.us>", capabilities=("UIDL", "TOP", "USER"))
        server.hooks["APOP"] = lambda session, words: (session.err(b"no"), True)[-1]
        mirror = self.drain(server, auth=["apop"])
        result = mirror.sync()
        server.settle()
        self.assertOneLine(result, 1)
        self.assertNotIn("PASS", server.words())
        self.assertNotIn("AUTH", server.words())


class SigningIn(DrainCase):
    """Each mechanism against a server that offers it alone, and the order of preference where it offers all."""

    weight = 30

    def test_each_mechanism(self):
        for name in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            for tls in ("implicit", "none"):
                with self.subTest(name=name, tls=tls):
                    server = self.serve(tls=tls, capabilities=("UIDL", "TOP", "SASL " + name))
                    self.finished(self.drain(server, name=name + tls), server)
                    self.assertEqual(server.mechanisms, [name])

    def test_USER_and_PASS(self):
        for capabilities in (("UIDL", "USER"), None):
            server = self.serve(tls="implicit", capabilities=capabilities or ())
            if capabilities is None:
                server.hooks["CAPA"] = lambda session, words: (session.err(b"unknown command"), True)[-1]
            self.finished(self.drain(server, name="user%s" % bool(capabilities)), server)
            self.assertEqual(server.mechanisms, ["USER"])

    def test_a_password_with_spaces_and_letters_of_all_kinds(self):
        for password in ("a b  c ", "sé¢ret \"q\\uote\"", "p%n%s", "x" * 200):
            for capabilities in (("UIDL", "USER"), ("UIDL", "SASL PLAIN"), ("UIDL", "SASL SCRAM-SHA-256")):
                with self.subTest(password=password[:10], capabilities=capabilities):
                    if password.endswith(" ") and "USER" in capabilities:
                        continue  # the script strips nothing, and yet a line's end is not for passwords
                    server = self.serve(tls="implicit", capabilities=capabilities)
                    server.password = password
                    mirror = self.drain(server, name="p%d" % self.dice.randrange(10**9))
                    self.finished(mirror, server)
                    self.assertDelivered(mirror, digests(drops(4)))

    def test_a_password_that_would_be_a_command(self):
        """A line end in a password never reaches the wire as one."""
        server = self.serve(tls="implicit", capabilities=("UIDL", "USER"))
        mirror = self.drain(server, password_env="SECRET", password_file=None)
        mirror.account.pop("password_file", None)
        mirror.write()
        result = mirror.sync(environment={"SECRET": "wrong\r\nDELE 1"})
        server.settle()
        self.assertIn(result.status, (1, 2))
        self.assertEqual((server.count("DELE"), len(server.drops)), (0, 4))

    def test_the_strongest_is_taken(self):
        server = self.serve(tls="implicit", stamp=b"<1.2@x.org>", capabilities=(
            "UIDL", "TOP", "USER", "SASL LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256"))
        self.finished(self.drain(server), server)
        self.assertEqual(server.mechanisms, ["SCRAM-SHA-256"])

    def test_tokens_in_both_forms(self):
        """XOAUTH2 with the token on the AUTH line, and in two steps for servers that want it so (Outlook)."""
        for mechanism in ("XOAUTH2", "OAUTHBEARER"):
            for two_steps in (False, True):
                with self.subTest(mechanism=mechanism, two_steps=two_steps):
                    server = self.serve(tls="implicit", capabilities=("UIDL", "TOP", "SASL " + mechanism))
                    if two_steps:
                        server.hooks["AUTH"] = lambda session, words: len(words) > 1 and (
                            session.err(b"Protocol error. Connection is closed. 10") or True)
                    mirror = self.drain(server, name=mechanism + str(two_steps),
                                        oauth2={"token_command": ["echo", server.password]})
                    mirror.account.pop("password_file")
                    mirror.write()
                    if two_steps and mechanism == "XOAUTH2":
                        self.finished(mirror, server)
                        self.assertEqual(server.mechanisms, [mechanism])
                        self.assertDelivered(mirror, digests(drops(4)))
                    elif not two_steps:
                        self.finished(mirror, server)
                        self.assertEqual(server.mechanisms, [mechanism])

    def test_a_long_token_does_not_pass_the_longest_line(self):
        """A command has 255 octets (RFC 2449); a longer first answer waits for the challenge."""
        server = self.serve(tls="implicit", capabilities=("UIDL", "TOP", "SASL XOAUTH2"))
        server.password = "t" * 2_500
        server.hooks["AUTH"] = lambda session, words: len(b" ".join(words)) > 250 and (
            session.err(b"line too long") or True)
        mirror = self.drain(server, oauth2={"token_command": ["echo", server.password]})
        mirror.account.pop("password_file")
        mirror.write()
        self.finished(mirror, server)
        self.assertEqual(server.mechanisms, ["XOAUTH2"])
        self.assertNotIn(server.password, mirror.run("status").out)

    def test_a_refused_token_is_told_in_one_line(self):
        server = self.serve(tls="implicit", capabilities=("UIDL", "TOP", "SASL XOAUTH2"))
        mirror = self.drain(server, oauth2={"token_command": ["echo", "stale"]})
        mirror.account.pop("password_file")
        mirror.write()
        result = mirror.sync()
        server.settle()
        self.assertOneLine(result, 1)
        self.assertNotIn("stale", result.err)
        self.assertLessEqual(server.sessions, 3)

    def test_real_servers_mechanisms(self):
        for mechanisms in ("plain", "login", "cram-md5", "scram-sha-256"):
            with self.subTest(mechanisms=mechanisms):
                server = self.office([(simple(1), [], None)], mechanisms="plain " + mechanisms)
                mirror = self.drain(server, name=mechanisms, auth=[mechanisms])
                self.synced(mirror)
                self.assertIn("method=%s" % mechanisms.upper(), server.log())


class Untrusted(DrainCase):
    """S23 to S27 in POP3's clothes: answers that are none, too long, or made for a terminal."""

    weight = 50

    LINES = (b"", b" ", b"+", b"-", b"+OK", b"+OK ", b"+OKAY", b"-ERR", b"-ERROR", b"ok", b"+ok 1 2", b"+OK -1 -1",
             b"+OK 99999999999999999999 1", b"+OK 4294967296 0", b"+OK 1", b"+OK x y", b"+OK 1 2 3 4 [", b"+OK [",
             b"-ERR [", b"-ERR []", b"-ERR [IN-USE", b"-ERR [" + b"x" * 5_000 + b"]", b".", b"..", b"\xff\xfe", b"\x00",
             b"+ ", b"+ !!!", b"* OK", b"+OK" + b" " * 100_000)

    def test_S25_malformed_answers_trap_nothing(self):
        words = ("CAPA", "STAT", "LIST", "UIDL", "RETR", "DELE", "QUIT", "PASS", "AUTH")
        cases = [(word, line) for word in words for line in self.LINES]
        if not FULL:
            cases = self.dice.sample(cases, 60)
        for number, (word, line) in enumerate(cases):
            with self.subTest(word=word, line=line[:30]):
                server = self.serve(drops(3))
                server.hooks[word] = lambda session, words, line=line: (session.line(line), True)[-1]
                mirror = self.drain(server, name="S25-%d" % number, timeout="1s")
                self.survives(server, mirror)

    def test_S25_rows_that_are_none(self):
        rows = (b"", b" ", b"x", b"1", b"1 ", b"1 x", b"-1 5", b"0 5", b"99999999999999999999 1", b"1 -1", b"1 1 1",
                b"1\t120", b"\xff 1", b"1 99999999999999999999", b"3 " + b"9" * 1_000)
        for word in ("LIST", "UIDL", "CAPA"):
            for number, row in enumerate(rows):
                with self.subTest(word=word, row=row[:20]):
                    server = self.serve(drops(3))

                    def hook(session, words, row=row):
                        if words:
                            return False
                        session.ok()
                        session.listing([row])
                        return True

                    server.hooks[word] = hook
                    self.survives(server, self.drain(server, name="rows%s%d" % (word, number), timeout="3s"))

    def test_S25_answers_to_nothing(self):
        """A line more than was asked for never moves the answers by one."""
        for word in ("STAT", "LIST", "UIDL", "RETR", "DELE"):
            for extra in (b"+OK", b"-ERR", b".", b"x"):
                with self.subTest(word=word, extra=extra):
                    server = self.serve(drops(3))

                    def hook(session, words, word=word, extra=extra):
                        getattr(session, "do_" + word.lower())(words)
                        session.line(extra)
                        return True

                    server.hooks[word] = hook
                    mirror = self.drain(server, name="%s%d" % (word, extra[0]), timeout="3s")
                    self.survives(server, mirror)

    def test_S27_server_text_is_cut_and_cleaned(self):
        text = (b"%n%s%x \x1b[2J\x1b]0;owned\x07 \xff\xfe\xc3( \x00\x01\x9b2J \xe2\x80\xae\xe2\x81\xa6" +
                b"A" * 1_000_000)
        for word in ("greeting", "PASS", "STAT", "UIDL", "LIST", "RETR", "DELE", "QUIT"):
            with self.subTest(word=word):
                server = self.serve(drops(2), capabilities=("UIDL", "USER", "PIPELINING"),
                                    **({"greeting": b"-ERR " + text} if word == "greeting" else {}))
                if word != "greeting":
                    server.hooks[word] = lambda session, words: (session.raw(b"-ERR " + text + b"\r\n"), True)[-1]
                mirror = self.drain(server, name="S27" + word)
                result = mirror.sync(timeout=90)
                server.settle()
                self.assertAlive(result)
                self.assertLess(len(result.err), 5_000)
                self.assertNotIn("\u202e", result.err)
                self.assertAlive(mirror.run("status"))
                if word != "DELE" and word != "QUIT":
                    self.assertEqual(len(server.drops), 2)

    def test_one_line_without_an_end(self):
        """A message of one line, 64 MB long, costs no memory; an answer of one line without an end is refused."""
        size = (512 if FULL else 64) << 20
        server = self.serve([Drop(b"a", simple(1)), Drop(b"b", b"")])

        def hook(session, words):
            if words != [b"2"]:
                return False
            session.ok()
            session.raw(b"Subject: long\r\n\r\n")
            for _ in range(size >> 20):
                session.raw(b"x" * (1 << 20))
            session.raw(b"\r\n.\r\n")
            return True

        server.hooks["RETR"] = hook
        mirror = self.drain(server, timeout="20s")
        result = mirror.sync(timeout=300)
        self.assertAlive(result)
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(sorted(path.stat().st_size for path in (mirror.root / "new").iterdir())[-1],
                         size + len("Subject: long\n\n\n"))
        for word in ("STAT", "CAPA", "PASS"):
            other = self.serve(drops(2), capabilities=("UIDL", "USER"))

            def endless(session, words):
                for _ in range(200):
                    session.raw(b"y" * (1 << 20))
                session.close()

            other.hooks[word] = endless
            self.assertAlive(self.drain(other, name="endless" + word).sync(timeout=60))
            self.assertEqual(len(other.drops), 2)

    def test_a_server_that_falls_silent(self):
        """At any word: noticed within the timeout, one line, and nothing is deleted that is not here."""
        for word in ("greeting", "CAPA", "PASS", "STAT", "UIDL", "LIST", "RETR", "DELE", "QUIT"):
            with self.subTest(word=word):
                server = self.serve(drops(3), capabilities=("UIDL", "USER"),
                                    **({"greeting": None} if word == "greeting" else {}))

                def hook(session, words):
                    session.flush()
                    while session.socket.recv(4096):
                        pass
                    session.close()

                if word != "greeting":
                    server.hooks[word] = hook
                mirror = self.drain(server, name="silent" + word, timeout="1s")
                result = mirror.sync(timeout=60)
                server.settle()
                self.assertAlive(result)
                self.assertLess(result.seconds, 40)
                if word not in ("DELE", "QUIT"):
                    self.assertEqual(mirror.sync(timeout=60).status, 1)
                server.hooks.clear()
                server.greeting = b"+OK"
                self.finished(mirror, server, tries=2)
                self.assertDelivered(mirror, digests(drops(3)), leftovers=True)
                self.assertEqual(server.drops, [])
