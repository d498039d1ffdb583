"""The README taken at its word: by a new user, from a copy of the repository to a running service that reads a real
account, every marked command as it is written; and what it says of commands, keys and configurations is so."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import check
import readme
from mirror import FULL, REPOSITORY, binary, run
from support import EndToEnd, sample, wait_until
from user_manager import Unavailable, UserManager

NOBODY = 65534
BLOCKS = ["install", "password", "configuration", "try", "service", "reload", "stop", "events"]


class Sayings(EndToEnd):
    """What can be held against the program itself, without a server."""

    weight = 5

    def checked(self, text):
        path = Path(self.directory) / "config.toml"
        path.write_text(text, encoding="utf-8")
        return run([binary(), "check", "--config", str(path)])

    def account(self, lines):
        """A whole configuration around keys of an account."""
        basis = {"protocol": '"imap"', "host": '"localhost"', "user": '"me"', "password_file": '"secret"'}
        written = {re.match(r"[a-z_0-9]+", line).group() for line in lines.splitlines() if line.strip()}
        if any(key.startswith("password_") or key == "oauth2" for key in written):
            del basis["password_file"]
        if written & {"preset", "tunnel"}:
            del basis["host"]
        if written & {"retention", "size_limit", "order", "session_limit", "deliver_to"}:
            basis["protocol"] = '"pop3"'
        rest = "".join("%s = %s\n" % item for item in basis.items() if item[0] not in written)
        return 'maildir = "mail"\n[accounts.work]\n%s%s\n' % (rest, lines)

    def test_the_marked_blocks_are_there(self):
        self.assertEqual(list(readme.marked()), BLOCKS)

    def test_every_configuration_passes_check(self):
        blocks = readme.blocks("toml")
        self.assertGreaterEqual(len(blocks), 8)
        for block in blocks:
            if "[accounts." not in block:
                block = self.account(block)
            elif not block.startswith("maildir"):
                block = 'maildir = "~/Mail"\n' + block
            result = self.checked(block)
            self.assertEqual(result.status, 0, block + result.err)

    def test_every_key_is_known(self):
        others = {"source", "mail_location", "mail_driver", "mail_path"}  # of other programs
        told = {}
        for span in readme.spans():
            found = re.fullmatch(r"([a-z]+(?:_[a-z]+)*)( = .*)?", span)
            if found and (found[2] or "_" in found[1]) and found[1] not in others:
                told[found[1]] = span if found[2] and "..." not in span else found[1] + " = 0"
        self.assertGreaterEqual(len(told), 12)
        told["allow_cleartext"] += '\ntls = "none"'  # without which it means nothing
        for key, line in told.items():
            result = self.checked(self.account(line))
            self.assertNotIn("no such key", result.err)
            self.assertNotIn("not valid TOML", result.err, line)
            if not line.endswith(" = 0"):
                self.assertEqual(result.status, 0, line + result.err)

    def test_an_unknown_key_would_be_found(self):
        self.assertIn("no such key", self.checked(self.account("poll_intervall = 0")).err)

    def test_every_command_and_option_is_in_the_help(self):
        commands = readme.command_lines()
        self.assertGreaterEqual(len({words[0] for words in commands}), 12)
        known = re.findall(r"(?m)^  ([a-z]+)  ", run([binary(), "--help"]).out.split("SUBCOMMANDS:")[1])
        self.assertEqual(set(known), {words[0] for words in commands})
        for words in commands:
            told = run([binary(), words[0], "--help"]).out
            for option in [word for word in words if word.startswith("--")] + ["--config", "--verbose"]:
                self.assertIn("  %s" % option, told, "mailmirror %s" % " ".join(words))

    def test_every_make_target_is_there(self):
        makefile = (REPOSITORY / "Makefile").read_text()
        told = set(re.findall(r"\bmake ([a-z]+)\b", " ".join(readme.spans() + readme.blocks("sh"))))
        self.assertGreaterEqual(told, {"install", "uninstall", "soak"})
        for target in told:
            self.assertRegex(makefile, r"(?m)^%s:" % target)

    def test_it_is_not_wider_than_120_columns(self):
        wide = [line for line in readme.text().splitlines() if len(line) > 120 and not line.startswith("|")]
        self.assertEqual(wide, [])


class NewUser:
    """A user with an empty home directory and a shell, who types what the README says."""

    def __init__(self):
        self.user = NOBODY if os.getuid() == 0 else os.getuid()
        self.home = Path(tempfile.mkdtemp(prefix="mm-home-"))
        self.runtime = self.home / "run"
        self.runtime.mkdir(mode=0o700)
        self.clone = self.home / "mailmirror"
        self.manager = None
        self.environment = {
            "HOME": str(self.home), "USER": pwd.getpwuid(self.user).pw_name, "LANG": "C.UTF-8",
            "PATH": "%s/.local/bin:%s" % (self.home, os.environ["PATH"]), "XDG_RUNTIME_DIR": str(self.runtime)}

    def owns(self, path):
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "%d:%d" % (self.user, self.user), str(path)], check=True)

    def become(self):
        if os.getuid() != 0:
            return []
        return ["setpriv", "--reuid=%d" % self.user, "--regid=%d" % self.user, "--clear-groups", "--"]

    def start(self, script, **options):
        return subprocess.Popen([*self.become(), "bash", "-c", script], cwd=self.clone, env=self.environment,
                                start_new_session=True, **options)

    def types(self, script, input=None, timeout=110):
        """(exit status, what came of it) of lines that are typed into a shell, which ends with the first failure."""
        script = "set -e\n" + script
        if self.manager:
            return self.manager.run("bash", "-c", script, timeout=timeout)
        process = self.start(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output = process.communicate(input, timeout)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()[0] + b"\n(it did not end)"
        return process.returncode, output.decode(errors="replace")

    def ends(self, process):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)

    def copies_the_repository(self):
        """The files as they are now: what is committed, and what is about to be."""
        listed = subprocess.run(["git", "-C", str(REPOSITORY), "ls-files", "-z", "-co", "--exclude-standard"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if listed.returncode == 0:
            for name in listed.stdout.decode().split("\0"):
                source, target = REPOSITORY / name, self.clone / name
                if name and source.is_file():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(source, target)
        else:
            shutil.copytree(REPOSITORY, self.clone, ignore=shutil.ignore_patterns(".build", ".git"))
        self.owns(self.home)


class FromTheReadme(EndToEnd):
    weight = 300 if FULL else 30
    alone = FULL  # a release build would disturb what others measure

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server)
        self.blocks = readme.marked()
        self.new = NewUser()
        self.addCleanup(shutil.rmtree, self.new.home, ignore_errors=True)
        self.new.copies_the_repository()

    def typed(self, name, **options):
        status, output = self.new.types(self.blocks[name], **options)
        self.assertEqual(status, 0, "%s:\n%s\n%s" % (name, self.blocks[name], output))
        return output

    def installs(self, builds=False):
        """Builds the program, too, or takes the one under test, by the variable that is there for it."""
        if builds:
            # Where the machine's git finds packages in a mirror on its own disk, that belongs to somebody else.
            (self.new.home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
        else:
            program = self.new.home / "program"
            shutil.copy2(binary(), program)
            self.new.owns(program)
            self.new.environment["PROGRAM"] = str(program)
        self.typed("install", timeout=3000)
        self.assertEqual(self.new.types("command -v mailmirror")[1].strip(),
                         str(self.new.home / ".local" / "bin" / "mailmirror"))

    def configures(self, more=""):
        """The README's configuration with this server in the place of the example's."""
        self.typed("password", input=self.server.password.encode() + b"\n")
        directory = self.new.home / ".config" / "mailmirror"
        self.assertEqual((directory / "work.password").stat().st_mode & 0o777, 0o600)
        shutil.copy(self.server.ca, directory / "ca.pem")
        text = self.blocks["configuration"]
        for old, own in (('host = "imap.example.org"',
                          'host = "localhost"\nport = %d\ntls_ca_file = "ca.pem"' % self.server.imaps),
                         ('user = "me@example.org"', 'user = "user"')):
            self.assertIn(old, text)
            text = text.replace(old, own)
        (directory / "config.toml").write_text(text + more, encoding="utf-8")
        self.new.owns(directory)

    def tries(self):
        output = self.typed("try")
        self.assertIn("all is well, 1 account", output)
        self.assertNotIn("failed", output)
        self.assertMirror()

    @property
    def maildir(self):
        return self.new.home / "Mail" / "work"

    def differences(self):
        """Between the server and ~/Mail/work, with folders as the README's table says."""
        def folder(name):
            return self.maildir if name == b"INBOX" else self.maildir / ("." + name.decode().replace("/", "."))

        client = self.server.client()
        try:
            return check.compare(client, folder, self.maildir)
        finally:
            client.logout()

    def assertMirror(self):
        self.assertEqual(self.differences(), [])

    def delivers(self, subject):
        """Returns when the message is in the Maildir, and all else is, too."""
        client = self.server.client()
        client.append("INBOX", None, None,
                      ("From: Anna <anna@example.org>\r\nSubject: %s\r\n\r\nHello\r\n" % subject).encode())
        client.logout()
        wait_until(lambda: any(subject in path.read_text(errors="replace")
                               for path in (self.maildir / "new").iterdir()))
        wait_until(lambda: not self.differences())

    def is_current(self):
        status, output = self.new.types("mailmirror status")
        return status == 0 and "work: ok, watching all mailboxes" in output

    def reloads(self):
        path = self.new.home / ".config" / "mailmirror" / "config.toml"
        path.write_text(path.read_text() + 'poll_interval = "7m"\n')
        self.assertEqual(self.typed("reload").strip(), "changed: work")
        wait_until(self.is_current)
        self.delivers("after the reload")

    def test_from_a_copy_of_the_repository_to_a_daemon(self):
        self.installs()
        self.configures('on_change = ["sh", "-c", "env > told.part && mv told.part told"]\n')
        self.tries()
        daemon = self.new.start("exec mailmirror daemon", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        self.addCleanup(self.new.ends, daemon)
        wait_until(self.is_current)
        self.delivers("by push")
        wait_until((self.new.home / "told").exists)
        told = (self.new.home / "told").read_text()
        for name in set(re.findall(r"`(MAILMIRROR_[A-Z]+)`", readme.text())):
            self.assertIn(name + "=", told)
        self.reloads()
        self.prints_events()
        self.asks_the_socket()
        self.new.ends(daemon)
        self.assertEqual(daemon.returncode, 0)

    def prints_events(self):
        if shutil.which("jq") is None:
            return
        with tempfile.TemporaryFile() as output:
            process = self.new.start(self.blocks["events"], stdin=subprocess.DEVNULL, stdout=output)
            try:
                def told():  # what comes before it listens is not
                    self.delivers("an event")
                    return os.pread(output.fileno(), 10_000, 0)

                wait_until(told, 40, 1)
            finally:
                self.new.ends(process)
            lines = os.pread(output.fileno(), 10_000, 0).splitlines(keepends=True)
            self.assertEqual(set(lines), {b"Anna <anna@example.org>: an event\n"})

    def asks_the_socket(self):
        """By the clients that there are on this machine."""
        lines = next(block for block in readme.blocks("sh") if "varlinkctl" in block).splitlines()
        if shutil.which("varlinkctl"):
            for line in lines:
                if "--more" not in line:
                    self.assertEqual(self.new.types(line)[0], 0, line)
        (script,) = readme.blocks("python")
        if self.new.types("/usr/bin/env python3 -c 'import varlink'")[0] == 0:
            status, output = self.new.types("python3 - <<'END'\n%sEND\n" % script)
            self.assertEqual((status, output), (0, "work ok\n"))

    def test_from_a_copy_of_the_repository_to_a_user_service(self):
        self.installs(builds=FULL)
        self.configures()
        self.tries()
        try:
            self.new.manager = self.exits.enter_context(UserManager(
                self.new.home, {name: self.new.environment[name] for name in ("PATH", "LANG", "USER")}, self.new.user))
        except Unavailable as reason:
            self.skipTest("systemctl can't run here (the daemon without it is tested): %s" % reason)
        manager = self.new.manager
        self.assertIn("work: ", self.typed("service"))
        self.assertEqual(manager.show("mailmirror.service", "ActiveState"), "active")
        self.assertEqual(manager.show("mailmirror.service", "UnitFileState"), "enabled")
        self.assertIn("uid=%d" % self.new.user, manager.run("id")[1])
        wait_until(self.is_current)
        self.delivers("to the service")
        self.reloads()
        self.takes_a_credential()
        self.typed("stop")
        for unit in ("mailmirror.service", "mailmirror.socket"):
            self.assertEqual((manager.show(unit, "ActiveState"), manager.show(unit, "UnitFileState")),
                             ("inactive", "disabled"))
        self.assertMirror()

    def takes_a_credential(self):
        (lines,) = readme.blocks("ini")
        path = self.new.home / ".config" / "systemd" / "user" / "mailmirror.service.d" / "override.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines)
        self.new.owns(self.new.home / ".config" / "systemd")
        path = self.new.home / ".config" / "mailmirror" / "config.toml"
        text = path.read_text()
        path.write_text(text.replace('password_file = "work.password"', 'password_credential = "work"'))
        self.assertNotEqual(path.read_text(), text)
        status, output = self.new.types("systemctl --user daemon-reload && systemctl --user restart mailmirror")
        self.assertEqual(status, 0, output)
        wait_until(self.is_current)
        self.delivers("with a credential")
        self.assertIn("$CREDENTIALS_DIRECTORY is not set", self.new.types("mailmirror doctor || true")[1])


if __name__ == "__main__":
    unittest.main()
