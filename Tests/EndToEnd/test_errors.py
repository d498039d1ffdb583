"""What a person can get wrong: one line on standard error that says what to do, and the right exit status."""

import os
import time

from servers.dovecot import free_port
from servers.proxy import Proxy
from support import EndToEnd, corpus


class Refusals(EndToEnd):
    weight = 15

    @classmethod
    def setUpClass(cls):
        from support import Dovecot
        cls.server = Dovecot().start()
        cls.server.append("INBOX", corpus.small(3))

    @classmethod
    def tearDownClass(cls):
        cls.server.remove()

    def fails(self, mirror, status=1, *words):
        result = mirror.sync(timeout=60)
        line = self.assertOneLine(result, status)
        for word in words:
            self.assertIn(word, line)
        self.assertNotIn(self.server.password, result.err + result.out)
        self.assertEqual(mirror.mail(), {})
        return line

    def test_wrong_password(self):
        mirror = self.mirror(self.server)
        mirror.set_password("not the password")
        mirror.write()
        line = self.fails(mirror, 1, "test")
        self.assertNotIn("not the password", line)

    def test_mailboxes_of_an_account_that_was_never_synced(self):
        """It hides no others."""
        mirror = self.mirror(self.server)
        mirror.beside("other", self.server)
        mirror.write()
        self.synced(mirror, "test")
        result = mirror.run("mailboxes")
        self.assertIn("test/INBOX", result.out)
        self.assertIn("other", self.assertOneLine(result, 1))

    def test_missing_server(self):
        port = free_port()
        self.fails(self.mirror(self.server, port=port), 1, str(port))

    def test_unknown_host(self):
        self.fails(self.mirror(self.server, host="mail.does-not-exist.invalid"), 1, "mail.does-not-exist.invalid")

    def test_certificate_of_another_authority(self):
        other = self.dovecot(certificate="otherca")
        self.fails(self.mirror(other), 1, "ertificate")

    def test_S19_certificate_of_another_host(self):
        other = self.dovecot(certificate="wronghost")
        for name, tls, port in (("implicit", "implicit", other.imaps), ("starttls", "starttls", other.imap)):
            with self.subTest(tls=tls):
                self.fails(self.mirror(other, name=name, tls=tls, port=port), 1, "localhost")
        self.assertNotIn("Login:", other.log())

    def test_S19_certificate_of_another_host_on_reconnect(self):
        """A mirror that has synced before refuses just the same when the server's certificate has changed."""
        good = self.dovecot()
        mirror = self.mirror(good)
        self.synced(mirror)
        bad = self.dovecot(certificate="wronghost")
        mirror.account["port"] = bad.imaps
        mirror.write()
        self.assertOneLine(mirror.sync(timeout=60), 1)
        self.assertNotIn("Login:", bad.log())

    def test_expired_certificate(self):
        other = self.dovecot(certificate="expired")
        self.fails(self.mirror(other), 1, "expired")

    def test_refused_by_fingerprint(self):
        self.fails(self.mirror(self.server, tls_fingerprint="sha256:" + "00" * 32), 1, "ingerprint")

    def test_accepted_by_fingerprint(self):
        import hashlib
        import ssl
        pem = (self.server.certificates / "good.pem").read_text()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN"):])).hexdigest()
        mirror = self.mirror(self.server, tls_fingerprint="sha256:" + digest, tls_ca_file=None)
        self.synced(mirror)
        self.assertMirrored(mirror, self.server)

    def test_tls_towards_a_port_without_it(self):
        self.fails(self.mirror(self.server, port=self.server.imap), 1)

    def test_a_server_that_never_answers(self):
        with Proxy(self.server.imaps) as proxy:
            proxy.silent = True
            mirror = self.mirror(self.server, port=proxy.port, timeout="2s")
            started = time.monotonic()
            self.fails(mirror, 1)
            self.assertLess(time.monotonic() - started, 40)

    def test_clear_text_to_another_host_is_refused(self):
        self.fails(self.mirror(self.server, host="192.0.2.1", tls="none", tls_ca_file=None), 2, "tls")

    def test_login_is_not_sent_before_starttls(self):
        """S17 with a real server: it offers no STARTTLS."""
        server = self.dovecot(more="ssl = no\n")
        mirror = self.mirror(server, tls="starttls", port=server.imap)
        self.assertOneLine(mirror.sync(timeout=60), 1)
        self.assertNotIn("Login:", server.log())


class Configurations(EndToEnd):
    weight = 5

    def refused(self, text, *words, status=2):
        mirror = self.mirror()
        if text is not None:
            mirror.write(text)
        for command in ("check", "sync"):
            line = self.assertOneLine(mirror.run(command), status)
            for word in words:
                self.assertIn(word, line)

    ACCOUNT = '[accounts.test]\nprotocol = "imap"\nhost = "localhost"\nuser = "me"\npassword_env = "X"\n' \
              'direction = "pull"\n'

    def test_no_configuration(self):
        mirror = self.mirror()
        os.unlink(mirror.configuration)
        line = self.assertOneLine(mirror.sync(), 2)
        self.assertIn("config.toml", line)

    def test_a_configuration_that_is_a_directory(self):
        mirror = self.mirror()
        os.unlink(mirror.configuration)
        mirror.configuration.mkdir()
        self.assertIn("config.toml", self.assertOneLine(mirror.sync(), 2))

    def test_not_toml(self):
        self.refused("maildir = \n", "config.toml", "1")

    def test_unknown_key_names_file_line_and_nearest(self):
        self.refused('maildir = "m"\n' + self.ACCOUNT + 'mailboxs = ["*"]\n', "config.toml", "8", "mailboxes")

    def test_wrong_type(self):
        self.refused('maildir = "m"\n' + self.ACCOUNT + 'port = "imap"\n', "config.toml", "8", "port")

    def test_impossible_value(self):
        self.refused('maildir = "m"\n' + self.ACCOUNT + "port = 70000\n", "config.toml", "8", "port")

    def test_a_direction_that_is_none(self):
        self.refused('maildir = "m"\n' + self.ACCOUNT.replace("pull", "both"), "both", "two-way", "pull")

    def test_password_file_that_others_can_read(self):
        mirror = self.mirror()
        mirror.set_password("secret")
        (mirror.directory / "password").chmod(0o644)
        mirror.write()
        result = mirror.sync()
        self.assertIn(result.status, (1, 2))
        self.assertIn("password", self.assertOneLine(result, result.status))

    def test_unknown_command(self):
        mirror = self.mirror()
        self.assertEqual(mirror.run("snyc").status, 2)

    def test_unknown_account(self):
        mirror = self.mirror()
        mirror.set_password("secret")
        mirror.write()
        line = self.assertOneLine(mirror.sync("nobody"), 2)
        self.assertIn("nobody", line)
