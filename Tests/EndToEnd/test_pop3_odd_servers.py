"""Neighbours of HAZARDS.md's group P: the dialects of other servers, messages that change, folders that go meanwhile,
clocks that are wrong, two accounts at one place."""

import shutil

from drain_case import DrainCase, digests
from servers.pop3_scripted import Drop, drops, simple
from time_travel import time_passes


class OddServers(DrainCase):
    weight = 20

    def test_P1_lines_that_end_in_LF_alone(self):
        def case(split):
            server = self.serve([Drop(b"a", b"Subject: a\r\n\r\n..\r\n.b\r\n\r\n"), *drops(3)], split=split)
            server.rewrite = lambda session, text: session.raw(text + b"\n")
            wanted = digests(server.drops)
            mirror = self.drain(server, name="bare%s" % split)
            self.finished(mirror, server)
            self.assertDelivered(mirror, wanted)
            self.assertEqual(server.drops, [])

        self.side_by_side([(None,), (1,)], case)

    def test_P5_the_dialects_of_other_servers(self):
        """Courier, Exchange, Gmail, qmail, Cyrus and old ones: what they say behind +OK, and how they write lists."""
        dialects = {
            "courier": {b"STAT": b"+OK 4 %d", b"LIST": b"+OK POP3 clients that break here, they violate STD53.",
                        b"RETR": b"+OK 120 octets follow."},
            "exchange": {b"STAT": b"+OK 4 %d", b"LIST": b"+OK 4 %d", b"UIDL": b"+OK", b"RETR": b"+OK"},
            "gmail": {b"STAT": b"+OK 4 %d", b"LIST": b"+OK 4 messages (%d bytes)", b"RETR": b"+OK message follows"},
            "qmail": {b"STAT": b"+OK 4 %d", b"LIST": b"+OK ", b"UIDL": b"+OK ", b"RETR": b"+OK ", b"DELE": b"+OK "},
            "old": {b"STAT": b"+OK 4", b"LIST": b"+OK", b"RETR": b"+OK Message 1 (120 octets)"},
            "wrong": {b"STAT": b"+OK -4 -%d", b"LIST": b"+OK 99999999999999999999 messages"},
        }

        def case(name, answers):
            server = self.serve(drops(4), capabilities=("TOP", "UIDL", "USER"))
            wanted = digests(server.drops)

            def rewrite(session, text):
                word = server.commands[-1][1].split(" ")[0].upper().encode() if server.commands else b""
                if not text.startswith(b"+OK") or word not in answers:
                    # Exchange pads, others add a third word.
                    return text + b" " if name == "exchange" and text[:1].isdigit() else text
                answer = answers[word]
                return answer % sum(drop.size for drop in session.drops) if b"%d" in answer else answer

            server.rewrite = rewrite
            mirror = self.drain(server, name=name)
            if name == "wrong":  # a STAT that is no number ends the visit, and nothing else
                self.assertAlive(mirror.sync())
                server.settle()
                self.assertEqual(server.deleted, [])
                server.rewrite = None
            self.finished(mirror, server)
            self.assertDelivered(mirror, wanted)
            self.assertEqual(server.drops, [])

        self.side_by_side(dialects.items(), case)

    def test_P9_a_kept_message_that_grows(self):
        """The same name, and more in it at each visit: what came is kept, what it is now comes once."""
        server = self.serve([Drop(b"one", simple(1)), Drop(b"two", simple(2))])
        mirror = self.drain(server, retention="keep")
        wanted = digests(server.drops)
        for size in (0, 10, 20):
            server.drops[0] = Drop(b"one", simple(1) + b"more\r\n" * size)
            wanted = sorted(set(wanted + digests(server.drops)))
            for _ in range(2):
                self.finished(mirror, server)
                self.assertDelivered(mirror, wanted)
        self.assertEqual(server.count("RETR"), 4)
        self.assertEqual(server.deleted, [])

    def test_P5_a_name_given_to_another_message_in_the_next_session(self):
        """Numbers as names: what is left moves up, and each message has the name that another one had."""
        server = self.serve([Drop(b"%d" % n, simple(n)) for n in range(1, 6)])
        wanted = digests(server.drops)
        mirror = self.drain(server, session_limit=2, order="oldest")
        for _ in range(4):
            self.assertAlive(mirror.sync())
            server.settle()
            for number, drop in enumerate(server.drops, 1):
                drop.uidl = b"%d" % number
        self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        self.assertEqual(server.drops, [])

    def test_M20_the_folder_goes_while_it_is_filled(self):
        """Nothing of that session is deleted on the server."""
        server = self.serve(drops(6))
        wanted = digests(server.drops)
        mirror = self.drain(server, order="oldest")

        def hook(session, words):
            if words == [b"4"]:
                shutil.rmtree(mirror.root / "new")
            return False

        server.hooks["RETR"] = hook
        result = mirror.sync()
        server.settle()
        self.assertOneLine(result, 1)
        self.assertEqual((server.deleted, server.count("DELE")), ([], 0))
        server.hooks.clear()
        (mirror.root / "new").mkdir(mode=0o700)
        self.finished(mirror, server, tries=2)
        self.assertDelivered(mirror, wanted, leftovers=True)
        self.assertEqual(server.drops, [])

    def test_a_clock_that_goes_back(self):
        """With a retention in days: nothing is deleted before its time, nor kept much longer, nor fetched again."""
        server = self.serve(drops(3))
        wanted = digests(server.drops)
        mirror = self.drain(server, retention="30d")
        self.finished(mirror, server)
        time_passes(mirror, -400 * 86400)
        self.finished(mirror, server)
        self.assertEqual(server.deleted, [])
        time_passes(mirror, 400 * 86400)
        self.finished(mirror, server)
        self.assertEqual(server.deleted, [])
        time_passes(mirror, 31 * 86400)
        self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        self.assertEqual((server.drops, server.count("RETR")), ([], 3))

    def test_D11_two_accounts_at_one_place(self):
        """The second stops before it deletes anything, and the first goes on."""
        first, second = self.serve(drops(3)), self.serve(drops(3, first=10))
        mirror = self.drain(first)
        self.finished(mirror, first)
        other = self.drain(second, name="other", maildir=mirror.maildir)
        result = other.sync()
        second.settle()
        self.assertEqual(result.status, 1, result.err)
        self.assertEqual((len(second.drops), second.count("DELE")), (3, 0))
        first.drops = drops(1, first=4)
        self.finished(mirror, first)
        self.assertDelivered(mirror, digests(drops(4)))
