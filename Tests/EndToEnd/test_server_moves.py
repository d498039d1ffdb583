"""What another client moved on the server is a rename on disk: nothing is fetched, nothing goes to quarantine, nobody is
asked. Against a real Dovecot."""

import os
import random
import re
import threading
import time
from pathlib import Path

from daemon_case import DaemonCase
from servers.wire import Wire
from support import SEED, EndToEnd, check, corpus, figure, sample, wait_until
from test_failpoints import Steps


STALL = 0.020  # seconds; a MOVE takes a tenth of it


def move(server, source, target, uids):
    """Returns how long the MOVE took."""
    client = server.client()
    client.select('"%s"' % source)
    began = time.monotonic()
    kind, answer = client.uid("MOVE", uids, '"%s"' % target)
    lasted = time.monotonic() - began
    assert kind == "OK", answer
    client.logout()
    return lasted


class Moves(EndToEnd):
    weight = 40

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server, mailboxes=("INBOX", "Archive/2024", "Other"))
        self.subject = self.mirror(self.server, direction="two-way", settle="1s")
        self.synced(self.subject)
        self.before = self.inodes()

    def inodes(self):
        return sorted(row[0] for path, row in self.subject.mail().items())

    def path(self, mailbox, uid):
        """The file of a message by its content, which no other has."""
        body = self.remote(self.server, mailbox.encode())[uid].digest
        folder = self.subject.folder_of(mailbox.encode())
        for part in ("new", "cur"):
            for entry in os.scandir(folder / part):
                with open(entry.path, "rb") as file:
                    if check.digest(file.read()) == body:
                        return entry.path
        raise AssertionError("no file of %s:%s" % (mailbox, uid))

    def assertOnlyRenamed(self):
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(self.inodes(), self.before, "the same files, under other names")
        self.assertEqual(self.subject.quarantined(), [])

    def synced_over(self, hook, connections):
        """A sync in the clear, of which `hook` sees each piece before it goes on (`Wire.cut_at`)."""
        with Wire(self.server.imap) as wire:
            wire.cut_at = hook
            self.subject.account.update(host="127.0.0.1", port=wire.port, tls="none", connections=connections)
            self.subject.account.pop("tls_ca_file", None)
            self.subject.write()
            self.synced(self.subject)

    def test_a_moved_message_is_renamed(self):
        move(self.server, "INBOX", "Archive/2024", "2:5")
        self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_moves_in_both_directions_at_once(self):
        move(self.server, "INBOX", "Archive/2024", "1:3")
        move(self.server, "Archive/2024", "INBOX", "4:6")
        move(self.server, "Other", "INBOX", "7")
        self.server.append("INBOX", corpus.small(3, seed=5))
        result = self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(set(self.before) - set(self.inodes())), 0, "the same files: %s" % result.out)
        self.assertEqual(self.subject.quarantined(), [])

    def test_a_new_mailbox_gets_its_messages_by_rename(self):
        client = self.server.client()
        client.create("Projects")
        client.logout()
        move(self.server, "INBOX", "Projects", "1:12")
        self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_there_and_back_again(self):
        move(self.server, "INBOX", "Other", "3")
        client = self.server.client()
        client.select("Other")
        last = client.uid("SEARCH", "ALL")[1][0].decode().split()[-1]
        client.logout()
        move(self.server, "Other", "INBOX", last)
        self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_archiving_an_inbox_asks_nobody(self):
        self.server.append("INBOX", corpus.small(300, seed=8))
        self.synced(self.subject)
        self.before = self.inodes()
        move(self.server, "INBOX", "Archive/2024", "1:*")
        self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_what_is_gone_still_goes_and_what_moved_stays(self):
        move(self.server, "INBOX", "Other", "1:2")
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "3:4", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "3:4")
        client.logout()
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.subject.quarantined()), 2)
        self.assertEqual(len(set(self.before) - set(self.inodes())), 2)

    def test_flags_of_both_sides_go_along(self):
        """The server changed some on the way, a reader others before; letters of keywords differ between the folders."""
        client = self.server.client()
        client.select('"Archive/2024"')
        client.uid("STORE", "1", "+FLAGS", "(first second)")
        client.select("INBOX")
        client.uid("STORE", "2:3", "+FLAGS", "(second third)")
        client.logout()
        self.synced(self.subject)
        path = self.path("INBOX", 2)
        base, _, letters = os.path.basename(path).partition(":2,")
        flagged = os.path.join(os.path.dirname(os.path.dirname(path)), "cur",
                               base + ":2," + "".join(sorted(set(letters + "FR"))))
        os.rename(path, flagged)
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "2:3", "+FLAGS", "(fourth)")
        client.logout()
        move(self.server, "INBOX", "Archive/2024", "2:3")
        self.synced(self.subject)
        self.assertOnlyRenamed()
        moved = [message for message in self.remote(self.server, b"Archive/2024").values()
                 if "fourth" in message.keywords]
        self.assertEqual(len(moved), 2)
        self.assertTrue(any({"\\flagged", "\\answered"} <= message.flags for message in moved), moved)
        self.assertTrue(all({"second", "third"} <= set(message.keywords) for message in moved), moved)

    def test_both_sides_moved_it_to_different_folders(self):
        """The server's place wins, and the file is renamed there."""
        path = self.path("INBOX", 4)
        os.rename(path, self.subject.folder_of(b"Other") / "cur" / os.path.basename(path))
        move(self.server, "INBOX", "Archive/2024", "4")
        self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_both_sides_moved_it_to_the_same_folder(self):
        path = self.path("INBOX", 4)
        os.rename(path, self.subject.folder_of(b"Other") / "cur" / os.path.basename(path))
        move(self.server, "INBOX", "Other", "4")
        self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_moved_on_the_server_and_deleted_here(self):
        body = self.remote(self.server, b"INBOX")[4].digest
        os.unlink(self.path("INBOX", 4))
        move(self.server, "INBOX", "Other", "4")
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertIn(body, self.subject.bodies(), "it is fetched to where the server has it")

    def test_moved_on_the_server_and_overlooked_by_a_scan(self):
        """The file turns up before its absence has settled: it is renamed, and nothing is fetched beside it."""
        self.subject.account["settle"] = "5s"
        self.subject.write()
        path, aside = self.path("INBOX", 4), self.subject.directory / "aside"
        os.rename(path, aside)
        move(self.server, "INBOX", "Other", "4")
        began = time.monotonic()

        def turn_up(_):
            if time.monotonic() - began > 3 and aside.exists():
                os.rename(aside, path)

        self.synced(self.subject, while_running=turn_up)
        if aside.exists():
            os.rename(aside, path)
            self.synced(self.subject)
        self.assertOnlyRenamed()

    def test_gone_on_the_server_and_moved_here(self):
        body = self.remote(self.server, b"INBOX")[4].digest
        path = self.path("INBOX", 4)
        os.rename(path, self.subject.folder_of(b"Other") / "cur" / os.path.basename(path))
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "4", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "4")
        client.logout()
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertIn(body, [message.digest for message in self.remote(self.server, b"Other").values()],
                      "it is sent to its new place")

    def test_moved_on_the_server_and_edited_here(self):
        path = self.path("INBOX", 4)
        with open(path, "ab") as file:
            file.write(b"one more line\n")
        with open(path, "rb") as file:
            body = check.digest(file.read())
        move(self.server, "INBOX", "Other", "4")
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server, dates=False)
        self.assertIn(body, [message.digest for message in self.remote(self.server, b"Other").values()])

    def test_true_copies_stay_two(self):
        client = self.server.client()
        client.select("INBOX")
        client.uid("COPY", "4", "Other")
        client.logout()
        move(self.server, "INBOX", '"Archive/2024"'.strip('"'), "4")
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(self.subject.quarantined(), [])
        self.assertEqual(len(set(self.before) - set(self.inodes())), 0)

    def test_a_name_that_is_taken_replaces_nothing(self):
        path = self.path("INBOX", 4)
        other = self.subject.folder_of(b"Other") / "cur" / os.path.basename(path)
        other.write_bytes(b"From: a@example.org\nMessage-ID: <kept@example.org>\n\nkept\n")
        other.chmod(0o600)
        move(self.server, "INBOX", "Other", "4")
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(self.subject.quarantined(), [])
        self.assertEqual(len(set(self.before) - set(self.inodes())), 0)

    def test_a_mailbox_that_is_mirrored_no_more_is_not_looked_at(self):
        """Nothing is taken out of its folder because a message that it has, too, has come to another."""
        self.subject.account["mailboxes"] = ["*", "!Archive/*"]
        self.subject.write()
        self.synced(self.subject)
        client = self.server.client()
        client.select("Archive/2024")
        client.uid("STORE", "1:6", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "1:6")
        client.uid("COPY", "7", "INBOX")
        client.logout()
        for _ in range(3):
            self.synced(self.subject)
        self.assertEqual(set(self.before) - set(self.inodes()), set())
        self.assertEqual(len(self.inodes()), len(self.before) + 1)
        self.assertEqual(self.subject.quarantined(), [])


    def test_a_message_that_is_moved_on_to_where_was_looked_already(self):
        """It left INBOX before a sync; when INBOX has been looked at and before Other is, it is moved from there to
        INBOX again: no look sees it."""
        for target in ("INBOX", "Archive/2024"):
            with self.subTest(target):
                move(self.server, "INBOX", "Other", "3" if target == "INBOX" else "5")
                uid = max(self.remote(self.server, b"Other"))
                looked = []

                def moved_on(number, upward, data):
                    if upward and not looked and re.search(rb'EXAMINE "?Other\b', data):
                        looked.append(data)
                        move(self.server, "Other", target, str(uid))

                self.synced_over(moved_on, connections=1)
                self.assertEqual(len(looked), 1)
                self.assertOnlyRenamed()

    def test_two_moves_across_each_other(self):
        """Both mailboxes have their turns at once, and each finds what the server has not taken from the other yet: it
        does when both know."""
        self.synced(self.subject)
        client = self.server.client()
        for source, target in (("INBOX", "Other"), ("Other", "INBOX")):
            client.select(source)
            client.uid("COPY", "4", target)
        both = threading.Barrier(2, timeout=20)
        held = set()

        def meet(number, upward, data):
            if upward and b"PEEK[HEADER]" in data and number not in held:
                held.add(number)
                if both.wait() == 0:
                    for mailbox in ("INBOX", "Other"):
                        client.select(mailbox)
                        client.uid("STORE", "4", "+FLAGS", "(\\Deleted)")
                        client.uid("EXPUNGE", "4")
                both.wait()

        self.synced_over(meet, connections=2)
        client.logout()
        self.assertEqual(len(held), 2)
        self.assertOnlyRenamed()


class MovesInOneDirection(Moves):
    """The same with `direction = "pull"`, as far as nothing is sent."""

    def setUp(self):
        super().setUp()
        self.subject.account["direction"] = "pull"
        self.subject.write()

    def test_flags_of_both_sides_go_along(self):
        self.skipTest("local flags are not sent")

    test_both_sides_moved_it_to_different_folders = test_flags_of_both_sides_go_along
    test_both_sides_moved_it_to_the_same_folder = test_flags_of_both_sides_go_along
    test_gone_on_the_server_and_moved_here = test_flags_of_both_sides_go_along
    test_moved_on_the_server_and_edited_here = test_flags_of_both_sides_go_along
    test_a_name_that_is_taken_replaces_nothing = test_flags_of_both_sides_go_along


class MoveExit(Steps):
    """Q25: wherever a run ends, the message is in one place afterwards, and it was never in none."""

    weight = 75

    def prepare(self, mirror):
        self.synced(mirror)

    def change(self, server):
        move(server, "INBOX", "Archive/2024", "1:3")
        move(server, "Archive/2024", "INBOX", "4:5")
        server.append("INBOX", corpus.small(1, seed=9))

    def test_Q25_a_move_on_the_server_resumes_after_each_step(self):
        self.every_step(self.change)


class MoveError(MoveExit):
    kind = "error"


class WatchedMoves(DaemonCase):
    weight = 30
    names = ("INBOX", "Archive/2024", "Trash")

    def watched(self):
        self.server = self.dovecot()
        sample(self.server, mailboxes=self.names)
        mirror = self.mirror(self.server, direction="two-way", poll_interval="1h")
        self.daemon(mirror).wait_until_watching()
        self.assertMirrored(mirror, self.server)
        return mirror

    def assertFollowed(self, mirror, before, stalled):
        """The same files under other names. A server that stalls within a move has the message twice for longer than is
        waited: so many may have been fetched again, and their old files are kept."""
        after = {row[0]: path for path, row in mirror.mail().items()}
        again = sorted(Path(after[inode]).read_bytes() for inode in after.keys() - set(before))
        if again:
            figure("%d messages were fetched again; the server stalled within %d moves" % (len(again), stalled))
        self.assertLessEqual(len(again), stalled, "the same files")
        self.assertEqual(len(after), len(before))
        self.assertEqual(sorted(mirror.quarantined()), again)

    def test_moves_in_quick_succession(self):
        """While one is followed the next is made: whatever it falls into, a turn, a look at all mailboxes or the moment in
        which the server has the message twice, the file is renamed. Some go on at once to a third mailbox, or come back."""
        chance = random.Random(SEED)
        mirror = self.watched()
        before, stalled = {row[0] for row in mirror.mail().values()}, 0
        client = self.server.client()
        for longest in (0.1, 1.0):
            for _ in range(16):
                source, target = chance.sample(self.names, 2)
                client.select('"%s"' % source)
                uids = client.uid("SEARCH", "ALL")[1][0].decode().split()
                if uids:
                    began = time.monotonic()
                    client.uid("MOVE", chance.choice(uids), '"%s"' % target)
                    stalled += time.monotonic() - began > STALL
                time.sleep(chance.uniform(0, longest))
        client.logout()
        self.assertSoonMirrored(mirror, self.server, timeout=20)
        self.assertFollowed(mirror, before, stalled)

    def test_copies_are_no_moves(self):
        """Each comes soon, though it is looked whether it was moved; of what is copied again and again no longer."""
        mirror = self.watched()
        before = {row[0] for row in mirror.mail().values()}
        folder = mirror.folder_of(b"Archive/2024")
        known = len(os.listdir(folder / "new")) + len(os.listdir(folder / "cur"))
        client = self.server.client()
        client.select("INBOX")
        seconds = []
        for uid in range(1, 13):
            began = time.monotonic()
            client.uid("COPY", str(uid), '"Archive/2024"')
            wait_until(lambda: len(os.listdir(folder / "new")) + len(os.listdir(folder / "cur")) == known + uid, 10, 0.02)
            seconds.append(time.monotonic() - began)
            # Dovecot itself may take half a second to tell: one of which it told at once is enough.
            if uid >= 7 and min(seconds[4:]) < 0.5:
                break
        client.logout()
        self.assertMirrored(mirror, self.server)
        self.assertEqual(before - {row[0] for row in mirror.mail().values()}, set())
        self.assertEqual(mirror.quarantined(), [])
        figure("copies are in the folder after %s s" % ", ".join("%.2f" % one for one in seconds))
        self.assertLess(min(seconds[4:]), 0.5)
        self.assertLess(max(seconds), 5)

    def test_V3_a_move_by_another_client_arrives_by_push(self):
        mirror, server = self.watched(), self.server
        before, stalled = {row[0] for row in mirror.mail().values()}, 0
        for target, uids, count in (("Archive/2024", "1:3", 3), ("Trash", "5", 1)):
            stalled += count if move(server, "INBOX", target, uids) > STALL else 0
            self.assertSoonMirrored(mirror, server, timeout=10)
            self.assertFollowed(mirror, before, stalled)
        kept = len(mirror.quarantined())
        client = server.client()
        client.select("INBOX")
        client.uid("STORE", "6", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "6")
        client.logout()
        self.assertSoonMirrored(mirror, server, timeout=10)
        wait_until(lambda: len(mirror.quarantined()) == kept + 1)
