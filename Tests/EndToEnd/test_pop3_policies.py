"""POP3's policies: retention, size_limit, order, session_limit, deliver_to, delete_on_server, and Gmail's ways."""

import time

import check
import corpus
from drain_case import DrainCase, digests
from servers.pop3_scripted import Drop, drops, simple
from support import wait_until
from time_travel import time_passes


class Policies(DrainCase):
    """retention, size_limit, order, session_limit, deliver_to, delete_on_server."""

    weight = 30

    def retrieved(self, server, session=None):
        return [int(text.split()[1]) for number, text in server.commands
                if text.upper().startswith("RETR") and session in (None, number)]

    def test_delete_after_some_days_from_first_sight(self):
        server = self.serve(drops(3))
        wanted = digests(server.drops)
        mirror = self.drain(server, retention="14d")
        self.finished(mirror, server)
        self.assertEqual(len(server.drops), 3)
        time_passes(mirror, 13 * 86400)
        server.drops += drops(2, first=4)
        wanted = sorted(wanted + digests(server.drops[3:]))
        self.finished(mirror, server)
        self.assertEqual(server.deleted, [])
        self.assertDelivered(mirror, wanted)
        time_passes(mirror, 2 * 86400)
        self.finished(mirror, server)
        self.assertEqual(server.deleted, [b"uid-1", b"uid-2", b"uid-3"])
        self.assertDelivered(mirror, wanted)
        time_passes(mirror, 14 * 86400)
        self.finished(mirror, server)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)
        self.assertEqual(len(self.retrieved(server)), 5, "each was fetched once")

    def test_a_change_from_keep_to_delete_empties_the_server_without_fetching_again(self):
        server = self.serve(drops(5))
        wanted = digests(server.drops)
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)
        server.forget()
        mirror.account["retention"] = "delete"
        mirror.write()
        self.finished(mirror, server)
        self.assertEqual((server.drops, self.retrieved(server)), ([], []))
        self.assertDelivered(mirror, wanted)

    def test_larger_ones_stay_and_are_said(self):
        large = Drop(b"large", b"Subject: large\r\n\r\n" + b"x" * 70 * 1024 + b"\r\n")
        server = self.serve([*drops(2), large, *drops(2, first=3)])
        wanted = digests(drops(4))
        mirror = self.drain(server, size_limit="64KB")
        result = self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        self.assertEqual(server.drops, [large])
        self.assertNotIn(3, self.retrieved(server))
        told = result.out + result.err + mirror.run("status").out
        self.assertRegex(told, r"(?i)size_limit|larg")
        server.forget()
        self.finished(mirror, server)
        self.assertEqual(self.retrieved(server), [])
        mirror.account["size_limit"] = "1MB"
        mirror.write()
        self.finished(mirror, server)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, sorted(wanted + digests([large])))

    def test_newest_or_oldest_first(self):
        for order, numbers in (("newest", [6, 5, 4, 3, 2, 1]), ("oldest", [1, 2, 3, 4, 5, 6])):
            with self.subTest(order=order):
                server = self.serve(drops(6))
                mirror = self.drain(server, name=order, order=order)
                self.finished(mirror, server)
                self.assertEqual(self.retrieved(server), numbers)

    def test_the_default_order_is_newest_first(self):
        server = self.serve(drops(6))
        self.finished(self.drain(server), server)
        self.assertEqual(self.retrieved(server), [6, 5, 4, 3, 2, 1])

    def test_a_session_fetches_no_more_than_its_limit(self):
        for retention in ("delete", "keep"):
            with self.subTest(retention=retention):
                server = self.serve(drops(10))
                wanted = digests(server.drops)
                mirror = self.drain(server, name=retention, session_limit=3, order="oldest", retention=retention)
                for _ in range(5):
                    self.finished(mirror, server)
                    if mirror.bodies() == wanted:
                        break
                self.assertDelivered(mirror, wanted)
                for session in range(1, server.sessions + 1):
                    self.assertLessEqual(len(self.retrieved(server, session)), 3)
                self.assertEqual(len(self.retrieved(server)), 10)
                self.assertEqual(len(server.drops), 0 if retention == "delete" else 10)

    def test_a_server_that_shows_only_a_part_is_asked_again_while_new_ones_appear(self):
        """Gmail's 250 at a time: one sync gets them all."""
        server = self.serve(drops(60))
        server.window = 25
        wanted = digests(server.drops)
        mirror = self.drain(server)
        self.finished(mirror, server)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)
        self.assertLessEqual(server.sessions, 5)

    def test_a_part_that_stays_the_same_is_not_asked_for_ever(self):
        server = self.serve(drops(60))
        server.window = 25
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)
        self.assertLessEqual(server.sessions, 3)
        self.assertDelivered(mirror, digests(drops(25)))

    def test_gmails_recent_mode_deletes_nothing(self):
        """`recent:` shows the last 30 days to each client whatever was fetched; a DELE would delete for all of them."""
        server = self.serve(drops(8))
        server.user = "recent:me@gmail.com"
        wanted = digests(server.drops)
        mirror = self.drain(server, user=server.user)
        self.finished(mirror, server)
        server.drops += drops(2, first=9)
        self.finished(mirror, server)
        self.assertDelivered(mirror, sorted(wanted + digests(drops(2, first=9))))
        self.assertEqual(server.count("DELE"), 0)
        self.assertEqual(len(self.retrieved(server)), 10, "each was fetched once")
        for retention in ("delete", "keep", "14d"):
            mirror.account["retention"] = retention
            mirror.write()
            time_passes(mirror, 15 * 86400)
            self.finished(mirror, server)
        self.assertEqual((server.count("DELE"), len(self.retrieved(server))), (0, 10))

    def test_delivery_into_a_chosen_folder(self):
        for layout, folder in (("maildir++", ".Archive.POP"), ("fs", "Archive/POP")):
            with self.subTest(layout=layout):
                server = self.serve()
                wanted = digests(server.drops)
                mirror = self.drain(server, name=layout[:2], layout=layout, deliver_to="Archive/POP")
                self.finished(mirror, server)
                self.assertEqual(len(list((mirror.root / folder / "new").iterdir())), 4)
                self.assertDelivered(mirror, wanted, folder=b"Archive/POP")

    def test_delivery_into_a_folder_with_any_name(self):
        server = self.serve()
        mirror = self.drain(server, deliver_to="Köln & Größe/新着")
        wanted = digests(server.drops)
        self.finished(mirror, server)
        self.assertEqual(mirror.bodies(), wanted)

    def test_what_is_deleted_here_stays_on_the_server(self):
        server = self.serve()
        mirror = self.drain(server, retention="keep", settle="1s")
        self.finished(mirror, server)
        for path in list((mirror.root / "new").iterdir())[:2]:
            path.unlink()
        self.finished(mirror, server)
        self.assertEqual(len(server.drops), 4)
        self.assertEqual(server.count("DELE"), 0)
        self.assertEqual(len(mirror.bodies()), 2, "it does not come again")

    def test_what_is_deleted_here_goes_there_only_by_choice(self):
        server = self.serve()
        mirror = self.drain(server, retention="keep", delete_on_server="expunge", settle="1s")
        self.finished(mirror, server)
        paths = sorted((mirror.root / "new").iterdir())
        moved = mirror.root / "cur" / (paths[0].name + ":2,S")
        paths[0].rename(moved)
        gone = check.digest(paths[1].read_bytes())
        paths[1].unlink()
        for _ in range(3):
            self.finished(mirror, server)
            if server.deleted:
                break
            time.sleep(1.2)
        self.assertEqual([drop.digest() for drop in drops(4) if drop.uidl in server.deleted], [gone])
        self.assertEqual(len(server.drops), 3)
        self.assertEqual(len(mirror.bodies()), 3)

    def test_many_deleted_here_at_once_wait_for_the_person(self):
        server = self.serve(drops(60))
        mirror = self.drain(server, retention="keep", delete_on_server="expunge", settle="1s")
        self.finished(mirror, server)
        for path in list((mirror.root / "new").iterdir())[:40]:
            path.unlink()
        for _ in range(3):
            result = mirror.sync()
            server.settle()
            self.assertIn(result.status, (0, 3), result.err)
            time.sleep(1.2)
        self.assertEqual(server.count("DELE"), 0)
        self.assertEqual(result.status, 3)

    def test_an_unread_message_may_be_read_moved_and_removed_meanwhile(self):
        """The Maildir is the person's: what was drained is theirs, and nothing comes back."""
        server = self.serve(drops(6))
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)
        paths = sorted((mirror.root / "new").iterdir())
        paths[0].rename(mirror.root / "cur" / (paths[0].name + ":2,S"))
        other = mirror.root / ".Done"
        for part in ("cur", "new", "tmp"):
            (other / part).mkdir(parents=True)
        paths[1].rename(other / "cur" / (paths[1].name + ":2,S"))
        paths[2].unlink()
        self.finished(mirror, server)
        self.finished(mirror, server)
        self.assertEqual(len(mirror.bodies()), 5)
        self.assertEqual(len(server.drops), 6)

    def test_a_dry_run_changes_nothing(self):
        server = self.serve()
        mirror = self.drain(server)
        result = self.synced(mirror, "--dry-run")
        server.settle()
        self.assertTrue(result.out.strip(), "a dry run prints its plan")
        self.assertEqual(mirror.mail(), {})
        self.assertEqual((server.count("RETR"), server.count("DELE"), len(server.drops)), (0, 0, 4))

    def test_equal_messages_are_as_many_as_there_are(self):
        same = simple(1)
        server = self.serve([Drop(b"a", same), Drop(b"b", same), Drop(b"c", same), Drop(b"d", simple(2))])
        wanted = digests(server.drops)
        for number in range(2):
            mirror = self.drain(server, name="m%d" % number, retention="keep" if number else "delete")
            server.drops = [Drop(b"a", same), Drop(b"b", same), Drop(b"c", same), Drop(b"d", simple(2))]
            self.finished(mirror, server)
            self.assertDelivered(mirror, wanted)
            self.finished(mirror, server)
            self.assertDelivered(mirror, wanted)

    def test_another_program_fetches_the_same_maildrop(self):
        """What another client takes away first is not ours, and nothing of ours goes."""
        server = self.office(corpus.small(10))
        mirror = self.drain(server, retention="keep")
        self.synced(mirror)
        before = mirror.bodies()
        client = server.pop_client()
        for number in range(1, 6):
            client.dele(number)
        client.quit()
        self.synced(mirror)
        self.assertEqual(mirror.bodies(), before)
        self.assertEqual(len(server.left()), 5)

    def test_a_second_maildir_for_the_same_server(self):
        server = self.office(corpus.small(10))
        one, two = self.drain(server, name="one", retention="keep"), self.drain(server, name="two")
        self.synced(one)
        self.synced(two)
        self.assertEqual(one.bodies(), two.bodies())
        wait_until(lambda: server.left() == [], 5)
