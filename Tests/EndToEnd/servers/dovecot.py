"""A private Dovecot 2.3: own directory, own ports on 127.0.0.1, own certificate, own users."""

import grp
import imaplib
import itertools
import os
import pwd
import random
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

from . import certificates

imaplib._MAXLINE = 100_000_000  # a listing of a large mailbox is one line

CONFIGURATION = """
protocols = {protocols}
listen = 127.0.0.1
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
instance_name = {name}
ssl = yes
ssl_cert = <{certificate}.pem
ssl_key = <{certificate}.key
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
auth_verbose = yes
mail_location = {mail}:~/mail
mail_fsync = never
mail_max_userip_connections = 0
mailbox_list_index = yes
default_vsz_limit = 2G
default_process_limit = 200
default_client_limit = 1000
first_valid_uid = 1
{owner}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={base}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  mailbox Trash {{
    special_use = \\Trash
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
  {chroot}
}}
service anvil {{
  {chroot}
}}
service stats {{
  {chroot}
}}
service ipc {{
  {chroot}
}}
{more}
"""


PORTS = range(10_000, 32_000)  # not those that the kernel gives to clients: one would have it before the server starts
_ports = itertools.count(random.SystemRandom().randrange(len(PORTS)))
_taken = []


def free_port():
    """Never the same one twice: a server that is down keeps its ports. Nor does another process find it free here,
    while a server, which binds with SO_REUSEADDR, does."""
    while True:
        port, one = PORTS[next(_ports) % len(PORTS)], socket.socket()
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            one.close()
            continue
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _taken.append(one)
        return port


def _reachable(path):
    """Whether any user of the machine can pass through all parents of the path."""
    path = Path(path).resolve()
    return all(parent.stat().st_mode & 0o001 for parent in [path, *path.parents] if parent.exists())


class Dovecot:
    """Started on entering a `with`, stopped and removed on leaving it. Users are "user", "user2" ... with PASSWORD."""

    PASSWORD = "se\u00e7ret \"q\\uote\" 1"
    protocols = "imap"

    def __init__(self, certificate="good", mail="mdbox", separator="/", directory=None, users=("user",),
                 password=None, more="", capability=None, mechanisms="plain login scram-sha-256 scram-sha-1",
                 template=None):
        self.kept = directory is not None
        if directory is None or len(str(directory)) > 60 or (os.getuid() == 0 and not _reachable(directory)):
            self.directory = Path(tempfile.mkdtemp(prefix="mm-dovecot-"))
        else:
            self.directory = Path(directory)
            self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o755)
        self.password = password or Dovecot.PASSWORD
        self.imap, self.imaps = free_port(), free_port()
        self.certificates = certificates.shared() if directory is None else certificates.make(self.directory / "tls")
        if capability:
            more += "\nprotocol imap {\n  imap_capability = %s\n}\n" % capability
        self._write(certificate, mail, separator, users, more, mechanisms)
        if template:
            self._restore(template)

    @property
    def ca(self):
        return str(self.certificates / "ca.pem")

    def _write(self, certificate, mail, separator, users, more, mechanisms):
        if os.getuid() == 0:
            user, group, owner, chroot = "mail", "mail", "", ""
        else:
            group = grp.getgrgid(os.getgid()).gr_name
            user = pwd.getpwuid(os.getuid()).pw_name
            owner = "default_internal_user = %s\ndefault_login_user = %s\ndefault_internal_group = %s" % (
                user, user, group)
            chroot = "chroot ="
        (self.directory / "home").mkdir(exist_ok=True)
        self.owner = (user, group)
        if os.getuid() == 0:
            shutil.chown(self.directory / "home", user, group)
        (self.directory / "users").write_text(
            "".join("%s:{PLAIN.b64}%s::::::\n" % (name, _base64(self.password)) for name in users))
        self.configuration = self.directory / "dovecot.conf"
        self.configuration.write_text(CONFIGURATION.format(
            base=self.directory, name="mm%d" % self.imap, certificate=self.certificates / certificate, mail=mail,
            user=user, group=group, owner=owner, chroot=chroot, imap=self.imap, imaps=self.imaps,
            separator=separator, more=more, mechanisms=mechanisms, protocols=self.protocols))

    # Mail of an earlier server as a start: Dovecot's files can simply be copied.

    def save(self, template):
        """Copies the mail of this (stopped) server to where another one can start from."""
        partial = Path(str(template) + ".partial%d" % os.getpid())
        subprocess.run(["cp", "-a", str(self.directory / "home"), str(partial)], check=True)
        os.replace(partial, template)

    def _restore(self, template):
        shutil.rmtree(self.directory / "home")
        subprocess.run(["cp", "-a", str(template), str(self.directory / "home")], check=True)

    # Starting and stopping, by the pid in the server's own file.

    @property
    def pid(self):
        try:
            return int((self.directory / "run" / "master.pid").read_text())
        except (OSError, ValueError):
            return None

    def start(self):
        told = len(self.output())
        if self._starts():
            return self
        if "Address already in use" in self.output()[told:]:
            time.sleep(1)  # children of one that was killed may not have ended yet
            if self._starts():
                return self
        raise RuntimeError("Dovecot did not start: %s %s" % (self.output(), self.log()[-2000:]))

    def _starts(self):
        """Whether it does."""
        with open(self.directory / "output", "ab") as output:
            self.process = subprocess.Popen(["dovecot", "-F", "-c", str(self.configuration)], stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, start_new_session=True,
                                            env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.imap), timeout=5) as one:
                    if one.recv(1):
                        return True
            except OSError:
                time.sleep(0.03)
        self.stop()
        return False

    def stop(self, kill=False):
        process = getattr(self, "process", None)
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if kill:  # the children of a killed master end by themselves only after a while
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def remove(self):
        self.stop()
        if not self.kept:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    def log(self):
        return self._text("log")

    def output(self):
        return self._text("output")

    def _text(self, name):
        try:
            return (self.directory / name).read_text(errors="replace")
        except OSError:
            return ""

    def cpu(self):
        """CPU seconds (user and system) of all processes of this server that still run or were waited for."""
        ticks = os.sysconf("SC_CLK_TCK")
        total, group = 0, self.process.pid
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if int(fields[2]) == group or int(fields[3]) == group:
                    total += sum(int(field) for field in fields[11:15])
        return total / ticks

    # Clients.

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    def client(self, user="user", tls=False, utf8=False):
        """An imaplib client that is logged in (in clear on loopback unless tls)."""
        if tls:
            client = imaplib.IMAP4_SSL("localhost", self.imaps, ssl_context=self.context())
        else:
            client = imaplib.IMAP4("127.0.0.1", self.imap)
        client.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (user, self.password)).encode())
        return client

    def doveadm(self, *arguments, input=None):
        return subprocess.run(["doveadm", "-c", str(self.configuration), *arguments], input=input, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def append(self, mailbox, messages, user="user", create=True):
        """Loads messages, each (bytes, flags, date), with MULTIAPPEND and LITERAL+, a megabyte or so a command.

        mailbox is a name in Unicode; flags a list of str; date an IMAP date-time or None."""
        name = quoted(mailbox)
        with socket.create_connection(("127.0.0.1", self.imap)) as raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = raw.makefile("rwb", 1 << 20)

            def answer(tag):
                stream.flush()
                while True:
                    line = stream.readline()
                    if not line:
                        raise RuntimeError("Dovecot closed the connection: " + self.log()[-1000:])
                    if line.startswith(tag + b" "):
                        return line

            def command(text):
                stream.write(b"t " + text + b"\r\n")
                line = answer(b"t")
                if not line.startswith(b"t OK"):
                    raise RuntimeError("%r: %r" % (text[:100], line))

            stream.readline()
            command(b"AUTHENTICATE PLAIN " + _base64("\0%s\0%s" % (user, self.password)).encode())
            if create and mailbox.upper() != "INBOX":
                stream.write(b"c CREATE " + name + b"\r\n")
                answer(b"c")
            size = count = 0
            for body, flags, date in messages:
                stream.write(b"t APPEND " + name if count == 0 else b"")
                stream.write((" (%s)" % " ".join(flags)).encode())
                if date:
                    stream.write(b' "' + date.encode() + b'"')
                stream.write(b" {%d+}\r\n" % len(body) + body)
                size, count = size + len(body), count + 1
                if size > 4_000_000 or count == 200:
                    stream.write(b"\r\n")
                    line = answer(b"t")
                    if not line.startswith(b"t OK"):
                        raise RuntimeError("APPEND: %r" % line)
                    size = count = 0
            if count:
                stream.write(b"\r\n")
                line = answer(b"t")
                if not line.startswith(b"t OK"):
                    raise RuntimeError("APPEND: %r" % line)
            command(b"LOGOUT")


def _base64(text):
    import base64
    return base64.b64encode(text.encode()).decode()


def modified_utf7(text):
    """A mailbox name as IMAP4rev1 sends it (RFC 3501 section 5.1.3)."""
    import base64
    out, pending = [], ""

    def flush():
        nonlocal pending
        if pending:
            coded = base64.b64encode(pending.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
            out.append("&" + coded + "-")
            pending = ""

    for character in text:
        if " " <= character <= "~":
            flush()
            out.append("&-" if character == "&" else character)
        else:
            pending += character
    flush()
    return "".join(out)


def quoted(text):
    """A mailbox name as a quoted string on the wire."""
    return b'"' + modified_utf7(text).encode().replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
