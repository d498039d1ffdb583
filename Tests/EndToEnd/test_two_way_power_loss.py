"""The power is cut while both directions are at work: from what the disk may then hold, with the server as it was at that
moment, the next syncs end as always."""

import os
import sqlite3

import check
import mail_reader
import strace_log
from disk_model import MODELS, Disk
from mail_reader import letter
from server_copies import ServerCopy
from support import FULL, figure
from test_two_way_failpoints import TwoWaySteps

POINTS = None if FULL else 4


class PowerLoss(TwoWaySteps):
    """Each point: the program runs up to it under strace and ends there; then the disk is made again from its calls."""

    weight = 70

    def change(self):
        inbox, archive = self.folder(), self.folder("Archive")
        mail_reader.deliver(inbox, letter("n1"), date=1_600_000_000)
        mail_reader.deliver(self.folder("Sent"), letter("n2"), "S", date=1_600_000_001)
        mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        mail_reader.flag(self.file("t2"), add="SR")
        mail_reader.move(self.file("t3"), archive)
        mail_reader.copy(self.file("t4"), archive)
        self.file("t5").unlink()
        self.file("trash0", "Trash").unlink()
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "6:7", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "6:7")
        client.uid("STORE", "8", "+FLAGS", "(\\Flagged)")
        client._simple_command("UID", "MOVE", "9", "Sent")
        client.logout()

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Archive", "Sent", "Trash")], [8, 7, 7, 5])
        self.assertEqual(quarantined, sorted(check.digest(letter(token)) for token in ("t1", "t6", "t7", "trash0")))

    def rebooted(self):
        connection = sqlite3.connect(self.subject.database)
        try:
            with connection:
                connection.execute("UPDATE account SET boot = 'before the power cut'")
        finally:
            connection.close()

    def test_M18_M19_power_cut_in_both_directions(self):
        self.prepare()
        self.change()
        self.save()
        log = os.path.join(self.directory, "steps")
        result = self.act({"MAILMIRROR_FAILPOINT_LOG": log}, timeout=50)
        self.assertEqual(result.status, 0, result.err)
        with open(log) as lines:
            steps = [line.strip() for line in lines]
        self.settled()
        unbroken = self.end()
        self.expected(unbroken)
        # What was done before the first step has changed nothing, and the last steps are of the way out.
        points = range(1, len(steps) + 1)
        if POINTS:
            points = sorted(self.dice.sample(range(len(steps) // 6, len(steps) + 1), POINTS))
        wrong = []
        for point in points:
            self.reset()
            _, _, calls = strace_log.run(self.subject.command("sync"), os.path.join(self.directory, "strace"),
                                         width=200_000, environment={"MAILMIRROR_FAILPOINT": "%d:exit" % point})
            there = ServerCopy(self.server, os.path.join(self.directory, "server at the cut"))
            for model in MODELS:
                where = "power cut at step %d (%s), %s" % (point, steps[point - 1], model)
                there.restore()
                disk = Disk(self.subject.maildir, self.subject.state)
                for path in (self.subject.maildir, self.subject.state):
                    disk.load(path, os.path.join(self.saved, path.name))
                for call in calls:
                    disk.follow(call)
                disk.write(model, self.dice)
                self.rebooted()
                self.resume(where, unbroken, wrong)
            if len(wrong) > 6:
                break
        figure("power cut at %d of %d steps, %d models of the disk" % (len(points), len(steps), len(MODELS)))
        self.assertEqual(wrong, [], "\n".join(wrong))
