"""Peak memory stays under 64 MB: many messages, one large one, half a million small ones."""

from hostile import Hostile
from mirror import peak_limit
from servers.model import Generated, Mailbox, Message, lines_of, simple
from support import FULL, EndToEnd, corpus, loaded

LIMIT = peak_limit()


class Realistic(EndToEnd):
    weight = 60

    def test_peak_memory_of_a_first_sync(self):
        count = 10_000 if FULL else 2_000
        server = self.exits.enter_context(
            loaded("inbox", lambda server: server.append("INBOX", corpus.realistic(count))))
        mirror = self.mirror(server)
        result = self.synced(mirror, timeout=600 if FULL else 110)
        self.assertLess(result.peak, LIMIT)
        again = self.synced(mirror)
        self.assertLess(again.peak, LIMIT)


class Scripted(Hostile):
    weight = 65

    def test_peak_memory_of_one_large_message(self):
        size = (500 if FULL else 64) * 1_000_000
        server = self.serve(Mailbox(b"INBOX", [Message(1, simple(1)), Message(2, lines_of(size)), Message(3, simple(3))]))
        mirror = self.mirror(server)
        result = self.synced(mirror, timeout=300 if FULL else 110)
        self.assertLess(result.peak, LIMIT)
        sizes = sorted(path.stat().st_size for path in (mirror.root / "new").iterdir())
        self.assertEqual(len(sizes), 3)
        text = b"".join(piece.replace(b"\r\n", b"\n") for piece in lines_of(1_000_000).pieces())
        self.assertGreater(sizes[-1], size * (len(text) - 100) / 1_000_000)

    def test_peak_memory_of_very_many_small_messages(self):
        count = 500_000 if FULL else 10_000
        box = Mailbox(b"INBOX", Generated(count, lambda uid: Message(uid, simple(uid))))
        server = self.serve(box)
        mirror = self.mirror(server)
        result = self.synced(mirror, timeout=3000 if FULL else 110)
        self.assertLess(result.peak, LIMIT)
        self.assertEqual(sum(1 for _ in (mirror.root / "new").iterdir()), count)
        again = self.synced(mirror, timeout=600 if FULL else 110)
        self.assertLess(again.peak, LIMIT)
