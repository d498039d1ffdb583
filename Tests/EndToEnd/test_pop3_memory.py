"""Peak memory of a drain stays under 64 MB: many messages, one large one, a maildrop of very many."""

from drain_case import DrainCase
from servers.pop3_scripted import Drop, drops, simple
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
        count = 200_000 if FULL else 2_500
        server = self.serve(drops(count))
        mirror = self.drain(server, retention="keep", timeout="60s")
        first = self.finished(mirror, server, timeout=3000 if FULL else 110)
        self.assertLess(first.peak, PEAK)
        self.assertEqual(sum(1 for _ in (mirror.root / "new").iterdir()), count)
        again = self.finished(mirror, server, timeout=600)
        self.assertLess(again.peak, PEAK)
        self.assertEqual(server.count("RETR"), count)
