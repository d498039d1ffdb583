"""Stops at every step: by exit, by error, by kill -9. After the next complete run the end is that of an unbroken one."""

import os
import shutil
import signal
import subprocess
import time

import strace_log
from support import FULL, EndToEnd, check, corpus, sample

LIMIT = None if FULL else 20  # steps that the short form samples


def outcome(mirror):
    """What a mirror came to: all messages by folder, and what is in quarantine."""
    found = {}
    for folder in check.folders(mirror.root):
        messages = check.folder_messages(folder)[0].values()
        if messages:
            found[os.path.relpath(folder, mirror.root)] = sorted(
                # Sorted lists: equal sets need not print alike.
                repr(message._replace(flags=sorted(message.flags), keywords=sorted(message.keywords)))
                for message in messages)
    return found, sorted(check.digest(body) for body in mirror.quarantined())


def difference(one, other):
    """Words for how two outcomes differ."""
    out = []
    for folder in sorted(set(one[0]) | set(other[0])):
        left, right = one[0].get(folder, []), other[0].get(folder, [])
        if left != right:
            out.append("%s has %d messages, not %d; surplus %s; lacking %s" % (
                folder, len(left), len(right), [row for row in left if row not in right][:2],
                [row for row in right if row not in left][:2]))
    if one[1] != other[1]:
        out.append("quarantine has %d, not %d" % (len(one[1]), len(other[1])))
    return "; ".join(out)


class Steps(EndToEnd):
    """A scenario that is broken off at each of its steps."""

    kind = "exit"

    def prepare(self, mirror):
        """Brings a fresh mirror to where the scenario starts."""

    def reset(self, mirror, saved):
        for path in (mirror.maildir, mirror.state):
            shutil.rmtree(path, ignore_errors=True)
        if saved:
            for path in (mirror.maildir, mirror.state):
                subprocess.run(["cp", "-a", os.path.join(saved, path.name), str(path)], check=True)

    def saved(self, mirror):
        if not mirror.maildir.exists():
            return None
        saved = os.path.join(self.directory, "saved")
        os.mkdir(saved)
        for path in (mirror.maildir, mirror.state):
            subprocess.run(["cp", "-a", str(path), saved], check=True)
        return saved

    def every_step(self, change):
        server = self.dovecot()
        sample(server, count=6)
        mirror = self.mirror(server)
        self.prepare(mirror)
        saved = self.saved(mirror)
        change(server)
        log = os.path.join(self.directory, "steps")
        self.reset(mirror, saved)
        self.synced(mirror, environment={"MAILMIRROR_FAILPOINT_LOG": log})
        self.assertMirrored(mirror, server)
        unbroken = outcome(mirror)
        with open(log) as lines:
            steps = [line.strip() for line in lines]
        self.assertGreater(len(steps), 10, "the log of failpoints lists each step")
        numbers = list(range(1, len(steps) + 1))
        if LIMIT and len(numbers) > LIMIT:
            numbers = sorted(self.dice.sample(numbers, LIMIT))
        wrong = []
        for number in numbers:
            self.reset(mirror, saved)
            where = "step %d:%s (%s)" % (number, self.kind, steps[number - 1])
            try:
                broken = mirror.sync(environment={"MAILMIRROR_FAILPOINT": "%d:%s" % (number, self.kind)}, timeout=60)
                if broken.status == 0 and outcome(mirror) != unbroken:
                    wrong.append(where + ": exit status 0, but not all is done")
                if self.kind == "error" and broken.status not in (0, 1):
                    wrong.append(where + ": exit status %d: %s" % (broken.status, broken.err[-500:]))
                resumed = mirror.sync(timeout=60)
                if resumed.status != 0:
                    wrong.append(where + ": resumed with status %d: %s" % (resumed.status, resumed.err[-500:]))
                elif outcome(mirror) != unbroken:
                    wrong.append(where + ": another end: %s" % difference(outcome(mirror), unbroken))
                elif any(mirror.tables("intent").values()):
                    wrong.append(where + ": intents are left: %s" % mirror.tables("intent"))
            except AssertionError as error:
                wrong.append("%s: %s" % (where, error))
            if len(wrong) > 10:
                break
        self.assertEqual(wrong, [], "\n".join(wrong))
        self.assertMirrored(mirror, server, leftovers=False)


class FirstSyncExit(Steps):
    weight = 70

    def test_first_sync_resumes_after_each_step(self):
        self.every_step(lambda server: None)


class FirstSyncError(FirstSyncExit):
    kind = "error"


class LaterSyncExit(Steps):
    weight = 75

    def prepare(self, mirror):
        self.synced(mirror)

    def change(self, server):
        client = server.client()
        client.select("INBOX")
        client.uid("STORE", "1:2", "+FLAGS", "(\\Flagged)")
        client.uid("STORE", "3", "-FLAGS", "(\\Seen)")
        client.uid("STORE", "5", "+FLAGS", "(\\Seen changed)")
        client.uid("STORE", "4,6", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "4,6")
        client.select('"Archive/2024"')
        client.copy("1:3", "INBOX")
        client.logout()
        server.append("INBOX", corpus.small(3, seed=9))
        server.append("New", corpus.small(2, seed=10))

    def test_later_sync_resumes_after_each_step(self):
        self.every_step(self.change)


class LaterSyncError(LaterSyncExit):
    kind = "error"


class Kill(EndToEnd):
    weight = 60

    def test_random_kills_lose_and_double_nothing(self):
        server = self.dovecot()
        for number, mailbox in enumerate(("INBOX", "Archive/2024", "Listen/Größe")):
            server.append(mailbox, corpus.realistic(150, seed=number, largest=300_000))
        mirror = self.mirror(server)
        usual = self.synced(mirror).seconds
        unbroken = outcome(mirror)
        kills, end = 0, time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES") or 0)
        while kills < (200 if FULL else 20) or time.monotonic() < end:
            shutil.rmtree(mirror.maildir)
            shutil.rmtree(mirror.state)
            for _ in range(self.dice.randrange(1, 8)):
                with open(os.path.join(self.directory, "output"), "ab") as output:
                    process = subprocess.Popen(mirror.command("sync"), stdin=subprocess.DEVNULL, stdout=output,
                                               stderr=output)
                try:
                    process.wait(timeout=self.dice.uniform(0.02, usual * 1.1))
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
            self.synced(mirror)
            self.assertEqual(outcome(mirror), unbroken)
        self.assertMirrored(mirror, server, leftovers=False)


class Order(EndToEnd):
    weight = 20

    def test_order_of_system_calls(self):
        """Message data durable < intents' commit < renames < directory fsync < settling commit."""
        server = self.dovecot()
        sample(server)
        mirror = self.mirror(server)
        status, output, calls = strace_log.run(mirror.command("sync"), os.path.join(self.directory, "strace"))
        self.assertEqual(status, 0, output)
        self.assertMirrored(mirror, server)
        wal = str(mirror.database) + "-wal"
        calls = [call for call in calls if call.result >= 0]
        syncs = [call for call in calls if call.name in ("fsync", "fdatasync", "syncfs")]
        commits = [call for call in syncs if call.descriptor() == wal]
        log_writes = [call for call in calls if call.name in ("pwrite64", "write") and call.descriptor() == wal]
        self.assertTrue(commits and log_writes, "the database is in WAL mode and its commits are synced")
        deliveries = []
        for call in calls:
            pair = call.moved()
            if pair and str(mirror.root) in pair[1] and os.path.basename(os.path.dirname(pair[0])) == "tmp":
                deliveries.append((call, *pair))
        self.assertEqual(len(deliveries), len(mirror.bodies()), "each message was delivered by one rename or link")
        for call, source, target in deliveries:
            writes = [one for one in calls if one.name in ("write", "pwrite64", "writev", "pwritev", "pwritev2")
                      and one.descriptor() == source]
            self.assertTrue(writes, source)
            written = max(one.ended for one in writes)
            durable = [one for one in syncs if one.begun > written and one.ended < call.begun and
                       (one.descriptor() == source or one.name == "syncfs")]
            self.assertTrue(durable, "%s: renamed before its data was durable" % target)
            first = min(one.ended for one in durable)
            base = os.path.basename(target).partition(":")[0].encode()
            intents = [one for one in log_writes if one.ended < call.begun and base in one.data(1)]
            self.assertTrue(intents, "%s: renamed before its intent was written" % target)
            noted = max(one.ended for one in intents)
            sealed = [one for one in commits if one.begun > noted and one.ended < call.begun and one.begun > first]
            self.assertTrue(sealed, "%s: renamed before its intent was durable, after its data" % target)
            folder = os.path.dirname(target)
            listed = [one for one in syncs if one.begun > call.ended and
                      (one.descriptor() == folder or one.name == "syncfs")]
            self.assertTrue(listed, "%s: the directory was never synced" % target)
            after = min(one.ended for one in listed)
            settled = [one for one in log_writes if one.begun > after]
            self.assertTrue(settled and any(one.begun > settled[0].ended for one in commits),
                            "%s: no durable commit after the directory's sync" % target)
