"""The unit files: correct, hardened as far as a user service can be, and the named programs still work in them."""

import os
import shutil
import subprocess
import textwrap
import unittest
from pathlib import Path

import units
from support import EndToEnd
from user_manager import Unavailable, UserManager

# In tenths, as systemd-analyze takes it. Most of what is left needs privileges or name spaces that user services lack:
# capabilities, mounts, devices, other users (see the comments in the unit).
EXPOSURE = 66


class Units(EndToEnd):
    weight = 3

    def setUp(self):
        super().setUp()
        if shutil.which("systemd-analyze") is None:
            self.skipTest("there is no systemd-analyze")
        self.installed = units.install(self.directory)
        runtime = os.path.join(self.directory, "run")
        os.mkdir(runtime, 0o700)
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=runtime, HOME=self.directory)

    def analyze(self, *words):
        done = subprocess.run(["systemd-analyze", *words], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        return done.returncode, done.stdout.decode(errors="replace")

    def paths(self):
        return sorted(str(path) for path in self.installed.iterdir())

    def test_verify_finds_nothing(self):
        self.assertEqual(self.analyze("verify", "--user", "--man=no", *self.paths()), (0, ""))

    def test_verify_would_find_something(self):
        """The check above can fail: a directive that there is not is named."""
        service = self.installed / "mailmirror.service"
        service.write_text(service.read_text() + "\n[Service]\nNoSuchDirective=yes\n")
        self.assertIn("NoSuchDirective", self.analyze("verify", "--user", "--man=no", str(service))[1])

    def test_exposure_is_as_low_as_a_user_service_gets(self):
        service = str(self.installed / "mailmirror.service")
        options = ("security", "--user", "--offline=true", "--no-pager")
        status, output = self.analyze(*options, "--threshold=%d" % EXPOSURE, service)
        self.assertEqual(status, 0, output[-200:])
        self.assertNotEqual(self.analyze(*options, "--threshold=%d" % (EXPOSURE - 1), service)[0], 0)

    def test_what_the_interface_promises(self):
        service, listening = units.directives("mailmirror.service"), units.directives("mailmirror.socket")
        self.assertEqual(service["Service"]["Type"], "notify")
        self.assertEqual(service["Service"]["RestartPreventExitStatus"], "2")
        self.assertEqual(service["Service"]["LimitCORE"], "0")
        self.assertEqual(listening["Socket"]["ListenStream"], "%t/mailmirror/control.sock")
        self.assertEqual(listening["Socket"]["SocketMode"], "0600")
        self.assertEqual(listening["Socket"]["DirectoryMode"], "0700")


class Limits(unittest.TestCase):
    """Programs that a configuration names run in the service, with all of its limits, under a real user manager."""

    weight = 4

    @classmethod
    def setUpClass(cls):
        import tempfile
        # Short: gpg-agent's socket lies in it, and the path of a socket has 107 octets at most.
        cls.home = tempfile.mkdtemp(prefix="mm-")
        cls.addClassCleanup(shutil.rmtree, cls.home, ignore_errors=True)
        units.install(cls.home)
        try:
            cls.manager = UserManager(cls.home)
        except Unavailable as reason:
            raise unittest.SkipTest("no user manager here: %s" % reason)
        cls.addClassCleanup(cls.manager.close)

    def in_service(self, script):
        """Runs a script with the service's directives; its output."""
        path, output = Path(self.home) / "script", Path(self.home) / "output"
        path.write_text("#!/bin/bash\nexec >%s 2>&1\nset -eux\n%s" % (output, textwrap.dedent(script)))
        path.chmod(0o755)
        units.drop_in(self.home, "mailmirror.service", textwrap.dedent("""\
            [Service]
            Type=oneshot
            Restart=no
            WatchdogSec=0
            ExecStart=
            ExecStart=%s
            """) % path)
        self.manager.systemctl("daemon-reload")
        status, text = self.manager.systemctl("start", "mailmirror.service")
        printed = output.read_text(errors="replace") if output.exists() else ""
        self.assertEqual(status, 0, text + "\n" + printed)
        return printed

    def test_gpg_decrypts_and_starts_its_agent(self):
        """As `pass` does it: the agent is started by the first use and keeps the key."""
        if shutil.which("gpg-agent") is None and not os.path.exists("/usr/bin/gpg-agent"):
            self.skipTest("there is no gpg-agent")
        text = self.in_service("""\
            export GNUPGHOME=$HOME/.gnupg
            mkdir -m 700 -p $GNUPGHOME
            gpg --batch --quiet --passphrase '' --quick-generate-key test@example.org default default never
            echo 'the password' | gpg --batch --quiet --encrypt -r test@example.org > $HOME/secret.gpg
            gpg --batch --quiet --decrypt $HOME/secret.gpg
            gpgconf --kill gpg-agent
            """)
        self.assertIn("\nthe password\n", text)

    def test_a_compiler_may_write_what_it_executes(self):
        """Node.js and LuaJIT do that; with MemoryDenyWriteExecute= they die."""
        self.in_service("""\
            python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)'
            """)

    def test_the_limits_hold(self):
        text = self.in_service("""\
            grep NoNewPrivs /proc/self/status
            ulimit -Hc
            umask
            ! unshare --user true
            ! python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)'
            ! python3 -c 'import os; os.chmod(os.environ["HOME"] + "/output", 0o4755)'
            python3 -c 'import socket; socket.getaddrinfo("localhost", 993)'
            cat /proc/self/cgroup
            """)
        self.assertIn("NoNewPrivs:\t1", text)
        self.assertIn("\n0\n", text)
        self.assertIn("\n0077\n", text)
        self.assertIn("/background.slice/mailmirror.service", text)
