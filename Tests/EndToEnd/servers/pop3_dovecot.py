"""A private Dovecot with POP3 beside IMAP, and what an independent client finds there."""

import contextlib
import os
import poplib
import re
import signal
import time

from .dovecot import Dovecot, free_port

poplib._MAXLINE = 100_000_000  # a line of a message may have any length

POP3 = """
pop3_uidl_format = {uidl_format}
pop3_lock_session = {lock_session}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
  {chroot}
}}
{more}
"""


class POP3Dovecot(Dovecot):
    """Mail is put in by `append`; `pop3` and `pop3s` are the ports.

    uidl_format: Dovecot's own words (%08Xu%08Xv by default); lock_session: a second session gets [IN-USE]."""

    protocols = "imap pop3"

    def __init__(self, uidl_format="%08Xu%08Xv", lock_session=False, more="", **options):
        self.pop3, self.pop3s = free_port(), free_port()
        super().__init__(more=POP3.format(
            uidl_format=uidl_format, lock_session="yes" if lock_session else "no", pop3=self.pop3, pop3s=self.pop3s,
            chroot="" if os.getuid() == 0 else "chroot =", more=more), **options)

    def pop_client(self, user="user", tls=True):
        """A poplib client that is logged in; its session holds the mail as it is now."""
        if tls:
            client = poplib.POP3_SSL("localhost", self.pop3s, context=self.context())
        else:
            client = poplib.POP3("127.0.0.1", self.pop3)
        client.encoding = "UTF-8"
        client.user(user)
        client.pass_(self.password)
        return client

    def left(self, user="user"):
        """UIDLs (bytes) of what is on the server, in order."""
        client = self.pop_client(user)
        try:
            return [line.split(b" ", 1)[1] for line in client.uidl()[1]]
        finally:
            client.quit()

    def messages(self, user="user"):
        """The messages on the server as POP3 sends them, without dot-stuffing, in order."""
        client = self.pop_client(user)
        try:
            return [retrieve(client, number) for number in range(1, client.stat()[0] + 1)]
        finally:
            client.quit()

    def remove_all(self, user="user"):
        self.doveadm("expunge", "-u", user, "mailbox", "INBOX", "ALL")

    def reidentify(self, uidl_format):
        """Restarts with other UIDLs for the same messages."""
        self.stop()
        text = self.configuration.read_text()
        self.configuration.write_text(re.sub(r"(?m)^pop3_uidl_format = .*$", "pop3_uidl_format = " + uidl_format, text))
        self.start()

    def quiet(self, timeout=20):
        """Waits until no POP3 session is left: what ended within one is noticed a moment later.

        Of a client that was killed or cut off Dovecot 2.3 sometimes never notices the end (its process waits on, even
        when the login process between them is gone): after half of the time a session is ended whose client is gone."""
        began = time.monotonic()
        while time.monotonic() - began < timeout:
            left = re.findall(rb"pop3 +\(([0-9 ]+)\)", self.doveadm("who"))
            if not left:
                return
            if time.monotonic() - began > timeout / 2 and not self.has_pop_clients():
                for number in b" ".join(left).split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(number), signal.SIGTERM)
            time.sleep(0.05)
        raise AssertionError("a POP3 session did not end: %s" % self.log()[-1000:])

    def has_pop_clients(self):
        """Whether a process holds a connection to either port."""
        return any(
            line.split()[3] == "01" and int(line.split()[2].rpartition(":")[2], 16) in (self.pop3, self.pop3s)
            for table in ("/proc/net/tcp", "/proc/net/tcp6") if os.path.exists(table)
            for line in open(table).read().splitlines()[1:])


def retrieve(client, number):
    """RETR by poplib's own stream, byte for byte: its `retr` drops carriage returns that begin a line."""
    client._shortcmd("RETR %d" % number)
    lines = []
    whole = True  # the line before ended with CRLF
    while True:
        line = client.file.readline()
        if not line:
            raise EOFError("the connection broke within message %d" % number)
        if whole and line == b".\r\n":
            return b"".join(lines)
        lines.append(line[1:] if whole and line.startswith(b".") else line)
        whole = line.endswith(b"\r\n")
