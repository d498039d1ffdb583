"""A drain on a disk that fails, is not there, or has lost the database: no message goes that is not here."""

import os

from drain_case import DrainCase, digests
from mirror import run
from servers.pop3_scripted import drops


class Disks(DrainCase):
    """M15, M17, M20 as they are here: a disk that is full, read-only or not there never lets a DELE pass."""

    weight = 40

    def test_M15_M17_a_disk_that_takes_nothing_more(self):
        for rule in ("write#3+:ENOSPC", "write#1+:EDQUOT", "openTemporary#4+:EROFS", "rename#2+:EACCES",
                     "syncFile#1+:EIO", "syncDirectory#1+:EIO", "databaseCommit#4+:EIO", "databaseCommit#6+:ENOSPC"):
            with self.subTest(rule=rule):
                server = self.serve(drops(8))
                wanted = digests(server.drops)
                mirror = self.drain(server, name=rule.replace("#", "").replace(":", ""))
                result = mirror.sync(environment={"MAILMIRROR_FAILPOINT": rule}, timeout=60)
                server.settle()
                self.assertAlive(result)
                here = mirror.bodies() if mirror.root.exists() else []
                for drop in drops(8):
                    if drop.uidl in server.deleted:
                        self.assertIn(drop.digest(), here)
                self.finished(mirror, server, tries=2)
                self.assertDelivered(mirror, wanted, leftovers=True)
                self.assertEqual(server.drops, [])

    def test_M15_no_room_for_what_a_session_lists(self):
        """The listing is in temporary tables (SQLITE_TMPDIR): where they find no room nothing is deleted, and the error
        says where room is missing."""
        place = os.path.join(self.directory, "small")
        os.mkdir(place)
        prefix = b"n" * 60
        for size in ("64k", "1m", "2m"):
            with self.subTest(size=size):
                server = self.serve(drops(20_000, prefix=prefix))
                mirror = self.drain(server, name="mirror" + size)
                words = ["unshare", "-m" if os.getuid() == 0 else "-rm", "sh", "-c",
                         'mount -t tmpfs -o size=%s tmpfs "$0" && exec "$@"' % size, place]
                result = run([*words, *mirror.command("sync")], environment={"SQLITE_TMPDIR": place}, timeout=60)
                server.settle()
                self.assertAlive(result)
                self.assertOneLine(result, 1)
                self.assertIn("%s: no room" % place, result.err)
                self.assertEqual((server.count("DELE"), len(server.drops)), (0, 20_000))
                server.drops = drops(5, prefix=prefix)
                server.forget()
                self.finished(mirror, server)
                self.assertDelivered(mirror, digests(drops(5, prefix=prefix)))

    def test_M20_a_missing_root_deletes_nothing_on_the_server(self):
        server = self.serve(drops(4))
        mirror = self.drain(server)
        self.finished(mirror, server)
        server.drops = drops(3, first=10)
        server.forget()
        os.rename(mirror.root, str(mirror.root) + ".away")
        result = mirror.sync()
        server.settle()
        self.assertOneLine(result, 1)
        self.assertEqual((server.count("DELE"), len(server.drops)), (0, 3))
        mirror.root.mkdir()
        result = mirror.sync()
        server.settle()
        self.assertEqual(result.status, 1, "an empty mount point is not the Maildir")
        self.assertEqual((server.count("DELE"), len(server.drops)), (0, 3))
        mirror.root.rmdir()
        os.rename(str(mirror.root) + ".away", mirror.root)
        self.finished(mirror, server)
        self.assertDelivered(mirror, digests(drops(4) + drops(3, first=10)))

    def test_M22_a_lost_database_loses_and_doubles_nothing_with_the_drain(self):
        server = self.serve(drops(4))
        mirror = self.drain(server)
        self.finished(mirror, server)
        server.drops = drops(2, first=10)
        for path in mirror.state.glob("test.sqlite*"):
            path.unlink()
        for _ in range(2):
            result = mirror.sync()
            server.settle()
            self.assertAlive(result)
        self.assertDelivered(mirror, digests(drops(4) + drops(2, first=10)))
        self.assertEqual(server.drops, [])
