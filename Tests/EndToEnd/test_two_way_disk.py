"""HAZARDS.md, M and D, where changes may be sent: nothing that is wrong with the disk or the state looks like a person's
wish on the server."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import threading

import check
import corpus
import mail_reader
import mirror
from mail_reader import letter
from two_way import TwoWay, loads


class Disk(TwoWay):
    weight = 45

    def filled(self, **account):
        """INBOX t1 to t6, new, and Archive a1 to a4, read."""
        self.server.append("Archive", loads(4, ["\\Seen"], prefix="a"), user=self.user)
        self.pair(6, **account)
        self.view = self.server_view()

    def assertUntouched(self):
        self.assertEqual(self.wire.writes, [])
        self.assertEqual(self.server_view(), self.view)

    def stopped(self, *words):
        """Exit status 1, said why; nothing is sent."""
        result = self.subject.sync()
        self.assertEqual(result.status, 1, result.err or result.out)
        for word in words:
            self.assertIn(word, result.err)
        self.assertUntouched()

    def healed(self):
        """With the cause gone all is as it was: nothing sent, removed or doubled."""
        self.synced(self.subject)
        self.assertUntouched()
        self.assertSame()
        self.assertEqual(self.subject.quarantined(), [])
        self.assertQuiet()

    def test_M1_flags_changed_by_a_reader_during_every_scan(self):
        self.filled()
        running = True

        def reader():
            while running:
                for path in mail_reader.files(self.folder()):
                    with contextlib.suppress(FileNotFoundError):
                        flags = mail_reader.parts(path)[1]
                        mail_reader.flag(path, *(("", "F") if "F" in flags else ("F", "")))

        thread = threading.Thread(target=reader)
        thread.start()
        try:
            for number in range(5):
                self.server.append("INBOX", corpus.small(2, seed=50 + number), user=self.user)
                self.store_on_server("INBOX", "t%d" % (number + 1), "+FLAGS", "\\Answered")
                self.synced(self.subject)
        finally:
            running = False
            thread.join()
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("INBOX")), 16)
        self.assertEqual(self.on_server("Trash"), [])
        self.assertNotIn("APPEND", self.wire.verbs())
        self.assertEqual(self.subject.quarantined(), [])
        self.assertSame()

    def test_M3_changes_within_a_tick_of_the_scan_are_noticed(self):
        """Each change is made the moment a sync has ended, in the same tick of the clock as its scan perhaps."""
        self.filled()
        for number in range(6):
            mail_reader.flag(self.file("t%d" % (number + 1)), "F")
            self.synced(self.subject)
            self.assertEqual(self.on_server("INBOX", "t%d" % (number + 1))[0].flags, {"\\flagged"})

    def test_M15_without_room_for_quarantine_nothing_is_expunged(self):
        self.filled(delete_on_server="expunge")
        self.file("t1").unlink()
        for rule in ("write#1+:ENOSPC", "createFile#1+:ENOSPC", "openTemporary#1+:ENOSPC", "link#1+:ENOSPC"):
            result = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": rule}, timeout=30)
            self.assertIn(result.status, (0, 1), result.err)
            if not self.on_server("INBOX", "t1"):  # the rule touched nothing that the removal needs
                self.assertQuarantined(letter("t1"))
                break
        self.synced(self.subject)
        self.assertPlaces("t1")
        self.assertQuarantined(letter("t1"))

    def test_M17_a_folder_that_cannot_be_read_is_no_deletion(self):
        """cur/ or new/ without permission: that mailbox stops, the other goes on, nothing is deleted on either side."""
        self.filled()
        drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
        for part in ("cur", "new"):
            for mode in (0o000, 0o300):
                with self.subTest(part=part, mode=mode):
                    (self.folder("Archive") / part).chmod(mode)
                    try:
                        result = mirror.run(drop + self.subject.command("sync"), timeout=30)
                    finally:
                        (self.folder("Archive") / part).chmod(0o700)
                    self.assertEqual(result.status, 1, result.out)
                    self.assertIn("Archive", result.err)
                    self.assertUntouched()
                    self.healed()

    def test_M17_a_disk_gone_read_only_sends_no_deletion(self):
        self.filled()
        self.remove_on_server("INBOX", "t1")
        self.server.append("INBOX", loads(1, prefix="later"), user=self.user)
        self.view = self.server_view()
        for rule in ("rename#1+:EROFS", "unlink#1+:EROFS", "link#1+:EACCES", "openTemporary#1+:EROFS"):
            result = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": rule}, timeout=30)
            self.assertIn(result.status, (0, 1), result.err)
            self.assertUntouched()
        self.synced(self.subject)
        self.assertUntouched()
        self.assertSame()

    def after_power_loss(self, damage):
        self.filled()
        with contextlib.closing(sqlite3.connect(self.subject.database)) as connection, connection:
            connection.execute("UPDATE account SET boot = 'another', closed = 0")
        damage([self.file("t1"), self.file("a1", "Archive")])
        self.synced(self.subject)
        self.assertUntouched()
        self.assertSame()
        self.assertQuiet()

    def test_M18_state_durable_but_the_file_gone_is_no_deletion(self):
        self.after_power_loss(lambda paths: [path.unlink() for path in paths])

    def test_M19_an_empty_file_is_never_uploaded(self):
        self.after_power_loss(lambda paths: [path.write_bytes(b"") for path in paths])

    def test_M19_an_emptied_file_without_power_loss_is_not_uploaded_either(self):
        """No mail program truncates a message to nothing."""
        self.filled()
        path = self.file("t1")
        os.truncate(path, 0)
        os.utime(path.parent)
        for _ in range(2):
            self.assertIn(self.subject.sync().status, (0, 1))
        self.assertEqual([message.digest for message in self.on_server("INBOX")].count(check.digest(b"")), 0)
        self.assertEqual(len(self.on_server("INBOX", "t1")), 1)

    def test_M20_a_missing_root_stops(self):
        self.filled()
        aside = self.subject.root.with_name("aside")
        os.rename(self.subject.root, aside)
        for _ in range(2):
            self.stopped("test")
        self.assertFalse(self.subject.root.exists())
        self.subject.root.mkdir(mode=0o700)
        self.stopped("test")
        shutil.copy(aside / ".mailmirror", self.subject.root / ".mailmirror")
        for part in ("cur", "new", "tmp"):
            (self.subject.root / part).mkdir(mode=0o700)
        result = self.subject.sync()
        self.assertIn(result.status, (1, 3), "another directory, in which nothing known is found")
        self.assertEqual(self.server_view(), self.view)
        shutil.rmtree(self.subject.root)
        os.rename(aside, self.subject.root)
        self.wire.forget()
        self.healed()

    def test_M20_a_missing_cur_stops_that_mailbox(self):
        self.filled()
        folder = self.folder("Archive")
        os.rename(folder / "cur", folder / "aside")
        for _ in range(2):
            self.stopped("Archive")
        self.assertFalse((folder / "cur").exists())
        (folder / "cur").mkdir(mode=0o700)
        result = self.subject.sync()
        self.assertIn(result.status, (1, 3), "an empty cur/ in its place is no wish either")
        self.assertUntouched()
        (folder / "cur").rmdir()
        os.rename(folder / "aside", folder / "cur")
        self.healed()

    def test_M20_a_missing_or_foreign_marker_stops(self):
        self.filled()
        marker = self.subject.root / ".mailmirror"
        text = marker.read_bytes()
        mail_reader.flag(self.file("t1"), "F")
        self.file("t2").unlink()
        marker.unlink()
        self.stopped("test")
        marker.write_bytes(text[::-1])
        self.stopped("test")
        marker.write_bytes(text)
        self.synced(self.subject)
        self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\flagged"})

    def test_M21_a_link_that_points_to_an_empty_directory_stops(self):
        self.server.append("INBOX", loads(6), user=self.user)
        self.connect(sync=False)
        real, empty = self.subject.directory / "real", self.subject.directory / "empty"
        for path in (real, empty):
            path.mkdir(mode=0o700)
        self.subject.maildir.mkdir(mode=0o700)
        self.subject.root.symlink_to(real)
        self.synced(self.subject)
        self.wire.forget()
        self.view = self.server_view()
        self.subject.root.unlink()
        self.subject.root.symlink_to(empty)
        for _ in range(2):
            self.stopped("test")
        self.assertEqual(os.listdir(empty), [])
        self.subject.root.unlink()
        self.subject.root.symlink_to(real)
        self.healed()

    def lost(self, damage):
        """The state is damaged: it is rebuilt by content; nothing is fetched twice, sent twice or deleted."""
        self.filled()
        inodes = sorted(row[0] for row in self.subject.mail().values())
        received = self.wire.received
        damage()
        result = self.subject.sync()
        self.assertIn(result.status, (0, 1), result.err)
        self.assertUntouched()
        self.synced(self.subject)
        self.assertUntouched()
        self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), inodes, "no file is fetched again")
        self.assertEqual(self.subject.quarantined(), [])
        self.assertLess(self.wire.received - received, 60_000)
        self.assertSame()
        self.assertQuiet()
        with self.subTest("and then it works as before"):
            mail_reader.flag(self.file("t1"), "F")
            self.file("t2").unlink()
            mail_reader.move(self.file("a1", "Archive"), self.folder())
            self.synced(self.subject)
            self.assertEqual(self.on_server("INBOX", "t1")[0].flags, {"\\flagged"})
            self.assertPlaces("t2", "Trash")
            self.assertPlaces("a1", "INBOX")
            self.assertSame()

    def test_M22_a_missing_database_is_rebuilt(self):
        self.lost(lambda: [path.unlink() for path in self.subject.state.glob("test.sqlite*")])

    def test_M22_a_truncated_database_is_rebuilt(self):
        self.lost(lambda: subprocess.run(["truncate", "-s", "5000", str(self.subject.database)], check=True))

    def test_M22_a_database_of_rubbish_is_rebuilt(self):
        def damage():
            for path in self.subject.state.glob("test.sqlite-*"):
                path.unlink()
            self.subject.database.write_bytes(b"rubbish" * 10_000)
        self.lost(damage)

    def test_M22_changes_made_while_the_state_was_lost_delete_nothing(self):
        """Without a base a file that is not there is a message not fetched yet, never a deletion; a new file is new."""
        self.filled()
        self.file("t1").unlink()
        mail_reader.flag(self.file("t2"), "F")
        mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
        for path in self.subject.state.glob("test.sqlite*"):
            path.unlink()
        self.subject.sync()
        self.synced(self.subject)
        self.assertPlaces("t1", "INBOX")
        self.assertPlaces("mine", "Sent")
        self.assertEqual(self.on_server("INBOX", "t2")[0].flags, {"\\flagged"}, "flags are united")
        self.assertEqual(self.on_server("Trash"), [])
        self.assertSame()

    def test_M22_a_database_restored_from_an_old_backup_heals(self):
        """Between backup and restoration: new mail on both sides, deletions on both sides, flags, moves."""
        self.filled()
        backup = self.subject.directory / "backup"
        shutil.copytree(self.subject.state, backup)
        self.server.append("INBOX", loads(3, prefix="later"), user=self.user)
        mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
        self.file("t1").unlink()
        self.remove_on_server("INBOX", "t2")
        mail_reader.flag(self.file("t3"), "F")
        mail_reader.move(self.file("t4"), self.folder("Archive"))
        self.synced(self.subject)
        self.synced(self.subject)
        self.assertSame()
        self.view = self.server_view()
        files = sorted(self.subject.bodies())
        shutil.rmtree(self.subject.state)
        shutil.copytree(backup, self.subject.state)
        shutil.rmtree(backup)
        self.wire.forget()
        for _ in range(2):
            self.synced(self.subject)
        self.assertUntouched()
        self.assertEqual(sorted(self.subject.bodies()), files)
        self.assertSame()
        self.assertQuiet()

    def test_D11_an_account_that_points_to_another_users_mail_is_held(self):
        """Another user's mail under the old state, with and without the same UIDVALIDITY by chance: nothing is sent
        there, nothing is removed here."""
        self.filled()
        files, user = self.subject.mail(), self.user
        for validity in ("1234567890", None):
            with self.subTest(validity=validity):
                other = next(self.names)
                self.server.append("INBOX", [(body, flags, "01-Jan-2020 00:00:00 +0000") for body, flags, _ in loads(
                    3, prefix="other")], user=other)
                with self.client() as client:
                    mine = client.status("INBOX", "(UIDVALIDITY)")[1][0].decode().split()[-1].rstrip(")")
                self.server.doveadm("mailbox", "update", "--uid-validity", validity or mine, "-u", other, "INBOX")
                self.subject.account["user"] = self.user = other
                self.subject.write()
                self.view = self.server_view()
                for _ in range(2):
                    result = self.subject.sync()
                    self.assertUntouched()
                    for path in files:
                        self.assertTrue(os.path.exists(path), "%s is removed" % path)
                    self.assertIn(result.status, (1, 3), result.out)
                self.subject.account["user"] = self.user = user
                self.subject.write()
                self.view = self.server_view()
                self.healed()

    def test_verify_finds_both_sides_equal_after_changes_of_all_kinds(self):
        self.filled()
        mail_reader.deliver(self.folder("Sent"), letter("mine"), "S")
        mail_reader.flag(self.file("t1"), "F")
        mail_reader.move(self.file("t2"), self.folder("Archive"))
        mail_reader.copy(self.file("t3"), self.folder("Archive"))
        mail_reader.edit(self.file("t4"), letter("t4", "edited"))
        self.file("t5").unlink()
        self.synced(self.subject)
        result = self.subject.run("verify", "--full")
        self.assertEqual(result.status, 0, result.out + result.err)
        with self.subTest("and a difference that nobody may see otherwise"):
            path = self.file("t6")
            status = os.stat(path)
            text = path.read_bytes().replace(b"hello t6\n", b"hullo t6\n")
            with open(path, "r+b") as file:
                file.write(text)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            result = self.subject.run("verify", "--full")
            self.assertEqual(result.status, 1, "a byte differs")
