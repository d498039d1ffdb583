"""What the tests of holds, history, quarantine and verify share."""

import json
import os
import re
import shutil
from pathlib import Path

import corpus
from daemon_case import DaemonCase


class PersonCase(DaemonCase):
    def filled(self, count=60, mailbox="INBOX", **account):
        """A server with so many messages, a mirror of it that is synced, and the mirror's folder."""
        self.server = self.dovecot()
        # Without the odd draft or mark of deletion, which some rules treat apart.
        self.server.append(mailbox, [(body, ["\\Seen"], date) for body, _, date in corpus.small(count)])
        self.server.append("Trash", [])
        self.subject = self.mirror(self.server, **account)
        self.synced(self.subject)
        return self.subject

    def client(self, mailbox="INBOX"):
        client = self.server.client()
        self.addCleanup(lambda: client.logout() if client.state != "LOGOUT" else None)
        self.assertEqual(client.select('"%s"' % mailbox)[0], "OK")
        return client

    def expunge(self, uids, mailbox="INBOX"):
        client = self.client(mailbox)
        client.uid("STORE", uids, "+FLAGS", "(\\Deleted)")
        client.expunge()
        client.logout()

    def files(self, mailbox=b"INBOX"):
        folder = self.subject.folder_of(mailbox)
        return sorted(Path(entry.path) for part in ("new", "cur") for entry in os.scandir(folder / part))

    def tell(self, *arguments, status=0):
        """The document that a command prints."""
        result = self.subject.run(*arguments, "--json")
        self.assertEqual(result.status, status, result.err or result.out)
        return json.loads(result.out)

    def done(self, *arguments, status=0):
        result = self.subject.run(*arguments)
        self.assertEqual(result.status, status, result.err or result.out)
        return result

    def hold(self, kind):
        """The only hold, which is of this kind."""
        holds = self.tell("holds", status=3)
        self.assertEqual([hold["kind"] for hold in holds], [kind])
        return holds[0]

    def kept(self):
        """A copy of the mirror's state and mail as they are now."""
        copy = self.subject.directory / "kept"
        for name, source in (("state", self.subject.state), ("mail", self.subject.maildir)):
            shutil.copytree(source, copy / name, copy_function=shutil.copy2)
        return copy

    def put_back(self, copy):
        """State and mail are again as they were copied, in their old places."""
        for name, target in (("state", self.subject.state), ("mail", self.subject.maildir)):
            shutil.rmtree(target)
            shutil.copytree(copy / name, target, copy_function=shutil.copy2)

    @staticmethod
    def message_id(path):
        head = Path(path).read_bytes().split(b"\n\n")[0]
        return re.search(rb"(?im)^message-id:\s*(<[^>]+>)", head).group(1).decode()
