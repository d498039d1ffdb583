"""HAZARDS.md, the sides of Q, S7, S10, G11, G13, G21 and N11 that concern what is sent to the server."""

import threading

import check
import mail_reader
import test_hazards_identity
from hostile_two_way import MOVE, PLAIN, HostileTwoWay, box
from mail_reader import letter
from mirror import peak_limit
from servers.model import Message
from servers.scripted import CAPABILITIES
from support import FULL


class IdentityTwoWay(test_hazards_identity.Identity):
    """All of Q1 to Q19 and V9 again where changes may be sent: without local changes nothing ever is."""

    def mirror(self, server, name="mirror", **account):
        return super().mirror(server, name=name, **dict({"direction": "two-way", "settle": "1s"}, **account))

    def tearDown(self):
        for session in list(self.exits._exit_callbacks):
            server = getattr(session[1], "__self__", None)
            if hasattr(server, "writes"):
                self.assertEqual(server.writes, [], "nothing was changed here, so nothing is sent")


class Answers(HostileTwoWay):
    def test_S10_appenduid_that_does_not_fit(self):
        """Another UIDVALIDITY, a known UID, the last one's value, 0, one below UIDNEXT, too many: not believed. Each
        message is there once, and the row names the right one: flags set afterwards arrive at it."""
        cases = {
            "validity": lambda box_, uid: b"[APPENDUID 77 %d]" % uid,
            "known": lambda box_, uid: b"[APPENDUID %d 1]" % box_.uid_validity,
            "last": lambda box_, uid: b"[APPENDUID %d %d]" % (box_.uid_validity, self.first.setdefault("uid", uid)),
            "zero": lambda box_, uid: b"[APPENDUID %d 0]" % box_.uid_validity,
            "range": lambda box_, uid: b"[APPENDUID %d 1:4294967295]" % box_.uid_validity,
            "future": lambda box_, uid: b"[APPENDUID %d 4000000]" % box_.uid_validity,
            "none": lambda box_, uid: b"",
        }
        for name, code in cases.items():
            with self.subTest(appenduid=name):
                server = self.pair(3, name="S10" + name)
                self.first = {}

                def append(session, tag, words):
                    target, added = session.append(words)
                    session.ok(tag, code(target, added[-1].uid) + b" done")
                    return True

                server.hooks["APPEND"] = append
                for token in ("one", "two"):
                    mail_reader.deliver(self.folder(), letter(token), "S")
                self.settle()
                for token in ("one", "two"):
                    self.assertPlaces(token, "INBOX")
                server.hooks.clear()
                self.settle()
                mail_reader.flag(self.file("one"), "F")
                mail_reader.flag(self.file("two"), "R")
                self.settle()
                self.assertEqual(self.flags_of("one"), {"\\seen", "\\flagged"})
                self.assertEqual(self.flags_of("two"), {"\\seen", "\\answered"})
                self.assertEqual(self.flags_of("t1"), set())
                self.assertSame()

    def test_S7_copyuid_that_does_not_fit(self):
        """Huge ranges, other counts, another UIDVALIDITY, known UIDs: the message is at its new place once, and the row
        names it."""
        cases = {
            "huge": lambda target, copies: b"[COPYUID %d 1:4294967295 1:4294967295]" % target.uid_validity,
            "counts": lambda target, copies: b"[COPYUID %d 1:2 %d]" % (target.uid_validity, copies[0].uid),
            "validity": lambda target, copies: b"[COPYUID 5 1 %d]" % copies[0].uid,
            "known": lambda target, copies: b"[COPYUID %d 1 1]" % target.uid_validity,
            "none": lambda target, copies: b"",
        }
        for name, code in cases.items():
            with self.subTest(copyuid=name):
                server = self.pair(name="S7" + name, boxes=[
                    box(b"INBOX", 3), box(b"Archive", 2, prefix="a"), box(b"Trash", attributes=["\\Trash"])])

                def move(session, tag, words):
                    target, pairs = session.copies(tag, words)
                    session.line(b"* OK " + code(target, [copy for _, copy in pairs]) + b" moved")
                    session.gone([message.uid for message, _ in pairs])
                    session.ok(tag)
                    return True

                server.hooks["UID MOVE"] = move
                mail_reader.move(self.file("t1"), self.folder("Archive"))
                result = self.settle()
                self.assertLess(result.peak, peak_limit())
                self.assertPlaces("t1", "Archive")
                server.hooks.clear()
                mail_reader.flag(self.file("t1", "Archive"), "F")
                self.settle()
                self.assertEqual(self.flags_of("t1", "Archive"), {"\\flagged"})
                self.assertEqual(self.flags_of("a1", "Archive"), set())
                self.assertSame()

    def test_S7_two_copyuids_that_name_the_same_copy(self):
        """Two messages move in one command, and the server gives both the UID of the first: each is at its new place
        once, and flags set afterwards arrive at the right one."""
        server = self.pair(name="S7twice", boxes=[
            box(b"INBOX", 4), box(b"Archive", 2, prefix="a"), box(b"Trash", attributes=["\\Trash"])])

        def move(session, tag, words):
            target, pairs = session.copies(tag, words)
            for message, _ in pairs:
                session.line(b"* OK [COPYUID %d %d %d] moved" % (target.uid_validity, message.uid, pairs[0][1].uid))
            session.gone([message.uid for message, _ in pairs])
            session.ok(tag)
            return True

        server.hooks["UID MOVE"] = move
        for token in ("t1", "t2"):
            mail_reader.move(self.file(token), self.folder("Archive"))
        self.settle()
        server.hooks.clear()
        for token, flag in (("t1", "F"), ("t2", "R")):
            self.assertPlaces(token, "Archive")
            mail_reader.flag(self.file(token, "Archive"), flag)
        self.settle()
        self.assertEqual(self.flags_of("t1", "Archive"), {"\\flagged"})
        self.assertEqual(self.flags_of("t2", "Archive"), {"\\answered"})
        self.assertSame()

    def test_G11_flags_without_uid_after_store_are_no_new_message(self):
        for silent in (True, False):
            with self.subTest(before_the_answer=silent):
                server = self.pair(4, name="G11%d" % silent)

                def store(session, tag, words):
                    later = session.selected.mod_seq + 1
                    session.raw(b"* 2 FETCH (FLAGS (\\Seen \\Flagged) MODSEQ (%d))\r\n" % later)
                    session.raw(b"* 4 FETCH (FLAGS (\\Seen))\r\n")

                server.hooks["UID STORE"] = store
                mail_reader.flag(self.file("t2"), "FS")
                self.synced(self.subject)
                self.assertEqual(self.flags_of("t2"), {"\\seen", "\\flagged"})
                server.hooks.clear()
                self.synced(self.subject)
                self.assertEqual(len(self.inbox.messages), 4)
                self.assertSame()

    def test_G21_flags_that_the_server_does_not_keep(self):
        """PERMANENTFLAGS without \\*, or empty: a keyword and a flag stay here, and nobody tries again and again."""
        for name, permanent in (("no new", ["\\Seen", "\\Flagged"]), ("none", [])):
            with self.subTest(permanent=name):
                inbox = box(b"INBOX", 3)
                inbox.permanent = permanent
                self.pair(name="G21" + name.replace(" ", ""), boxes=[inbox, box(b"Trash", attributes=["\\Trash"])])
                word = mail_reader.keyword(self.folder(), "mine")
                mail_reader.flag(self.file("t1"), "S" + word)
                mail_reader.flag(self.file("t2"), word)
                for number in range(3):
                    result = self.subject.sync()
                    self.assertAlive(result)
                    self.assertIn(result.status, (0, 1))
                    self.assertIn(word, mail_reader.parts(self.file("t1"))[1], "kept here")
                    self.assertIn("S", mail_reader.parts(self.file("t1"))[1])
                    self.assertEqual(mail_reader.parts(self.file("t2"))[1], word)
                    if number:
                        self.assertEqual(self.server.writes, [], "no retry loop")
                    self.server.writes.clear()
                self.assertEqual(self.flags_of("t1"), {"\\seen"} if permanent else set())

    def test_Q21_read_only(self):
        """READ-ONLY SELECT with local changes of each kind: kept here, not tried again and again, nothing lost; when
        the mailbox can be written again, they are sent."""
        self.pair(4)
        self.inbox.read_only = True
        before = self.snapshot()
        mail_reader.flag(self.file("t1"), "F")
        self.file("t2").unlink()
        mail_reader.deliver(self.folder(), letter("mine"), "S")
        for number in range(3):
            result = self.subject.sync()
            self.assertAlive(result)
            self.assertEqual(self.snapshot(), before)
            self.assertEqual(mail_reader.parts(self.file("t1"))[1], "F")
            self.assertTrue(mail_reader.find(self.folder(), "mine"))
            self.assertFalse(mail_reader.find(self.folder(), "t2"))
            if number:
                self.assertEqual(self.server.writes, [])
            self.server.writes.clear()
        self.inbox.read_only = False
        self.settle()
        self.assertEqual(self.flags_of("t1"), {"\\flagged"})
        self.assertPlaces("mine", "INBOX")
        self.assertPlaces("t2", "Trash")

    def test_G13_bye_or_end_at_every_line_of_a_run_that_sends(self):
        """The connection ends at each line of a run that uploads, flags, moves, copies and deletes: at rest all is as
        without it, nothing twice, nothing lost."""
        reached = 0
        for farewell in (None, b"* BYE shutting down"):
            for line in range(1, 120) if FULL else sorted(self.dice.sample(range(1, 60), 5)):
                with self.subTest(line=line, farewell=bool(farewell)):
                    server = self.pair(5, name="G13%d%d" % (line, bool(farewell)))
                    mail_reader.flag(self.file("t1"), "F")
                    mail_reader.move(self.file("t2"), self.folder("Archive"))
                    mail_reader.copy(self.file("t3"), self.folder("Archive"))
                    mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
                    self.file("t4").unlink()
                    server.lines, server.cut, server.farewell = 0, line, farewell
                    self.assertAlive(self.subject.sync(timeout=60))
                    reached += server.lines >= server.cut
                    server.cut = None
                    self.settle()
                    self.assertEqual(self.flags_of("t1"), {"\\flagged"})
                    self.assertPlaces("t2", "Archive")
                    self.assertPlaces("t3", "INBOX", "Archive")
                    self.assertPlaces("mine", "Sent")
                    self.assertPlaces("t4", "Trash")
                    self.assertSame()
                    self.exits.close()
        self.assertGreater(reached, 3)


class Identities(HostileTwoWay):
    """What UIDs name may change at any moment: nothing is stored, moved or expunged on the word of an old UID."""

    def renumber(self, first=101):
        messages = [Message(first + number, message.body, message.flags, message.date)
                    for number, message in enumerate(reversed(self.inbox.messages))]
        self.inbox.messages, self.inbox.uid_validity = messages, self.inbox.uid_validity + 5
        self.inbox.uid_next, self.inbox.vanished = 300, []

    def replace(self, prefix="new", validity=True):
        """Other messages under the same UIDs."""
        self.inbox.messages = [Message(message.uid, letter("%s%d" % (prefix, message.uid), ends=b"\r\n"),
                                       date=message.date + 1000, modseq=self.inbox.mod_seq + 1)
                               for message in self.inbox.messages]
        self.inbox.mod_seq += 1
        if validity:
            self.inbox.uid_validity += 1

    def changes(self):
        mail_reader.flag(self.file("t1"), "F")
        self.file("t2").unlink()
        mail_reader.move(self.file("t3"), self.folder("Archive"))
        mail_reader.deliver(self.folder(), letter("mine"), "S")

    def test_Q1_local_changes_wait_for_the_right_messages(self):
        """The mailbox is renumbered while a flag, a deletion, a move and an upload wait: each reaches its message,
        nothing is uploaded twice or deleted for it."""
        for number, capabilities in enumerate((MOVE, CAPABILITIES)):
            with self.subTest(capabilities=capabilities):
                self.pair(6, capabilities, name="Q1%d" % number)
                self.changes()
                self.renumber()
                self.settle()
                self.assertEqual(self.flags_of("t1"), {"\\flagged"})
                self.assertPlaces("t3", "Archive")
                self.assertPlaces("mine", "INBOX")
                for token in ("t4", "t5", "t6"):
                    self.assertPlaces(token, "INBOX")
                there, here = self.token_count("t2")
                self.assertEqual(there, here)
                self.assertEqual(sum(there.values()), 1, "in Trash, or back in INBOX; not lost, not twice")
                self.assertEqual(self.verbs().count("APPEND"), 1, "only what is new is uploaded")

    def test_Q1_renumbered_between_the_round_from_the_server_and_the_one_to_it(self):
        """UIDVALIDITY is checked at the SELECT for writing: what the old UIDs name now is left alone."""
        server = self.pair(6)
        self.changes()
        done = []

        def select(session, tag, words):
            if words[0].upper() == b"INBOX" and not done:
                done.append(1)
                self.replace()

        server.hooks["SELECT"] = select
        result = self.subject.sync()
        self.assertAlive(result)
        self.assertTrue(done, "a SELECT for writing")
        for message in self.inbox.messages[:6]:
            self.assertEqual([flag for flag in message.flags if flag != "\\Recent"], [])
        self.assertEqual([m.uid for m in self.inbox.messages[:6]], [1, 2, 3, 4, 5, 6])
        self.assertEqual(server.box("Trash").messages, [])
        self.assertEqual([m for m in server.box("Archive").messages if b"new" in m.body], [])
        server.hooks.clear()
        for _ in range(3):
            self.assertAlive(self.subject.sync())
        for token in ("t1", "t4", "t5", "t6"):
            self.assertTrue(sum(self.token_count(token)[1].values()) or letter(token) in self.subject.quarantined(),
                            "%s is not lost" % token)

    def test_Q1_a_mailbox_made_anew_and_empty_is_held_and_gets_nothing(self):
        """Held: five messages stay here, and are not uploaded. Approved: to quarantine. Rejected: sent again."""
        for word in ("approve", "reject"):
            with self.subTest(word):
                self.pair(5, name="Q1" + word)
                self.inbox.messages, self.inbox.uid_validity, self.inbox.vanished = [], self.inbox.uid_validity + 1, []
                self.inbox.uid_next = 1
                for _ in range(2):
                    self.synced(self.subject, status=3)
                    self.assertEqual(self.server.writes, [])
                    self.assertEqual(len(mail_reader.files(self.folder())), 5)
                self.answered(word)
                if word == "approve":
                    self.assertEqual(mail_reader.files(self.folder()), [])
                    self.assertEqual(len(self.subject.quarantined()), 5)
                    self.assertEqual(self.inbox.messages, [])
                else:
                    self.assertEqual(len(self.inbox.messages), 5)
                    self.assertEqual(self.subject.quarantined(), [])
                self.assertSame()
                self.assertQuiet()

    def test_Q3_uids_that_name_other_messages_are_noticed_before_anything_is_sent(self):
        for number, capabilities in enumerate((MOVE, CAPABILITIES.replace(" QRESYNC", ""), PLAIN)):
            with self.subTest(capabilities=capabilities):
                self.pair(6, capabilities, name="Q3%d" % number)
                self.changes()
                bodies = {letter("t%d" % uid) for uid in range(1, 7)}
                self.replace(validity=False)
                before = self.snapshot()
                for _ in range(2):
                    result = self.subject.sync()
                    self.assertAlive(result)
                    now = self.snapshot()
                    self.assertEqual(now[b"INBOX"][:6], before[b"INBOX"][:6], "what the UIDs name now is left alone")
                    self.assertEqual(now[b"Trash"], before[b"Trash"])
                self.assertIn(result.status, (1, 3))
                kept = {path.read_bytes() for folder in check.folders(self.subject.root)
                        for path in mail_reader.files(folder)} | set(self.subject.quarantined())
                self.assertLessEqual(bodies - {letter("t2")}, kept)

    def test_Q8_no_uidplus_and_other_peoples_deleted_messages(self):
        """Deletion, move and replacement on servers without UIDPLUS, with and without MOVE, while another client's
        messages are marked: never a plain EXPUNGE, and theirs stay."""
        for number, capabilities in enumerate((PLAIN, PLAIN + " MOVE", CAPABILITIES.replace(" UIDPLUS", ""))):
            with self.subTest(capabilities=capabilities):
                server = self.pair(6, capabilities, name="Q8%d" % number)
                self.inbox.flag(5, "\\Deleted")
                self.inbox.flag(6, "\\Deleted")
                self.file("t1").unlink()
                mail_reader.move(self.file("t2"), self.folder("Archive"))
                mail_reader.edit(self.file("t3"), letter("t3", "edited"))
                for _ in range(3):
                    self.assertIn(self.subject.sync().status, (0, 3))
                self.assertNotIn("UID EXPUNGE", self.verbs(), "not offered")
                for token in ("t5", "t6"):
                    self.assertPlaces(token, "INBOX")
                self.assertEqual(self.token_count("t1")[1], {"Trash": 1}, "here it is in Trash only")
                self.assertEqual(self.token_count("t2")[1], {"Archive": 1})
                self.assertEqual(self.token_count("t3")[1], {}, "not downloaded again while it awaits its expunge")
                self.assertEqual(self.token_count("t3", "edited")[1], {"INBOX": 1})
                self.assertEqual(self.token_count("t1")[0]["Trash"], 1)
                self.assertEqual(self.token_count("t2")[0]["Archive"], 1)
                with self.subTest("another client expunges: all is forgotten"):
                    self.inbox.expunge(*[m.uid for m in self.inbox.messages if "\\Deleted" in m.flags])
                    self.settle()
                    self.assertSame("INBOX", "Archive", dates=False)
                    server.writes.clear()
                    self.assertQuiet()

    def test_Q19_numbers_that_shift_while_commands_are_on_their_way(self):
        """EXPUNGE by number in the answers to STORE and MOVE: only UIDs count, the right messages are changed."""
        server = self.pair(8, MOVE.replace(" QRESYNC", ""))
        done = []

        def store(session, tag, words):
            if not done:
                done.append(1)
                self.inbox.expunge(1)
                session.raw(b"* 1 EXPUNGE\r\n")
                session.view = [m.uid for m in self.inbox.messages]

        server.hooks["UID STORE"] = server.hooks["UID MOVE"] = store
        mail_reader.flag(self.file("t4"), "F")
        mail_reader.flag(self.file("t5"), "S")
        self.file("t6").unlink()
        self.settle()
        server.hooks.clear()
        self.settle()
        self.assertEqual(self.flags_of("t4"), {"\\flagged"})
        self.assertEqual(self.flags_of("t5"), {"\\seen"})
        self.assertPlaces("t6", "Trash")
        self.assertPlaces("t1")
        for token in ("t2", "t3", "t7", "t8"):
            self.assertEqual(self.flags_of(token), set())
        self.assertSame()

    def test_Q23_made_anew_between_two_batches(self):
        """The mailbox is deleted and made anew with other mail after the first command that changed it; the server ends
        the connection. What the old UIDs name now is left alone, batch after batch."""
        server = self.pair(12)
        done = []

        def store(session, tag, words):
            if not done:
                done.append(1)
                self.replace()
                session.raw(b"* BYE mailbox deleted\r\n")
                session.close()

        server.hooks["UID STORE"] = store
        for number in range(1, 13):
            mail_reader.flag(self.file("t%d" % number), "F" if number % 2 else "S")
        for _ in range(3):
            self.assertAlive(self.subject.sync(timeout=60))
        self.assertTrue(done)
        for uid in range(1, 13):
            found = [m for m in self.inbox.messages if m.uid == uid and b"<new%d@" % uid in m.body]
            self.assertEqual([flag for m in found for flag in m.flags], [], "message %d" % uid)

    def test_Q25_a_move_on_the_server_during_a_sync(self):
        """Another client moves a message while the sync runs, at each of its commands: at every moment there is a local
        copy, and at rest it is in its new place, once."""
        for moment in range(1, 40 if FULL else 16, 1 if FULL else 3):
            with self.subTest(command=moment):
                server = self.pair(3, name="Q25%d" % moment)
                mail_reader.flag(self.file("t2"), "F")
                content, missing, count = check.digest(letter("t1")), [], []

                def watch(session, tag, words):
                    count.append(1)
                    if len(count) == moment:
                        message = self.message("t1")
                        server.box("Archive").add(message.body, message.flags, message.date)
                        self.inbox.expunge(message.uid)
                    if content not in self.subject.bodies():
                        missing.append(len(count))

                server.hooks["*"] = watch
                self.assertAlive(self.subject.sync(timeout=60))
                server.hooks["*"] = lambda session, tag, words: (
                    missing.append("later") if content not in self.subject.bodies() else None)
                for _ in range(2):
                    self.assertAlive(self.subject.sync(timeout=60))
                self.assertEqual(missing, [])
                if len(count) >= moment:
                    self.assertPlaces("t1", "Archive")
                self.assertSame()
                self.exits.close()


class Two(HostileTwoWay):
    def test_N11_a_list_that_is_short_creates_and_uploads_nothing(self):
        """LIST leaves out a mailbox, or all, or is refused, once: its folder is no new folder, its mail no new mail."""
        for name, rewrite in (("one", lambda session, line: None if b"Archive" in line else line),
                              ("all", lambda session, line: line if not line.startswith(
                                  (b"* LIST", b"* STATUS")) else None)):
            with self.subTest(left_out=name):
                server = self.pair(name="N11" + name, boxes=[box(b"INBOX", 3), box(b"Archive", 3, prefix="a"),
                                                             box(b"Trash", attributes=["\\Trash"])])
                before, files = self.snapshot(), self.subject.mail()
                server.rewrite = rewrite
                self.assertAlive(self.subject.sync())
                self.assertEqual(server.writes, [])
                server.rewrite = None
                self.synced(self.subject)
                self.assertEqual(server.writes, [])
                self.assertEqual(self.snapshot(), before)
                self.assertEqual(self.subject.mail(), files)

    def test_M23_two_syncs_at_once_upload_once(self):
        """Two processes on one account: one works, the other waits or says so; ten new messages are uploaded once."""
        self.pair(2)
        for number in range(10):
            mail_reader.deliver(self.folder("Sent"), letter("up%d" % number), "S")
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.subject.sync(timeout=60))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertIn(0, [result.status for result in results])
        self.settle()
        for number in range(10):
            self.assertPlaces("up%d" % number, "Sent")
