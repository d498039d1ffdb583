"""HAZARDS.md, S25 and S27 in POP3's clothes: answers that are none, too long, made for a terminal, or never come."""

from drain_case import DrainCase, digests
from servers.pop3_scripted import Drop, drops, simple
from support import FULL


class Untrusted(DrainCase):
    """S23 to S27 in POP3's clothes: answers that are none, too long, or made for a terminal."""

    weight = 50

    LINES = (b"", b" ", b"+", b"-", b"+OK", b"+OK ", b"+OKAY", b"-ERR", b"-ERROR", b"ok", b"+ok 1 2", b"+OK -1 -1",
             b"+OK 99999999999999999999 1", b"+OK 4294967296 0", b"+OK 1", b"+OK x y", b"+OK 1 2 3 4 [", b"+OK [",
             b"-ERR [", b"-ERR []", b"-ERR [IN-USE", b"-ERR [" + b"x" * 5_000 + b"]", b".", b"..", b"\xff\xfe", b"\x00",
             b"+ ", b"+ !!!", b"* OK", b"+OK" + b" " * 100_000)

    def test_S25_malformed_answers_trap_nothing(self):
        words = ("CAPA", "STAT", "LIST", "UIDL", "RETR", "DELE", "QUIT", "PASS", "AUTH")
        cases = [(word, line) for word in words for line in self.LINES]
        if not FULL:
            cases = self.dice.sample(cases, 60)

        def case(number, word, line):
            server = self.serve(drops(3))
            server.hooks[word] = lambda session, words: (session.line(line), True)[-1]
            mirror = self.drain(server, name="S25-%d" % number, timeout="1s")
            # Who says that it has deleted and has not is not asked for ever.
            lies = word in ("DELE", "QUIT") and line.upper().split(b" ")[0] == b"+OK"
            self.survives(server, mirror, emptied=not lies)

        self.side_by_side([(number, *one) for number, one in enumerate(cases)], case)

    def test_S25_rows_that_are_none(self):
        rows = (b"", b" ", b"x", b"1", b"1 ", b"1 x", b"-1 5", b"0 5", b"99999999999999999999 1", b"1 -1", b"1 1 1",
                b"1\t120", b"\xff 1", b"1 99999999999999999999", b"3 " + b"9" * 1_000)

        def case(word, number, row):
            server = self.serve(drops(3))

            def hook(session, words):
                if words:
                    return False
                session.ok()
                session.listing([row])
                return True

            server.hooks[word] = hook
            self.survives(server, self.drain(server, name="rows%s%d" % (word, number), timeout="3s"))

        self.side_by_side([(word, number, row) for word in ("LIST", "UIDL", "CAPA") for number, row in enumerate(rows)],
                          case)

    def test_S25_answers_to_nothing(self):
        """A line more than was asked for never moves the answers by one."""
        def case(word, extra):
            server = self.serve(drops(3))

            def hook(session, words):
                getattr(session, "do_" + word.lower())(words)
                session.line(extra)
                return True

            server.hooks[word] = hook
            self.survives(server, self.drain(server, name="%s%d" % (word, extra[0]), timeout="3s"))

        self.side_by_side([(word, extra) for word in ("STAT", "LIST", "UIDL", "RETR", "DELE")
                           for extra in (b"+OK", b"-ERR", b".", b"x")], case)

    def test_S27_server_text_is_cut_and_cleaned(self):
        text = (b"%n%s%x \x1b[2J\x1b]0;owned\x07 \xff\xfe\xc3( \x00\x01\x9b2J \xe2\x80\xae\xe2\x81\xa6" +
                b"A" * 1_000_000)

        def case(word):
            server = self.serve(drops(2), capabilities=("UIDL", "USER", "PIPELINING"),
                                **({"greeting": b"-ERR " + text} if word == "greeting" else {}))
            if word != "greeting":
                server.hooks[word] = lambda session, words: (session.raw(b"-ERR " + text + b"\r\n"), True)[-1]
            mirror = self.drain(server, name="S27" + word)
            result = mirror.sync(timeout=90)
            server.settle()
            self.assertAlive(result)
            self.assertLess(len(result.err), 5_000)
            self.assertNotIn("\u202e", result.err)
            self.assertAlive(mirror.run("status"))
            if word != "DELE" and word != "QUIT":
                self.assertEqual(len(server.drops), 2)

        self.side_by_side([(word,) for word in ("greeting", "PASS", "STAT", "UIDL", "LIST", "RETR", "DELE", "QUIT")],
                          case)

    def test_one_line_without_an_end(self):
        """A message of one line, 64 MB long, costs no memory; an answer of one line without an end is refused."""
        size = (512 if FULL else 64) << 20
        server = self.serve([Drop(b"a", simple(1)), Drop(b"b", b"")])

        def hook(session, words):
            if words != [b"2"]:
                return False
            session.ok()
            session.raw(b"Subject: long\r\n\r\n")
            for _ in range(size >> 20):
                session.raw(b"x" * (1 << 20))
            session.raw(b"\r\n.\r\n")
            return True

        server.hooks["RETR"] = hook
        mirror = self.drain(server, timeout="20s")
        result = mirror.sync(timeout=300)
        self.assertAlive(result)
        self.assertEqual(result.status, 0, result.err)
        self.assertEqual(sorted(path.stat().st_size for path in (mirror.root / "new").iterdir())[-1],
                         size + len("Subject: long\n\n\n"))
        for word in ("STAT", "CAPA", "PASS"):
            other = self.serve(drops(2), capabilities=("UIDL", "USER"))

            def endless(session, words):
                for _ in range(200):
                    session.raw(b"y" * (1 << 20))
                session.close()

            other.hooks[word] = endless
            self.assertAlive(self.drain(other, name="endless" + word).sync(timeout=60))
            self.assertEqual(len(other.drops), 2)

    def test_a_server_that_falls_silent(self):
        """At any word: noticed within the timeout, one line, and nothing is deleted that is not here."""
        def case(word):
            server = self.serve(drops(3), capabilities=("UIDL", "USER"),
                                **({"greeting": None} if word == "greeting" else {}))

            def hook(session, words):
                session.flush()
                while session.socket.recv(4096):
                    pass
                session.close()

            if word != "greeting":
                server.hooks[word] = hook
            mirror = self.drain(server, name="silent" + word, timeout="1s")
            result = mirror.sync(timeout=60)
            server.settle()
            self.assertAlive(result)
            self.assertLess(result.seconds, 40)
            if word not in ("DELE", "QUIT"):
                self.assertEqual(mirror.sync(timeout=60).status, 1)
            server.hooks.clear()
            server.greeting = b"+OK"
            mirror.account["timeout"] = "20s"
            mirror.write()
            self.finished(mirror, server, tries=2)
            self.assertDelivered(mirror, digests(drops(3)), leftovers=True)
            self.assertEqual(server.drops, [])

        self.side_by_side([(word,) for word in ("greeting", "CAPA", "PASS", "STAT", "UIDL", "LIST", "RETR", "DELE",
                                                "QUIT")], case)
