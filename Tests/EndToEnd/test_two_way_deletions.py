"""What a person deletes, moves and copies in the Maildir, against a real Dovecot."""

import os
import shutil
import threading
import time

import check
import mail_reader
from mail_reader import letter
from two_way import TwoWay, loads


class Deletions(TwoWay):
    def test_to_the_trash(self):
        self.pair(6)
        self.file("t1").unlink()
        mail_reader.flag(self.file("t2"), "S").unlink()
        self.synced(self.subject)
        self.assertPlaces("t1", "Trash")
        self.assertPlaces("t2", "Trash")
        self.assertEqual(len(self.on_server("INBOX")), 4)
        self.assertSame()
        self.assertQuiet()
        with self.subTest("deleting in Trash is an expunge, kept in quarantine"):
            self.file("t1", "Trash").unlink()
            self.synced(self.subject)
            self.assertPlaces("t1")
            self.assertQuarantined(letter("t1"))
            self.assertSame()
            self.assertQuiet()

    def test_expunge_keeps_a_copy_in_quarantine(self):
        self.pair(5, delete_on_server="expunge")
        for token in ("t1", "t3"):
            self.file(token).unlink()
        self.store_on_server("INBOX", "t5", "+FLAGS", "\\Deleted")  # another client's, not ours to expunge
        self.synced(self.subject)
        for token in ("t1", "t3"):
            self.assertPlaces(token)
        self.assertPlaces("t5", "INBOX")
        self.assertQuarantined(letter("t1"), letter("t3"))
        self.assertIn("UID EXPUNGE", self.wire.verbs())
        self.assertSame()
        self.assertQuiet()

    def test_expunge_without_quarantine_where_nothing_is_kept(self):
        self.pair(3, delete_on_server="expunge", keep_deleted="0")
        self.file("t1").unlink()
        self.synced(self.subject)
        self.assertPlaces("t1")
        self.assertEqual(self.subject.quarantined(), [])
        self.assertSame()

    def test_never(self):
        """It stays on the server, and does not come back here."""
        self.pair(3, delete_on_server="never")
        self.file("t1").unlink()
        for _ in range(2):
            self.synced(self.subject)
            self.assertEqual(len(self.on_server("INBOX")), 3)
            self.assertEqual(len(self.local()), 2)
        self.assertEqual(self.wire.writes, [])
        mail_reader.flag(self.file("t2"), "F")
        self.synced(self.subject)
        self.assertEqual(self.on_server("INBOX", "t2")[0].flags, {"\\flagged"})

    def test_without_a_trash_they_wait_as_a_hold(self):
        self.pair(4, boxes=("Archive",))
        self.file("t1").unlink()
        for _ in range(2):
            self.synced(self.subject, status=3)
            self.assertEqual(len(self.on_server("INBOX")), 4)
            self.assertEqual(len(self.local()), 3)
        self.assertHeld()
        self.answered("reject")
        self.assertPlaces("t1", "INBOX")
        self.assertSame()
        self.assertEqual(self.holds(), [])

    def test_a_trash_that_comes_later_takes_what_waited(self):
        """The cause of the hold is gone, and with it the hold: nobody has to approve it."""
        self.pair(4, boxes=("Archive",))
        self.file("t1").unlink()
        self.synced(self.subject, status=3)
        [hold] = self.holds()
        self.assertEqual(hold["kind"], "trash")
        self.server.append("Trash", [], user=self.user)
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertPlaces("t1", "Trash")
        self.assertSame()
        self.assertQuiet()

    def test_another_way_of_deleting_takes_what_waited(self):
        self.pair(4, boxes=("Archive",))
        self.file("t1").unlink()
        self.synced(self.subject, status=3)
        self.subject.account["delete_on_server"] = "expunge"
        self.subject.write()
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertPlaces("t1")
        self.assertQuarantined(letter("t1"))
        self.assertSame()

    def test_approved_without_a_trash_one_is_made(self):
        """It says so before; nothing is expunged, and what was deleted is in the new Trash on both sides."""
        self.pair(4, boxes=("Archive",))
        self.file("t1").unlink()
        self.synced(self.subject, status=3)
        text = self.subject.run("holds").out
        for word in ("no Trash mailbox", "makes a Trash mailbox on the server and moves them there", "fetches them again",
                     'delete_on_server = "expunge"'):
            self.assertIn(word, text)
        self.answered("approve")
        self.assertEqual(self.holds(), [])
        self.assertPlaces("t1", "Trash")
        self.assertEqual(self.subject.quarantined(), [])
        self.assertSame()
        self.assertQuiet()

    def test_delete_locally_never_keeps_what_the_server_expunged(self):
        self.pair(3, delete_locally="never")
        self.remove_on_server("INBOX", "t1")
        for _ in range(2):
            self.synced(self.subject)
            self.assertEqual(len(self.local()), 3)
            self.assertEqual(len(self.on_server("INBOX")), 2, "and does not send it again")

    def test_delete_locally_never_an_edited_file_is_a_new_message(self):
        """Gone on the server, kept here, and edited later: it is a message of this side then, and is sent."""
        self.pair(3, delete_locally="never")
        self.remove_on_server("INBOX", "t1", "t2")
        self.synced(self.subject)
        mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("INBOX", "t1", "edited")), 1)
        self.assertEqual(len(self.on_server("INBOX")), 2)
        self.assertEqual(len(self.local()), 3)
        self.assertQuiet()
        self.store_on_server("INBOX", "t1", "+FLAGS", "\\Flagged")
        self.synced(self.subject)
        self.assertEqual(mail_reader.parts(self.file("t1"))[1], "F", "both sides are one message")

    def test_delete_locally_never_a_kept_file_that_goes_is_forgotten(self):
        self.pair(3, delete_locally="never")
        self.remove_on_server("INBOX", "t1", "t2")
        self.synced(self.subject)
        self.file("t1").unlink()
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        self.synced(self.subject)
        self.assertPlaces("t1")
        self.assertPlaces("t2", "Archive")
        self.assertNotIn("pending", self.synced(self.subject).out)
        self.assertSame()
        self.assertQuiet()

    def test_delete_locally_never_in_one_direction(self):
        """What was edited so waits for the person's word when changes are sent later."""
        self.pair(3, delete_locally="never", direction="pull")
        self.remove_on_server("INBOX", "t1")
        self.synced(self.subject)
        mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        self.synced(self.subject)
        self.assertEqual(self.wire.writes, [])
        self.subject.account["direction"] = "two-way"
        self.subject.write()
        self.synced(self.subject, status=3)
        self.assertHeld("pull", 1)
        self.assertEqual(len(self.on_server("INBOX")), 2)
        self.answered("approve")
        self.assertPlaces("t1", "INBOX", text="edited")
        self.assertSame()

    def test_gone_on_the_server_goes_to_quarantine_here(self):
        self.pair(4)
        mail_reader.flag(self.file("t1"), "F")
        self.remove_on_server("INBOX", "t1", "t2")
        self.synced(self.subject)
        self.assertPlaces("t1")
        self.assertQuarantined(letter("t1"), letter("t2"))
        self.assertSame()
        self.assertQuiet()

    def test_gone_on_both_sides_is_forgotten(self):
        self.pair(3)
        self.file("t1").unlink()
        self.remove_on_server("INBOX", "t1")
        self.synced(self.subject)
        self.assertPlaces("t1")
        self.assertEqual(self.wire.writes, [])
        self.assertSame()

    def test_gone_on_the_server_but_edited_here_is_sent_as_new(self):
        self.pair(3)
        mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        self.remove_on_server("INBOX", "t1")
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", text="edited")
        self.assertSame()

    def test_D5_local_deletion_against_a_remote_flag_change(self):
        """With a Trash it goes there; without one it comes back. Either way the content is recoverable."""
        self.pair(3)
        self.file("t1").unlink()
        self.store_on_server("INBOX", "t1", "+FLAGS", "\\Flagged")
        self.synced(self.subject)
        self.assertPlaces("t1", "Trash")
        self.assertSame()
        self.user = next(self.names)
        self.pair(3, boxes=(), name="second")
        self.file("t1").unlink()
        self.store_on_server("INBOX", "t1", "+FLAGS", "\\Flagged")
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX")
        self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\flagged"})
        self.assertSame()

    def test_two_equal_messages_one_deleted(self):
        self.pair(1)
        self.server.append("INBOX", loads(1, prefix="twin") * 2, user=self.user)
        self.synced(self.subject)
        self.assertPlaces("twin1", "INBOX", "INBOX")
        mail_reader.find(self.folder(), "twin1")[0].unlink()
        self.synced(self.subject)
        self.assertPlaces("twin1", "INBOX", "Trash")
        self.assertSame()
        self.assertQuiet()

    def test_what_comes_back_while_it_is_watched_is_no_deletion(self):
        """A file that is away for less than `settle` is not deleted on the server; nothing is sent."""
        self.pair(3, settle="4s")
        path, aside = self.file("t1"), os.path.join(self.directory, "aside")
        os.rename(path, aside)
        back = threading.Timer(1.5, os.rename, (aside, path))
        back.start()
        result = self.synced(self.subject)
        back.join()
        self.assertGreater(result.seconds, 1.5, "sync waits for the second look")
        self.assertPlaces("t1", "INBOX")
        self.assertEqual(self.wire.writes, [])
        self.assertSame()

    def test_nothing_is_deleted_before_the_second_look(self):
        self.pair(3, settle="3s")
        self.file("t1").unlink()
        started = time.monotonic()
        sent = []
        self.wire.cut_at = lambda number, upward, data: bool(
            upward and (b" UID MOVE " in data or b" UID STORE " in data) and sent.append(time.monotonic()))
        self.synced(self.subject)
        self.wire.cut_at = None
        self.assertTrue(sent)
        self.assertGreater(sent[0] - started, 2.9)
        self.assertPlaces("t1", "Trash")


class Moves(TwoWay):
    def assertMoved(self, token="t1", target="Archive", flags=None):
        self.assertPlaces(token, target)
        if flags is not None:
            self.assertEqual(self.on_server(target, token)[0].flags, flags)
        self.assertEqual(self.on_server("Trash"), [], "a move leaves nothing in Trash")
        self.assertNotIn("APPEND", self.wire.verbs(), "a move uploads nothing")
        self.assertSame()

    def test_by_rename_with_and_without_another_name_and_flags(self):
        self.pair(6, flags=["\\Flagged"])
        archive = self.folder("Archive")
        moved = [mail_reader.move(self.file("t1"), archive),
                 mail_reader.move(self.file("t2"), archive, base=mail_reader.base_name()),
                 mail_reader.move(self.file("t3"), archive, flags="FS"),
                 mail_reader.move(self.file("t4"), archive, base=mail_reader.base_name(), flags="RS")]
        inodes = [os.stat(path).st_ino for path in moved]
        self.synced(self.subject)
        self.assertMoved("t1", flags={"\\flagged"})
        self.assertMoved("t2", flags={"\\flagged"})
        self.assertMoved("t3", flags={"\\flagged", "\\seen"})
        self.assertMoved("t4", flags={"\\answered", "\\seen"})
        self.assertEqual([os.stat(path).st_ino for path in moved], inodes, "the files are not fetched again")
        self.assertEqual(self.subject.quarantined(), [])
        self.assertEqual({message.date for message in self.on_server("Archive")},
                         {check.seconds("14-Jul-2017 02:40:00 +0000")}, "the dates went along")
        self.assertQuiet()

    def test_into_the_trash_by_the_reader(self):
        self.pair(3)
        mail_reader.move(self.file("t1"), self.folder("Trash"), flags="ST")
        self.synced(self.subject)
        self.assertPlaces("t1", "Trash")
        self.assertEqual(len(self.on_server("Trash")), 1)
        self.assertSame()
        self.assertQuiet()

    def test_by_copy_and_unlink_in_one_round(self):
        self.pair(3)
        path = self.file("t1")
        mail_reader.copy(path, self.folder("Archive"))
        path.unlink()
        self.synced(self.subject)
        self.assertMoved()
        self.assertQuiet()

    def test_by_copy_and_unlink_in_a_later_round(self):
        """The copy is a COPY on the server; when its source goes, that is the rest of a move: expunged, no Trash."""
        self.pair(3)
        path = self.file("t1")
        mail_reader.copy(path, self.folder("Archive"))
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", "Archive")
        self.assertNotIn("APPEND", self.wire.verbs(), "the server copies by itself")
        self.assertSame()
        path.unlink()
        self.synced(self.subject)
        self.assertMoved()
        self.assertQuiet()

    def test_there_and_back_again(self):
        self.pair(3)
        path = mail_reader.move(self.file("t1"), self.folder("Archive"))
        self.synced(self.subject)
        path = mail_reader.move(path, self.folder("Sent"), base=mail_reader.base_name())
        self.synced(self.subject)
        self.assertMoved(target="Sent")
        mail_reader.move(path, self.folder())
        self.synced(self.subject)
        self.assertMoved(target="INBOX")
        self.assertQuiet()

    def test_many_are_archived_without_asking(self):
        """Moves are no removals: 60 of 60 messages are archived, and nobody is asked."""
        self.pair(60)
        for number in range(1, 61):
            mail_reader.move(self.file("t%d" % number), self.folder("Archive"))
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("Archive")), 60)
        self.assertEqual(self.on_server("INBOX"), [])
        self.assertEqual(self.holds(), [])
        self.assertLess(sum("MOVE" in verb for verb in self.wire.verbs()), 12, "in sets")
        self.assertSame()
        self.assertQuiet()

    def test_moved_by_another_client_is_a_rename_here(self):
        self.pair(4)
        mail_reader.flag(self.file("t1"), "F")
        self.synced(self.subject)
        inode = os.stat(self.file("t1")).st_ino
        self.move_on_server("INBOX", "t1", "Archive")
        before = self.wire.received
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive")
        self.assertEqual(os.stat(self.file("t1", "Archive")).st_ino, inode, "not fetched again")
        self.assertEqual(self.subject.quarantined(), [])
        self.assertLess(self.wire.received - before, 40_000)
        self.assertSame()
        self.assertQuiet()

    def test_moved_there_and_flagged_here(self):
        self.pair(3)
        mail_reader.flag(self.file("t1"), "F")
        self.move_on_server("INBOX", "t1", "Archive")
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive")
        self.assertEqual(self.on_server("Archive", "t1")[0].flags, {"\\flagged"})
        self.assertSame()

    def test_moved_there_and_deleted_here_is_fetched_to_its_place(self):
        self.pair(3)
        self.file("t1").unlink()
        self.move_on_server("INBOX", "t1", "Archive")
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive")
        self.assertSame()

    def test_deleted_there_and_moved_here_is_sent_to_its_new_place(self):
        self.pair(3)
        mail_reader.move(self.file("t1"), self.folder("Archive"))
        self.remove_on_server("INBOX", "t1")
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive")
        self.assertSame()

    def test_a_copy_within_the_account_and_a_copy_of_a_copy(self):
        self.pair(2)
        first = mail_reader.copy(self.file("t1"), self.folder("Archive"))
        mail_reader.copy(first, self.folder("Sent"), flags="F")
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", "Archive", "Sent")
        self.assertEqual(self.on_server("Sent", "t1")[0].flags, {"\\flagged"})
        self.assertSame()
        self.assertQuiet()

    def test_M9_a_copy_inside_a_folder_survives(self):
        """`cp` inside a folder: two messages, on both sides; the same name again is no trouble either."""
        self.pair(2)
        path = self.file("t1")
        mail_reader.copy(path, self.folder())
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", "INBOX")
        self.assertSame()
        same = path.with_name(path.name.partition(":2,")[0] + ":2,F")
        shutil.copy2(path, same)
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", "INBOX", "INBOX")
        self.assertSame()
        self.assertQuiet()

    def test_M9_without_message_ids(self):
        self.pair(0)
        body = b"Subject: no id\n\nx\n"
        for _ in range(2):
            mail_reader.deliver(self.folder(), body, "")
        mail_reader.deliver(self.folder(), b"Subject: no id\n\ny\n", "")
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("INBOX")), 3)
        self.assertSame()
        self.assertQuiet()
