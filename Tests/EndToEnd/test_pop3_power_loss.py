"""The power is cut at points of a recorded drain: with what the disk may then hold, and with what the server has been
told to delete by then, the next sync ends as always. Promise 1 at its hardest: the only other copy goes on our word."""

import os

import strace_log
from drain_case import DrainCase, digests
from disk_model import MODELS, Disk
from servers.pop3_scripted import Drop, drops, simple
from support import FULL
from test_pop3_order import sent
from test_power_loss import rebooted

POINTS = None if FULL else 5


class PowerLoss(DrainCase):
    weight = 85

    def test_M18_M19_power_cut_during_a_drain(self):
        messages = [*drops(6), Drop(b"twin-1", simple(50)), Drop(b"twin-2", simple(50))]
        server = self.serve(messages)
        mirror = self.drain(server)
        status, output, calls = strace_log.run(mirror.command("sync"), os.path.join(self.directory, "strace"),
                                               width=200_000, extra=("sendto", "sendmsg"))
        server.settle()
        self.assertEqual((status, server.drops), (0, []), output)
        wanted = digests(messages)
        self.assertDelivered(mirror, wanted)
        quits = sent([call for call in calls if call.result > 0], rb"QUIT\r\n")
        deleting = next(begun for begun, _, _ in quits if begun > sent(calls, rb"DELE")[0][0])

        told, disk = [], Disk(mirror.maildir, mirror.state)  # by change: whether the server had been told by then
        for call in calls:
            if disk.follow(call):
                told.append(call.begun >= deleting)
        total, last = len(told), told.index(True)  # `last`: the last change before the server was told
        self.assertGreater(total, 50)
        points = set(range(1, total + 1)) if POINTS is None else {1 + self.dice.randrange(total) for _ in range(POINTS)}

        def followed(limit):
            disk, seen = Disk(mirror.maildir, mirror.state), 0
            for call in calls:
                seen += disk.follow(call)
                if seen == limit:
                    return disk

        wrong = []
        for point in sorted(points | {total, last, last + 1} & set(range(1, total + 1))):
            disk = followed(point)
            # At the last point before QUIT the server may have been told already: no change of the disk comes between.
            for gone in {told[point - 1], point >= last}:
                # Where it would show, and in full form everywhere, with all that the disk may hold.
                everything = FULL or point in (last, last + 1, total)
                for model in MODELS if everything else [self.dice.choice(MODELS)]:
                    disk.write(model, self.dice)
                    rebooted(mirror)
                    server.drops = [] if gone else list(messages)
                    where = "power cut after change %d of %d, %s, %s on the server" % (
                        point, total, model, "gone" if gone else "there")
                    for _ in range(2):
                        result = mirror.sync(timeout=60)
                        server.settle()
                    if result.status != 0:
                        wrong.append("%s: status %d: %s" % (where, result.status, result.err[-600:]))
                    elif mirror.bodies() != wanted or server.drops:
                        wrong.append("%s: %d messages here, %d there" % (where, len(mirror.bodies()),
                                                                         len(server.drops)))
                if len(wrong) > 8:
                    self.fail("\n".join(wrong))
        self.assertEqual(wrong, [], "\n".join(wrong))
