"""What a person can get wrong with a POP3 account: one line that says what to do, the right exit status, no mail lost."""

import hashlib
import ssl
import time

import corpus
from drain_case import DrainCase, digests
from servers.dovecot import free_port
from servers.pop3_dovecot import POP3Dovecot
from servers.proxy import Proxy


class CutAtFirst(Proxy):
    """The server's first octets on the first connection end it."""

    def passes(self, number, upward, data):
        return upward or number > 1


class Refusals(DrainCase):
    weight = 20

    @classmethod
    def setUpClass(cls):
        cls.server = POP3Dovecot().start()
        cls.server.append("INBOX", corpus.small(3))

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def fails(self, mirror, *words, status=1):
        result = mirror.sync(timeout=60)
        line = self.assertOneLine(result, status)
        for word in words:
            self.assertIn(word, line)
        self.assertNotIn(self.server.password, result.err + result.out)
        self.assertEqual(mirror.mail(), {})
        self.assertEqual(len(self.server.left()), 3)
        return line

    def test_wrong_password(self):
        mirror = self.drain(self.server)
        mirror.set_password("not the password")
        mirror.write()
        self.assertNotIn("not the password", self.fails(mirror, "test", "login"))

    def test_a_connection_that_is_cut_in_the_handshake_is_tried_again(self):
        with CutAtFirst(self.server.pop3s) as proxy:
            mirror = self.drain(self.server, port=proxy.port, retention="keep")
            self.synced(mirror)
        self.assertEqual(len(mirror.mail()), 3)

    def test_missing_server(self):
        port = free_port()
        self.fails(self.drain(self.server, port=port), str(port))

    def test_unknown_host(self):
        self.fails(self.drain(self.server, host="pop.does-not-exist.invalid"), "pop.does-not-exist.invalid")

    def test_certificates_that_are_not_trusted(self):
        for certificate, word in (("otherca", "ertificate"), ("expired", "expired"), ("wronghost", "localhost")):
            other = self.office([], certificate=certificate)
            for tls, port in (("implicit", other.pop3s), ("starttls", other.pop3)):
                with self.subTest(certificate=certificate, tls=tls):
                    self.fails(self.drain(other, name=certificate + tls, tls=tls, port=port), word)
            self.assertNotIn("pop3-login: Info: Login:", other.log())

    def test_refused_and_accepted_by_fingerprint(self):
        self.fails(self.drain(self.server, tls_fingerprint="sha256:" + "00" * 32), "ingerprint")
        pem = (self.server.certificates / "good.pem").read_text()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN"):])).hexdigest()
        mirror = self.drain(self.server, name="right", tls_fingerprint="sha256:" + digest, tls_ca_file=None,
                            retention="keep")
        self.synced(mirror)
        self.assertDelivered(mirror, digests(corpus.small(3)))

    def test_tls_towards_a_port_without_it(self):
        self.fails(self.drain(self.server, port=self.server.pop3))

    def test_starttls_towards_a_port_with_tls_from_the_first_byte(self):
        result = self.drain(self.server, tls="starttls", port=self.server.pop3s, timeout="2s").sync(timeout=60)
        self.assertAlive(result)
        self.assertEqual((result.status, len(self.server.left())), (1, 3))

    def test_an_imap_port(self):
        """The other protocol answers: that is shown, not a riddle."""
        self.fails(self.drain(self.server, port=self.server.imaps), "IMAP4rev1", "port")

    def test_an_imap_account_at_a_pop3_port(self):
        mirror = self.mirror(self.server, port=self.server.pop3s)
        self.assertOneLine(mirror.sync(timeout=60), 1)

    def test_a_server_that_never_answers(self):
        with Proxy(self.server.pop3s) as proxy:
            proxy.silent = True
            started = time.monotonic()
            self.fails(self.drain(self.server, port=proxy.port, timeout="2s"))
            self.assertLess(time.monotonic() - started, 40)

    def test_login_is_not_sent_before_STLS(self):
        """S17 with a real server that offers no STLS."""
        server = self.office([], more="ssl = no\n")
        self.assertOneLine(self.drain(server, tls="starttls", port=server.pop3).sync(timeout=60), 1)
        self.assertNotIn("Login:", server.log().replace("imap-login", ""))

    def test_one_account_in_trouble_is_not_anothers(self):
        good = self.office(corpus.small(4, seed=2))
        mirror = self.drain(good)
        wrong = self.drain(self.server, name="wrong", beside=mirror, port=free_port())
        result = mirror.sync(timeout=60)
        self.assertIn("wrong", self.assertOneLine(result, 1))
        self.assertDelivered(mirror, digests(corpus.small(4, seed=2)))
        self.assertEqual(wrong.mail(), {})

    def test_doctor(self):
        """Each step with its result; no message is fetched or deleted."""
        for tls, port in (("implicit", self.server.pop3s), ("starttls", self.server.pop3)):
            with self.subTest(tls=tls):
                mirror = self.drain(self.server, name="fine" + tls, tls=tls, port=port)
                result = mirror.run("doctor", timeout=60)
                self.assertEqual(result.status, 0, result.out + result.err)
                for word in ("tls: ", "login: ", "PIPELINING", "3 messages"):
                    self.assertIn(word, result.out)
                self.assertNotIn(self.server.password, result.out)
        bad = self.drain(self.server, name="bad")
        bad.set_password("not the password")
        bad.write()
        result = bad.run("doctor", timeout=60)
        self.assertEqual(result.status, 1, result.out)
        self.assertRegex(result.out + result.err, "(?i)password|login")
        self.assertEqual(len(self.server.left()), 3)
