"""The daemon and its folders in push mode: what people and programs do there is on the server at once, our own doings
are not taken for theirs, and where the kernel tells nothing the folders are looked at."""

import os
import shutil
import signal
import statistics
import subprocess
import time
from pathlib import Path

import mail_reader
from latency import QUIET, FsyncCost, Onlooker, beyond_pause, flag_and_time, flags_under_load, percentile
from mail_reader import letter
from mirror import binary, is_release
from support import FULL, SCRATCH, corpus, figure, loaded, wait_until
from two_way import TwoWay, loads

# Seconds beyond the watch's own pause until a flag is changed on the server; a debug build only has to show that nothing
# waits for anything.
MEDIAN, MOST = (0.020, 0.100) if is_release() else (0.100, 0.300)


class WatchCase(TwoWay):
    def watching(self, count=6, flags=(), wrapped=None, **account):
        """A daemon that looks at the server only when it is told to, through with its first look."""
        self.pair(count, flags=flags, poll_interval="1h", **account)
        if wrapped:
            self.subject.program = wrapped
        self.process = self.daemon(self.subject, arguments=("--verbose",))
        self.process.wait_until_watching()
        self.wire.forget()
        return self.process

    def arrived(self, mailbox, token):
        """Messages of that token in a mailbox that may not be there yet."""
        try:
            return self.on_server(mailbox, token)
        except RuntimeError:
            return []

    def looks(self):
        return [line for line in self.process.log.splitlines() if "looking at" in line]


class Latency(WatchCase):
    alone = True
    weight = 40

    def within(self, what, rows, allowed=0.0):
        """Shows the figures; whether they hold, with so many seconds allowed for."""
        waits = beyond_pause(rows)
        median, most = statistics.median(waits), percentile(waits, 0.99)
        figure("%s: %d flags changed in the folder, on the server %.1f ms (median), %.1f ms (p99) after the watch's own "
               "pause of %d ms" % (what, len(rows), median * 1000, most * 1000, QUIET * 1000))
        return median < MEDIAN + allowed and most < MOST + allowed

    def test_a_flag_is_on_the_server_at_once_in_any_mailbox_and_in_a_large_one(self):
        turns = 100 if FULL else 10
        self.server.append("Large", loads(10_000 if FULL else 2_000), user=self.user)
        self.server.append("Other", loads(turns), user=self.user)
        self.watching(turns)

        def measured(mailbox, **change):
            paths = [self.file("t%d" % number, mailbox) for number in range(1, turns + 1)]
            with Onlooker(self.server, mailbox, self.user) as onlooker:
                return self.within(mailbox, flag_and_time(paths, onlooker, self.dice, **change))

        for mailbox in ("INBOX", "Other", "Large"):
            # The machine may be disturbed: one undisturbed measurement is enough.
            tries = ({"add": "S"}, {"remove": "S"}, {"add": "F"})
            self.assertTrue(any(measured(mailbox, **change) for change in tries), mailbox)

    def test_a_flag_is_on_the_server_at_once_while_another_mailbox_is_synced_for_the_first_time(self):
        """The cost of an fsync under the same load, measured in the same run, is allowed for four times."""
        count, turns = (10_000, 100) if FULL else (2_000, 20)
        server = self.exits.enter_context(loaded("load%d" % count, lambda server: server.append(
            "Load", corpus.realistic(count))))
        for mailbox in ("INBOX", "Other"):
            server.append(mailbox, loads(3 * turns + 20))
        cost = self.exits.enter_context(FsyncCost(SCRATCH))

        def start(turn):
            shutil.rmtree(os.path.join(self.directory, "turn"), ignore_errors=True)
            return self.daemon(self.mirror(server, name="turn", poll_interval="1h", direction="two-way"))

        def measured(mailbox):
            daemon, rows, spans = flags_under_load(start, server, "Load", turns, self.dice, mailbox)
            daemon.wait_until_watching(timeout=300)
            daemon.stop()
            allowed = 4 * cost.median(spans)
            return self.within("%s during a first sync of %d messages, where an fsync costs %.1f ms" % (
                mailbox, count, allowed / 4 * 1000), rows, allowed)

        for mailbox in ("INBOX", "Other") if FULL else ("Other",):
            # The machine may be disturbed: one undisturbed measurement is enough.
            self.assertTrue(any(measured(mailbox) for _ in range(3)), mailbox)


class FolderWatch(WatchCase):
    weight = 30

    def test_what_a_mail_program_does_is_on_the_server_at_once(self):
        """A new message, a flag, a move and a deletion, each alone; then many of all at once."""
        self.watching(30)
        mail_reader.flag(self.file("t1"), "S")
        wait_until(lambda: self.on_server("INBOX", "t1")[0].flags == {"\\seen"}, 5)
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        wait_until(lambda: self.on_server("Sent", "sent"), 5)
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        wait_until(lambda: self.on_server("Archive", "t2") and not self.on_server("INBOX", "t2"), 5)
        self.assertEqual(len([verb for verb in self.wire.verbs() if verb == "UID MOVE"]), 1)
        self.assertEqual([verb for verb in self.wire.verbs() if verb == "UID COPY"], [])
        self.file("t3").unlink()
        wait_until(lambda: self.on_server("Trash", "t3"), 10)
        with self.subTest("a burst is one plan"):
            paths = [self.file("t%d" % number) for number in range(10, 25)]
            self.wire.forget()
            for path in paths:
                mail_reader.flag(path, "F")
            wait_until(lambda: sum("\\flagged" in message.flags for message in self.on_server("INBOX")) == 15, 5)
            self.assertLessEqual(self.wire.verbs().count("UID STORE"), 2)
        wait_until(lambda: mail_reader.find(self.folder("Trash"), "t3"), 5)
        self.assertSame()

    def test_files_that_are_written_in_place_are_sent_when_they_are_whole(self):
        self.watching(1)
        path = self.folder("Drafts") / "cur" / (mail_reader.base_name() + ":2,D")
        with open(path, "xb") as file:
            file.write(letter("draft")[:40])
            file.flush()
            time.sleep(0.4)
            file.write(letter("draft")[40:])
        wait_until(lambda: self.on_server("Drafts", "draft"), 5)
        self.assertEqual(len(self.on_server("Drafts")), 1)
        with self.subTest("and those that come by a link"):
            partial = self.folder("Sent") / "tmp" / "linked"
            partial.write_bytes(letter("linked"))
            os.link(partial, self.folder("Sent") / "cur" / (mail_reader.base_name() + ":2,S"))
            partial.unlink()
            wait_until(lambda: self.on_server("Sent", "linked"), 5)
        self.assertSame()

    def test_what_the_daemon_does_itself_is_not_told(self):
        """Deliveries, flags, moves and removals from the server: no folder is looked at because of them, and nothing is
        sent but what a round asks."""
        self.watching(12)
        self.server.append("INBOX", loads(40, first=100), user=self.user)
        wait_until(lambda: len(mail_reader.files(self.folder())) == 52, 20)
        self.store_on_server("INBOX", "t1", "+FLAGS", "\\Flagged")
        self.move_on_server("INBOX", "t2", "Archive")
        self.remove_on_server("INBOX", "t3")
        self.process.call("Sync", timeout=30)
        wait_until(lambda: mail_reader.find(self.folder("Archive"), "t2") and not mail_reader.find(self.folder(), "t3")
                   and self.file("t1").name.endswith("F"), 20)
        time.sleep(0.3)  # as long as a settled burst may take to be looked at
        self.assertEqual(self.looks(), [])
        self.assertEqual(self.wire.writes, [])
        with self.subTest("another program's doings are"):
            mail_reader.flag(self.file("t4"), "S")
            wait_until(lambda: self.on_server("INBOX", "t4")[0].flags == {"\\seen"}, 5)
            self.assertEqual(len(self.looks()), 1, self.looks())

    def test_M25_a_new_folder_with_mail_in_it_and_one_that_is_made_slowly(self):
        self.watching(3)
        made = Path(self.directory, "made")
        for part in ("cur", "new", "tmp"):
            (made / part).mkdir(parents=True)
        mail_reader.deliver(made, letter("within"), "S")
        os.rename(made, self.subject.root / ".Made")
        wait_until(lambda: self.arrived("Made", "within"), 10)
        slow = self.subject.root / ".Slow"
        slow.mkdir()
        time.sleep(0.3)
        for part in ("tmp", "new", "cur"):
            (slow / part).mkdir()
        mail_reader.deliver(slow, letter("later"), "S")
        wait_until(lambda: self.arrived("Slow", "later"), 10)
        with self.subTest("renamed, its watch follows"):
            os.rename(slow, self.subject.root / ".Renamed")
            wait_until(lambda: self.arrived("Renamed", "later"), 10)
            mail_reader.flag(mail_reader.one(self.subject.root / ".Renamed", "later"), "F")
            wait_until(lambda: "\\flagged" in self.on_server("Renamed", "later")[0].flags, 5)
        self.assertSame()

    def test_M25_dropped_events_are_made_good_by_a_scan(self):
        self.watching(4)
        os.kill(self.process.pid, signal.SIGSTOP)
        noise, other = self.file("t1"), self.file("t1").with_name("other:2,S")
        limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        for _ in range(limit // 4 + 10):
            os.rename(noise, other)
            os.rename(other, noise)
        mail_reader.flag(self.file("t2"), "S")
        mail_reader.move(self.file("t3"), self.folder("Archive"))
        os.kill(self.process.pid, signal.SIGCONT)
        wait_until(lambda: self.on_server("INBOX", "t2")[0].flags == {"\\seen"} and self.on_server("Archive", "t3"), 10)
        self.assertSame()

    def test_M3_changes_within_one_tick_of_the_file_systems_clock(self):
        """Flags on and off again, as fast as they can be, right behind the looks that they cause."""
        self.watching(4)
        for turn in range(40):
            path = mail_reader.flag(self.file("t1"), "S")
            if turn % 4 == 0:
                time.sleep(0.021)
            mail_reader.flag(path, remove="S")
        mail_reader.flag(self.file("t1"), "F")
        wait_until(lambda: self.on_server("INBOX", "t1")[0].flags == {"\\flagged"}, 5)
        self.assertSame()

    def test_what_was_done_while_the_daemon_was_down_is_found_at_its_start(self):
        self.watching(4)
        self.process.stop()
        mail_reader.flag(self.file("t1"), "S")
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        self.process.start()
        wait_until(lambda: self.on_server("INBOX", "t1")[0].flags == {"\\seen"} and self.on_server("Archive", "t2")
                   and self.on_server("Sent", "sent"), 10)


class WithoutWatches(WatchCase):
    weight = 30

    def limited(self, name, value):
        """The program in a user namespace in which the kernel allows so few."""
        path = os.path.join(self.directory, "limited")
        Path(path).write_text('#!/bin/sh\nexec unshare --user --map-root-user sh -c '
                              '\'echo %d >/proc/sys/user/%s && exec "$0" "$@"\' %s "$@"\n' % (
                                  value, name, binary()))
        os.chmod(path, 0o700)
        if subprocess.run([path, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no user namespaces here")
        return path

    def changes_are_found(self, word):
        self.assertIn(word, self.process.account()["folders"])
        self.assertIn("sysctl", self.process.account()["folders"])
        self.assertIn(word, self.subject.run("status").out)
        examined = self.subject.run("doctor").out
        self.assertRegex(examined, r"inotify: .*\d+ watches for this account, of \d+")
        self.assertRegex(examined, r"folders: .*%s" % word)
        mail_reader.flag(self.file("t1"), "S")
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        self.file("t3").unlink()
        wait_until(lambda: self.on_server("INBOX", "t1")[0].flags == {"\\seen"} and self.on_server("Archive", "t2")
                   and self.on_server("Sent", "sent") and self.on_server("Trash", "t3"), 20, 0.2)
        wait_until(lambda: mail_reader.find(self.folder("Trash"), "t3"), 20, 0.2)
        self.assertSame()

    def test_M25_no_more_watches(self):
        self.watching(4, wrapped=self.limited("max_inotify_watches", 3))
        self.changes_are_found("max_user_watches")

    def test_M25_M3_no_inotify_at_all(self):
        self.watching(4, wrapped=self.limited("max_inotify_instances", 0))
        self.changes_are_found("max_user_instances")
        path = self.file("t4")
        for _ in range(10):  # within one tick, and right behind a look
            path = mail_reader.flag(mail_reader.flag(path, "S"), remove="S")
            time.sleep(0.15)
        mail_reader.flag(path, "F")
        wait_until(lambda: self.on_server("INBOX", "t4")[0].flags == {"\\flagged"}, 20, 0.2)
