"""HAZARDS.md, Q7, V1, V3, V5 and V7: answers that are lost, refusals, and what providers do with what is sent."""

from pathlib import Path

import mail_reader
from hostile_two_way import MOVE, PLAIN, HostileTwoWay, box
from mail_reader import letter
from servers.scripted import CAPABILITIES
from support import FULL

GMAIL = MOVE + " X-GM-EXT-1"


class Uploading(HostileTwoWay):
    """Q7: the connection is cut around an APPEND; exactly one copy finally."""

    CAPABILITIES = (MOVE, MOVE.replace(" LITERAL+", ""), PLAIN, MOVE + " MULTIAPPEND",
                    MOVE.replace("LITERAL+", "LITERAL-"))

    def each(self, hook, tokens=2):
        for number, capabilities in enumerate(self.CAPABILITIES if FULL else self.dice.sample(self.CAPABILITIES, 3)):
            with self.subTest(capabilities=capabilities):
                server = self.pair(2, capabilities, name="Q7%d" % number)
                done = []
                server.hooks["APPEND"] = lambda session, tag, words: hook(session, tag, words, done)
                for token in range(tokens):
                    mail_reader.deliver(self.folder("Sent"), letter("up%d" % token), "S")
                self.settle()
                self.assertTrue(done, "it was cut")
                for token in range(tokens):
                    self.assertPlaces("up%d" % token, "Sent")
                self.assertSame(dates=False)
                self.assertQuiet()

    def test_Q7_cut_after_the_literal_stored(self):
        def hook(session, tag, words, done):
            if not done:
                done.append(session.append(words))
                session.close()

        self.each(hook)

    def test_Q7_cut_after_the_literal_not_stored(self):
        def hook(session, tag, words, done):
            if not done:
                done.append(1)
                session.close()

        self.each(hook)

    def test_Q7_cut_after_the_literal_stored_late(self):
        """The server is still at it when it is first asked whether it has the message."""
        def hook(session, tag, words, done):
            if not done:
                done.append(words)
                server = session.server
                selects = []

                def select(later, tag_, words_):
                    if words_[0] == b"Sent":
                        selects.append(1)
                        if len(selects) == 3:
                            later.append(words)

                server.hooks["SELECT"] = server.hooks["EXAMINE"] = select
                session.close()

        self.each(hook)

    def test_Q7_an_edited_message_cut_after_the_literal(self):
        """Stored, not stored, stored late: the edited version is there once, the first one nowhere."""
        for how in ("stored", "not stored", "late"):
            with self.subTest(how):
                server = self.pair(2, name="edited " + how)
                self.cut_once(server, how)
                mail_reader.edit(self.file("t1"), letter("t1", "edited"))
                self.settle()
                self.assertPlaces("t1", "INBOX", text="edited")
                self.assertPlaces("t1")
                self.assertQuiet()

    def test_Q7_a_message_edited_again_after_the_cut(self):
        """The version that was sent is replaced in its turn, whether by another file or in place."""
        for token, folder, edit in (("t1", "INBOX", mail_reader.edit), ("up", "Sent", mail_reader.edit),
                                    ("t2", "INBOX", Path.write_bytes), ("upper", "Sent", Path.write_bytes)):
            with self.subTest(token):
                server = self.pair(2, name="again " + token)
                self.cut_once(server, "not stored")
                path = self.file(token) if folder == "INBOX" else mail_reader.deliver(self.folder(folder), letter(token))
                mail_reader.edit(path, letter(token, "edited"))
                self.subject.sync(while_running=self.hurry())
                # The server is through with it only now.
                server.box(folder).add(letter(token, "edited", ends=b"\r\n"))
                edit(self.file(token, folder), letter(token, "once more"))
                self.settle()
                self.assertPlaces(token, folder, text="once more")
                self.assertPlaces(token, text="edited")
                self.assertPlaces(token)
                self.assertQuiet()

    def cut_once(self, server, how):
        """The connection is cut after the first APPEND, which was stored, was not, or is when it has been looked for."""
        done = []

        def append(session, tag, words):
            if done:
                return
            done.append(1)
            if how == "stored":
                session.append(words)
            if how == "late":
                looks = []

                def select(later, tag_, words_):
                    looks.append(1)
                    if len(looks) == 3:
                        later.append(words)

                server.hooks["SELECT"] = server.hooks["EXAMINE"] = select
            session.close()

        server.hooks["APPEND"] = append

    def test_Q7_two_equal_messages_cut_after_the_first(self):
        """Equal bytes twice on purpose, and the answer to the first is lost: two in the end, not one, not three."""
        server = self.pair(2)
        done = []

        def hook(session, tag, words):
            if not done:
                done.append(session.append(words))
                session.close()

        server.hooks["APPEND"] = hook
        for _ in range(2):
            mail_reader.deliver(self.folder("Sent"), letter("twin"), "S")
        self.settle()
        self.assertPlaces("twin", "Sent", "Sent")
        self.assertQuiet()

    def test_Q7_an_alien_message_arrives_meanwhile(self):
        """While the answer is lost other mail arrives above the recorded UIDNEXT: it is not taken for ours."""
        server = self.pair(2)
        done = []

        def hook(session, tag, words):
            if not done:
                done.append(1)
                server.box("Sent").add(letter("alien", ends=b"\r\n"))
                session.append(words)
                server.box("Sent").add(letter("other", ends=b"\r\n"))
                session.close()

        server.hooks["APPEND"] = hook
        mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
        self.settle()
        for token in ("mine", "alien", "other"):
            self.assertPlaces(token, "Sent")
        mail_reader.flag(self.file("mine", "Sent"), "F")
        self.settle()
        self.assertEqual(self.flags_of("mine", "Sent"), {"\\seen", "\\flagged"})
        self.assertEqual(self.flags_of("alien", "Sent"), set())

    def test_Q7_a_second_uncertain_attempt_waits_for_a_person(self):
        server = self.pair(2)
        server.hooks["APPEND"] = lambda session, tag, words: session.close()
        mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
        self.settle(status=3)
        tries = self.verbs().count("APPEND")
        self.assertEqual(tries, 2)
        server.hooks.clear()
        self.synced(self.subject, status=3)
        self.assertEqual(self.verbs().count("APPEND"), tries, "not sent a third time by itself")
        mail_reader.deliver(self.folder("Sent"), letter("another"), "S")
        self.synced(self.subject, status=3)
        self.assertPlaces("another", "Sent")
        self.answered("approve")
        self.assertPlaces("mine", "Sent")
        self.assertSame()

    def test_refused_for_ever_stays_here_and_is_said_once(self):
        """NO [TOOBIG], [LIMIT]: the file stays, the others go, it is reported once and not tried every round."""
        for code in (b"[TOOBIG] too large", b"[LIMIT] too many lines"):
            with self.subTest(code=code):
                server = self.pair(2, name="refused%d" % len(code))

                def append(session, tag, words):
                    target, messages = session.parse_append(words)
                    if any(b"<big@" in body for body, _, _ in messages):
                        session.no(tag, code)
                        return True

                server.hooks["APPEND"] = append
                path = mail_reader.deliver(self.folder("Sent"), letter("big"), "S")
                mail_reader.deliver(self.folder("Sent"), letter("small"), "S")
                result = self.subject.sync()
                self.assertAlive(result)
                self.assertIn("Sent", result.err + result.out, "it is said")
                self.assertPlaces("small", "Sent")
                self.assertTrue(path.exists())
                server.writes.clear()
                again = self.subject.sync()
                self.assertAlive(again)
                self.assertEqual(server.writes, [])
                self.assertTrue(path.exists())

    def test_V5_throttled_while_sending(self):
        """`NO Request is throttled` to APPEND, STORE and MOVE, `OK [THROTTLED]`: waits, state intact, later all done
        once."""
        for answer in (b"NO Request is throttled. Suggested Backoff Time: 1500 milliseconds", b"OK [THROTTLED] done"):
            with self.subTest(answer=answer):
                server = self.pair(4, name="V5%d" % len(answer))
                told = set()

                def throttle(verb):
                    def hook(session, tag, words):
                        if verb in told:
                            return None
                        told.add(verb)
                        if answer.startswith(b"OK"):
                            return None
                        session.line(tag + b" " + answer)
                        return True
                    return hook

                for verb in ("APPEND", "UID STORE", "UID MOVE"):
                    server.hooks[verb] = throttle(verb)
                if answer.startswith(b"OK"):
                    server.rewrite = lambda session, line: line.replace(b" OK done", b" OK [THROTTLED] done")
                mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
                mail_reader.flag(self.file("t1"), "F")
                mail_reader.move(self.file("t2"), self.folder("Archive"))
                self.settle()
                self.assertPlaces("mine", "Sent")
                self.assertEqual(self.flags_of("t1"), {"\\flagged"})
                self.assertPlaces("t2", "Archive")
                self.assertSame()

    def test_V7_one_message_is_always_unavailable(self):
        """One upload is always answered NO [UNAVAILABLE], one message can never be fetched: the others go on, both
        are reported, nothing is deleted."""
        server = self.pair(3)

        def append(session, tag, words):
            if any(b"<sick@" in body for body, _, _ in session.parse_append(words)[1]):
                session.no(tag, b"[UNAVAILABLE] not this one")
                return True

        server.hooks["APPEND"] = append
        self.inbox.add(letter("unread", ends=b"\r\n"))
        self.inbox.add(letter("fine", ends=b"\r\n"))
        bad = self.inbox.messages[3].uid

        def fetch(session, tag, words):
            items = words[1] if isinstance(words[1], list) else [words[1]]
            asked = [m.uid for _, m in session.selected.in_set(words[0].decode())]
            whole = any(b"BODY.PEEK[]" == item.upper() for item in items)
            if session.selected is self.inbox and bad in asked and whole:
                for number, message in session.selected.in_set(words[0].decode()):
                    if message.uid != bad:
                        session.fetch(number, message, items)
                session.no(tag, b"[UNAVAILABLE] not this one")
                return True

        server.hooks["UID FETCH"] = fetch
        for token in ("sick", "well"):
            mail_reader.deliver(self.folder("Sent"), letter(token), "S")
        mail_reader.flag(self.file("t1"), "F")
        for _ in range(2):
            result = self.subject.sync(timeout=60)
            self.assertAlive(result)
            self.assertEqual(result.status, 1)
            self.assertPlaces("well", "Sent")
            self.assertPlaces("fine", "INBOX")
            self.assertEqual(self.flags_of("t1"), {"\\flagged"})
            self.assertTrue(mail_reader.find(self.folder("Sent"), "sick"))
            self.assertEqual(len(self.inbox.messages), 5)
        self.assertIn("Sent", result.err)
        self.assertIn("INBOX", result.err)
        server.hooks.clear()
        self.settle()
        self.assertPlaces("sick", "Sent")
        self.assertPlaces("unread", "INBOX")

    def test_a_move_whose_answer_is_lost(self):
        """With MOVE and with COPY, done or not done when the connection goes: one message in the end, at its place."""
        for number, (capabilities, verb) in enumerate(((MOVE, "UID MOVE"), (CAPABILITIES, "UID COPY"),
                                                       (PLAIN, "UID COPY"))):
            for done in (True, False):
                with self.subTest(verb=verb, done=done, capabilities=capabilities):
                    server = self.pair(4, capabilities, name="lost%d%d" % (number, done))
                    cut = []

                    def hook(session, tag, words):
                        if not cut:
                            cut.append(1)
                            if done:
                                _, pairs = session.copies(tag, words)
                                if verb == "UID MOVE":
                                    session.selected.expunge(*[message.uid for message, _ in pairs])
                            session.close()

                    server.hooks[verb] = hook
                    mail_reader.move(self.file("t1"), self.folder("Archive"))
                    mail_reader.copy(self.file("t2"), self.folder("Archive"))
                    self.settle()
                    self.settle()
                    self.assertTrue(cut)
                    if capabilities == PLAIN:  # awaits somebody's expunge
                        self.assertEqual(self.token_count("t1")[1], {"Archive": 1})
                        self.assertEqual(self.token_count("t1")[0]["Archive"], 1)
                    else:
                        self.assertPlaces("t1", "Archive")
                    self.assertPlaces("t2", "INBOX", "Archive")


class Providers(HostileTwoWay):
    def test_V1_a_view_that_slides_is_held(self):
        """Only the newest 60 show; the oldest vanish as mail arrives, ten at a time. Held before many are gone here,
        nothing is sent, and what is new still comes."""
        self.pair(60)
        new = 60
        for _ in range(6):
            self.inbox.expunge(*[m.uid for m in self.inbox.messages[:10]])
            for _ in range(10):
                new += 1
                self.inbox.add(letter("t%d" % new, ends=b"\r\n"))
            result = self.subject.sync()
            self.assertAlive(result)
            self.assertPlaces("t%d" % new, "INBOX")
        self.assertEqual(result.status, 3, result.err)
        old = sum(bool(mail_reader.find(self.folder(), "t%d" % number)) for number in range(1, 61))
        self.assertGreaterEqual(old, 40, "old mail that is still here")
        self.assertEqual(self.server.writes, [])
        for number in range(1, 61):
            self.assertTrue(mail_reader.find(self.folder(), "t%d" % number) or
                            letter("t%d" % number) in self.subject.quarantined())

    def gmail(self, name="mirror"):
        boxes = [box(b"INBOX", 4), box(b"Work"), box(b"[Gmail]/All Mail", 4, attributes=["\\All"]),
                 box(b"[Gmail]/Trash", attributes=["\\Trash"])]
        for one in boxes:
            for message in one.messages:
                message.gmail_id = 1000 + message.uid
        self.pair(boxes=boxes, capabilities=GMAIL, name=name)
        return self.server

    def label(self, token, name):
        """Another label for a message, on the server."""
        message = self.message(token)
        copy = self.server.box(name).add(message.body, message.flags, message.date)
        copy.gmail_id = message.gmail_id

    def test_V3_a_deletion_under_one_of_two_labels_removes_that_label_only(self):
        self.gmail()
        self.label("t1", "Work")
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX", "Work", "[Gmail]/All Mail")
        self.file("t1").unlink()
        self.settle()
        self.assertPlaces("t1", "Work", "[Gmail]/All Mail")
        with self.subTest("the last label goes to Trash"):
            self.file("t1", "Work").unlink()
            self.settle()
            self.assertEqual(self.token_count("t1")[0]["[Gmail]/Trash"], 1)
            self.assertEqual(self.token_count("t1")[0]["Work"], 0)
            self.assertEqual(self.token_count("t1")[1]["[Gmail]/Trash"], 1)

    def test_V3_a_local_move_never_destroys_the_last_copy(self):
        """A move between labels, by rename, and by copy now and unlink later: All Mail keeps it, Trash stays empty."""
        self.gmail()
        mail_reader.move(self.file("t1"), self.folder("Work"))
        path = self.file("t2")
        mail_reader.copy(path, self.folder("Work"))
        self.settle()
        self.assertPlaces("t1", "Work", "[Gmail]/All Mail")
        self.assertPlaces("t2", "INBOX", "Work", "[Gmail]/All Mail")
        path.unlink()
        self.settle()
        self.assertPlaces("t2", "Work", "[Gmail]/All Mail")
        self.assertEqual(self.server.box("[Gmail]/Trash").messages, [])
        self.assertQuiet()

    def test_V3_a_local_move_of_a_message_that_another_label_had_first(self):
        """The copy in the folder is taken for one of All Mail's message, which has been known for longer."""
        self.gmail()
        for name in ("[Gmail]/All Mail", "Work"):
            self.server.box(name).add(letter("t9", ends=b"\r\n")).gmail_id = 2009
            self.synced(self.subject)
        path = self.file("t9", "Work")
        mail_reader.copy(path, self.folder())
        self.settle()
        self.assertPlaces("t9", "INBOX", "Work", "[Gmail]/All Mail")
        path.unlink()
        self.settle()
        self.assertPlaces("t9", "INBOX", "[Gmail]/All Mail")
        self.assertEqual(self.server.box("[Gmail]/Trash").messages, [])
        self.assertQuiet()

    def test_V3_a_server_that_expunges_on_the_deleted_flag(self):
        """Gmail's default: +FLAGS \\Deleted takes the message out of the folder at once. A local T there counts as a
        deletion: the last label is in Trash afterwards, not destroyed."""
        self.gmail()

        def store(session, tag, words):
            if any(isinstance(word, list) and b"\\Deleted" in word for word in words) and b"+" in words[-2]:
                session.gone([m.uid for _, m in list(session.selected.in_set(words[0].decode()))])
                session.ok(tag)
                return True

        self.server.hooks["UID STORE"] = store
        mail_reader.flag(self.file("t1"), "T")
        for _ in range(3):
            self.assertAlive(self.subject.sync())
        there = self.token_count("t1")[0]
        self.assertTrue(there["[Gmail]/All Mail"] or there["[Gmail]/Trash"], "not destroyed")
        self.assertTrue(sum(self.token_count("t1")[1].values()), "a local copy too")
