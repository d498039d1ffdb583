"""HAZARDS.md, P1, P3 and P9: what a message of a maildrop is, and where it ends."""

from drain_case import DrainCase, digests
from servers.pop3_scripted import Drop, drops, simple


class Transfer(DrainCase):
    """P1, P3, P9: what a message is, and where it ends."""

    weight = 40

    def test_P1_dots_at_every_place_and_at_the_edges_of_buffers(self):
        bodies = [b".\r\n", b"..\r\n", b"...\r\n", b".x\r\n", b"\r\n.\r\n", b"\r\n..\r\n.\r\n", b".\r\n.\r\n.\r\n",
                  b"x\r\n.", b".", b"..", b"a\r.\r\nb\r\n", b"a\r\n.\rb\r\n", b"a\n.\nb\r\n", b"a\r\n.\n\r\n",
                  b"\r\r\n.\r\r\n.\r\n", b"a.\r\n", b".\r", b"\r.\r\n"]
        for size in (1023, 1024, 2048, 4096, 8192, 16384, 65536):
            for shift in range(-3, 4):
                bodies.append(b"y" * (size + shift - 2) + b"\r\n.\r\n..\r\nz\r\n")
        for step in (None, 1, 2, 3, 5, 1024, 4095, 4096):
            with self.subTest(split=step):
                some = [one for one in bodies if step is None or step > 999 or len(one) < 1200]
                server = self.serve([Drop(b"d%d" % n, b"Subject: d\r\n\r\n" + one) for n, one in enumerate(some)],
                                    split=step)
                self.survives(server, self.drain(server, name="P1-%s" % step, timeout="20s"), complete=True)

    def test_P1_dots_without_any_header(self):
        server = self.serve([Drop(b"%d" % n, one) for n, one in enumerate(
            (b".\r\n", b"..\r\n", b".\r\n.\r\n", b".", b"\r\n", b"\r\n.\r\n", b"", b"."))])
        self.survives(server, self.drain(server), complete=True)

    def test_P3_cut_during_RETR_leaves_no_part(self):
        body = b"Subject: long\r\n\r\n" + b"line\r\n" * 3_000

        def case(tls, place):
            server = self.serve([*drops(2), Drop(b"long", body), *drops(2, first=3)], tls=tls)

            def cut(session, words):
                if words != [b"3"]:
                    return False
                session.ok(b"%d octets" % len(body))
                session.raw(b"".join(one + b"\r\n" for one in body.split(b"\r\n")[:place]))
                session.close()

            server.hooks["RETR"] = cut
            self.survives(server, self.drain(server, name="P3%s%d" % (tls, place)))

        self.side_by_side([(tls, place) for tls in ("none", "implicit") for place in (0, 1, 17, 1_000, 3_001, 3_002)],
                          case)

    def test_P3_cut_in_the_middle_of_the_end(self):
        def case(tail):
            server = self.serve(drops(3))

            def cut(session, words):
                if words == [b"2"]:
                    session.raw(b"+OK\r\nSubject: x\r\n\r\nthe end" + tail)
                    session.close()

            server.hooks["RETR"] = cut
            self.survives(server, self.drain(server, name="P3end%d" % len(tail)))

        self.side_by_side([(tail,) for tail in (b"", b"\r", b"\r\n", b"\r\n.", b"\r\n.\r")], case)

    def test_P9_LIST_lies_about_sizes(self):
        """Sizes are advice: they neither cut a message short nor let one be deleted that is not whole."""
        for size in (0, 1, 50, 10_000_000, 4_294_967_296, 99999999999999999999, None):
            with self.subTest(size=size):
                server = self.serve([Drop(b"u%d" % n, simple(n), size=size) for n in range(4)])
                mirror = self.drain(server, name="P9-%s" % size, size_limit="1GB" if size and size < 1e9 else None)
                if size is not None and size < 1e9:
                    self.survives(server, mirror, complete=True)
                else:
                    result = mirror.sync(timeout=60)
                    self.assertAlive(result)

    def test_P9_RETR_says_another_size_than_LIST(self):
        server = self.serve(drops(4))

        def lie(session, words):
            number, drop = session.one(words)
            session.ok(b"%d octets" % (drop.size * 7))
            session.text(drop.body)
            return True

        server.hooks["RETR"] = lie
        self.survives(server, self.drain(server), complete=True)

    def test_P9_a_truncated_message_is_not_taken_for_the_whole(self):
        """The connection ends within a message whose LIST size has been reached."""
        server = self.serve([Drop(b"u1", simple(1)), Drop(b"u2", simple(2) * 30, size=len(simple(2)))])

        def cut(session, words):
            if words == [b"2"]:
                session.raw(b"+OK\r\n" + simple(2))
                session.close()

        server.hooks["RETR"] = cut
        self.survives(server, self.drain(server))

    def test_P9_a_message_that_can_not_be_fetched_stops_only_itself(self):
        for answer in (b"gone", b"[SYS/PERM] damaged"):
            with self.subTest(answer=answer):
                server = self.serve(drops(5))
                bad = server.drops[2]
                server.hooks["RETR"] = lambda session, words: session.drops[int(words[0]) - 1] is bad and (
                    session.err(answer) or True)
                mirror = self.drain(server, name="P9r%d" % len(answer))
                result = mirror.sync()
                server.settle()
                self.assertAlive(result)
                self.assertEqual(server.drops, [bad])
                self.assertDelivered(mirror, digests(drops(2) + drops(2, first=4)))
                self.assertIn("test", mirror.run("status").out)
                server.hooks.clear()
                self.finished(mirror, server)
                self.assertDelivered(mirror, digests(drops(5)))
                self.assertEqual(server.drops, [])
