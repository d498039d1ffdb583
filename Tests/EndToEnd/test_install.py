"""What `make install` puts where, that `make uninstall` takes it all away, and that the manual page tells all."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from mirror import REPOSITORY, binary, run
from support import EndToEnd

UNIT = "share/systemd/user/mailmirror.service"


def contents(directory):
    """{path: content} of all files; directories that hold none have no part in it."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in sorted(Path(directory).rglob("*"))
            if path.is_file()}


class Install(EndToEnd):
    weight = 10

    def make(self, target, prefix="/usr/local"):
        environment = {"MAKEFLAGS": "", "MAKELEVEL": ""}
        result = run(["make", "-C", str(REPOSITORY), "--no-print-directory", target, "PROGRAM=" + binary(),
                      "DESTDIR=" + str(self.root), "PREFIX=" + prefix], environment=environment)
        self.assertEqual(result.status, 0, result.out + result.err)

    @property
    def root(self):
        return Path(self.directory) / "dest dir"

    def test_uninstall_takes_away_what_install_put_there_and_nothing_else(self):
        others = ("bin/other", "share/man/man1/other.1", "share/systemd/user/other.service", "share/doc/other/readme",
                  "share/zsh/site-functions/_other")
        for name in others:
            path = self.root / "usr/local" / name
            path.parent.mkdir(parents=True)
            path.write_text(name)
        before = contents(self.root)
        self.make("install-files")
        installed = {name[len("usr/local/"):] for name in set(contents(self.root)) - set(before)}
        self.assertEqual(installed, {
            "bin/mailmirror", UNIT, "share/systemd/user/mailmirror.socket", "share/man/man1/mailmirror.1",
            "share/bash-completion/completions/mailmirror", "share/zsh/site-functions/_mailmirror",
            "share/fish/vendor_completions.d/mailmirror.fish", "share/doc/mailmirror/config.example.toml"})
        self.make("install-files")  # again, over what is there
        self.make("uninstall")
        self.assertEqual(contents(self.root), before)
        self.assertEqual([str(path) for path in self.root.rglob("*mailmirror*")], [])

    def test_what_is_installed_works_and_names_its_own_place(self):
        self.make("install-files", prefix="/opt/mail-mirror")
        place = self.root / "opt/mail-mirror"
        self.assertEqual(run([str(place / "bin/mailmirror"), "--version"]).status, 0)
        unit = (place / UNIT).read_text()
        self.assertIn("\nExecStart=/opt/mail-mirror/bin/mailmirror daemon\n", unit)
        self.assertNotIn("%h/.local/bin", unit)
        self.assertIn("/opt/mail\\-mirror/share/doc", (place / "share/man/man1/mailmirror.1").read_text())
        for name, mode in (("bin/mailmirror", 0o755), (UNIT, 0o644), ("share/man/man1/mailmirror.1", 0o644)):
            self.assertEqual((place / name).stat().st_mode & 0o777, mode, name)


class Pages(unittest.TestCase):
    """The manual page and the completions, made from the program under test."""

    weight = 6

    @classmethod
    def setUpClass(cls):
        import tempfile
        cls.directory = tempfile.mkdtemp(prefix="mm-pages-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        made = run([str(REPOSITORY / "scripts/pages"), binary(), cls.directory, "/usr/local"])
        assert made.status == 0, made.err
        cls.page = os.path.join(cls.directory, "mailmirror.1")

    def words(self, *command):
        result = run(list(command))
        self.assertEqual(result.status, 0, result.err)
        return result.out

    def rendered(self):
        """The page as text, by section heading (three spaces deep for commands)."""
        text = subprocess.run(["man", "-l", self.page], env=dict(os.environ, MANWIDTH="200", LC_ALL="C.UTF-8"),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout.decode()
        text = re.sub(".\b", "", text).replace("\N{HYPHEN}", "-").replace("\N{MINUS SIGN}", "-")
        sections, current = {}, None
        for line in text.splitlines():
            heading = re.fullmatch(r"(?:   )?(\S.*)", line)
            if heading:
                current = heading.group(1).strip()
                sections[current] = ""
            elif current is not None:
                sections[current] += line + "\n"
        return sections

    def commands(self):
        """[(name, help)] of all commands, as `--help` lists them."""
        listed = self.words(binary(), "--help").split("SUBCOMMANDS:")[1]
        names = re.findall(r"(?m)^  ([a-z]+) ", listed)
        self.assertGreater(len(names), 10)
        return [(name, self.words(binary(), name, "--help")) for name in names]

    @unittest.skipUnless(shutil.which("man"), "there is no man")
    def test_every_command_and_option_is_in_the_page(self):
        sections = self.rendered()
        for name in ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "CONFIGURATION", "SERVICE", "HOOKS",
                     "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"):
            self.assertIn(name, sections)
        for name, text in self.commands():
            self.assertIn(name, sections)
            self.assertIn("mailmirror " + name, sections[name])
            described = text.split("OPTIONS:")[1]
            options = set(re.findall(r"(?m)^  (?:-\w, )?(--[a-z-]+)", described))
            self.assertGreaterEqual(len(options), 3, text)
            for option in options:
                place = sections[name] + sections["OPTIONS"]
                self.assertRegex(place, r"(?m)^ +(-\w, )?%s\b" % option, "%s %s" % (name, option))
            for example in re.findall(r"(?m)^  (mailmirror .*|systemctl .*)$", text.split("USAGE:")[0]):
                self.assertIn(example, sections[name])

    @unittest.skipUnless(shutil.which("groff"), "there is no groff")
    def test_the_page_is_sound(self):
        result = run(["groff", "-man", "-Tutf8", "-ww", "-z", self.page])
        self.assertEqual((result.status, result.err), (0, ""))
        with open(self.page, encoding="utf-8") as page:
            text = page.read()
        self.assertNotRegex(text, r"(?m)^[^.].*@[A-Z]+@|^@[A-Z]+@$")

    @unittest.skipUnless(shutil.which("man"), "there is no man")
    def test_man_warns_of_nothing(self):
        result = run(["man", "--warnings", "-E", "UTF-8", "-l", self.page], environment={"LC_ALL": "C.UTF-8"})
        self.assertEqual((result.status, result.err), (0, ""))

    def test_bash_completes_commands_and_options(self):
        script = """
            source %s/mailmirror.bash
            complete_for() {
              COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
              local function; function=$(complete -p mailmirror | sed 's/.*-F \\([^ ]*\\).*/\\1/')
              $function mailmirror "${@: -1}" "${@: -2:1}" 2>/dev/null
              printf '%%s ' "${COMPREPLY[@]}"; echo
            }
            complete_for mailmirror st
            complete_for mailmirror sync --d
            """ % self.directory
        lines = self.words("bash", "-c", script).splitlines()
        self.assertIn("status", lines[0])
        self.assertIn("--dry-run", lines[1])

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh_takes_its_completions(self):
        self.words("zsh", "-n", os.path.join(self.directory, "_mailmirror"))
        # autoload as a person's .zshrc does it
        self.words("zsh", "-fc", "fpath=(%s $fpath); autoload -Uz compinit; compinit -D -u; "
                                 "[[ $_comps[mailmirror] == _mailmirror ]]" % self.directory)

    @unittest.skipUnless(shutil.which("fish"), "there is no fish")
    def test_fish_completes_commands_and_options(self):
        def complete(line):
            return self.words("fish", "--no-config", "-c", "source %s/mailmirror.fish; complete -C '%s'" % (
                self.directory, line))

        self.assertRegex(complete("mailmirror st"), r"(?m)^status\b")
        self.assertRegex(complete("mailmirror sync --d"), r"(?m)^--dry-run\b")
