"""HAZARDS.md, Maildir and disk: M1 to M23 end to end, as they apply to a pull."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time

import check
import corpus
from support import EndToEnd, sample

MARKER = ".mailmirror"


class Disk(EndToEnd):
    weight = 35

    def setUp(self):
        super().setUp()
        self.server = self.dovecot()
        sample(self.server)
        self.subject = self.mirror(self.server)

    def files(self, folder=None, part="cur"):
        return sorted(((folder or self.subject.root) / part).iterdir())

    def stopped(self, *words):
        """It stops with a clear error; nothing on the server or in the Maildir is changed by it."""
        before = self.remote(self.server, b"INBOX")
        result = self.subject.sync()
        line = self.assertOneLine(result, 1)
        for word in words:
            self.assertIn(word, line)
        self.assertEqual(self.remote(self.server, b"INBOX"), before)
        return line

    def test_M1_flags_changed_by_a_reader_during_every_scan(self):
        self.synced(self.subject)
        before = self.subject.bodies()
        running = True

        def reader():
            while running:
                for path in self.files():
                    name, mark, flags = path.name.partition(":2,")
                    flags = "".join(sorted(set(flags) ^ {"F"}))
                    try:
                        os.rename(path, path.with_name(name + mark + flags))
                    except FileNotFoundError:
                        pass

        thread = threading.Thread(target=reader)
        thread.start()
        try:
            for number in range(6):
                self.server.append("INBOX", corpus.small(2, seed=50 + number))
                self.synced(self.subject)
        finally:
            running = False
            thread.join()
        self.synced(self.subject)
        after = self.subject.bodies()
        self.assertEqual(len(after), len(before) + 12, "no message doubled or lost")
        self.assertEqual(self.subject.quarantined(), [])
        status = self.subject.run("status")
        self.assertEqual(status.status, 0, status.err)

    def test_M5_flags_changed_here_and_there(self):
        self.synced(self.subject)
        plain = [path for path in self.files() if "F" not in path.name.partition(":2,")[2]][0]
        name, mark, flags = plain.name.partition(":2,")
        content = check.digest(plain.read_bytes())
        os.rename(plain, plain.with_name(name + mark + "".join(sorted(flags + "F"))))
        client = self.server.client()
        for uid, message in check.server_messages(client, b"INBOX").items():
            if message.digest == content:
                client.select("INBOX")
                client.uid("STORE", str(uid), "+FLAGS", "(\\Answered)")
        client.logout()
        self.synced(self.subject)
        found = [message for message in check.folder_messages(self.subject.root)[0].values()
                 if message.digest == content]
        self.assertEqual(len(found), 1)
        self.assertLessEqual({"\\answered", "\\flagged"}, found[0].flags, "both changes are there")

    def test_M5_a_reader_moves_new_mail_to_cur_while_flags_arrive(self):
        self.synced(self.subject)
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "1:*", "+FLAGS", "(\\Seen)")
        client.logout()
        for path in self.files(part="new"):
            os.rename(path, self.subject.root / "cur" / (path.name + ":2,"))
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)

    def test_M11_what_is_no_message_is_ignored(self):
        self.synced(self.subject)
        cur = self.subject.root / "cur"
        os.mkfifo(cur / "1.fifo.host:2,S")
        (cur / "2.directory.host:2,S").mkdir()
        (cur / ".dotfile").write_text("x")
        (cur / "3.dangling.host:2,S").symlink_to("/nowhere")
        (cur / "4.linked.host:2,S").symlink_to(self.files()[0])
        os.mkfifo(self.subject.root / "new" / "5.fifo.host")
        before = sorted(os.listdir(cur))
        self.server.append("INBOX", corpus.small(2, seed=60))
        self.synced(self.subject, timeout=30)
        for name in before:
            self.assertIn(name, os.listdir(cur))
        self.assertEqual(self.subject.run("verify", timeout=30).status in (0, 1), True)

    def test_M13_leftovers_in_tmp_stay_for_36_hours(self):
        self.synced(self.subject)
        young, foreign = self.subject.root / "tmp" / "young.host", self.subject.root / "tmp" / "1.M2P3.host"
        for path in (young, foreign):
            path.write_text("half a mess")
            moment = time.time() - 30 * 3600
            os.utime(path, (moment, moment))
        self.synced(self.subject)
        self.assertTrue(young.exists() and foreign.exists())

    def faults(self, rules):
        wanted = None
        for rule in rules:
            with self.subTest(rule=rule):
                shutil.rmtree(self.subject.maildir, ignore_errors=True)
                shutil.rmtree(self.subject.state, ignore_errors=True)
                broken = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": rule}, timeout=60)
                self.assertIn(broken.status, (0, 1), broken.err)
                if broken.status == 1:
                    self.assertRegex(broken.err, r"(?m)^mailmirror: [^:]+.*: .+; .+")
                client = self.server.client()
                if wanted is None:
                    wanted = {message.digest for name in check.server_mailboxes(client)
                              for message in check.server_messages(client, name).values()}
                client.logout()
                if self.subject.root.exists():
                    for digest in self.subject.bodies():
                        self.assertIn(digest, wanted, "a partial message was delivered")
                if broken.status == 0:
                    self.assertMirrored(self.subject, self.server, leftovers=False)
                self.synced(self.subject)
                self.assertMirrored(self.subject, self.server, leftovers=False)
                self.assertEqual(self.subject.quarantined(), [])

    def test_M15_no_space_at_each_call(self):
        self.faults("%s#%s:%s" % (site, number, error) for site, number, error in (
            ("openTemporary", "1", "ENOSPC"), ("openTemporary", "5+", "EDQUOT"), ("write", "1+", "ENOSPC"),
            ("write", "7", "EDQUOT"), ("syncFile", "1", "ENOSPC"), ("syncFile", "4+", "ENOSPC"),
            ("rename", "1", "ENOSPC"), ("rename", "6+", "EDQUOT"), ("makeDirectory", "1", "ENOSPC"),
            ("makeDirectory", "5+", "EDQUOT"), ("createFile", "1", "ENOSPC"), ("syncDirectory", "2", "ENOSPC"),
            ("databaseCommit", "1", "ENOSPC"), ("databaseCommit", "4", "ENOSPC"), ("databaseCommit", "6+", "ENOSPC")))

    def test_M17_read_only_or_forbidden_midway(self):
        self.faults("%s#%s:%s" % (site, number, error) for site, number, error in (
            ("openTemporary", "4+", "EROFS"), ("write", "3+", "EROFS"), ("rename", "3+", "EACCES"),
            ("makeDirectory", "3+", "EACCES"), ("setTime", "2+", "EACCES"), ("syncDirectory", "1+", "EIO"),
            ("databaseCommit", "3+", "EROFS")))

    def test_M17_read_only_after_the_first_sync_removes_nothing_on_either_side(self):
        self.synced(self.subject)
        before = self.subject.bodies()
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "1:2", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "1:2")
        remote = check.server_messages(client, b"INBOX")
        for rule in ("rename#1+:EROFS", "link#1+:EROFS", "unlink#1+:EROFS"):
            result = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": rule})
            self.assertIn(result.status, (0, 1), result.err)
            if result.status == 1 and rule.startswith("link"):
                self.assertEqual(self.subject.bodies(), before)
        self.assertEqual(check.server_messages(client, b"INBOX"), remote)
        client.logout()
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)
        self.assertEqual(len(self.subject.quarantined()), 2)

    def after_power_loss(self, damage):
        """As after a power loss in the middle of a session: the state is of another boot and was never closed."""
        self.synced(self.subject)
        before = self.subject.bodies()
        with sqlite3.connect(self.subject.database) as connection:
            connection.execute("UPDATE account SET boot = 'another', closed = 0")
        connection.close()
        damage(self.files()[:2])
        self.synced(self.subject)
        self.assertEqual(self.subject.bodies(), before)
        self.assertMirrored(self.subject, self.server)

    def test_M18_state_durable_but_the_file_is_gone(self):
        self.after_power_loss(lambda paths: [path.unlink() for path in paths])

    def test_M19_the_file_is_there_but_empty(self):
        self.after_power_loss(lambda paths: [path.write_bytes(b"") for path in paths])

    def test_M20_a_missing_root_stops(self):
        self.synced(self.subject)
        aside = self.subject.root.with_name("aside")
        os.rename(self.subject.root, aside)
        self.stopped("test")
        self.assertFalse(self.subject.root.exists(), "it is not made again")
        self.subject.root.mkdir(mode=0o700)
        self.stopped("test")
        self.assertEqual(os.listdir(self.subject.root), [], "nothing is written into a root without a marker")
        self.subject.root.rmdir()
        os.rename(aside, self.subject.root)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)

    def test_M20_a_missing_cur_stops_that_mailbox(self):
        self.synced(self.subject)
        folder = self.subject.root / ".Archive.2024"
        os.rename(folder / "cur", folder / "aside")
        self.server.append("INBOX", corpus.small(2, seed=70))
        line = self.stopped("Archive/2024")
        self.assertTrue(line)
        self.assertFalse((folder / "cur").exists())
        os.rename(folder / "aside", folder / "cur")
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)

    def test_M20_a_missing_or_foreign_marker_stops(self):
        self.synced(self.subject)
        marker = self.subject.root / MARKER
        text = marker.read_bytes()
        before = self.subject.mail()
        self.server.append("INBOX", corpus.small(2, seed=71))
        marker.unlink()
        self.stopped("test")
        marker.write_bytes(text[::-1])
        self.stopped("test")
        self.assertEqual(self.subject.mail(), before)
        marker.write_bytes(text)
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)

    def test_M20_a_folder_emptied_in_place_is_the_persons_doing(self):
        self.synced(self.subject)
        folder = self.subject.root / ".Archive.2024"
        for part in ("new", "cur"):
            for path in self.files(folder, part):
                path.unlink()
        remote = self.remote(self.server, b"Archive/2024")
        for _ in range(2):
            self.assertIn(self.subject.sync().status, (0, 3))
            self.assertEqual(check.folder_messages(folder)[0], {}, "what was deleted is not fetched again")
        self.assertEqual(self.remote(self.server, b"Archive/2024"), remote)

    def test_M21_a_link_that_points_to_an_empty_directory_stops(self):
        real, empty = self.subject.directory / "real", self.subject.directory / "empty"
        for path in (real, empty):
            path.mkdir(mode=0o700)
        self.subject.maildir.mkdir(mode=0o700)
        self.subject.root.symlink_to(real)
        self.synced(self.subject)
        self.subject.root.unlink()
        self.subject.root.symlink_to(empty)
        self.stopped("test")
        self.assertEqual(os.listdir(empty), [])
        self.subject.root.unlink()
        self.subject.root.symlink_to(real)
        self.synced(self.subject)

    def damaged(self, damage, is_kept=True):
        """The state is damaged: a new one is made and matched with the mail, and what was left is kept beside it."""
        self.synced(self.subject)
        before, bodies = sorted(row[0] for row in self.subject.mail().values()), self.subject.bodies()
        damage()
        left = self.subject.database.read_bytes() if self.subject.database.exists() else None
        result = self.synced(self.subject)
        self.assertIn("rebuilt", result.out)
        self.assertEqual(sorted(row[0] for row in self.subject.mail().values()), before, "nothing removed or fetched")
        self.assertEqual(self.subject.bodies(), bodies, "nothing doubled")
        self.assertMirrored(self.subject, self.server)
        kept = [path for path in self.subject.state.glob("test.sqlite.damaged-*") if path.name[-4:] not in ("-wal", "-shm")]
        self.assertEqual([path.read_bytes() for path in kept], [left] if is_kept else [])

    def test_M22_a_missing_database_is_made_anew_and_removes_nothing(self):
        def damage():
            for path in self.subject.state.glob("test.sqlite*"):
                path.unlink()
        self.damaged(damage, is_kept=False)

    def test_M22_a_truncated_database_is_set_aside_and_not_overwritten(self):
        def damage():
            subprocess.run(["truncate", "-s", "5000", str(self.subject.database)], check=True)
        self.damaged(damage)

    def test_M22_a_database_of_rubbish_is_set_aside(self):
        def damage():
            for path in self.subject.state.glob("test.sqlite-*"):
                path.unlink()
            self.subject.database.write_bytes(b"rubbish" * 10_000)
        self.damaged(damage)

    def test_M22_a_page_of_rubbish_sets_it_aside(self):
        def damage():
            with open(self.subject.database, "r+b") as file:
                size = file.seek(0, 2)
                for page in range(2, size // 4096):
                    file.seek(page * 4096)
                    file.write(os.urandom(2000))
        self.damaged(damage)

    def test_M22_a_database_restored_from_an_old_backup_heals(self):
        self.synced(self.subject)
        backup = self.subject.directory / "backup"
        shutil.copytree(self.subject.state, backup)
        self.server.append("INBOX", corpus.small(5, seed=80))
        self.synced(self.subject)
        before = self.subject.bodies()
        shutil.rmtree(self.subject.state)
        shutil.copytree(backup, self.subject.state)
        shutil.rmtree(backup)
        self.synced(self.subject)
        self.assertEqual(self.subject.bodies(), before, "paired by content, not doubled")
        self.assertMirrored(self.subject, self.server)

    def test_M23_two_at_the_same_time(self):
        with open(os.path.join(self.directory, "other"), "wb") as output:
            other = subprocess.Popen(self.subject.command("sync"), stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=output)
            result = self.subject.sync(timeout=60)
            first = other.wait(timeout=60)
        self.assertIn(0, (result.status, first))
        for status in (result.status, first):
            self.assertIn(status, (0, 1))
        self.synced(self.subject)
        self.assertMirrored(self.subject, self.server)

    def test_M9_copies_and_foreign_files_stay(self):
        self.synced(self.subject)
        cur = self.subject.root / "cur"
        shutil.copy(self.files()[0], cur / "100.copy.host:2,S")
        (cur / "101.written.host:2,S").write_bytes(b"Subject: written here\n\nx\n")
        before = len(self.subject.bodies())
        for _ in range(2):
            self.synced(self.subject)
            self.assertEqual(len(self.subject.bodies()), before)
        self.assertTrue((cur / "100.copy.host:2,S").exists() and (cur / "101.written.host:2,S").exists())
