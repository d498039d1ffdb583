"""`on_change`: once for each burst, with all that changed; a hook that hangs, fails or floods delays nothing."""

import json
import os
import signal
import textwrap
import time

from daemon import Daemon
from support import EndToEnd, corpus, wait_until


class Hooks(EndToEnd):
    weight = 45

    def start(self, script, count=0, **account):
        """The daemon with a shell script as its hook, current before it returns. `$HERE` is the test's directory."""
        self.server = self.dovecot()
        if count:
            self.server.append("INBOX", corpus.small(count))
        path = os.path.join(self.directory, "hook")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nHERE='%s'\n%s" % (self.directory, textwrap.dedent(script)))
        os.chmod(path, 0o755)
        account.setdefault("on_change", [path, "an argument"])
        self.mirror_ = self.mirror(self.server, **account)
        self.daemon = self.exits.enter_context(Daemon(self.mirror_, environment={
            "HOME": self.directory, "WATCHDOG_USEC": "60000000"}))
        self.daemon.wait_until_watching()
        return self.daemon

    def file(self, name):
        path = os.path.join(self.directory, name)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            return file.read()

    def runs(self):
        """What each run was told, oldest first: [(variables, changes)]."""
        found = []
        for number in range(1, 1000):
            if self.file("run%d.end" % number) is None:
                return found
            variables = dict(line.partition("=")[::2] for line in self.file("run%d.env" % number).splitlines())
            found.append((variables, [json.loads(line) for line in self.file("run%d.in" % number).splitlines()]))
        return found

    RECORD = """
        n=1; while [ -e "$HERE/run$n.env" ]; do n=$((n + 1)); done
        env > "$HERE/run$n.env"; pwd > "$HERE/directory"; echo "$*" > "$HERE/arguments"
        cat > "$HERE/run$n.in"
        echo > "$HERE/run$n.end"
        """

    def arrives(self, count=1, within=15):
        """So many new messages are on the disk within that time, whatever the hook does."""
        before = self.messages()
        self.server.append("INBOX", corpus.small(count, seed=self.dice.randrange(1 << 30)))
        wait_until(lambda: self.messages() >= before + count, within)

    def messages(self):
        return sum(len(os.listdir(self.mirror_.root / part)) for part in ("new", "cur"))

    # What it is told.

    def test_each_message_of_a_first_sync_once(self):
        self.start(self.RECORD, count=300)
        wait_until(lambda: sum(len(changes) for _, changes in self.runs()) >= 300)
        time.sleep(1)
        changes = [change for _, changes in self.runs() for change in changes]
        self.assertEqual(sorted(change["uid"] for change in changes), list(range(1, 301)))
        self.assertEqual({change["kind"] for change in changes}, {"new"})
        self.assertEqual({change["account"] for change in changes}, {"test"})
        self.assertEqual({change["mailbox"] for change in changes}, {"INBOX"})
        self.assertEqual(len({change["path"] for change in changes}), 300)
        for change in changes:
            self.assertTrue(os.path.exists(change["path"]), change)
        self.assertEqual(sum(int(run["MAILMIRROR_NEW"]) for run, _ in self.runs()), 300)
        for run, told in self.runs():
            self.assertEqual(int(run["MAILMIRROR_NEW"]), len(told))
            self.assertEqual((run["MAILMIRROR_ACCOUNT"], run["MAILMIRROR_MAILBOXES"]), ("test", "INBOX"))
            for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC"):
                self.assertNotIn(name, run)
        self.assertEqual(self.file("directory").strip(), self.directory)
        self.assertEqual(self.file("arguments").strip(), "an argument")

    def test_a_burst_is_one_run(self):
        self.start(self.RECORD, count=2)
        wait_until(lambda: len(self.runs()) == 1)

        def burst():
            """How many changes each run is told."""
            before = len(self.runs())
            self.arrives(40)
            wait_until(lambda: sum(len(changes) for _, changes in self.runs()[before:]) >= 40)
            time.sleep(1.5)
            return [len(changes) for _, changes in self.runs()[before:]]

        self.assertEqual([len(changes) for _, changes in self.runs()], [2])
        # The machine may be disturbed, and what comes half a second later is another burst: one of three is enough.
        bursts = []
        while [40] not in bursts and len(bursts) < 3:
            bursts.append(burst())
            self.assertEqual(sum(bursts[-1]), 40)
        self.assertIn([40], bursts)

    def test_flags_and_removals_are_told(self):
        self.start(self.RECORD, count=3)
        wait_until(lambda: len(self.runs()) == 1)
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "2", "+FLAGS", r"(\Flagged)")
        client.uid("STORE", "3", "+FLAGS", r"(\Deleted)")
        client.uid("EXPUNGE", "3")
        client.logout()

        def told():
            return {(change["kind"], change["uid"]) for _, changes in self.runs() for change in changes}

        wait_until(lambda: ("gone", 3) in told() and ("changed", 2) in told(), 30)
        last = [change for _, changes in self.runs() for change in changes if change["uid"] == 2][-1]
        self.assertIn("\\Flagged", last["flags"])
        self.assertTrue(os.path.exists(last["path"]), last)

    def test_each_kind_is_told_in_push_mode_to_listeners_and_hook(self):
        """New, changed, moved and gone, done on the server: with path, sender and subject."""
        self.start(self.RECORD, count=1, direction="two-way", settle="1s")
        client, told = self.server.client(), []
        client.create("Other")
        listener = self.exits.enter_context(self.daemon.client())
        listener.send("Events", more=True)
        listener.reply()

        def tells(kind, **expected):
            """The next change of that kind is told within seconds."""
            listener.socket.settimeout(15)
            while True:
                try:
                    change = listener.reply()[0]["change"]
                except TimeoutError:
                    self.fail("no %s after %s" % (kind, told))
                told.append(change)
                if change["kind"] == kind:
                    break
            self.assertEqual(change["account"], "test")
            # Its file is no more.
            if kind != "gone":
                self.assertEqual((change["from"], change["subject"]), ("Ann <ann@example.org>", "a letter"), change)
            for key, value in expected.items():
                self.assertEqual(change[key], value, change)
            if kind != "gone":
                self.assertTrue(os.path.exists(change["path"]), change)
            return change

        letter = b"Message-ID: <kinds@example.org>\r\nFrom: Ann <ann@example.org>\r\nSubject: a letter\r\n\r\nbody\r\n"
        client.append("INBOX", None, None, letter)
        tells("new", mailbox="INBOX")
        client.select("INBOX")
        uid = client.uid("SEARCH", None, "HEADER", "MESSAGE-ID", "kinds@example.org")[1][0].decode()
        client.uid("STORE", uid, "+FLAGS", r"(\Flagged)")
        path = tells("changed", mailbox="INBOX")["path"]
        os.rename(path, path.partition(":2,")[0] + ":2,FS")
        wait_until(lambda: b"\\Seen" in client.uid("FETCH", uid, "(FLAGS)")[1][0])
        client.uid("MOVE", uid, "Other")
        tells("moved", mailbox="Other")
        self.assertEqual([change["kind"] for change in told], ["new", "changed", "moved"])
        client.select("Other")
        uid = client.uid("SEARCH", None, "HEADER", "MESSAGE-ID", "kinds@example.org")[1][0].decode()
        client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
        client.uid("EXPUNGE", uid)
        gone = tells("gone", mailbox="Other")
        self.assertFalse(os.path.exists(gone["path"]), gone)
        client.logout()

        def kinds():
            return [change["kind"] for _, changes in self.runs() for change in changes]

        wait_until(lambda: "gone" in kinds())
        self.assertLessEqual({"new", "changed", "moved", "gone"}, set(kinds()))

    # What it may do.

    def test_a_hook_that_hangs_delays_nothing(self):
        self.start("""
            trap '' TERM
            echo $$ > "$HERE/pid"
            while :; do sleep 1; done
            """, count=1)
        hook = int(wait_until(lambda: self.file("pid")))
        for _ in range(3):
            self.arrives()
        self.assertEqual(self.daemon.account()["state"], "ok")
        self.assertTrue(os.path.exists("/proc/%d" % hook), "it still hangs")
        status, seconds = self.daemon.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, 5)
        self.assertFalse(os.path.exists("/proc/%d" % hook), "it ends with the daemon")

    def test_a_hook_that_fails_is_said_once(self):
        self.start("echo x >> \"$HERE/runs\"; echo 'what went wrong' >&2; exit 7", count=1)
        for count in (1, 2, 3):
            wait_until(lambda: len((self.file("runs") or "").split()) >= count)
            self.arrives()
        wait_until(lambda: "exit status 7" in self.daemon.log)
        self.assertEqual(self.daemon.log.count("exit status 7"), 1, self.daemon.log)
        self.assertIn("what went wrong", self.daemon.log)
        self.assertEqual(self.daemon.account()["state"], "ok")

    def test_a_hook_that_is_not_there(self):
        self.start("", count=1, on_change=["no-such-program"])
        wait_until(lambda: "on_change" in self.daemon.log and "No such file" in self.daemon.log)
        self.arrives()

    def test_a_flood_fills_neither_log_nor_memory(self):
        self.start("echo $$ > \"$HERE/pid\"\nexec yes 'a line without end'", count=1)
        hook = int(wait_until(lambda: self.file("pid")))
        before = self.daemon.memory()[0]
        cpu, started = self.daemon.cpu(), time.monotonic()
        time.sleep(4)
        share = (self.daemon.cpu() - cpu) / (time.monotonic() - started)
        self.assertLess(share, 0.25, "the processor's share that reading it takes")
        self.assertLess(self.daemon.memory()[0] - before, 8_000)
        self.assertLess(len(self.daemon.log), 100_000)
        self.arrives()
        os.kill(hook, signal.SIGKILL)
        wait_until(lambda: "signal 9" in self.daemon.log)

    def test_a_hook_that_closes_its_input(self):
        self.start("exec <&-\nsleep 0.2\necho x >> \"$HERE/runs\"", count=500)
        wait_until(lambda: self.file("runs"))
        self.arrives()
        wait_until(lambda: len(self.file("runs").split()) >= 2)
        self.assertEqual(self.daemon.account()["state"], "ok")

    def test_a_child_that_outlives_it_holds_nothing_up(self):
        self.start("sleep 30 &\necho $! >> \"$HERE/children\"", count=1)
        self.arrives()
        wait_until(lambda: len((self.file("children") or "").split()) >= 2)
        for child in self.file("children").split():
            os.kill(int(child), signal.SIGKILL)
