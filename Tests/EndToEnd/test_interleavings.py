"""What breaks naive designs: a reader, another client and the sync at the same message at the same time."""

import os
import shutil

import check
import mail_reader
from hostile_two_way import MOVE, PLAIN, HostileTwoWay
from mail_reader import letter
from servers.scripted import CAPABILITIES
from support import FULL
from two_way import TwoWay, loads

STOPPED = 86


class BetweenRenameAndCommit(TwoWay):
    weight = 30

    def test_the_reader_moves_a_file_between_our_rename_and_our_commit(self):
        """A run ends after a delivery's rename, before the commit that settles it; the reader moves what it finds to
        another folder under another name, read. Each message ends up where the reader put it, once, on both sides."""
        moved_at_all, log = 0, os.path.join(self.directory, "steps")
        self.pair(3, sync=False, name="unbroken")
        self.synced(self.subject, environment={"MAILMIRROR_FAILPOINT_LOG": log})
        with open(log) as lines:
            steps = [line.strip() for line in lines]
        first = steps.index("rename.publish") + 1
        last = len(steps) - steps[::-1].index("rename.publish")
        for number in range(first + 1, last + 9) if FULL else (first + 1, last + 1, last + 3, last + 5):
            with self.subTest(step=number, site=steps[number - 1]):
                self.user = next(self.names)
                self.pair(3, sync=False, name="between%d" % number)
                broken = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": "%d:exit" % number})
                self.assertIn(broken.status, (0, STOPPED))
                moved = []
                inbox, archive = self.subject.root, self.subject.root / ".Archive"
                if (archive / "cur").is_dir():
                    for token in ("t1", "t2", "t3"):
                        for path in mail_reader.find(inbox, token) if (inbox / "cur").is_dir() else []:
                            mail_reader.move(path, archive, base=mail_reader.base_name(), flags="S")
                            moved.append(token)
                self.synced(self.subject)
                self.synced(self.subject)
                for token in ("t1", "t2", "t3"):
                    self.assertPlaces(token, "Archive" if token in moved else "INBOX")
                moved_at_all += bool(moved)
                self.assertSame(leftovers=False)
                self.assertEqual(self.on_server("Trash"), [])
                self.assertQuiet()
        self.assertTrue(moved_at_all)

    def test_the_reader_moves_a_file_between_our_upload_and_our_commit(self):
        """The same for an upload: the run ends at any commit of it, and the reader moves the file elsewhere."""
        for number in range(1, 10) if FULL else sorted(self.dice.sample(range(1, 8), 3)):
            with self.subTest(commit=number):
                self.user = next(self.names)
                self.pair(1, name="upload%d" % number)
                path = mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
                broken = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": "databaseCommit#%d:exit" % number})
                self.assertIn(broken.status, (0, STOPPED))
                mail_reader.move(path, self.folder("Archive"), base=mail_reader.base_name(), flags="FS")
                for _ in range(2):
                    self.synced(self.subject, timeout=100)
                self.assertPlaces("mine", "Archive")
                self.assertEqual(self.on_server("Archive", "mine")[0].flags, {"\\seen", "\\flagged"})
                self.assertEqual(self.on_server("Trash"), [])
                self.assertSame()
                self.assertQuiet()


class WhileACommandIsUnderWay(HostileTwoWay):
    """The reader acts while the server has a command and has not answered yet."""

    def during(self, verb, act):
        """`act` runs once, when that command has reached the server."""
        done = []

        def hook(session, tag, words):
            if not done:
                done.append(1)
                act()

        self.server.hooks[verb] = hook
        return done

    def test_while_a_message_is_uploaded(self):
        acts = {
            "flag": lambda path: mail_reader.flag(path, "F"),
            "move": lambda path: mail_reader.move(path, self.folder("Archive")),
            "move under another name": lambda path: mail_reader.move(path, self.folder("Archive"),
                                                                     base=mail_reader.base_name()),
            "rename": lambda path: mail_reader.move(path, self.folder("Sent"), base=mail_reader.base_name()),
            "copy": lambda path: mail_reader.copy(path, self.folder("Archive")),
            "delete": lambda path: path.unlink(),
            "edit": lambda path: mail_reader.edit(path, letter("mine", "edited")),
        }
        for number, capabilities in enumerate((MOVE, PLAIN) if FULL else (MOVE,)):
            for name, act in acts.items():
                with self.subTest(act=name, capabilities=capabilities):
                    self.pair(1, capabilities, name="during%d%s" % (number, name.replace(" ", "")))
                    path = mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
                    done = self.during("APPEND", lambda act=act, path=path: act(path))
                    self.settle()
                    self.settle()
                    self.assertTrue(done)
                    if name in ("flag", "rename"):
                        self.assertPlaces("mine", "Sent")
                        self.assertEqual(self.flags_of("mine", "Sent"),
                                         {"\\seen", "\\flagged"} if name == "flag" else {"\\seen"})
                    elif name.startswith("move"):
                        there, here = self.token_count("mine")
                        self.assertEqual(here, {"Archive": 1})
                        self.assertEqual(there["Archive"], 1)
                        if capabilities == MOVE:
                            self.assertEqual(there, here)
                    elif name == "copy":
                        self.assertPlaces("mine", "Sent", "Archive")
                    elif name == "delete":
                        self.assertEqual(self.token_count("mine")[0]["Trash"], 1, "it was deleted: in Trash")
                        self.assertEqual(self.token_count("mine")[1], {"Trash": 1})
                    else:
                        self.assertEqual(self.token_count("mine", "edited")[0], {"Sent": 1})
                        self.assertEqual(self.token_count("mine", "edited")[1], {"Sent": 1})
                        self.assertEqual(self.token_count("mine")[1], {})
                    self.assertQuiet()

    def test_while_a_message_is_moved(self):
        acts = {
            "on": lambda path: mail_reader.move(path, self.folder("Sent")),
            "back": lambda path: mail_reader.move(path, self.folder(), base=mail_reader.base_name()),
            "flag": lambda path: mail_reader.flag(path, "F"),
            "delete": lambda path: path.unlink(),
        }
        places = {"on": "Sent", "back": "INBOX", "flag": "Archive", "delete": "Trash"}
        for name, act in acts.items():
            for capabilities, verb in ((MOVE, "UID MOVE"), (CAPABILITIES, "UID COPY")):
                with self.subTest(act=name, verb=verb):
                    self.pair(3, capabilities, name="moved%s%d" % (name, len(capabilities)))
                    path = mail_reader.move(self.file("t1"), self.folder("Archive"))
                    done = self.during(verb, lambda act=act, path=path: act(path))
                    self.settle()
                    self.settle()
                    self.assertTrue(done)
                    self.assertPlaces("t1", places[name])
                    if name == "flag":
                        self.assertEqual(self.flags_of("t1", "Archive"), {"\\flagged"})
                    self.assertQuiet()

    def test_while_flags_are_stored(self):
        """The reader takes the flag back, or sets another, while it is being stored."""
        for name, act, wanted in (
                ("back", lambda path: mail_reader.flag(path, remove="F"), set()),
                ("another", lambda path: mail_reader.flag(path, "S"), {"\\flagged", "\\seen"}),
                ("gone", lambda path: mail_reader.move(path, self.folder("Archive")), {"\\flagged"})):
            with self.subTest(act=name):
                self.pair(3, name="stored" + name)
                path = mail_reader.flag(self.file("t1"), "F")
                done = self.during("UID STORE", lambda act=act, path=path: act(path))
                self.settle()
                self.settle()
                self.assertTrue(done)
                place = "Archive" if name == "gone" else "INBOX"
                self.assertPlaces("t1", place)
                self.assertEqual(self.flags_of("t1", place), wanted)
                self.assertSame()
                self.assertQuiet()

    def test_another_client_changes_flags_while_ours_are_stored(self):
        """UNCHANGEDSINCE: the server answers [MODIFIED]; both changes are there in the end."""
        self.pair(3)
        mail_reader.flag(self.file("t1"), "F")
        mail_reader.flag(self.file("t2"), "F")
        done = self.during("UID STORE", lambda: self.inbox.flag(1, "\\Answered"))
        self.settle()
        self.settle()
        self.assertTrue(done)
        self.assertEqual(self.flags_of("t1"), {"\\flagged", "\\answered"})
        self.assertEqual(self.flags_of("t2"), {"\\flagged"})
        self.assertSame()
        self.assertQuiet()

    def test_another_client_expunges_what_is_moved_or_deleted(self):
        """The message goes on the server while our MOVE of it is under way: nothing wrong is moved, nothing is lost."""
        for name in ("move", "delete"):
            with self.subTest(name):
                self.pair(4, name="expunged" + name)
                if name == "move":
                    mail_reader.move(self.file("t1"), self.folder("Archive"))
                else:
                    self.file("t1").unlink()
                done = self.during("UID MOVE", lambda: self.inbox.expunge(1))
                self.settle()
                self.settle()
                self.assertTrue(done)
                for token in ("t2", "t3", "t4"):
                    self.assertPlaces(token, "INBOX")
                there, here = self.token_count("t1")
                self.assertEqual(there, here)
                if name == "move":  # gone there, moved here: sent in its new place
                    self.assertEqual(here, {"Archive": 1})
                self.assertQuiet()

    def test_the_reader_acts_on_new_mail_while_it_is_fetched(self):
        """Mail is on its way to new/; the reader moves the earlier messages on meanwhile."""
        self.pair(3)
        for number in range(4, 7):
            self.inbox.add(letter("t%d" % number, ends=b"\r\n"))
        done = []

        def fetched(session, number, message, items):
            if b"BODY.PEEK[]" in items and not done:
                done.append(1)
                mail_reader.move(self.file("t1"), self.folder("Archive"), flags="S")
                mail_reader.flag(self.file("t2"), "S")

        self.server.fetched = fetched
        self.settle()
        self.settle()
        self.assertTrue(done)
        self.assertPlaces("t1", "Archive")
        self.assertEqual(self.flags_of("t2"), {"\\seen"})
        for number in range(2, 7):
            self.assertPlaces("t%d" % number, "INBOX")
        self.assertSame()

    def test_a_draft_is_edited_again_during_each_of_its_uploads(self):
        """Five versions, each saved while the one before is being uploaded: the last one is there, once, no Trash."""
        self.pair(1)
        path = mail_reader.deliver(self.folder("Sent"), letter("draft", "version 0"), "DS")
        versions = []

        def hook(session, tag, words):
            if len(versions) < 5:
                versions.append(1)
                mail_reader.edit(path, letter("draft", "version %d" % len(versions)))

        self.server.hooks["APPEND"] = hook
        for _ in range(4):
            self.settle()
        self.assertEqual(len(versions), 5)
        self.assertPlaces("draft", "Sent", text="version 5")
        self.assertEqual(len(self.server.box("Sent").messages), 1)
        self.assertEqual(self.server.box("Trash").messages, [])
        self.assertQuiet()


class BothSides(TwoWay):
    weight = 40

    def test_both_sides_move_the_same_message_to_different_folders(self):
        """The server's place wins; the file is renamed there; nothing is doubled."""
        self.pair(4)
        path = mail_reader.move(self.file("t1"), self.folder("Archive"))
        inode = os.stat(path).st_ino
        self.move_on_server("INBOX", "t1", "Sent")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertPlaces("t1", "Sent")
        self.assertEqual(os.stat(self.file("t1", "Sent")).st_ino, inode, "a rename")
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame()
        self.assertQuiet()

    def test_both_sides_move_it_to_the_same_folder(self):
        self.pair(4)
        mail_reader.move(self.file("t1"), self.folder("Archive"), base=mail_reader.base_name(), flags="S")
        self.move_on_server("INBOX", "t1", "Archive")
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive")
        self.assertEqual(self.on_server("Archive", "t1")[0].flags, {"\\seen"})
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame()
        self.assertQuiet()

    def test_a_copy_now_and_an_unlink_hours_later_with_flags_between(self):
        """neomutt copies in one round, sets flags on both, and unlinks in a later one, also with a server that has
        neither MOVE nor UIDPLUS."""
        self.pair(3)
        path = self.file("t1")
        copied = mail_reader.copy(path, self.folder("Archive"))
        self.synced(self.subject)
        path = mail_reader.flag(path, "S")
        copied = mail_reader.flag(copied, "F")
        self.synced(self.subject)
        path = mail_reader.flag(path, "T")
        self.synced(self.subject)
        path.unlink()
        self.synced(self.subject)
        self.assertPlaces("t1", "Archive")
        self.assertEqual(self.on_server("Archive", "t1")[0].flags, {"\\flagged"})
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame()
        self.assertQuiet()
        with self.subTest("a copy whose copy was deleted first is no move"):
            path = self.file("t2")
            copied = mail_reader.copy(path, self.folder("Archive"))
            self.synced(self.subject)
            copied.unlink()
            self.synced(self.subject)
            self.assertPlaces("t2", "INBOX", "Trash")
            path.unlink()
            self.synced(self.subject)
            self.assertPlaces("t2", "Trash", "Trash")
            self.assertSame()

    def test_a_source_and_its_copy_are_deleted_together(self):
        """Both go in one round: neither is the rest of a move, and the content stays recoverable."""
        self.pair(3)
        path = self.file("t1")
        copied = mail_reader.copy(path, self.folder("Archive"))
        self.synced(self.subject)
        path.unlink()
        copied.unlink()
        self.synced(self.subject)
        self.assertEqual(self.on_server("INBOX", "t1") + self.on_server("Archive", "t1"), [])
        self.assertTrue(self.on_server("Trash", "t1") or letter("t1") in self.subject.quarantined())
        self.assertSame()

    def test_two_equal_messages_one_deleted_or_moved(self):
        self.pair(1)
        self.server.append("INBOX", loads(1, prefix="twin") * 3, user=self.user)
        self.synced(self.subject)
        first, second, _ = mail_reader.find(self.folder(), "twin1")
        first.unlink()
        mail_reader.move(second, self.folder("Archive"), base=mail_reader.base_name())
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertPlaces("twin1", "INBOX", "Archive", "Trash")
        self.assertSame()
        self.assertQuiet()
        with self.subTest("one deleted on the server"):
            with self.client("INBOX") as client:
                uid = client.uid("SEARCH", "HEADER", "Message-ID", "<twin1@example.org>")[1][0].split()[0].decode()
                client.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)")
                client.uid("EXPUNGE", uid)
            self.synced(self.subject)
            self.assertPlaces("twin1", "Archive", "Trash")
            self.assertSame()

    def removed_folder(self):
        self.server.append("Archive", loads(3, prefix="a"), user=self.user)
        self.pair(2)
        shutil.rmtree(self.folder("Archive"))
        self.server.append("Archive", loads(2, prefix="later"), user=self.user)
        mail_reader.flag(self.file("t1"), "F")
        before = self.on_server("Archive")
        for _ in range(2):
            self.synced(self.subject, status=3)
            self.assertEqual(sorted(map(repr, self.on_server("Archive"))), sorted(map(repr, before)))
            self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\flagged"}, "the others go on")
        self.assertHeld("folder")

    def test_D7_a_folder_removed_while_mail_arrives_in_it_is_held_then_rejected(self):
        self.removed_folder()
        self.answered("reject")
        self.synced(self.subject)
        for token in ("a1", "a2", "a3", "later1", "later2"):
            self.assertPlaces(token, "Archive")
        self.assertEqual(self.holds(), [])
        self.assertSame()
        self.assertQuiet()

    def test_D7_a_folder_removed_while_mail_arrives_in_it_is_held_then_approved(self):
        """Approved: what was here goes to Trash; mail that arrived meanwhile, which nobody has seen, is kept."""
        self.removed_folder()
        self.subject.run("approve", "--all")
        for _ in range(3):
            self.assertIn(self.subject.sync().status, (0, 1, 3))
        for token in ("a1", "a2", "a3"):
            self.assertPlaces(token, "Trash")
        view = self.server_view()
        contents = [message.digest for messages in view.values() for message in messages.values()]
        for token in ("later1", "later2"):
            self.assertIn(check.digest(letter(token)), contents, "not lost")
        self.assertSame()
