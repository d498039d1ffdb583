"""Edited messages and drafts, changes that are none, and mailboxes and accounts that are only read."""

import os
import tempfile

import check
import mail_reader
from mail_reader import letter
from two_way import CRLF, TwoWay, loads


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
        self.assertFalse([verb for verb in self.wire.verbs() if verb.split()[-1] in ("APPEND", "MOVE", "EXPUNGE")])
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
            self.server.doveadm("-o", "mail_plugins=", "save", "-u", self.user, "-m", "Closed",
                                input=letter("c%d" % number, ends=CRLF))
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
