"""A drain whose state was lost, whose files a power cut damaged, or that waits for the person; nothing is lost, nothing
comes twice."""

import os
import time

import mail_reader
from drain_case import DrainCase, digests
from servers.pop3_scripted import Drop, drops
from support import wait_until
from test_power_loss import rebooted


class Recovery(DrainCase):
    """M22, M18, M19 and D1 in POP3's clothes."""

    weight = 20

    def kept(self, count, **account):
        server = self.serve(drops(count))
        mirror = self.drain(server, retention="keep", **account)
        self.finished(mirror, server)
        self.assertDelivered(mirror, digests(server.drops))
        return server, mirror

    def test_M22_the_database_is_gone(self):
        """What is here is known again by its content: the same files, none twice, and nothing is deleted."""
        server, mirror = self.kept(12)
        files = mirror.mail()
        moved = mirror.root / ".Done"
        for part in ("cur", "new", "tmp"):
            (moved / part).mkdir(parents=True)
        one = next((mirror.root / "new").iterdir())
        one.rename(moved / "cur" / (one.name + ":2,S"))
        for end in ("", "-wal", "-shm"):
            if os.path.exists(str(mirror.database) + end):
                os.unlink(str(mirror.database) + end)
        result = self.finished(mirror, server)
        self.assertIn("the state was", result.out)
        self.assertEqual(sorted(row[0] for row in mirror.mail().values()), sorted(row[0] for row in files.values()))
        self.assertEqual((len(server.drops), server.count("DELE")), (12, 0))
        server.forget()
        self.finished(mirror, server)
        self.assertEqual(server.count("RETR"), 0, "all are known by their names")
        mirror.account["retention"] = "delete"
        mirror.write()
        self.finished(mirror, server)
        self.assertEqual((server.drops, server.count("RETR"), len(mirror.mail())), ([], 0, 12))

    def test_M18_M19_files_that_a_power_cut_took_are_fetched_again(self):
        """Gone or empty at the next start of the computer: fetched again before anything is deleted on the server."""
        server, mirror = self.kept(8)
        wanted = digests(server.drops)
        mirror.query("SELECT 1")
        paths = sorted((mirror.root / "new").iterdir())
        paths[0].unlink()
        paths[1].write_bytes(b"")
        self.cut_off(mirror)
        mirror.account["retention"] = "delete"
        mirror.write()
        server.forget()
        self.finished(mirror, server, tries=2)
        self.assertDelivered(mirror, wanted)
        self.assertEqual((server.drops, server.count("RETR")), ([], 2))
        self.assertIn(b"", mirror.quarantined())

    def test_M18_M22_what_a_mail_program_renames_meanwhile_is_not_gone(self):
        """After a lost database, and after a power cut: a mail program marks all messages, again and again, while the
        drain looks for them. None is fetched a second time, none goes to quarantine."""
        server = self.serve([Drop(drop.uidl, drop.body + b"A line of a long message.\r\n" * 4_000) for drop in drops(60)])
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)
        for what in ("lost", "cut off", "lost", "cut off"):
            with self.subTest(what):
                if what == "lost":
                    for end in ("", "-wal", "-shm"):
                        if os.path.exists(str(mirror.database) + end):
                            os.unlink(str(mirror.database) + end)
                else:
                    self.cut_off(mirror)
                with mail_reader.marking(mirror.root):
                    mirror.sync()
                self.finished(mirror, server, tries=2)
                self.assertEqual(len(mirror.mail()), 60)
                self.assertEqual(len(mirror.quarantined()), 0)
                self.assertDelivered(mirror, digests(server.drops))

    def cut_off(self, mirror):
        """The state of a program that did not end, at an earlier start of the computer."""
        import sqlite3
        rebooted(mirror)
        with sqlite3.connect(mirror.database) as connection:
            connection.execute("UPDATE account SET closed = 0")
        connection.close()

    def held(self):
        server, mirror = self.kept(60, delete_on_server="expunge", settle="1s")
        self.removed = sorted((mirror.root / "new").iterdir())[:40]
        for path in self.removed:
            path.unlink()
        wait_until(lambda: mirror.sync().status == 3, 20)
        server.settle()
        self.assertEqual(server.count("DELE"), 0)
        self.assertIn("40", mirror.run("holds").out)
        return server, mirror

    def test_D1_a_folder_that_cannot_be_looked_at_has_lost_nothing(self):
        """Messages were filed in a folder whose file system is not mounted now: none counts as deleted."""
        server, mirror = self.kept(12, delete_on_server="expunge", settle="1s")
        done, away = mirror.root / ".Done", mirror.directory / "away"
        for part in ("cur", "new", "tmp"):
            (done / part).mkdir(parents=True)
        filed = sorted((mirror.root / "new").iterdir())[:3]
        for path in filed:
            path.rename(done / "cur" / (path.name + ":2,S"))
        mirror.sync()
        done.rename(away)
        done.mkdir()
        for _ in range(3):
            result = mirror.sync()
            time.sleep(1.2)
        self.assertIn(".Done", result.err)
        self.assertEqual((len(server.drops), server.count("DELE")), (12, 0))
        done.rmdir()
        away.rename(done)
        (done / "cur" / (filed[0].name + ":2,S")).unlink()
        wait_until(lambda: mirror.sync() and len(server.drops) == 11, 20)
        self.assertEqual(len(mirror.mail()), 11)

    def test_D1_approved_deletions_go_from_the_server(self):
        server, mirror = self.held()
        self.assertEqual(mirror.run("approve", "--all").status, 0)
        self.finished(mirror, server)
        self.assertEqual(len(server.drops), 20)
        self.assertDelivered(mirror, digests(server.drops))
        self.assertEqual(len(mirror.quarantined()), 40, "a copy of each is kept")

    def test_D1_rejected_deletions_stay_on_the_server_and_come_back(self):
        server, mirror = self.held()
        self.assertEqual(mirror.run("reject", "--all").status, 0)
        self.finished(mirror, server, tries=2)
        self.assertEqual((len(server.drops), server.count("DELE")), (60, 0))
        self.assertDelivered(mirror, digests(server.drops))
