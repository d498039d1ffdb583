"""The units as they are, with the program itself, under a real user manager in name spaces of its own."""

import json
import os
import shutil
import tempfile
import textwrap
import time
import unittest
from pathlib import Path

import units
from servers.dovecot import Dovecot
from support import EndToEnd, Mirror, corpus, wait_until
from user_manager import RUNTIME, Unavailable, UserManager

SERVICE, SOCKET = "mailmirror.service", "mailmirror.socket"


class Service(EndToEnd):
    """Each test has a home and a user manager of its own; the mail server is outside of them."""

    weight = 40

    @classmethod
    def setUpClass(cls):
        cls.server = Dovecot().start()
        cls.addClassCleanup(cls.server.remove)

    def setUp(self):
        super().setUp()
        self.home = Path(tempfile.mkdtemp(prefix="mm-home-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        units.install(self.home)
        self.account = Mirror(self.home / ".config" / "mailmirror", self.server, settings={
            "maildir": self.home / "Mail", "state_dir": self.home / "state"})
        self.account.maildir = self.home / "Mail"

    def manager(self, *drop_in):
        """Starts the manager; the lines are added to the service as `systemctl edit` does it."""
        units.drop_in(self.home, SERVICE, "\n".join(("[Service]",) + drop_in) + "\n")
        try:
            self.user = self.exits.enter_context(UserManager(self.home))
        except Unavailable as reason:
            self.skipTest("no user manager here: %s" % reason)
        return self.user

    def systemctl(self, *words, status=0):
        found, output = self.user.systemctl(*words)
        self.assertEqual(found, status, "systemctl %s: %s\n%s\n%s" % (
            " ".join(words), output, self.user.systemctl("status", SERVICE)[1], self.messages()))
        return output

    def show(self, name, unit=SERVICE):
        return self.user.show(unit, name)

    def messages(self):
        return "\n".join(entry.get("MESSAGE", "") for entry in self.user.journal())

    def mailmirror(self, *words, timeout=30):
        return self.user.run(self.account.program, *words, timeout=timeout)

    def deliver(self):
        """A message on the server; returns when it is in the Maildir."""
        mark = "<%016x@systemd>" % self.dice.getrandbits(64)
        text = "Message-ID: %s\r\nFrom: a@example.org\r\nSubject: under systemd\r\n\r\nHello\r\n" % mark
        client = self.server.client()
        client.append("INBOX", None, None, text.encode())
        client.logout()

        def is_there():
            return any(mark in path.read_text(errors="replace") for part in ("new", "cur")
                       for path in self.account.root.glob(part + "/*") if path.is_file())

        try:
            wait_until(is_there)
        except AssertionError:
            self.fail("the message did not come: %s\n%s" % (self.mailmirror("status")[1], self.messages()))

    # Its life.

    def test_start_reload_and_stop(self):
        self.manager()
        self.systemctl("start", SERVICE)
        self.assertEqual(self.show("ActiveState"), "active")
        wait_until(lambda: "1 account" in self.show("StatusText"))
        self.assertEqual(self.show("ActiveState", SOCKET), "active")
        self.deliver()
        wait_until(lambda: "1 current" in self.show("StatusText"))
        process = self.show("MainPID")

        self.account.account["poll_interval"] = "7m"
        self.account.write()
        self.systemctl("reload", SERVICE)
        wait_until(lambda: "1 account changed" in self.messages())
        self.deliver()

        self.account.write("nonsense = 1\n")
        self.systemctl("reload", SERVICE)
        wait_until(lambda: "the configuration stays as it was" in self.messages())
        self.assertEqual((self.show("ActiveState"), self.show("MainPID")), ("active", process))
        self.deliver()

        started = time.monotonic()
        self.systemctl("stop", SERVICE)
        self.assertLess(time.monotonic() - started, 8)
        self.assertEqual((self.show("ActiveState"), self.show("Result")), ("inactive", "success"))
        self.assertEqual(self.show("NRestarts"), "0")
        self.systemctl("stop", SOCKET)
        self.assertEqual(self.user.run("ls", RUNTIME + "/mailmirror")[1], "")

    def test_a_stopped_process_is_restarted_by_the_watchdog(self):
        self.manager("WatchdogSec=3s", "RestartSec=100ms")
        self.systemctl("start", SERVICE)
        self.deliver()
        time.sleep(7)
        process = self.show("MainPID")
        self.assertEqual(self.show("NRestarts"), "0", "it lives, and has said so twice and more")
        self.user.run("kill", "-STOP", process)
        wait_until(lambda: self.show("NRestarts") == "1" and self.show("ActiveState") == "active")
        self.assertNotEqual(self.show("MainPID"), process)
        self.deliver()
        self.assertMirrored(self.account, self.server)

    def test_a_killed_process_is_restarted(self):
        self.manager("RestartSec=100ms")
        self.systemctl("start", SERVICE)
        self.deliver()
        self.user.run("kill", "-KILL", self.show("MainPID"))
        wait_until(lambda: self.show("NRestarts") == "1" and self.show("ActiveState") == "active")
        self.deliver()
        self.assertMirrored(self.account, self.server)

    def test_a_wrong_configuration_does_not_restart(self):
        self.manager("RestartSec=100ms")
        self.account.write("[accounts.test]\nprotokol = 1\n")
        self.systemctl("start", SERVICE, status=1)
        time.sleep(1)
        self.assertEqual(self.show("ActiveState"), "failed")
        self.assertEqual((self.show("ExecMainStatus"), self.show("NRestarts")), ("2", "0"))
        self.assertIn("protokol", self.messages())
        self.account.write()
        self.systemctl("start", SERVICE)
        self.deliver()

    def test_the_first_question_starts_it(self):
        self.manager()
        self.systemctl("start", SOCKET)
        self.assertEqual(self.show("ActiveState"), "inactive")
        listing = self.user.run("stat", "-c", "%a %F", RUNTIME + "/mailmirror", RUNTIME + "/mailmirror/control.sock")[1]
        self.assertEqual(listing.splitlines(), ["700 directory", "600 socket"])
        status, output = self.mailmirror("status", "--json")
        self.assertEqual(status, 0, output)
        self.assertIn("test", json.dumps(json.loads(output)))
        self.assertEqual(self.show("ActiveState"), "active")
        self.deliver()
        # The socket outlives the daemon: the next question finds it again.
        self.systemctl("stop", SERVICE)
        self.assertEqual(self.mailmirror("status", "--json")[0], 0)
        self.assertEqual(self.show("ActiveState"), "active")

    def test_a_configured_socket_elsewhere_is_served(self):
        """The socket unit listens at its own place; clients look where the configuration says."""
        self.account.settings["socket"] = self.home / "own.sock"
        self.account.write()
        self.manager()
        self.systemctl("start", SERVICE)
        status, output = self.mailmirror("pause", "--json")
        self.assertEqual(status, 0, output)
        self.assertEqual((self.home / "own.sock").stat().st_mode & 0o777, 0o600)
        self.assertIn("ListenStream=", self.messages())

    # What surrounds it.

    def test_the_journal_has_fields(self):
        self.account.set_password("not the password")
        self.account.write()
        self.manager()
        self.systemctl("start", SERVICE)

        def about_account():
            return [entry for entry in self.user.journal() if entry.get("ACCOUNT") == "test"]

        entries = wait_until(about_account)
        self.assertEqual(entries[0]["SYSLOG_IDENTIFIER"], "mailmirror")
        self.assertIn(entries[0]["PRIORITY"], ("3", "4"))
        self.assertNotIn("not the password", self.messages())
        started = [entry for entry in self.user.journal() if "started with 1 account" in entry.get("MESSAGE", "")]
        self.assertEqual([entry.get("PRIORITY") for entry in started], ["5"])

    def test_a_credential_is_the_password(self):
        secret = self.home / "work.password"
        secret.write_text(self.server.password + "\n")
        secret.chmod(0o600)
        self.account.account.pop("password_file")
        self.account.account["password_credential"] = "work"
        self.account.write()
        self.manager("LoadCredential=work:%h/work.password")
        self.systemctl("start", SERVICE)
        self.deliver()

    def test_password_command_and_hook_run_within_the_limits(self):
        hook = self.home / "hook"
        hook.write_text(textwrap.dedent("""\
            #!/bin/sh
            { env; cat; } > "$HOME/told.part"
            mv "$HOME/told.part" "$HOME/told"
            """))
        hook.chmod(0o755)
        secret = self.account.account.pop("password_file")
        self.account.account.update(password_command=["cat", secret], on_change=[str(hook)])
        self.account.write()
        self.manager()
        self.systemctl("start", SERVICE)
        self.deliver()
        wait_until(lambda: (self.home / "told").exists())
        told = (self.home / "told").read_text()
        self.assertIn("MAILMIRROR_ACCOUNT=test\n", told)
        self.assertIn('"mailbox":"INBOX"', told)
        for name in ("NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "JOURNAL_STREAM"):
            self.assertNotIn(name + "=", told)
        self.assertEqual(self.show("ActiveState"), "active")


if __name__ == "__main__":
    unittest.main()
