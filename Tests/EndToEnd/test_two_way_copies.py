"""Messages of one content are told apart: each keeps its own flags, whatever becomes of the commands about them."""

import mail_reader
from hostile_two_way import HostileTwoWay, box
from mail_reader import letter
from servers.model import Mailbox, Message
from two_way import TwoWay, loads

STOPPED = 86  # what a failpoint exits with


def flags_of(messages):
    return sorted(sorted(message.flags) for message in messages)


class Copies(TwoWay):
    def test_a_copy_does_not_get_the_flags_that_its_source_got_later(self):
        self.pair(1, flags=("\\Seen",))
        path = self.file("t1")
        for target in ("INBOX", "Archive"):
            mail_reader.copy(path, self.folder(target))
        mail_reader.flag(path, "R")
        self.synced(self.subject)
        self.assertEqual(flags_of(self.on_server("INBOX", "t1")), [["\\answered", "\\seen"], ["\\seen"]])
        self.assertEqual(flags_of(self.on_server("Archive", "t1")), [["\\seen"]])
        self.assertSame()
        self.assertQuiet()

    def test_equal_messages_that_are_moved_under_other_names_keep_their_flags_and_keywords(self):
        self.pair(1, flags=("\\Seen", "work"))
        self.server.append("INBOX", loads(1, ("\\Flagged", "later")), user=self.user)
        self.synced(self.subject)
        paths = mail_reader.find(self.folder(), "t1")
        self.assertEqual(len(paths), 2)
        seen, flagged = sorted(paths, key=lambda path: "F" in mail_reader.parts(path)[1])
        for path, target in ((flagged, "Archive"), (seen, "Drafts")):
            mail_reader.move(path, self.folder(target), base=mail_reader.base_name())
        self.synced(self.subject)
        found = {name: [(message.flags, message.keywords) for message in self.on_server(name, "t1")]
                 for name in ("INBOX", "Archive", "Drafts")}
        self.assertEqual(found, {"INBOX": [], "Archive": [({"\\flagged"}, {"later"})], "Drafts": [({"\\seen"}, {"work"})]})
        self.assertSame()
        self.assertQuiet()


class LostAnswers(HostileTwoWay):
    def late(self, verb, mailbox, selection, carry_out):
        """The first such command is cut off, and done when that mailbox is selected for the `selection`th time since."""
        waiting, selects, server = [], [], self.server

        def select(session, tag, words):
            if waiting and words[0] == mailbox:
                selects.append(1)
                if len(selects) == selection:
                    carry_out(session, *waiting[0])

        def hook(session, tag, words):
            if not waiting:
                waiting.append((session.selected, words))
                server.hooks["SELECT"] = server.hooks["EXAMINE"] = select
                session.close()

        server.hooks[verb] = hook
        return selects

    def test_a_late_copy_has_the_flags_of_its_file(self):
        """The server copies when it has been asked for the copy once already, and finds no such message."""
        for selection in (2, 3):
            with self.subTest(selection=selection):
                self.pair(1, name="late%d" % selection,
                          boxes=[box(b"INBOX", 1, flags=("\\Seen",)), box(b"Archive"), box(b"Trash", attributes=["\\Trash"])])

                def carry_out(session, source, words):
                    for _, message in list(source.in_set(words[0].decode())):
                        session.server.box(words[1]).add(message.whole(), message.flags, message.date)

                selects = self.late("UID COPY", b"Archive", selection, carry_out)
                mail_reader.copy(self.file("t1"), self.folder("Archive"), flags="F")
                self.settle()
                self.assertGreaterEqual(len(selects), selection)
                self.assertPlaces("t1", "INBOX", "Archive")
                self.assertEqual(self.flags_of("t1", "Archive"), {"\\flagged"})
                self.assertEqual(self.flags_of("t1", "INBOX"), {"\\seen"})
                self.assertQuiet()

    def test_equal_messages_moved_while_the_answer_is_lost(self):
        """The server gives the second the first UID; one was flagged before it was moved."""
        twins = Mailbox(b"INBOX", [Message(1, letter("twin", ends=b"\r\n"), ("\\Seen",)),
                                   Message(2, letter("twin", ends=b"\r\n"), ("\\Flagged",))])
        server = self.pair(boxes=[twins, box(b"Archive"), box(b"Trash", attributes=["\\Trash"])])
        cut = []

        def hook(session, tag, words):
            if not cut:
                cut.append(1)
                for message in list(session.selected.messages)[::-1]:
                    server.box("Archive").add(message.whole(), message.flags, message.date)
                session.selected.expunge(1, 2)
                session.close()

        server.hooks["UID MOVE"] = hook
        for path in mail_reader.find(self.folder(), "twin"):
            flags = mail_reader.parts(path)[1]
            mail_reader.move(path, self.folder("Archive"), flags="RS" if flags == "S" else flags)
        self.settle()
        self.assertTrue(cut)
        found = sorted(sorted(flag for flag in message.flags if flag != "\\Recent")
                       for message in server.box("Archive").messages)
        self.assertEqual(found, [["\\Answered", "\\Seen"], ["\\Flagged"]])
        self.assertSame()
        self.assertQuiet()


class CutCommands(HostileTwoWay):
    """A command that was cut off before the server had done it is sent again by the same sync."""

    def cut_first(self, verb):
        cut = []

        def hook(session, tag, words):
            if not cut:
                cut.append(1)
                session.close()

        self.server.hooks[verb] = hook
        return cut

    def test_the_same_sync_sends_it_again(self):
        acts = {
            "UID MOVE": lambda path: mail_reader.move(path, self.folder("Archive")),
            "UID COPY": lambda path: mail_reader.copy(path, self.folder("Archive")),
            "UID STORE": lambda path: mail_reader.flag(path, "F"),
        }
        for number, (verb, act) in enumerate(acts.items()):
            with self.subTest(verb=verb):
                self.pair(3, name="again%d" % number)
                cut = self.cut_first(verb)
                act(self.file("t1"))
                self.synced(self.subject)
                self.assertTrue(cut)
                if verb == "UID STORE":
                    self.assertEqual(self.flags_of("t1"), {"\\flagged"})
                else:
                    self.assertPlaces("t1", *(["INBOX"] if verb == "UID COPY" else []), "Archive")
                self.assertQuiet()

    def test_a_deletion_is_done_and_its_mailbox_looked_at(self):
        for number, way in enumerate(("trash", "expunge")):
            with self.subTest(way=way):
                self.pair(3, name="deleted%d" % number, account={"delete_on_server": way})
                cut = self.cut_first("UID MOVE" if way == "trash" else "UID EXPUNGE")
                self.file("t1").unlink()
                self.synced(self.subject)
                self.assertTrue(cut)
                self.assertPlaces("t1", *(["Trash"] if way == "trash" else []))
                self.assertQuiet()

    def test_one_sync_is_enough_after_a_kill(self):
        """Whichever commit the run ended at: between the intent of a move and the MOVE, the mailbox that it goes to is
        the one that finds out that nothing was done."""
        for number in range(1, 7):
            with self.subTest(commit=number):
                self.pair(3, name="killed%d" % number)
                mail_reader.move(self.file("t1"), self.folder("Archive"))
                mail_reader.copy(self.file("t2"), self.folder("Archive"))
                broken = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": "databaseCommit#%d:exit" % number})
                self.assertIn(broken.status, (0, STOPPED))
                self.synced(self.subject)
                self.assertPlaces("t1", "Archive")
                self.assertPlaces("t2", "INBOX", "Archive")
                self.assertQuiet()
