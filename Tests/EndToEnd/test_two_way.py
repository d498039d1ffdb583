"""What a person does in the Maildir reaches the server, against a real Dovecot: uploads, flags, deletions, moves."""

import os
import shutil
import threading
import time

import check
import mail_reader
from mail_reader import letter
from support import FULL
from two_way import CRLF, TwoWay, loads


class Uploads(TwoWay):
    def test_new_messages_of_all_kinds(self):
        """In new/ and in cur/, each flag, a keyword, a date from the file's mtime, line ends of all kinds, small and
        large: each is on the server once, with its bytes, and the second run sends nothing."""
        self.pair(2)
        inbox, sent = self.folder(), self.folder("Sent")
        when = 1_234_567_890
        bodies = {
            "lf": letter("lf"), "crlf": letter("crlf", ends=CRLF), "bare-cr": letter("bare-cr") + b"one\rtwo\r\n",
            "no-newline": letter("no-newline") + b"no newline",
            "no-header": b"\nno header at all\n", "8-bit": letter("8-bit") + bytes(range(128, 256)) + b"\n",
            "literal": letter("literal") + b"x" * 5000 + b"\n", "dots": letter("dots") + b".\n..\n",
            "large": letter("large") + b"0123456789abcde\n" * ((20_000_000 if FULL else 3_000_000) // 16),
        }
        for body in bodies.values():
            mail_reader.deliver(sent, body, "S", date=when)
        for number, flags in enumerate(("", "S", "R", "F", "T", "D", "P", "DFPRST")):
            mail_reader.deliver(inbox, letter("flags%d" % number), flags, date=when + number)
        mail_reader.deliver(inbox, letter("new"), date=when)
        mail_reader.deliver(inbox, letter("word"), "S" + mail_reader.keyword(inbox, "reading"), date=when)
        files = self.subject.mail()
        result = self.synced(self.subject)
        self.assertLess(result.peak, 64 * 1024)
        self.assertSame()
        self.assertEqual(sorted(message.digest for message in self.on_server("Sent")),
                         sorted(check.digest(body) for body in bodies.values()))
        self.assertEqual({message.date for message in self.on_server("Sent")}, {when})
        self.assertEqual(self.on_server("INBOX", "word")[0].keywords, {"reading"})
        self.assertEqual(self.on_server("INBOX", "new")[0].flags, frozenset())
        self.assertEqual(len(self.on_server("INBOX")), 12)
        self.assertEqual(self.subject.mail(), files, "the files stay as they are")
        self.assertQuiet()

    def test_raw_bytes_reach_the_server_unaltered(self):
        """A bare LF becomes CRLF, CRLF and a bare CR stay, and nothing is added: read back octet by octet."""
        self.pair(0)
        mail_reader.deliver(self.folder("Sent"), b"Subject: x\nA: b\r\n\none\rtwo\r\n\nlast", "S")
        self.synced(self.subject)
        with self.client("Sent") as client:
            body = client.uid("FETCH", "1", "(BODY.PEEK[])")[1][0][1]
        self.assertEqual(body, b"Subject: x\r\nA: b\r\n\r\none\rtwo\r\n\r\nlast")

    def test_M27_a_message_with_NUL_arrives_whole_or_is_refused(self):
        self.pair(1)
        body = letter("nul") + b"a\0b\n"
        path = mail_reader.deliver(self.folder("Sent"), body, "S")
        result = self.subject.sync()
        self.assertIn(result.status, (0, 1), result.err)
        there = self.on_server("Sent")
        self.assertLessEqual(len(there), 1)
        if there:
            self.assertEqual(there[0].digest, check.digest(body))
        else:
            self.assertIn("Sent", result.out + result.err, "it is said")
        self.wire.forget()
        self.subject.sync()
        self.assertEqual(self.wire.writes, [], "not tried every round")
        self.assertEqual(path.read_bytes(), body)
        self.assertEqual(len(self.local("Sent")), 1)

    def test_sent_mail_in_two_folders_and_a_second_copy(self):
        """The same bytes delivered to two folders are two messages, and twice in one folder two more (M9)."""
        self.pair(1)
        for folder in ("Sent", "Sent", "Archive"):
            mail_reader.deliver(self.folder(folder), letter("twin"), "S")
        self.synced(self.subject)
        self.assertPlaces("twin", "Sent", "Sent", "Archive")
        self.assertSame()
        self.assertQuiet()

    def test_the_same_message_on_both_sides_is_paired(self):
        """New on both sides with the same content: one message, flags united, nothing uploaded."""
        self.pair(1)
        when = check.seconds("14-Jul-2017 02:40:00 +0000")
        self.server.append("Archive", [(letter("both", ends=CRLF), ["\\Flagged"], "14-Jul-2017 02:40:00 +0000")],
                           user=self.user)
        mail_reader.deliver(self.folder("Archive"), letter("both"), "S", date=when)
        self.synced(self.subject)
        self.assertPlaces("both", "Archive")
        self.assertEqual(self.on_server("Archive")[0].flags, {"\\flagged", "\\seen"})
        self.assertNotIn("APPEND", self.wire.verbs())
        self.assertSame()

    def test_an_upload_whose_answer_is_lost_is_there_once(self):
        """Q7 against a real server: the message is stored, the connection is cut before the tagged OK."""
        self.pair(1)
        for number in range(3):
            mail_reader.deliver(self.folder("Sent"), letter("lost%d" % number), "S")
        self.wire.cut_before_answer(b"APPEND")
        self.subject.sync(timeout=100)
        self.assertEqual(self.wire.cuts, 1, "the answer was lost")
        self.wire.cut_at = None
        self.settled()
        for number in range(3):
            self.assertPlaces("lost%d" % number, "Sent")
        self.assertSame()
        self.assertQuiet()

    def settled(self):
        """Syncs until all is well: an uncertain act is looked up on the server, at once and after a while."""
        for _ in range(4):
            result = self.subject.sync(timeout=100)
            if result.status == 0:
                return
        self.fail("it never came to rest: %s" % result.err)


class Flags(TwoWay):
    FLAGS = (("S", "\\Seen"), ("R", "\\Answered"), ("F", "\\Flagged"), ("T", "\\Deleted"), ("D", "\\Draft"),
             ("P", "$Forwarded"))

    def test_each_flag_both_ways(self):
        """Set here, cleared here, set there, cleared there: each arrives on the other side, alone."""
        self.pair(12)
        for number, (letter_, _) in enumerate(self.FLAGS, 1):
            mail_reader.flag(self.file("t%d" % number), letter_)
        with self.client("INBOX") as client:
            for number, (_, word) in enumerate(self.FLAGS, 7):
                client.uid("STORE", self.uid_of(client, "t%d" % number), "+FLAGS", "(%s)" % word)
        self.synced(self.subject)
        self.assertSame()
        for number, (_, word) in enumerate(self.FLAGS, 1):
            self.assertEqual(self.on_server("INBOX", "t%d" % number)[0].flags, {word.lower()})
        self.assertQuiet()
        for number, (letter_, _) in enumerate(self.FLAGS, 7):
            mail_reader.flag(self.file("t%d" % number), remove=letter_)
        with self.client("INBOX") as client:
            for number, (_, word) in enumerate(self.FLAGS, 1):
                client.uid("STORE", self.uid_of(client, "t%d" % number), "-FLAGS", "(%s)" % word)
        self.synced(self.subject)
        self.assertSame()
        self.assertEqual({message.flags for message in self.on_server("INBOX")}, {frozenset()})
        self.assertEqual(len(self.on_server("INBOX")), 12, "a T never makes us expunge")

    def test_changes_of_both_sides_are_merged_flag_by_flag(self):
        self.pair(3, flags=["\\Seen", "\\Answered"])
        mail_reader.flag(self.file("t1"), "F", "S")
        self.store_on_server("INBOX", "t1", "-FLAGS", "\\Answered")
        self.store_on_server("INBOX", "t1", "+FLAGS", "\\Draft there")
        mail_reader.flag(self.file("t2"), "F")
        self.store_on_server("INBOX", "t2", "+FLAGS", "\\Flagged")
        mail_reader.flag(self.file("t3"), remove="S")
        self.store_on_server("INBOX", "t3", "-FLAGS", "\\Seen")
        self.synced(self.subject)
        self.assertSame()
        self.assertEqual([self.on_server("INBOX", token)[0][1:3] for token in ("t1", "t2", "t3")], [
            ({"\\flagged", "\\draft"}, {"there"}), ({"\\flagged", "\\seen", "\\answered"}, set()),
            ({"\\answered"}, set())])
        self.assertQuiet()

    def test_keywords_both_ways(self):
        self.pair(4)
        self.store_on_server("INBOX", "t1", "+FLAGS", "theirs")
        self.synced(self.subject)
        word = mail_reader.keyword(self.folder(), "mine")
        mail_reader.flag(self.file("t2"), word + mail_reader.keyword(self.folder(), "theirs"))
        mail_reader.flag(self.file("t1"), remove=mail_reader.keyword(self.folder(), "theirs"))
        self.synced(self.subject)
        self.assertSame()
        self.assertEqual(self.on_server("INBOX", "t2")[0].keywords, {"mine", "theirs"})
        self.assertEqual(self.on_server("INBOX", "t1")[0].keywords, frozenset())
        self.store_on_server("INBOX", "t2", "-FLAGS", "mine")
        self.synced(self.subject)
        self.assertSame()
        self.assertQuiet()

    def test_many_changes_take_few_commands(self):
        """120 messages read here: sets by change, not a command each."""
        self.pair(120)
        for number in range(1, 121):
            mail_reader.flag(self.file("t%d" % number), "S" if number % 2 else "SF")
        self.synced(self.subject)
        self.assertSame()
        stores = [line for line in self.wire.writes if "STORE" in line.upper()]
        self.assertLess(len(stores), 8, stores)
        self.assertQuiet()

    def test_a_letter_without_a_name_is_kept_and_removes_no_keyword(self):
        self.pair(2)
        self.store_on_server("INBOX", "t1", "+FLAGS", "word")
        self.synced(self.subject)
        names = self.folder() / "dovecot-keywords"
        kept = names.read_text()
        names.unlink()
        mail_reader.flag(self.file("t1"), "S")
        self.subject.sync()
        self.assertEqual(self.on_server("INBOX", "t1")[0].keywords, {"word"})
        names.write_text(kept)
        self.synced(self.subject)
        self.assertEqual(self.on_server("INBOX", "t1")[0][1:3], ({"\\seen"}, {"word"}))

    def test_D9_deleted_is_a_flag_and_never_expunges(self):
        self.pair(4)
        mail_reader.flag(self.file("t1"), "T")
        self.store_on_server("INBOX", "t2", "+FLAGS", "\\Deleted")
        mail_reader.flag(self.file("t3"), "ST")
        for _ in range(2):
            self.synced(self.subject)
        self.assertEqual(len(self.on_server("INBOX")), 4)
        self.assertEqual(len(self.local()), 4)
        self.assertEqual(self.on_server("Trash"), [])
        self.assertFalse([verb for verb in self.wire.verbs() if "EXPUNGE" in verb or "MOVE" in verb])
        self.assertSame()


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
        self.pair(4, boxes=("Archive",))
        self.file("t1").unlink()
        self.synced(self.subject, status=3)
        self.server.append("Trash", [], user=self.user)
        self.answered("approve")
        self.synced(self.subject)
        self.assertPlaces("t1", "Trash")
        self.assertSame()

    def test_delete_locally_never_keeps_what_the_server_expunged(self):
        self.pair(3, delete_locally="never")
        self.remove_on_server("INBOX", "t1")
        for _ in range(2):
            self.synced(self.subject)
            self.assertEqual(len(self.local()), 3)
            self.assertEqual(len(self.on_server("INBOX")), 2, "and does not send it again")

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


class Contents(TwoWay):
    def test_an_edited_message_replaces_the_old_one(self):
        self.pair(3, flags=["\\Seen"])
        mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", text="edited")
        self.assertPlaces("t1")
        self.assertQuarantined(letter("t1"))
        self.assertEqual(self.on_server("Trash"), [])
        self.assertEqual(self.on_server("INBOX", "t1", "edited")[0].flags, {"\\seen"})
        self.assertSame(dates=False)
        self.assertQuiet()

    def test_edited_in_place_with_the_same_inode(self):
        self.pair(2)
        path = self.file("t1")
        with open(path, "r+b") as file:
            file.write(letter("t1", "HELLO"))
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", text="HELLO")
        self.assertPlaces("t1")
        self.assertQuarantined(letter("t1"))

    def draft_edits(self, edit):
        self.pair(1)
        path = mail_reader.deliver(self.folder("Drafts"), letter("draft", "version 0"), "DS")
        self.synced(self.subject)
        for number in range(1, 6):
            path = edit(path, letter("draft", "version %d" % number))
            self.synced(self.subject)
        self.assertPlaces("draft", "Drafts", text="version 5")
        self.assertEqual(len(self.on_server("Drafts")), 1)
        self.assertEqual(self.on_server("Trash"), [])
        self.assertEqual(len(self.local("Drafts")), 1)
        self.assertSame(dates=False)
        self.assertQuiet()

    def test_a_draft_edited_five_times_under_its_name_leaves_nothing_in_trash(self):
        self.draft_edits(mail_reader.edit)
        self.assertQuarantined(*(letter("draft", "version %d" % number) for number in range(5)))

    def test_a_draft_edited_five_times_under_new_names_leaves_nothing_in_trash(self):
        def edit(path, body):
            path.unlink()
            return mail_reader.deliver(self.folder("Drafts"), body, "DS")

        self.draft_edits(edit)

    def test_a_draft_that_is_sent_leaves_nothing_in_trash(self):
        self.pair(1)
        path = mail_reader.deliver(self.folder("Drafts"), letter("draft", "half"), "DS")
        self.synced(self.subject)
        mail_reader.deliver(self.folder("Sent"), letter("draft", "whole"), "S")
        path.unlink()
        self.synced(self.subject)
        self.assertPlaces("draft", "Sent", text="whole")
        self.assertEqual(self.on_server("Drafts"), [])
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame(dates=False)

    def test_M7_another_base_name_is_the_same_message(self):
        self.pair(3)
        path = self.file("t1")
        renamed = path.with_name(mail_reader.base_name() + ":2,")
        os.rename(path, renamed)
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX")
        self.assertEqual(self.wire.writes, [], "nothing to tell the server")
        mail_reader.move(renamed, self.folder(), base=mail_reader.base_name(), flags="S")
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX")
        self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\seen"})
        self.assertEqual({verb for verb in self.wire.verbs() if verb.split()[-1] in ("APPEND", "MOVE", "EXPUNGE")}, set())
        self.assertSame()
        self.assertQuiet()

    def test_M11_odd_things_in_cur_are_no_mail(self):
        self.pair(2)
        cur = self.folder() / "cur"
        os.mkfifo(cur / "1.fifo.host:2,S")
        (cur / "2.directory.host:2,S").mkdir()
        (cur / ".dotfile").write_text("x")
        (cur / "3.dangling.host:2,S").symlink_to("/nowhere")
        (cur / "4.linked.host:2,S").symlink_to(self.file("t1"))
        os.mkfifo(self.folder() / "new" / "5.fifo.host")
        before = sorted(os.listdir(cur))
        self.synced(self.subject, timeout=30)
        self.assertEqual(len(self.on_server("INBOX")), 2)
        self.assertEqual(sorted(os.listdir(cur)), before)
        self.assertEqual(self.wire.writes, [])

    def test_M31_a_touched_file_is_no_change(self):
        self.pair(3)
        path = self.file("t1")
        os.utime(path)
        flagged = mail_reader.flag(self.file("t2"), "F")
        os.utime(flagged, (1, 1))
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX")
        self.assertPlaces("t2", "INBOX")
        self.assertNotIn("APPEND", self.wire.verbs())
        self.assertEqual(self.on_server("INBOX", "t2")[0].flags, {"\\flagged"})
        with self.subTest("a copy of the same bytes over the file is no change either"):
            mail_reader.edit(path, letter("t1"))
            self.wire.forget()
            self.synced(self.subject)
            self.assertEqual(self.wire.writes, [])
        self.assertQuiet()

    def test_D3_a_second_run_writes_nothing_on_either_side(self):
        """After changes of every kind, the next two runs send nothing and touch no file, directory or message row."""
        self.pair(10)
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        mail_reader.flag(self.file("t1"), "F")
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        mail_reader.copy(self.file("t3"), self.folder("Archive"))
        mail_reader.edit(self.file("t4"), letter("t4", "edited"))
        self.file("t5").unlink()
        self.remove_on_server("INBOX", "t6")
        self.move_on_server("INBOX", "t7", "Archive")
        self.store_on_server("INBOX", "t8", "+FLAGS", "\\Answered word")
        self.synced(self.subject)
        self.assertSame(dates=False)
        self.synced(self.subject)
        view, rows = self.server_view(), self.subject.tables()
        directories = {folder: [os.stat(folder / part).st_mtime_ns for part in ("new", "cur")]
                       for folder in check.folders(self.subject.root)}
        for _ in range(2):
            self.assertQuiet()
        self.assertEqual(self.server_view(), view)
        self.assertEqual(self.subject.tables(), rows)
        self.assertEqual({folder: [os.stat(folder / part).st_mtime_ns for part in ("new", "cur")]
                          for folder in check.folders(self.subject.root)}, directories)

    def test_dry_run_changes_nothing(self):
        self.pair(8)
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        mail_reader.flag(self.file("t1"), "F")
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        mail_reader.edit(self.file("t4"), letter("t4", "edited"))
        self.file("t5").unlink()
        self.remove_on_server("INBOX", "t6")
        self.server.append("INBOX", loads(1, prefix="more"), user=self.user)
        view, rows, files = self.server_view(), self.state_rows(), self.subject.mail()
        result = self.subject.sync("--dry-run")
        self.assertIn(result.status, (0, 3), result.err)
        self.assertEqual(self.wire.writes, [])
        self.assertEqual(self.server_view(), view)
        self.assertEqual(self.subject.mail(), files)
        self.assertEqual(self.state_rows(), rows)
        self.assertEqual(self.subject.quarantined(), [])
        for word in ("INBOX", "Sent"):
            self.assertIn(word, result.out)
        self.synced(self.subject)
        self.assertSame(dates=False)


class ReadOnly(TwoWay):
    """A mailbox that this user may only read, by the server's access control list."""

    options = {"more": "mail_plugins = acl\nplugin {\n  acl = vfile:%s\n}\n"}

    @classmethod
    def setUpClass(cls):
        import tempfile
        rules = tempfile.NamedTemporaryFile("w", suffix=".acl", prefix="mm-", delete=False)
        rules.write("Closed owner lr\n")
        rules.close()
        os.chmod(rules.name, 0o644)
        cls.addClassCleanup(os.unlink, rules.name)
        cls.options = {"more": ReadOnly.options["more"] % rules.name}
        super().setUpClass()

    def test_Q21_a_read_only_mailbox_keeps_local_changes_here(self):
        """Flags, a new file, a deletion and an edit in a mailbox that can't be written: they stay as they are, nothing
        flaps, nothing is lost, and the other mailboxes go on."""
        self.pair(2)
        self.server.doveadm("-o", "mail_plugins=", "mailbox", "create", "-u", self.user, "Closed")
        for number in range(1, 6):
            self.server.doveadm("-o", "mail_plugins=", "save", "-u", self.user, "-m", "Closed", input=letter("c%d" % number, ends=CRLF))
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("Closed")), 5)
        self.wire.forget()
        mail_reader.flag(self.file("c1", "Closed"), "F")
        mail_reader.deliver(self.folder("Closed"), letter("mine"), "S")
        self.file("c2", "Closed").unlink()
        mail_reader.move(self.file("c3", "Closed"), self.folder("Archive"))
        mail_reader.flag(self.file("t1"), "F")
        before = self.on_server("Closed")
        for number in range(3):
            result = self.subject.sync()
            self.assertIn(result.status, (0, 1, 3), result.err)
            self.assertEqual(sorted(map(repr, self.on_server("Closed"))), sorted(map(repr, before)))
            self.assertTrue(mail_reader.find(self.folder("Closed"), "mine"))
            self.assertEqual(mail_reader.parts(self.file("c1", "Closed"))[1], "F", "it does not flap")
            self.assertEqual(len(mail_reader.find(self.folder("Archive"), "c3")), 1)
            self.assertFalse(mail_reader.find(self.folder("Closed"), "c2"), "and what was deleted stays away")
            self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\flagged"})
            if number:
                self.assertEqual(self.wire.writes, [], "not tried every round")
            self.wire.forget()


class Pull(TwoWay):
    def changes(self):
        mail_reader.flag(self.file("t1"), "F")
        self.file("t2").unlink()
        mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
        mail_reader.move(self.file("t3"), self.folder("Archive"))
        mail_reader.edit(self.file("t4"), letter("t4", "edited"))

    def test_pull_sends_nothing_and_loses_nothing(self):
        self.pair(6, direction="pull")
        self.changes()
        view = self.server_view()
        self.synced(self.subject)
        files = self.subject.mail()
        for _ in range(2):
            self.synced(self.subject)
            self.assertEqual(self.subject.mail(), files, "it does not flap")
        self.assertEqual(self.server_view(), view)
        self.assertEqual(self.wire.writes, [])
        self.assertEqual(self.subject.quarantined(), [])

    def to_two_way(self):
        self.pair(6, direction="pull")
        self.changes()
        self.synced(self.subject)
        view = self.server_view()
        self.subject.account["direction"] = "two-way"
        self.subject.write()
        for _ in range(2):
            self.synced(self.subject, status=3)
            self.assertEqual(self.server_view(), view, "old changes are never sent by themselves")
        self.assertTrue(self.holds())
        mail_reader.flag(self.file("t5"), "F")
        self.synced(self.subject, status=3)
        self.assertEqual(self.on_server("INBOX", "t5")[0].flags, {"\\flagged"}, "new ones are")

    def test_changes_made_under_pull_wait_until_they_are_approved(self):
        self.to_two_way()
        self.answered("approve")
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\flagged"})
        self.assertPlaces("t2", "Trash")
        self.assertPlaces("mine", "Sent")
        self.assertPlaces("t3", "Archive")
        self.assertPlaces("t4", "INBOX", text="edited")
        self.assertSame(dates=False)

    def test_changes_made_under_pull_are_undone_when_rejected(self):
        self.to_two_way()
        view = self.server_view()
        self.answered("reject")
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertEqual(self.server_view(), view, "nothing is sent")
        self.assertPlaces("t2", "INBOX")
        self.assertEqual(mail_reader.parts(self.file("t1"))[1], "")
        self.assertTrue(mail_reader.find(self.folder("Sent"), "mine"), "a file of the person's own stays")
        self.assertTrue(mail_reader.find(self.folder(), "t3"))
        everything = b"".join(self.subject.quarantined()) + b"".join(
            path.read_bytes() for folder in check.folders(self.subject.root) for path in mail_reader.files(folder))
        self.assertIn(letter("t4", "edited"), everything, "an edit is not lost")
        self.assertIn(letter("t4"), everything)
