"""Signing in by POP3: each mechanism, their order, and what goes wrong with passwords and tokens."""

from drain_case import DrainCase, digests
from servers.pop3_scripted import drops, simple


class SigningIn(DrainCase):
    """Each mechanism against a server that offers it alone, and the order of preference where it offers all."""

    weight = 30

    def test_each_mechanism(self):
        for name in ("PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"):
            for tls in ("implicit", "none"):
                with self.subTest(name=name, tls=tls):
                    server = self.serve(tls=tls, capabilities=("UIDL", "TOP", "SASL " + name))
                    self.finished(self.drain(server, name=name + tls), server)
                    self.assertEqual(set(server.mechanisms), {name})

    def test_USER_and_PASS(self):
        for capabilities in (("UIDL", "USER"), None):
            server = self.serve(tls="implicit", capabilities=capabilities or ())
            if capabilities is None:
                server.hooks["CAPA"] = lambda session, words: (session.err(b"unknown command"), True)[-1]
            self.finished(self.drain(server, name="user%s" % bool(capabilities)), server)
            self.assertEqual(set(server.mechanisms), {"USER"})

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
        self.assertEqual(set(server.mechanisms), {"SCRAM-SHA-256"})

    def with_token(self, server, name, **account):
        mirror = self.drain(server, name=name, oauth2={"token_command": ["echo", server.password]}, **account)
        mirror.account.pop("password_file")
        mirror.write()
        return mirror

    def test_tokens_in_both_forms(self):
        """XOAUTH2 with a long token on the AUTH line, and in two steps: some servers know the one, some the other."""
        refusals = {"either": lambda words: False, "one line": lambda words: len(words) == 1,
                    "two steps": lambda words: len(b" ".join(words)) > 250}
        for mechanism, size, form in (("XOAUTH2", 20, "one line"), ("XOAUTH2", 2_500, "one line"),
                                      ("XOAUTH2", 2_500, "two steps"), ("OAUTHBEARER", 20, "either"),
                                      ("OAUTHBEARER", 2_500, "two steps")):
            for closes in (False, True):
                with self.subTest(mechanism=mechanism, size=size, form=form, closes=closes):
                    server = self.serve(tls="implicit", capabilities=("UIDL", "TOP", "SASL " + mechanism))
                    server.password = "t" * size

                    def hook(session, words, form=form, closes=closes):
                        if not refusals[form](words):
                            return False
                        session.err(b"Protocol error. Connection is closed. 10")
                        return session.close() if closes else True

                    server.hooks["AUTH"] = hook
                    mirror = self.with_token(server, "%s%d%s%d" % (mechanism, size, form[:3], closes))
                    self.finished(mirror, server)
                    self.assertEqual(set(server.mechanisms), {mechanism})
                    self.assertDelivered(mirror, digests(drops(4)))
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

    def test_a_real_server_that_has_LOGIN_alone(self):
        server = self.office([], mechanisms="login")
        server.doveadm("save", "-u", "user", "-m", "INBOX", input=simple(1))
        mirror = self.drain(server)
        self.synced(mirror)
        self.assertIn("method=LOGIN", server.log())
        self.assertDelivered(mirror, digests([(simple(1), [], None)]))
        self.synced(self.drain(server, name="named", auth=["login"]))

    def test_real_servers_mechanisms(self):
        for mechanisms in ("plain", "cram-md5", "scram-sha-256"):
            with self.subTest(mechanisms=mechanisms):
                server = self.office([(simple(1), [], None)], mechanisms="plain " + mechanisms)
                mirror = self.drain(server, name=mechanisms, auth=[mechanisms])
                self.synced(mirror)
                self.assertIn("method=%s" % mechanisms.upper(), server.log())
