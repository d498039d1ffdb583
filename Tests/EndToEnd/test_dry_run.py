"""sync --dry-run tells what a sync would do, to messages, folders and mailboxes, on both sides, and leaves no trace:
neither in the folders nor on the server nor in the state, whether that is there or lost. Against a real Dovecot."""

import os
import shutil
import unittest

import mail_reader
from mail_reader import letter
from two_way import TwoWay, loads


class DryRun(TwoWay):
    weight = 35

    def tree(self):
        """All that is in the mirror's directory. SQLite may keep its log open beside a database that is only read."""
        found = {}
        for place, _, names in os.walk(self.subject.directory):
            for path in [place, *(os.path.join(place, name) for name in names)]:
                status = os.lstat(path)
                found[os.path.relpath(path, self.subject.directory)] = (
                    status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns if os.path.isfile(path) else 0)
        return {path: row for path, row in found.items() if not path.endswith(("-wal", "-shm", ".lock"))}

    def told(self, *lines, without=(), status=0):
        """A dry run says these lines and not those, and changes nothing; what it says."""
        tree, view = self.tree(), self.server_view()
        rows = self.state_rows() if self.subject.database.exists() and os.path.getsize(self.subject.database) > 8192 else 0
        scratch = os.path.join(self.directory, "scratch")
        os.makedirs(scratch, exist_ok=True)
        self.wire.forget()
        result = self.synced(self.subject, "--dry-run", status=status, environment={"TMPDIR": scratch})
        self.assertEqual(self.tree(), tree)
        self.assertEqual(self.server_view(), view)
        self.assertEqual(self.wire.writes, [])
        if rows:
            self.assertEqual(self.state_rows(), rows)
        self.assertEqual(os.listdir(scratch), [])
        for line in lines:
            self.assertIn("test: " + line, result.out)
        for line in without:
            self.assertNotIn(line, result.out)
        return result

    def filled(self, **account):
        for name in ("Work", "Work/2024"):
            self.server.append(name, loads(3, prefix=name[-4:]), user=self.user)
        return self.pair(4, **account)

    # Accounts without a state.

    def test_a_new_account(self):
        self.filled(sync=False)
        self.told("INBOX: download 4 messages", "Work: download 3 messages", "Work: make the folder .Work for this mailbox",
                  "Trash: make the folder .Trash", "INBOX: make its folder")
        self.assertEqual(sorted(os.listdir(self.subject.directory)), ["config.toml", "password"])
        self.synced(self.subject)
        self.assertSame()
        self.told("nothing to do")

    def test_a_lost_state(self):
        """What is here is matched, what is new is told, and the state is still not there afterwards."""
        self.filled()
        self.server.append("Work", loads(2, prefix="more"), user=self.user)
        mail_reader.deliver(self.folder("Work"), letter("mine"), "S")
        for whole in (False, True):
            with self.subTest(whole=whole):
                if whole:
                    shutil.rmtree(self.subject.state)
                else:
                    for end in ("", "-wal", "-shm"):
                        if os.path.exists(str(self.subject.database) + end):
                            os.unlink(str(self.subject.database) + end)
                result = self.told(
                    "the state is missing and will be rebuilt", "INBOX: match 4 messages with files that are here",
                    "Work: download 2 messages, match 3 messages with files that are here, keep 1 message that only the "
                    "folder has", without=["INBOX: download"])
                self.assertNotIn("make the folder", result.out)
                self.assertFalse(self.subject.database.exists())
        self.synced(self.subject)
        self.assertPlaces("mine", "Work")
        self.assertSame(dates=False)

    def test_a_damaged_state(self):
        self.filled()
        os.truncate(self.subject.database, 8192)
        self.told("the state is damaged and will be rebuilt", "INBOX: match 4 messages")
        self.assertEqual(os.path.getsize(self.subject.database), 8192, "it is not set aside")
        self.assertEqual([name for name in os.listdir(self.subject.state) if "damaged" in name], [])
        self.synced(self.subject)
        self.assertSame()

    def test_a_missing_root_stays_an_error(self):
        self.filled()
        os.rename(self.subject.root, str(self.subject.root) + ".away")
        result = self.subject.sync("--dry-run")
        self.assertOneLine(result, 1)
        self.assertIn("is missing", result.err)
        os.rename(str(self.subject.root) + ".away", self.subject.root)
        self.told("nothing to do")

    # Folders that were made, renamed and removed here.

    def test_a_folder_that_was_made_here(self):
        self.filled()
        for part in ("tmp", "new", "cur"):
            (self.subject.root / ".Notes" / part).mkdir(parents=True)
        mail_reader.deliver(self.subject.root / ".Notes", letter("n1"), "S")
        mail_reader.deliver(self.subject.root / ".Notes", letter("n2"))
        self.told("Notes: make this mailbox on the server for the folder .Notes, and send its 2 messages")
        self.synced(self.subject)
        self.assertPlaces("n1", "Notes")
        self.told("nothing to do")

    def test_a_folder_that_was_renamed_here(self):
        """One line for the mailbox and those below it; what else happens in it is told, too."""
        self.filled(layout="fs")
        self.server.append("Work", loads(2, prefix="more"), user=self.user)
        os.rename(self.subject.root / "Work", self.subject.root / "Done")
        self.told("Work: rename this mailbox to Done on the server", "Work: download 2 messages",
                  without=["Done/2024", "removed here"])
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("Done")), 5)
        self.assertEqual(len(self.on_server("Done/2024")), 3)
        self.told("nothing to do")

    def test_a_folder_that_was_removed_here(self):
        self.filled()
        shutil.rmtree(self.subject.root / ".Work.2024")
        self.told("Work/2024: wait for your word: its folder .Work.2024 was removed here, and to approve that would delete "
                  "the mailbox and its 3 messages on the server")
        self.synced(self.subject, status=3)
        self.assertHeld("folder", 3)
        result = self.told(status=3)
        self.assertIn("held: its folder .Work.2024 was removed here", result.out)
        self.assertEqual(self.subject.run("approve", "--all").status, 0)
        self.told("Work/2024: delete 3 messages on the server",
                  "Work/2024: delete this mailbox on the server, as you have approved")
        self.synced(self.subject)
        self.assertNotIn("Work/2024", self.server_view())

    # Mailboxes that were made, renamed and removed on the server.

    def test_a_mailbox_that_was_made_there(self):
        self.filled()
        self.server.append("Fresh", loads(2, prefix="f"), user=self.user)
        self.told("Fresh: make the folder .Fresh for this mailbox", "Fresh: download 2 messages")
        self.synced(self.subject)
        self.assertSame()

    def test_a_mailbox_that_was_renamed_there(self):
        self.filled()
        with self.client() as client:
            client.rename("Work/2024", "Done")
        self.told("Done: renamed on the server from Work/2024; rename its folder to .Done", without=["download", "quarantine"])
        self.synced(self.subject)
        self.assertSame()
        self.told("nothing to do")

    def test_a_mailbox_that_is_gone_there(self):
        """At first another look is needed; then its messages go, or wait where they are many."""
        for limit in (20, 1):
            with self.subTest(limit=limit):
                self.user = next(self.names)
                self.filled(name="limit%d" % limit, hold={"share": 0.2, "count": limit, "account": 500})
                with self.client() as client:
                    client.delete("Work/2024")
                self.told("Work/2024: gone on the server; when the sync after this one does not find it either, its 3 "
                          "messages here go to quarantine")
                self.synced(self.subject)
                if limit == 20:
                    self.told("Work/2024: gone on the server; move its 3 messages here to quarantine, and remove its folder")
                    self.synced(self.subject)
                    self.assertEqual(len(self.subject.quarantined()), 3)
                else:
                    self.told("Work/2024: gone on the server; wait for your word: 3 of 3 messages would be removed")
                    self.synced(self.subject, status=3)
                    self.assertEqual(self.subject.quarantined(), [])

    def test_without_a_trash(self):
        self.pair(3, boxes=("Archive",))
        self.file("t1").unlink()
        self.assertIn("no Trash mailbox", self.told().out)

    def test_through_the_daemon(self):
        self.filled()
        self.daemon(self.subject)
        self.synced(self.subject)
        self.assertEqual(self.subject.run("pause").status, 0)
        for part in ("tmp", "new", "cur"):
            (self.subject.root / ".Notes" / part).mkdir(parents=True)
        result = self.synced(self.subject, "--dry-run")
        self.assertIn("test: Notes: make this mailbox on the server for the folder .Notes", result.out)
        self.assertNotIn("Notes", self.server_view())
        self.assertEqual(self.subject.run("resume").status, 0)
        self.synced(self.subject)
        self.assertIn("Notes", self.server_view())


if __name__ == "__main__":
    unittest.main()
