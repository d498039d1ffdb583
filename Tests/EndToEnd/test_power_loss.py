"""The power is cut at points of a recorded run: from what the disk may then hold, the next sync ends as always."""

import os
import sqlite3

import corpus
import strace_log
from disk_model import MODELS, Disk
from support import FULL, EndToEnd, sample
from test_failpoints import difference, outcome

POINTS = None if FULL else 10


def rebooted(mirror):
    """Makes the state one of an earlier boot, as a power cut implies."""
    if not mirror.database.exists():
        return
    connection = sqlite3.connect(mirror.database)
    try:
        with connection:
            connection.execute("UPDATE account SET boot = 'before the power cut'")
    except sqlite3.DatabaseError:
        pass  # no such table yet
    finally:
        connection.close()


class PowerLoss(EndToEnd):
    weight = 85

    def replay(self, server, mirror, calls, start=None):
        unbroken = outcome(mirror)[0]

        def followed(limit):
            disk = Disk(mirror.maildir, mirror.state)
            for call in start or ():
                disk.follow(call)
            seen = 0
            for call in calls:
                if disk.follow(call):
                    seen += 1
                    if seen == limit:
                        break
            return disk, seen

        _, total = followed(0)
        self.assertGreater(total, 50)
        points = range(1, total + 1) if POINTS is None else sorted(
            {1 + self.dice.randrange(total) for _ in range(POINTS)} | {total})
        wrong = []
        for point in points:
            disk, _ = followed(point)
            for model in MODELS:
                disk.write(model, self.dice)
                rebooted(mirror)
                where = "power cut after change %d of %d, %s" % (point, total, model)
                result = mirror.sync(timeout=60)
                if result.status != 0:
                    wrong.append("%s: status %d: %s" % (where, result.status, (result.err or result.out)[-600:]))
                elif outcome(mirror)[0] != unbroken:
                    wrong.append("%s: another end: %s" % (where, difference((outcome(mirror)[0], []), (unbroken, []))))
                if len(wrong) > 8:
                    self.fail("\n".join(wrong))
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertMirrored(mirror, server, leftovers=False)

    def test_M18_M19_power_cut_during_a_first_sync(self):
        server = self.dovecot()
        sample(server, count=5)
        mirror = self.mirror(server)
        status, output, calls = strace_log.run(mirror.command("sync"), os.path.join(self.directory, "strace"),
                                               width=200_000)
        self.assertEqual(status, 0, output)
        self.assertMirrored(mirror, server)
        self.replay(server, mirror, calls)

    def test_M18_M19_power_cut_during_a_later_sync(self):
        server = self.dovecot()
        sample(server, count=4)
        mirror = self.mirror(server)
        status, output, first = strace_log.run(mirror.command("sync"), os.path.join(self.directory, "first"),
                                               width=200_000)
        self.assertEqual(status, 0, output)
        client = server.client()
        client.select("INBOX")
        client.uid("STORE", "1:2", "+FLAGS", "(\\Flagged fresh)")
        client.uid("STORE", "3", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "3")
        client.logout()
        server.append("INBOX", corpus.small(3, seed=9))
        status, output, calls = strace_log.run(mirror.command("sync"), os.path.join(self.directory, "later"),
                                               width=200_000)
        self.assertEqual(status, 0, output)
        self.assertMirrored(mirror, server)
        self.replay(server, mirror, calls, start=first)
