"""Mail servers of other makers, where they differ from Dovecot: Cyrus and Courier, private ones like it (own directory, own
port on 127.0.0.1, one user). `scripts/other-servers` unpacks them."""

import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from .dovecot import free_port, quoted

ROOT = Path(__file__).resolve().parent.parent.parent.parent / ".build" / "servers" / "root"
LIBRARIES = ":".join(str(ROOT / "usr" / "lib" / part) for part in ("x86_64-linux-gnu", "cyrus", "."))
MISSING = None if ROOT.with_name("complete").exists() else "Cyrus and Courier are not here (scripts/other-servers)"


class Other:
    """What the two have in common with the Dovecot of the tests."""

    password = "secret word"
    prefix = ""  # of the names of mailboxes beside INBOX
    separator = "/"

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="mm-%s-" % type(self).__name__.lower()))
        self.directory.chmod(0o755)
        self.imap = free_port()
        self.environment = dict(os.environ, LD_LIBRARY_PATH=LIBRARIES)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def name(self, mailbox):
        """What that mailbox is called on this server."""
        return mailbox if mailbox == "INBOX" else self.prefix + mailbox.replace("/", self.separator)

    def client(self, user="user"):
        client = imaplib.IMAP4("127.0.0.1", self.imap, timeout=30)
        if client.state == "NONAUTH":
            client.authenticate("PLAIN", lambda _: ("\0%s\0%s" % (user, self.password)).encode())
        return client

    def append(self, mailbox, messages, user="user"):
        """Loads messages, each (bytes, flags, date), into a mailbox (a name of this server), made if need be."""
        client = self.client(user)
        client.create(quoted(mailbox).decode())
        for body, flags, date in messages:
            answer, data = client.append(quoted(mailbox).decode(), "(%s)" % " ".join(flags),
                                         '"%s"' % date if date else None, body)
            if answer != "OK":
                raise RuntimeError("APPEND: %r" % data)
        client.logout()


class Courier(Other):
    """Courier's imapd for each connection, signed in from the start (PREAUTH)."""

    prefix, separator = "INBOX.", "."
    capability = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"

    def start(self):
        self.children = []
        home = self.directory / "home"
        for part in ("cur", "new", "tmp"):
            (home / "Maildir" / part).mkdir(parents=True, exist_ok=True)
        self.environment.update(AUTHENTICATED="user", IMAP_CAPABILITY=self.capability, IMAP_KEYWORDS="1", IMAP_ACL="1",
                                IMAP_IDLE_TIMEOUT="1", IMAP_TRASHFOLDERNAME="Trash", IMAP_EMPTYTRASH="Trash:7",
                                HOME=str(home))
        self.listener = socket.create_server(("127.0.0.1", self.imap), backlog=32)
        self.thread = threading.Thread(target=self._serve, args=(self.listener,), daemon=True)
        self.thread.start()
        return self

    def _serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, open(self.directory / "log", "ab") as log:
                self.children.append(subprocess.Popen(
                    [str(ROOT / "usr" / "bin" / "imapd"), "Maildir"], stdin=connection, stdout=connection, stderr=log,
                    cwd=self.directory / "home", env=self.environment))
            self.children = [child for child in self.children if child.poll() is None]

    def stop(self):
        if getattr(self, "listener", None) is None:
            return
        # A thread that waits in accept() is woken only so.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        self.thread.join(timeout=10)
        for child in self.children:
            child.kill()
            child.wait()


CYRUS = """configdirectory: {base}/conf
proc_path: {base}/proc
mboxname_lockpath: {base}/lock
idlesocket: {base}/socket/idle
defaultpartition: default
partition-default: {base}/mail
sievedir: {base}/sieve
altnamespace: yes
unixhierarchysep: yes
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {base}/sasldb
sasl_mech_list: PLAIN
cyrus_user: {user}
servername: localhost
virtdomains: off
autocreate_quota: 0
autocreate_post: yes
autocreate_inbox_folders: Sent | Trash
xlist-Sent: Sent
xlist-Trash: Trash
conversations: no
"""

CYRUS_SERVICES = """START {{
  recover cmd="{bin}/ctl_cyrusdb -C {base}/imapd.conf -r"
  idled cmd="{bin}/idled -C {base}/imapd.conf"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {base}/imapd.conf" listen="127.0.0.1:{port}" prefork=1 maxchild=60
}}
EVENTS {{ }}
"""


class Cyrus(Other):
    def start(self):
        base, binaries = self.directory, ROOT / "usr" / "lib" / "cyrus" / "bin"
        user = "mail" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        for part in ("conf", "proc", "lock", "socket", "mail", "sieve"):
            (base / part).mkdir(exist_ok=True)
        (base / "imapd.conf").write_text(CYRUS.format(base=base, user=user))
        (base / "services.conf").write_text(CYRUS_SERVICES.format(base=base, bin=binaries, port=self.imap))
        subprocess.run([str(ROOT / "usr" / "sbin" / "saslpasswd2"), "-c", "-p", "-f", str(base / "sasldb"), "-u", "localhost",
                        "user"], input=self.password.encode(), env=self.environment, check=True)
        if os.getuid() == 0:
            for path in (base, *base.rglob("*")):
                shutil.chown(path, user)
        with open(base / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(binaries / "master"), "-C", str(base / "imapd.conf"), "-M", str(base / "services.conf"), "-p",
                 str(base / "pid"), "-D"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                start_new_session=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.client().logout()
                return self
            except (OSError, imaplib.IMAP4.error):
                time.sleep(0.1)
        raise RuntimeError("Cyrus did not start: " + (base / "log").read_text(errors="replace"))

    def stop(self):
        process = getattr(self, "process", None)
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        try:
            os.killpg(process.pid, signal.SIGKILL)  # idled leaves the master
        except ProcessLookupError:
            pass
        self.process = None
