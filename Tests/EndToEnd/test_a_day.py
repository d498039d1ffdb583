"""A day of a daemon's life in a fraction of the time: its clock is driven, the network between it and a real Dovecot fails
in all ways, the server restarts, the machine is suspended, and mail changes on both sides all along. While the network works
it is never more than 90 s behind; nothing leaks; in the end both sides are equal.

The daemon's own work runs at its real speed, so that each of its milliseconds counts as RATE of them here; so does the
server's, whose own pauses are as long as it allows them to be short. Where our own machine stands still, what is waited
for may come later by as much."""

import collections
import os
import statistics
import time

from daemon import settled, watching
from daemon_case import DaemonCase
from fast_clock import FastClock
from latency import Stalls
from servers.faulty import FaultyNetwork
from support import FULL, SEED, figure, wait_until
from two_sides import Sides

HOURS = int(os.environ.get("DAY_HOURS") or (24 if FULL else 1))
RATE = int(os.environ.get("DAY_RATE") or 30)
SUSPENDS = 100 * HOURS // 24
BEHIND = 90  # seconds
LOST_ANSWER = 60  # how much later a message is looked for again on the server whose APPEND was cut (DESIGN.md section 4)
BOXES = ("INBOX", "Archive", "Lists/One", "Lists/Two")
MOST = 40  # messages that a mailbox holds
FSYNC_THREADS = 16  # they start with the first group of several files (`DiskPool.waitingThreads`)
STORY = 30  # lines of the daemon's log that are told of a late change


def private(path, flags):
    return os.open(path, flags, 0o600)


class Change:
    """Something done on one side that the other side has to show: `check()` says whether it does. `log` is how long the
    daemon's was then."""

    def __init__(self, what, box, message, began, check, patience, log):
        self.kind, self.what = what, "%s in %s of %s" % (what, box, message)
        self.box, self.message, self.began, self.check, self.patience = box, message, began, check, patience
        self.log, self.told = log, None


class Day(DaemonCase):
    alone = True
    weight = 200

    def test_a_day_with_all_its_troubles(self):
        print("seed %d" % SEED, flush=True)
        # Where it has missed a change it looks again after so long, by default after 30 s.
        self.server = self.dovecot(more="mailbox_idle_check_interval = 1s")
        for box in BOXES + ("Trash",):
            self.server.append(box, [])
        self.network = self.exits.enter_context(FaultyNetwork(self.server.imaps))
        mirror = self.mirror(self.server, port=self.network.port, direction="two-way",
                             hold={"share": 1.0, "count": 1_000_000, "account": 1_000_000})
        self.clock = FastClock(self.directory, RATE)
        self.stalls = self.exits.enter_context(Stalls(self.clock.now, RATE))
        self.daemon_ = self.daemon(mirror, environment=dict(self.clock.environment, WATCHDOG_USEC=str(120 * 1_000_000)),
                                   arguments=("--verbose",))
        self.daemon_.wait_for(lambda accounts: settled(accounts["test"]) and watching(accounts["test"]), 30)
        self.sides, self.subject = Sides(self.server, mirror, BOXES), mirror
        self.number, self.pending, self.late, self.lags, self.samples = 0, [], [], [], []
        self.lags_of = collections.defaultdict(list)
        self.works_since, self.wakings, self.last_fault = self.clock.now(), [], "start"
        self.live()
        self.network.slow(0)
        self.calm(300)
        self.assertSoonMirrored(mirror, self.server, timeout=20, leftovers=False)
        usage = self.usage()
        account = self.daemon_.wait_for(lambda accounts: settled(accounts["test"]) and accounts["test"], 10)
        self.assertEqual((account["error"], account.get("stale"), account["holds"]), (None, None, []))
        self.assertNotIn("hangs", self.daemon_.log)
        memory = [kilobytes for _, _, kilobytes, _ in self.samples]
        quarter = max(1, len(memory) // 4)
        first, last = statistics.median(memory[:quarter]), statistics.median(memory[-quarter:])
        figure("memory in kB: %d in the first quarter of the day, %d in the last (medians), %d at most" % (
            first, last, max(memory)))
        self.assertLess(last, first + 6 * 1024, memory)
        figure("%d simulated hours at %d times the speed: %d changes, %.1f s behind (median), %.0f s (most); %d s (median) after "
               "%d suspends; faults: %s" % (
                   HOURS, RATE, len(self.lags), statistics.median(self.lags), max(self.lags),
                   statistics.median(self.wakings or [0]), SUSPENDS,
                   ", ".join("%d x %s" % (count, name) for name, count in sorted(self.faults.items()))))
        figure("the machine stood still %d times, for %.1f s of its own" % (
            len(self.stalls.rows), self.stalls.since(0) / RATE))
        figure("after the first quarter of an hour and in the end: descriptors, threads, memory in kB, connections: %s, %s" % (
            self.before, usage))
        for kind, lags in sorted(self.lags_of.items()):
            figure("%s: %d, %.1f s behind (median), %.0f s (most)" % (kind, len(lags), statistics.median(lags), max(lags)))
        if self.late:
            self.fail("%d changes came late:\n%s" % (len(self.late), "\n".join(self.late)))
        self.assertLessEqual(usage[0], self.before[0] + 4)
        # The pool of threads grows a little with what came at once, and by those that wait for a group's fsyncs.
        self.assertLessEqual(usage[1], self.before[1] + 8 + FSYNC_THREADS)
        self.assertLess(usage[2], self.before[2] + 8 * 1024)
        self.assertLessEqual(usage[3], 4)
        self.assertEqual(self.faults["suspend"], SUSPENDS)
        self.assertEnds(self.daemon_)

    # The day.

    def live(self):
        end, started = self.clock.now() + HOURS * 3600, self.clock.now()
        events = [(self.dice.uniform(900, HOURS * 3600 - 300), self.suspend) for _ in range(SUSPENDS)]
        kinds, moment = [], 900.0
        self.faults, self.before = collections.Counter(), None
        while moment < HOURS * 3600 - 600:
            if not kinds:  # each kind comes as often as the others
                kinds = [self.reset, self.end, self.half_open, self.slow, self.down, self.black_hole, self.restart]
                self.dice.shuffle(kinds)
            events.append((moment, kinds.pop()))
            moment += self.dice.uniform(60, 600)
        events.sort(key=lambda event: event[0])
        self.restore, next_act = None, self.clock.now()
        while self.clock.now() < end:
            now = self.clock.now()
            if now - started > 800 and self.before is None and not self.pending:
                self.before = self.usage()
            if now - started > 800 * (len(self.samples) + 1):
                self.samples.append(self.usage())
            if self.restore and self.restore[0] <= now:
                self.restore[1]()
                self.restore, self.works_since = None, self.clock.now()
            elif events and events[0][0] <= now - started and self.restore is None:
                event = events.pop(0)[1]
                self.faults[event.__name__] += 1
                self.last_fault = event.__name__
                event()
            if next_act <= now:
                self.act()
                next_act = now + self.dice.expovariate(1 / 25)
            self.look()
            time.sleep(0.01)
        if self.restore:
            self.restore[1]()
            self.works_since = self.clock.now()

    def calm(self, longest):
        """All that is under way arrives."""
        began = self.clock.now()
        while self.pending and self.clock.now() - began < longest + self.stalls.since(began):
            self.look()
            time.sleep(0.02)
        self.assertEqual([change.what for change in self.pending], [])

    def look(self):
        """Notes which changes have arrived, and which are late."""
        self.assertTrue(self.daemon_.running, self.daemon_.log[-3000:])
        if not self.pending:
            return
        here, there = self.sides.here(), self.sides.there()
        now, left = self.clock.now(), []
        for change in self.pending:
            since = max(change.began, self.works_since)
            if change.check(here, there if there is not None else {}):
                if self.restore is None:
                    self.lags.append(max(0.0, now - since))
                    self.lags_of[change.kind].append(self.lags[-1])
                if change.told:
                    self.late.append(change.told + ", done after %.0f s\n%s" % (now - change.began, self.story(change)))
                continue
            if self.restore is None and now - since > change.patience + self.stalls.since(since) and not change.told:
                told = self.status()
                change.told = "%s: %.0f s after it and %.0f s after the end of the last fault (%s); %s, connections %s, error %s" % (
                    change.what, now - change.began, now - self.works_since, self.last_fault, told.get("activity"),
                    told.get("connections"), told.get("error"))
            left.append(change)
        self.pending = left

    # What people and programs do.

    def act(self):
        here, there = self.sides.here(), self.sides.there()
        if there is None:
            return
        busy = {change.message for change in self.pending}
        same = sorted(name for name in here if name in there and here[name][:2] == there[name][:2] and name not in busy)
        acts = [self.deliver, self.compose]
        if same:
            acts += [self.mark_there, self.mark_here, self.move_here]
            if len(same) > MOST:
                acts = [self.expunge_there, self.remove_here]
        self.dice.choice(acts)(same, here, there)

    def wait_for(self, what, box, message, check, patience=BEHIND):
        log = self.daemon_.output.stat().st_size
        self.pending.append(Change(what, box, message, self.clock.now(), check, patience, log))

    def story(self, change):
        """What the daemon has said since a change, of its mailbox or of all."""
        with open(self.daemon_.output, "rb") as log:
            log.seek(change.log)
            lines = log.read().decode(errors="replace").splitlines()
        others = [box for box in BOXES if box != change.box]
        told = [line for line in lines if not any("/%s" % box in line for box in others)]
        return "\n".join("    " + line for line in told[:STORY // 2] + told[STORY // 2:][-STORY // 2:])

    def letter(self):
        self.number += 1
        name = "%d.%d@day" % (SEED, self.number)
        return name, b"Message-ID: <%s>\r\nSubject: number %d\r\n\r\nbody\r\n" % (name.encode(), self.number)

    def deliver(self, same, here, there):
        name, body = self.letter()
        box = self.dice.choice(BOXES)
        self.sides.client.append('"%s"' % box, None, None, body)
        self.wait_for("delivery", box, name, lambda here, there: here.get(name, ("",))[0] == box)

    def compose(self, same, here, there):
        name, body = self.letter()
        box = self.dice.choice(BOXES)
        folder = self.subject.folder_of(box.encode())
        file = "%d.M%dP1.day:2,S" % (1_700_000_000 + self.number, self.number)
        with open(os.path.join(folder, "tmp", file), "wb", opener=private) as out:
            out.write(body.replace(b"\r\n", b"\n"))
        os.rename(os.path.join(folder, "tmp", file), os.path.join(folder, "cur", file))
        self.wait_for("new file", box, name, lambda here, there: there.get(name, ("",))[0] == box,
                      BEHIND + LOST_ANSWER)

    def mark_there(self, same, here, there):
        name = self.dice.choice(same)
        box, flags, uid = there[name]
        wanted = flags ^ {"F"}
        self.sides.client.select('"%s"' % box)
        self.sides.client.uid("STORE", str(uid), "+FLAGS" if "F" in wanted else "-FLAGS", "(\\Flagged)")
        self.wait_for("flag on the server", box, name, lambda here, there: here.get(name, (0, 0))[1] == wanted)

    def mark_here(self, same, here, there):
        name = self.dice.choice(same)
        box, flags, path = here[name]
        wanted = flags ^ {"S"}
        letters = "".join(sorted(wanted))
        base = os.path.basename(path).partition(":2,")[0]
        try:
            os.rename(path, os.path.join(self.subject.folder_of(box.encode()), "cur", "%s:2,%s" % (base, letters)))
        except FileNotFoundError:
            return
        self.wait_for("flag in the folder", box, name, lambda here, there: there.get(name, (0, 0))[1] == wanted)

    def move_here(self, same, here, there):
        name = self.dice.choice(same)
        box, flags, path = here[name]
        other = self.dice.choice([one for one in BOXES if one != box])
        target = os.path.join(self.subject.folder_of(other.encode()), "cur", os.path.basename(path))
        target = target if ":2," in target else target + ":2,"
        try:
            os.rename(path, target)
        except FileNotFoundError:
            return
        self.wait_for("move", box, name, lambda here, there: there.get(name, ("",))[0] == other)

    def expunge_there(self, same, here, there):
        name = self.dice.choice(same)
        box, flags, uid = there[name]
        self.sides.client.select('"%s"' % box)
        self.sides.client.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
        self.sides.client.uid("EXPUNGE", str(uid))
        self.wait_for("expunge", box, name, lambda here, there: name not in here)

    def remove_here(self, same, here, there):
        name = self.dice.choice(same)
        try:
            os.unlink(here[name][2])
        except FileNotFoundError:
            return
        self.wait_for("removal", here[name][0], name, lambda here, there: name not in there)

    # What goes wrong. Those that take a while leave in `restore` when and how they end.

    def reset(self):
        self.network.reset()

    def end(self):
        self.network.end()

    def half_open(self):
        self.network.half_open()

    def slow(self):
        self.network.slow(0 if self.network.round_trip else 0.5 / RATE)

    def down(self):
        self.network.down()
        self.restore = (self.clock.now() + self.dice.uniform(10, 400), self.network.up)

    def black_hole(self):
        self.network.black_hole()
        self.restore = (self.clock.now() + self.dice.uniform(10, 400), self.network.up)

    def restart(self):
        """As long as it really takes, which is a long time for the daemon."""
        self.server.stop(kill=self.dice.random() < 0.5)
        self.server.start()
        self.sides.client, self.works_since = None, self.clock.now()

    def suspend(self):
        def meanwhile():
            for _ in range(self.dice.randrange(4)):
                self.act()
            self.dice.choice([self.network.end, self.network.half_open, lambda: None])()
        self.clock.suspend(self.daemon_.pid, self.dice.choice([60, 600, 3600, 30_000]), meanwhile)
        self.works_since, began = self.clock.now(), len(self.lags)

        def woke():
            self.look()
            return not self.pending
        if self.pending:
            try:
                wait_until(woke, BEHIND * 1.2 / RATE, 0.01)
            except AssertionError:
                return
            self.wakings += self.lags[began:]

    def status(self):
        """What it says of the account, where the fast clock leaves it the time to."""
        try:
            return self.daemon_.account()
        except (OSError, EOFError) as error:
            return {"error": error}

    def usage(self):
        return (self.daemon_.descriptors(), self.daemon_.threads(), self.daemon_.own_memory(), self.network.alive)
