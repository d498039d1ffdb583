"""What a person does in the Maildir reaches the server, against a real Dovecot: uploads and flags."""

import check
import mail_reader
from mail_reader import letter
from mirror import peak_limit
from support import FULL
from two_way import CRLF, TwoWay


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
        self.assertLess(result.peak, peak_limit())
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
