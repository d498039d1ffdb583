"""Two mutators, one on the server and one in the Maildir, with kill -9 and cut connections in between. At rest both sides
are equal, what only one side touched is as that side left it, and nothing is lost.

SOAK_MINUTES is how long each kind of it runs in the full form."""

import collections
import contextlib
import os
import random
import signal
import subprocess
import time
import unittest

import check
from boxes import FIXED, Boxes
from daemon import Daemon
from folder_mutator import FolderMutator
from ledger import Ledger
from server_mutator import ServerMutator
from servers.plain import CAPABILITY, PlainServer
from servers.proxy import Proxy
from support import FULL, SEED, EndToEnd, figure
from time_travel import time_passes

SECONDS = 60 * float(os.environ.get("SOAK_MINUTES") or 20) if FULL else 14
EPOCH = 20 if FULL else 4
MAILBOX_ACTS = ("create", "rename", "remove", "to_trash")
UNLIMITED = {"share": 1.0, "count": 1_000_000, "account": 1_000_000}


class Soak:
    """What the kinds of it share."""

    plain = False
    weight = 90

    def prepare(self, proxy, **account):
        print("seed %d" % SEED, flush=True)
        self.ledger = Ledger(random.Random(self.dice.random()))
        for box in (*FIXED, "Trash"):
            self.server.append(box, [])
        self.subject = self.mirror(self.server, host="127.0.0.1", port=proxy.port, tls="none", tls_ca_file=None,
                                   direction="two-way", settle="1s", hold=UNLIMITED, **account)
        self.boxes = Boxes()
        self.there = ServerMutator(self.server, self.boxes, self.ledger, random.Random(self.dice.random()),
                                   plain_expunge=self.plain)
        self.here = FolderMutator(self.subject, self.boxes, self.ledger, random.Random(self.dice.random()),
                                  marks=not self.plain)
        self.there.client = self.server.client()
        for _ in range(40):
            self.there.append()
        self.fates, self.syncs, self.doubled = collections.Counter(), 0, 0

    def mutators(self):
        return (self.there, self.here)

    def soak(self, epoch):
        """`epoch(end)` syncs until then, with accidents."""
        for one in self.mutators():
            one.pause()
            one.start()
            self.addCleanup(one.end)
        began = time.monotonic()
        end, epochs = began + SECONDS, 0
        while time.monotonic() < end:
            for one in self.mutators():
                one.resume()
            epoch(min(end, time.monotonic() + EPOCH))
            for one in self.mutators():
                one.pause()
                self.assertIsNone(one.error, "%s: %r" % (one.side, one.error))
            epochs += 1
            self.rest("epoch %d" % epochs)
        for one in self.mutators():
            one.resume()
        figure("soak: %.1f minutes, %d epochs, %d syncs, %d acts (%s), %s; %d messages doubled by both sides' acts, "
               "%d mailboxes in two after a renaming" % (
            (time.monotonic() - began) / 60, epochs, self.syncs, sum(self.ledger.acts.values()),
            ", ".join("%s %d" % act for act in sorted(self.ledger.acts.items()) if act[0].split()[1] in MAILBOX_ACTS),
            ", ".join("%d x %s" % (count, what) for what, count in sorted(self.fates.items())), self.doubled, self.boxes.split))
        self.assertGreater(sum(self.ledger.acts.values()), SECONDS)

    # Rest.

    def view(self):
        client = self.server.client()
        try:
            return {name.decode("latin-1"): check.server_messages(client, name)
                    for name in check.server_mailboxes(client)}
        finally:
            client.logout()

    def expunge_everywhere(self):
        """Somebody's expunge: what is marked as deleted and waits for it goes."""
        client = self.server.client()
        for name in check.server_mailboxes(client):
            client.select('"%s"' % name.decode("latin-1"))
            client.expunge()
        client.logout()

    def quiet(self, where):
        """Syncs until two change nothing: only the second listing that lacks a mailbox says that it is gone."""
        told, still = [], 0
        for _ in range(30 if self.running() else 16):
            before = self.view(), self.subject.mail()
            self.pass_time()
            result = self.subject.sync(timeout=100)
            told.append("%.1f s: %d %s %s" % (result.seconds, result.status, result.out.strip()[-300:], result.err.strip()[-600:]))
            self.assertIn(result.status, (0, 1, 3), told[-1])
            self.syncs += 1
            if result.status == 3:
                self.assertEqual(self.subject.run("approve", "--all").status, 0, told[-1])
            # A daemon is asked for one look at all, and goes on with what is left.
            left = self.running() and "pending" in result.out
            same = result.status == 0 and not left and (self.view(), self.subject.mail()) == before
            still = still + 1 if same else 0
            if still == 2:
                self.told = told
                return
        self.fail("%s: it did not come to rest: %s" % (where, "\n".join(told)))

    def pass_time(self):
        time_passes(self.subject, 100)

    def differences(self):
        """An edited message keeps the date that the server had; its file has the time of the edit. A letter that means a
        keyword in the folder where the file was may mean none where it was moved to."""
        client = self.server.client()
        found = check.compare(client, self.subject.folder_of, self.subject.root, leftovers=False, dates=False)
        client.logout()
        return [line for line in found if not line.endswith("has no name")]

    def rest(self, where):
        self.quiet(where)
        if self.plain:
            self.expunge_everywhere()
            self.quiet(where)
        found = self.differences()
        if found:
            time.sleep(5)
            self.fail("%s, seed %d: at rest after these syncs: %s\n%s\nfive seconds later: %s" % (
                where, SEED, "\n".join(self.told), "\n".join(found), self.differences()))
        kept = {check.digest(body) for body in self.subject.quarantined()}
        view = self.view()
        wrong, doubled = self.ledger.judge(self.boxes.contents(view), kept)
        wrong += self.boxes.settle(view)
        self.ledger.begin(self.boxes.contents(view))
        self.doubled += doubled
        self.assertEqual(wrong, [], "%s, seed %d: %d wrong\n%s" % (where, SEED, len(wrong), "\n".join(wrong[:12])))
        twice = self.subject.query("SELECT mailbox, base_name, count(*) FROM message WHERE missing_since IS NULL "
                                   "GROUP BY 1, 2 HAVING count(*) > 1")
        self.assertEqual(twice, [], "%s, seed %d: two rows for one file" % (where, SEED))
        self.assertFalse(any(self.subject.tables("intent").values()), "intents are left: %s" % (
            self.subject.tables("intent")))
        if not self.running():
            time_passes(self.subject, 90_000)

    def running(self):
        return False


class Syncs(Soak):
    """`mailmirror sync` again and again."""

    def epoch(self, end):
        while time.monotonic() < end:
            fate = self.dice.choices(("kill", "cut", "peace"), (4, 3, 3))[0]
            with open(self.subject.directory / "output", "ab") as output:
                process = subprocess.Popen(self.subject.command("sync"), stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=output)
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=self.dice.uniform(0.02, 1.5) if fate != "peace" else 8)
                if process.poll() is None and fate == "cut":
                    self.proxy.cut()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(timeout=self.dice.uniform(0.1, 2))
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGKILL)
                    fate += " and kill" if fate != "kill" else ""
                process.wait()
            self.fates[fate] += 1
            self.syncs += 1
            self.assertIn(process.returncode, (0, 1, 3, -9), self.output()[-3000:])
            if fate == "cut and kill":
                time_passes(self.subject, 61)

    def output(self):
        return (self.subject.directory / "output").read_text(errors="replace")


class SyncSoak(Syncs, EndToEnd):
    def test_soak_sync_with_kills_and_cuts(self):
        self.server = self.dovecot()
        self.proxy = self.exits.enter_context(Proxy(self.server.imap))
        self.prepare(self.proxy)
        self.synced(self.subject)
        self.soak(self.epoch)


class PlainSoak(Syncs, EndToEnd):
    plain = True

    def test_soak_server_without_UIDPLUS_MOVE_CONDSTORE_QRESYNC(self):
        self.server = self.dovecot(capability=CAPABILITY)
        self.proxy = self.exits.enter_context(PlainServer(self.server.imap))
        self.prepare(self.proxy)
        self.synced(self.subject)
        self.soak(self.epoch)
        self.assertEqual(self.proxy.forbidden, [])


class DaemonSoak(Soak, EndToEnd):
    def test_soak_daemon_with_kills_and_cuts(self):
        self.server = self.dovecot()
        self.proxy = self.exits.enter_context(Proxy(self.server.imap))
        self.prepare(self.proxy, poll_interval="1s")
        self.process = self.exits.enter_context(Daemon(self.subject))
        self.process.wait_for_notice("READY=1")
        self.soak(self.epoch)

    def running(self):
        return True

    def pass_time(self):
        """Only while it is stopped."""
        if any(self.subject.tables("intent").values()):
            self.process.kill()
            time_passes(self.subject, 90_000)
            self.process.start()

    def epoch(self, end):
        while time.monotonic() < end:
            time.sleep(min(self.dice.uniform(0.3, 3), max(0, end - time.monotonic())))
            self.assertTrue(self.process.running, self.process.log[-3000:])
            fate = self.dice.choice(("kill", "cut", "peace"))
            self.fates[fate] += 1
            if fate == "cut":
                self.proxy.cut()
            elif fate == "kill":
                self.process.kill()
                self.process.start()


if __name__ == "__main__":
    unittest.main()
