"""Peak memory of a drain stays under 64 MB: many messages, one large one, a maildrop of very many."""

from drain_case import DrainCase
from servers.pop3_scripted import CAPABILITIES, Drop, drops, simple
from support import FULL
from survival import PEAK

BLOCK = b"".join(b"line %06d of a large message ........................................\r\n" % n for n in range(14_000))


class Memory(DrainCase):
    weight = 60

    def test_peak_memory_of_one_large_message(self):
        count = 500 if FULL else 64
        server = self.serve([Drop(b"a", simple(1)), Drop(b"b", b"", size=count * len(BLOCK)), Drop(b"c", simple(3))])

        def hook(session, words):
            if words != [b"2"]:
                return False
            session.ok()
            session.raw(b"Subject: large\r\n\r\n")
            for _ in range(count):
                session.raw(BLOCK)
            session.raw(b".\r\n")
            return True

        server.hooks["RETR"] = hook
        mirror = self.drain(server, timeout="20s")
        result = self.finished(mirror, server, timeout=300)
        self.assertLess(result.peak, PEAK)
        sizes = sorted(path.stat().st_size for path in (mirror.root / "new").iterdir())
        self.assertEqual(sizes[-1], len("Subject: large\n\n") + count * (len(BLOCK) - BLOCK.count(b"\r\n")))

    def test_peak_memory_of_a_maildrop_of_very_many(self):
        """Most are known already: what is listed at each visit, and what is fetched of it once."""
        count = 200_000 if FULL else 1_500
        server = self.serve(drops(count))
        mirror = self.drain(server, retention="keep", timeout="60s")
        first = self.finished(mirror, server, timeout=3000 if FULL else 110)
        self.assertLess(first.peak, PEAK)
        self.assertEqual(sum(1 for _ in (mirror.root / "new").iterdir()), count)
        again = self.finished(mirror, server, timeout=600)
        self.assertLess(again.peak, PEAK)
        self.assertEqual(server.count("RETR"), count)

    def test_peak_memory_of_a_listing_of_very_many(self):
        """Names as long as they may be; most of the messages are left to other sessions."""
        count = 1_000_000 if FULL else 10_000
        # A server that is not to be asked again so soon.
        server = self.serve([], capabilities=(*CAPABILITIES, "LOGIN-DELAY 3600"))

        def listing(line):
            def hook(session, words):
                session.ok()
                for number in range(1, count + 1):
                    session.raw(line % (number, number))
                session.raw(b".\r\n")
                return True
            return hook

        def message(session, words):
            session.ok()
            session.text(simple(int(words[0])))
            return True

        server.hooks.update(STAT=lambda session, words: (session.ok(b"%d 1" % count), True)[-1], RETR=message,
                            UIDL=listing(b"%d " + b"x" * 60 + b"%010d\r\n"), LIST=listing(b"%d %d\r\n"))
        mirror = self.drain(server, retention="keep", session_limit=20, timeout="60s")
        for number in (1, 2):
            result = self.finished(mirror, server, timeout=600)
            self.assertLess(result.peak, PEAK)
            self.assertEqual(server.count("RETR"), 20 * number)
        self.assertEqual(sum(1 for _ in (mirror.root / "new").iterdir()), server.count("RETR"))

    def test_peak_memory_of_very_many_without_names(self):
        """More than one session looks at; each takes its part."""
        count = 50_000 if FULL else 700
        server = self.serve([Drop(None, simple(number)) for number in range(count)],
                            capabilities=("TOP", "USER", "PIPELINING"))
        mirror = self.drain(server, timeout="60s")
        result = self.finished(mirror, server, timeout=900)
        self.assertLess(result.peak, PEAK)
        self.assertEqual(sum(1 for _ in (mirror.root / "new").iterdir()), count)
        self.assertEqual((server.drops, server.count("RETR")), ([], count))
