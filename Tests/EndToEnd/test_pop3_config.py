"""The configuration of a POP3 account: what is taken, and what is an error with file, line, key and remedy."""

from mirror import REPOSITORY, run
from support import EndToEnd


class Configurations(EndToEnd):
    weight = 10

    ACCOUNT = ('maildir = "m"\n[accounts.test]\nprotocol = "pop3"\nhost = "pop.example.org"\nuser = "me"\n'
               'password_env = "X"\n')

    def checked(self, lines, status):
        mirror = self.mirror()
        mirror.write(self.ACCOUNT + lines)
        result = mirror.run("check")
        self.assertEqual(result.status, status, lines + result.err)
        return result

    def test_every_key_of_a_drain(self):
        for lines in ("", 'retention = "delete"\n', 'retention = "keep"\n', 'retention = "14d"\n',
                      'size_limit = "50MB"\n', 'order = "newest"\n', 'order = "oldest"\n', "session_limit = 0\n",
                      "session_limit = 250\n", 'deliver_to = "INBOX"\n', 'deliver_to = "Archive/POP"\n',
                      'retention = "keep"\ndelete_on_server = "expunge"\n', 'delete_on_server = "never"\n',
                      'tls = "starttls"\n', "port = 995\n", 'poll_interval = "15m"\n', 'on_change = ["true"]\n',
                      'auth = ["apop"]\n', 'auth = ["scram-sha-256", "plain"]\n', 'layout = "fs"\n',
                      'keep_deleted = "7d"\n', 'timeout = "2m"\n'):
            with self.subTest(lines=lines):
                self.checked(lines, 0)

    def test_impossible_values_name_file_line_and_remedy(self):
        for lines, *words in (('retention = "soon"\n', "retention", "delete", "keep"),
                              ('retention = 14\n', "retention"), ('retention = "0d"\n', "retention"),
                              ('size_limit = "large"\n', "size_limit", "MB"), ("size_limit = -1\n", "size_limit"),
                              ('order = "random"\n', "order", "newest", "oldest"),
                              ("session_limit = -1\n", "session_limit"), ('session_limit = "many"\n', "session_limit"),
                              ('deliver_to = ""\n', "deliver_to"), ("deliver_to = 3\n", "deliver_to"),
                              ('delete_on_server = "trash"\n', "delete_on_server"),
                              ('retension = "keep"\n', "retention")):
            with self.subTest(lines=lines):
                line = self.assertOneLine(self.checked(lines, 2), 2)
                for word in ("config.toml", "7", *words):
                    self.assertIn(word, line)

    def test_keys_of_one_protocol_in_the_other(self):
        """A key that would mean nothing there is a mistake, not a silent no."""
        for lines in ('mailboxes = ["*"]\n', 'push = ["INBOX"]\n', "subscribed_only = true\n", 'direction = "pull"\n',
                      "create_on_server = true\n", 'map = { "INBOX" = "x" }\n'):
            with self.subTest(lines=lines):
                line = self.assertOneLine(self.checked(lines, 2), 2)
                self.assertIn(lines.split()[0], line)
        for lines in ('retention = "keep"\n', 'size_limit = "1MB"\n', 'order = "oldest"\n', "session_limit = 5\n",
                      'deliver_to = "x"\n', 'auth = ["apop"]\n'):
            with self.subTest(imap=lines):
                mirror = self.mirror()
                mirror.write(self.ACCOUNT.replace("pop3", "imap") + lines)
                line = self.assertOneLine(mirror.run("check"), 2)
                self.assertIn(lines.split()[0], line)

    def test_a_protocol_that_is_none(self):
        mirror = self.mirror()
        mirror.write(self.ACCOUNT.replace('"pop3"', '"pop2"'))
        line = self.assertOneLine(mirror.run("check"), 2)
        for word in ("pop2", "imap", "pop3"):
            self.assertIn(word, line)

    def test_clear_text_to_another_host_is_refused(self):
        line = self.assertOneLine(self.checked('tls = "none"\n', 2), 2)
        self.assertIn("tls", line)
        self.checked('tls = "none"\nallow_cleartext = true\n', 0)

    def test_the_example_with_its_pop3_keys(self):
        """Each key stands in the example, with its default or a value to begin with."""
        text = (REPOSITORY / "config.example.toml").read_text(encoding="utf-8")
        for key in ("retention", "size_limit", "order", "session_limit", "deliver_to"):
            self.assertRegex(text, r"(?m)^#?%s = " % key)
        mirror = self.mirror()
        mirror.write(text)
        self.assertEqual(run(mirror.command("check")).status, 0)
