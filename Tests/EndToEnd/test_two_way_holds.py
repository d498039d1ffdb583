"""Mass changes wait for the person: what is held, what goes on meanwhile, and what approve and reject do."""

import mail_reader
from mail_reader import letter
from two_way import TwoWay, loads


class Holds(TwoWay):
    weight = 45

    def test_D1_all_deleted_here_is_held_then_approved(self):
        """Every message of a folder is deleted: nothing goes on the server, exit status 3; what else happens goes on;
        approved, exactly the listed ones go."""
        self.pair(24)
        for number in range(1, 25):
            self.file("t%d" % number).unlink()
        result = self.synced(self.subject, status=3)
        self.assertIn("24", result.err + result.out)
        self.assertEqual(len(self.on_server("INBOX")), 24)
        self.assertEqual(self.wire.writes, [])
        self.assertHeld("deletions", 24)
        self.assertEqual(self.subject.run("status").status, 3)
        self.server.append("INBOX", loads(2, prefix="later"), user=self.user)
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        self.synced(self.subject, status=3)
        self.assertPlaces("later1", "INBOX")
        self.assertPlaces("sent", "Sent")
        self.assertEqual(len(self.on_server("INBOX")), 26)
        self.assertEqual(len(self.local()), 2, "what is held is not fetched again")
        self.answered("approve")
        self.assertEqual(len(self.on_server("Trash")), 24)
        self.assertEqual(len(self.on_server("INBOX")), 2)
        self.assertEqual(self.holds(), [])
        self.assertSame()
        self.assertQuiet()

    def test_D1_all_deleted_here_is_held_then_rejected(self):
        self.pair(24)
        view = self.server_view()
        for number in range(1, 25):
            self.file("t%d" % number).unlink()
        self.synced(self.subject, status=3)
        self.answered("reject", self.assertHeld("deletions", 24))
        self.assertEqual(self.server_view(), view)
        self.assertEqual(len(self.local()), 24)
        self.assertEqual(self.holds(), [])
        self.assertSame()
        self.assertQuiet()

    def test_D1_all_gone_on_the_server_is_held_then_approved(self):
        self.pair(24)
        self.remove_on_server("INBOX", *("t%d" % number for number in range(1, 25)))
        self.synced(self.subject, status=3)
        self.assertEqual(len(self.local()), 24)
        self.assertHeld("removals", 24)
        self.assertEqual(self.wire.writes, [], "and nothing is sent back either")
        self.answered("approve")
        self.assertEqual(self.local(), [])
        self.assertEqual(len(self.subject.quarantined()), 24)
        self.assertSame()
        self.assertQuiet()

    def test_D1_all_gone_on_the_server_is_held_then_rejected(self):
        """Rejected: the other side is restored, the messages are sent to the server again."""
        self.pair(24, flags=["\\Seen"])
        self.remove_on_server("INBOX", *("t%d" % number for number in range(1, 25)))
        self.synced(self.subject, status=3)
        self.answered("reject")
        self.assertEqual(len(self.on_server("INBOX")), 24)
        self.assertEqual({message.flags for message in self.on_server("INBOX")}, {frozenset({"\\seen"})})
        self.assertSame()
        self.assertQuiet()

    def test_a_hold_whose_files_are_back_is_dropped(self):
        self.pair(24)
        kept = []
        for number in range(1, 25):
            path = self.file("t%d" % number)
            kept.append((path, path.read_bytes(), path.stat().st_mtime))
            path.unlink()
        self.synced(self.subject, status=3)
        for path, body, date in kept:
            mail_reader.deliver(self.folder(), body, mail_reader.parts(path)[1], date, mail_reader.parts(path)[0])
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertEqual(len(self.on_server("INBOX")), 24)
        self.assertSame()

    def test_a_hold_whose_messages_are_back_on_the_server_is_dropped(self):
        self.pair(24)
        self.remove_on_server("INBOX", *("t%d" % number for number in range(1, 25)))
        self.synced(self.subject, status=3)
        self.server.append("INBOX", loads(24), user=self.user)
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertEqual(len(self.local()), 24)
        self.assertSame()

    def test_little_by_little_is_counted_over_a_day(self):
        """Three deletions, then three more: with a limit of four the second batch waits. The same on the server."""
        self.pair(12, hold={"share": 0.2, "count": 4, "account": 500})
        for number in (1, 2, 3):
            self.file("t%d" % number).unlink()
        self.synced(self.subject)
        self.assertEqual(len(self.on_server("Trash")), 3)
        for number in (4, 5, 6):
            self.file("t%d" % number).unlink()
        self.synced(self.subject, status=3)
        self.assertEqual(len(self.on_server("Trash")), 3)
        self.assertEqual(len(self.on_server("INBOX")), 9)
        self.answered("reject")
        self.assertEqual(len(self.local()), 9)
        self.assertSame()

    def test_little_by_little_on_the_server(self):
        self.pair(12, hold={"share": 0.2, "count": 4, "account": 500})
        self.remove_on_server("INBOX", "t1", "t2", "t3")
        self.synced(self.subject)
        self.assertEqual(len(self.local()), 9)
        self.remove_on_server("INBOX", "t4", "t5", "t6")
        self.synced(self.subject, status=3)
        self.assertEqual(len(self.local()), 9)

    def test_the_limit_of_the_account_counts_all_folders(self):
        self.pair(10, hold={"share": 1.0, "count": 20, "account": 5})
        for box in ("Archive", "Sent"):
            self.server.append(box, loads(6, prefix=box), user=self.user)
        self.synced(self.subject)
        for number in (1, 2, 3):
            self.file("Archive%d" % number, "Archive").unlink()
            self.file("Sent%d" % number, "Sent").unlink()
        self.synced(self.subject, status=3)
        self.assertLessEqual(len(self.on_server("Trash")), 5)
        self.assertGreaterEqual(len(self.on_server("Archive")) + len(self.on_server("Sent")), 7)
        self.assertTrue(self.holds())

    def test_trash_is_emptied_without_asking(self):
        self.pair(1)
        self.server.append("Trash", loads(30, prefix="old"), user=self.user)
        self.synced(self.subject)
        for path in mail_reader.files(self.folder("Trash")):
            path.unlink()
        self.synced(self.subject)
        self.assertEqual(self.on_server("Trash"), [])
        self.assertEqual(len(self.subject.quarantined()), 30)
        self.assertSame()

    def test_flags_cleared_in_masses_are_held(self):
        self.pair(230, flags=["\\Seen"])
        for number in range(1, 231):
            mail_reader.flag(self.file("t%d" % number), remove="S")
        self.synced(self.subject, status=3)
        self.assertEqual({message.flags for message in self.on_server("INBOX")}, {frozenset({"\\seen"})})
        self.assertEqual(self.wire.writes, [])
        self.assertHeld("flags", 230)
        with self.subTest("rejected: the flags are as on the server"):
            self.answered("reject")
            self.assertEqual({message.flags for message in self.local()}, {frozenset({"\\seen"})})
            self.assertSame()
            self.assertEqual(self.wire.writes, [])
        with self.subTest("approved: they are cleared there"):
            for path in mail_reader.files(self.folder()):
                mail_reader.flag(path, remove="S")
            self.synced(self.subject, status=3)
            self.answered("approve")
            self.assertEqual({message.flags for message in self.on_server("INBOX")}, {frozenset()})
            self.assertSame()
            self.assertQuiet()

    def test_flags_set_in_masses_are_not(self):
        self.pair(230)
        for number in range(1, 231):
            mail_reader.flag(self.file("t%d" % number), "S")
        self.synced(self.subject)
        self.assertEqual({message.flags for message in self.on_server("INBOX")}, {frozenset({"\\seen"})})

    def masses(self):
        self.pair(1)
        for number in range(1, 1003):
            mail_reader.deliver(self.folder("Archive"), letter("mass%d" % number), "S")
        mail_reader.deliver(self.folder("Sent"), letter("sent"), "S")
        self.synced(self.subject, status=3)
        self.assertEqual(self.on_server("Archive"), [])
        self.assertNotIn("mass", str(self.wire.writes))
        self.assertHeld("uploads", 1002)

    def test_uploads_in_masses_are_held_then_approved(self):
        self.masses()
        self.answered("approve")
        self.assertEqual(len(self.on_server("Archive")), 1002)
        self.assertEqual(len(self.on_server("Sent")), 1)
        self.assertSame()
        self.assertQuiet()

    def test_uploads_in_masses_are_held_then_rejected(self):
        self.masses()
        files = self.subject.mail()
        self.answered("reject")
        self.assertEqual(self.on_server("Archive"), [])
        self.assertEqual(self.subject.mail(), files, "they stay here")
        self.assertEqual(self.holds(), [])
        self.assertQuiet()

    def test_which_hold_has_to_be_said(self):
        self.pair(1)
        for word in ("approve", "reject"):
            self.assertEqual(self.subject.run(word).status, 2, "neither a hold nor --all")
            self.assertEqual(self.subject.run(word, "9999").status, 1, "no such hold")
            self.assertEqual(self.subject.run(word, "--all").status, 0, "none is all")

    def test_one_of_two_holds_is_answered(self):
        self.pair(24)
        self.server.append("Archive", loads(24, prefix="a"), user=self.user)
        self.synced(self.subject)
        for box in ("INBOX", "Archive"):
            for path in mail_reader.files(self.folder(box)):
                path.unlink()
        self.synced(self.subject, status=3)
        found = self.holds()
        self.assertEqual(len(found), 2, found)
        one = next(hold for hold in found if hold["mailbox"] == "Archive")
        self.answered("approve", str(one.get("id", one.get("hold"))), status=3)
        self.assertEqual(self.on_server("Archive"), [])
        self.assertEqual(len(self.on_server("INBOX")), 24)
        self.assertEqual([hold["mailbox"] for hold in self.holds()], ["INBOX"])
