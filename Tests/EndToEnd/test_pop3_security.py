"""HAZARDS.md, S13 to S21 in POP3's clothes: what a server, or one between, does to get credentials."""

from drain_case import DrainCase, digests
from servers.pop3_scripted import drops


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
