"""POP3, the drain: every message of a server arrives once, byte for byte, and the server is empty."""

import email.utils
import os
import time

import check
import corpus
from drain_case import DrainCase, digests
from mirror import peak_limit
from servers.pop3_scripted import Drop, drops
from support import FULL, figure

COUNT = 10_000 if FULL else 1_500


class Many(DrainCase):
    """The issue's first claim: TLS, all there byte for byte, the server empty."""

    weight = 90

    def test_every_message_arrives_once_and_the_server_is_empty(self):
        server = self.office([])
        wanted = []

        def messages():
            for one in corpus.realistic(COUNT):
                wanted.extend(digests([one]))
                yield one

        server.append("INBOX", messages())
        mirror = self.drain(server)
        result = self.synced(mirror, timeout=600 if FULL else 110)
        figure("drained %d messages in %.1f s, peak %.1f MB" % (COUNT, result.seconds, result.peak / 1024))
        self.assertDelivered(mirror, wanted)
        self.assertEqual(server.left(), [])
        self.assertNoIntents(mirror)
        self.assertLess(result.peak, peak_limit())

    def test_every_message_stays_with_keep_and_comes_no_second_time(self):
        count = COUNT // 3
        server = self.office(corpus.realistic(count, seed=3, largest=200_000))
        wanted = digests(corpus.realistic(count, seed=3, largest=200_000))
        mirror = self.drain(server, retention="keep")
        self.synced(mirror)
        self.assertDelivered(mirror, wanted)
        before = mirror.mail()
        again = self.synced(mirror)
        self.assertEqual(mirror.mail(), before)
        self.assertEqual(len(server.left()), count)
        server.append("INBOX", corpus.small(3, seed=8))
        self.synced(mirror)
        self.assertDelivered(mirror, sorted(wanted + digests(corpus.small(3, seed=8))))
        self.assertLess(again.seconds, 10)


class Bytes(DrainCase):
    """SAME: what poplib's stream gives is what is on disk, however it is cut and secured."""

    weight = 25

    def test_odd_bytes_arrive_as_the_server_sends_them(self):
        for tls in ("implicit", "starttls", "none"):
            with self.subTest(tls=tls):
                server = self.office(list(corpus.odd()) + corpus.twins())
                wanted = sorted(check.digest(body) for body in server.messages())
                clear = {"host": "127.0.0.1", "tls_ca_file": None} if tls == "none" else {}
                mirror = self.drain(server, name=tls, tls=tls,
                                    port=server.pop3s if tls == "implicit" else server.pop3, **clear)
                self.synced(mirror)
                self.assertDelivered(mirror, wanted)
                self.assertEqual(server.left(), [])

    def test_bytes_that_no_real_server_sends(self):
        bodies = [body for body, _, _ in corpus.odd()] + [
            b"Subject: nul\r\n\r\n\x00\x01\x00\r\n", b"\r\r\n", b"a\r", b"\r\n\r", b"\n\r\n\r", b"From x\n", b"",
            b"a\n" * 5_000, b"a\r\nb\n" * 5_000, bytes(range(256)) * 20, b"\n.\r\n", b"x\n.\n\r\n", b"\r.\r\n", b"."]
        for step in (None, 1, 7, 4096):
            with self.subTest(split=step):
                some = bodies if step != 1 else [body for body in bodies if len(body) < 20_000]
                server = self.serve([Drop(b"%d" % number, body) for number, body in enumerate(some)], split=step)
                mirror = self.drain(server, name="split%s" % step, timeout="20s")
                self.survives(server, mirror, complete=True)

    def test_one_byte_at_a_time(self):
        for tls in ("none", "implicit", "starttls"):
            with self.subTest(tls=tls):
                server = self.serve(drops(6), split=1, tls=tls)
                self.survives(server, self.drain(server, name="one" + tls), complete=True)

    def test_without_pipelining_one_command_at_a_time(self):
        """A server that does not offer it never has two commands before it."""
        server = self.serve(drops(8), capabilities=("TOP", "UIDL", "USER"))
        surplus = []
        server.hooks["*"] = lambda session, words: surplus.append(session.buffer) if session.buffer else None
        self.survives(server, self.drain(server), complete=True)
        self.assertEqual(surplus, [])

    def test_with_pipelining_few_turns(self):
        server = self.serve(drops(200))
        turns = []
        server.hooks["*"] = lambda session, words: None if session.buffer else turns.append(1)
        self.survives(server, self.drain(server), complete=True)
        self.assertLess(len(turns), 60, "turns for 200 messages")

    def test_files_are_private_new_and_dated(self):
        server = self.office(list(corpus.small(5)) + [(b"Subject: no date\r\n\r\nx\r\n", [], None),
                                                      (b"Date: yesterday\r\nSubject: b\r\n\r\nx\r\n", [], None)])
        mirror = self.drain(server)
        old = os.umask(0)
        try:
            self.synced(mirror)
        finally:
            os.umask(old)
        paths = list((mirror.root / "new").iterdir())
        self.assertEqual(len(paths), 7)
        for path in paths:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            self.assertIn(",S=%d" % path.stat().st_size, path.name)
            dated = [line[5:].strip() for line in path.read_text(errors="replace").split("\n") if
                     line.startswith("Date:")]
            try:
                when = email.utils.parsedate_to_datetime(dated[0]).timestamp()
            except (IndexError, ValueError, TypeError):
                when = time.time()
            self.assertAlmostEqual(path.stat().st_mtime, when, delta=120)
        self.assertEqual(mirror.state.stat().st_mode & 0o077, 0)
