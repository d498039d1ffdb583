"""A state that an earlier version wrote: what only reads finds its way, and leaves it as it is."""

import sqlite3

from support import EndToEnd, corpus


class OlderState(EndToEnd):
    weight = 5

    def test_commands_that_read_know_an_older_state(self):
        server = self.dovecot()
        server.append("INBOX", corpus.small(3))
        mirror = self.mirror(server)
        self.synced(mirror)
        with sqlite3.connect(mirror.database) as connection:
            connection.executescript("DROP TABLE drained; DROP TABLE maildrop;"
                                     "DELETE FROM grdb_migrations WHERE identifier = '3 drain'")
        connection.close()
        before = mirror.tables("migrations")
        for command in (["status"], ["status", "--json"], ["mailboxes"], ["holds"], ["history"],
                        ["metrics"], ["sync", "--dry-run"]):
            result = mirror.run(*command)
            self.assertEqual(result.status, 0, "%s: %s" % (command, result.err))
        self.assertEqual(mirror.tables("migrations"), before)
        self.synced(mirror)
        self.assertNotEqual(mirror.tables("migrations"), before)
