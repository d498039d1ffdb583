"""What the tests of holds, history, quarantine and verify share."""

import json
import os
import re
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

    @staticmethod
    def message_id(path):
        head = Path(path).read_bytes().split(b"\n\n")[0]
        return re.search(rb"(?im)^message-id:\s*(<[^>]+>)", head).group(1).decode()
