"""HAZARDS.md, P5, P7, P15 and S3: what a server says of its messages' names. Nothing is lost, nothing comes twice."""

import corpus
from drain_case import DrainCase, digests
from servers.pop3_scripted import CAPABILITIES, Drop, drops, simple
from support import FULL


class Identifiers(DrainCase):
    """P5, P7, P15, S3: what a server says of its messages' names."""

    weight = 40

    def test_P5_duplicate_identifiers(self):
        """Two messages, one name: both are fetched, and neither is deleted before it is here."""
        for retention in ("delete", "keep"):
            with self.subTest(retention=retention):
                server = self.serve([Drop(b"same", simple(1)), Drop(b"same", simple(2)), Drop(b"x", simple(3)),
                                     Drop(b"same", simple(4)), Drop(b"same", simple(1))])
                wanted = digests(server.drops)
                mirror = self.drain(server, name="P5" + retention, retention=retention)
                self.finished(mirror, server, tries=3)
                self.assertDelivered(mirror, wanted)
                self.assertEqual(len(server.drops), 0 if retention == "delete" else 5)
                self.finished(mirror, server)
                self.assertDelivered(mirror, wanted)

    def test_P5_a_known_identifier_comes_again_with_another_message(self):
        """The name of a message that is gone from the server, given to a new one."""
        server = self.serve([Drop(b"one", simple(1)), Drop(b"two", simple(2))])
        mirror = self.drain(server)
        self.finished(mirror, server)
        self.assertEqual(server.drops, [])
        server.drops = [Drop(b"one", simple(11)), Drop(b"three", simple(3))]
        self.finished(mirror, server)
        self.assertDelivered(mirror, digests([Drop(b"", simple(n)) for n in (1, 2, 11, 3)]))
        self.assertEqual(server.drops, [])

    def test_P5_blank_and_missing_rows(self):
        def listing(lines):
            def hook(session, words):
                if words:
                    return False
                session.ok()
                session.listing(lines)
                return True
            return hook

        def case(name, lines):
            server = self.serve()
            server.hooks["UIDL"] = listing(lines)
            self.survives(server, self.drain(server, name="P5" + name))

        self.side_by_side((("missing", [b"1 uid-1", b"3 uid-3"]), ("blank", [b"1 uid-1", b"2 ", b"3", b"4 uid-4"]),
                           ("none", []), ("disorder", [b"4 uid-4", b"2 uid-2", b"3 uid-3", b"1 uid-1"]),
                           ("twice", [b"1 uid-1", b"1 uid-1", b"2 uid-2", b"3 uid-3", b"4 uid-4"]),
                           ("contrary", [b"1 uid-1", b"1 uid-9", b"2 uid-2", b"3 uid-3", b"4 uid-4"]),
                           ("beyond", [b"%d uid-%d" % (n, n) for n in range(1, 9)]),
                           ("zero", [b"0 uid-0"] + [b"%d uid-%d" % (n, n) for n in range(1, 5)]),
                           ("huge", [b"4294967297 uid-1", b"99999999999999999999 x"]),
                           ("words", [b"one uid-1", b"", b"2", b" 3 uid-3"])), case)

    def test_P5_blank_identifiers_with_keep(self):
        """A message without a name is not fetched again and again."""
        server = self.serve([Drop(b"a", simple(1)), Drop(None, simple(2)), Drop(b"c", simple(3))])
        mirror = self.drain(server, retention="keep")
        for _ in range(3):
            result = mirror.sync()
            server.settle()
            self.assertAlive(result)
        bodies = mirror.bodies()
        self.assertEqual(len(bodies), len(set(bodies)))
        self.assertEqual(len(server.drops), 3)
        for number in (1, 3):
            self.assertIn(digests([Drop(b"", simple(number))])[0], bodies)

    def test_P5_all_identifiers_change(self):
        """Another server behind the same name: with the drain nothing is left to come twice; with keep it comes again,
        for content decides nothing between messages, and nothing is deleted."""
        server = self.serve(drops(5))
        wanted = digests(server.drops)
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)
        for number, drop in enumerate(server.drops):
            drop.uidl = b"other-%d" % number
        self.finished(mirror, server)
        self.assertEqual(len(server.drops), 5)
        self.assertLessEqual(set(wanted), set(mirror.bodies()))
        mirror.account["retention"] = "delete"
        mirror.write()
        self.finished(mirror, server)
        self.assertEqual(server.drops, [])
        self.assertLessEqual(set(wanted), set(mirror.bodies()))

    def test_P5_all_identifiers_change_on_a_real_server(self):
        server = self.office(corpus.small(6))
        wanted = digests(corpus.small(6))
        mirror = self.drain(server)
        server.reidentify("%g")
        self.synced(mirror)
        self.assertDelivered(mirror, wanted)
        self.assertEqual(server.left(), [])

    def test_P5_no_UIDL_at_all(self):
        """Only the drain is possible: delete works, keep refuses and touches nothing."""
        for retention in ("delete", "keep", "14d"):
            with self.subTest(retention=retention):
                server = self.serve([Drop(None, simple(n)) for n in (1, 2, 2, 3)],
                                    capabilities=[one for one in CAPABILITIES if one != "UIDL"])
                wanted = digests(server.drops)
                mirror = self.drain(server, name="P5u" + retention, retention=retention)
                if retention == "delete":
                    self.finished(mirror, server)
                    self.assertDelivered(mirror, wanted)
                    self.assertEqual(server.drops, [])
                    self.assertNoIntents(mirror)
                else:
                    result = mirror.sync()
                    server.settle()
                    self.assertIn("retention", self.assertOneLine(result, 1))
                    self.assertEqual((mirror.mail(), len(server.drops), server.count("DELE")), ({}, 4, 0))

    def test_P5_no_UIDL_and_a_lost_reply(self):
        """Content tells which DELEs were not carried out, one for one: of three equal messages as many come as there
        were, whether the server has deleted or not."""
        for carried_out in (True, False):
            with self.subTest(carried_out=carried_out):
                server = self.serve([Drop(None, simple(n)) for n in (1, 2, 2, 2, 3)],
                                    capabilities=[one for one in CAPABILITIES if one != "UIDL"])
                wanted = digests(server.drops)

                def quit(session, words):
                    if carried_out:
                        session.update()
                    session.close()

                server.hooks["QUIT"] = quit
                mirror = self.drain(server, name="P5l%d" % carried_out)
                # Where they were carried out, the further session of the same sync finds out.
                self.assertEqual(mirror.sync().status, 0 if carried_out else 1)
                server.settle()
                server.hooks.clear()
                server.drops += [Drop(None, simple(2)), Drop(None, simple(9))] if carried_out else []
                self.finished(mirror, server, tries=3)
                more = digests([Drop(None, simple(9)), Drop(None, simple(2))]) if carried_out else []
                self.assertDelivered(mirror, sorted(wanted + more))
                self.assertEqual(server.drops, [])

    def test_P7_mail_comes_between_UIDL_and_LIST(self):
        """A server that shows new mail within a session, or numbers that move: no message under another's name."""
        for command in ("STAT", "LIST", "UIDL"):
            for first in (True, False):
                with self.subTest(command=command, first=first):
                    server = self.serve(drops(4))

                    def hook(session, words):
                        if session.state.setdefault("done", False):
                            return
                        session.state["done"] = True
                        new = Drop(b"new", simple(77))
                        server.drops.append(new)
                        session.drops.insert(0 if first else len(session.drops), new)

                    server.hooks[command] = hook
                    wanted = digests(drops(4) + [Drop(b"new", simple(77))])
                    mirror = self.drain(server, name="P7%s%d" % (command, first))
                    result = mirror.sync()
                    server.settle()
                    self.assertAlive(result)
                    server.hooks.clear()
                    self.finished(mirror, server, tries=3)
                    self.assertDelivered(mirror, wanted, leftovers=True)
                    self.assertEqual(server.drops, [])

    def test_P7_mail_comes_during_a_session_of_a_real_server(self):
        server = self.office(corpus.small(300))
        wanted = digests(corpus.small(300))
        mirror = self.drain(server)
        more = list(corpus.small(5, seed=44))
        self.synced(mirror, while_running=lambda _: server.append("INBOX", [more.pop()]) if more else None)
        self.synced(mirror)
        self.assertDelivered(mirror, sorted(wanted + digests(corpus.small(5, seed=44))[:5]) if not more else wanted)
        self.assertEqual(server.left(), [])

    def test_P15_suddenly_nothing(self):
        """STAT and UIDL are empty after many: local mail and what is known of the messages stay."""
        for retention in ("keep", "14d"):
            with self.subTest(retention=retention):
                server = self.serve(drops(40))
                wanted = digests(server.drops)
                mirror = self.drain(server, name="P15" + retention, retention=retention)
                self.finished(mirror, server)
                whole, server.drops = server.drops, []
                for _ in range(3):
                    self.finished(mirror, server)
                    self.assertDelivered(mirror, wanted)
                server.drops = whole
                server.forget()
                self.finished(mirror, server)
                self.assertDelivered(mirror, wanted)
                self.assertEqual(server.count("RETR"), 0, "it knew them all")
                self.assertEqual(len(server.drops), 40)
                self.assertEqual(mirror.quarantined(), [])

    def test_P15_UIDL_is_empty_and_STAT_is_not(self):
        server = self.serve(drops(20))
        wanted = digests(server.drops)
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)

        def nothing(session, words):
            session.ok()
            session.listing([])
            return True

        server.hooks["UIDL"] = nothing
        server.forget()
        self.assertIn("tried again", self.assertOneLine(mirror.sync(), 1))
        server.settle()
        self.assertEqual(server.count("DELE"), 0)
        server.hooks.clear()
        server.drops.append(Drop(b"new", simple(77)))
        self.finished(mirror, server)
        self.assertDelivered(mirror, sorted(wanted + digests(server.drops[-1:])))
        self.assertEqual(server.count("RETR"), 1, "what was here is not fetched again")

    def test_P15_UIDL_leaves_names_out_for_once(self):
        """With keep, messages without their names are fetched to be known by their content, and none comes twice."""
        server = self.serve(drops(20))
        wanted = digests(server.drops)
        mirror = self.drain(server, retention="keep")
        self.finished(mirror, server)

        def half(session, words):
            session.ok()
            session.listing(b"%d uid-%d" % (number, number) for number in range(1, 11))
            return True

        server.hooks["UIDL"] = half
        self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        server.hooks.clear()
        for _ in range(2):
            server.forget()
            self.finished(mirror, server)
            self.assertDelivered(mirror, wanted)
        self.assertEqual((server.count("RETR"), len(server.drops)), (0, 20))

    def test_P15_a_real_server_that_lost_its_mail(self):
        server = self.office(corpus.small(30))
        mirror = self.drain(server, retention="keep", delete_on_server="expunge", settle="1s")
        self.synced(mirror)
        before = mirror.mail()
        server.remove_all()
        self.synced(mirror)
        self.assertEqual(mirror.mail(), before)

    def test_S3_identifiers_that_are_no_names(self):
        long = b"x" * 1_000_000
        odd = [b"../../x", b"/etc/passwd", b"a/../../b", b"nul\x00inside", b"\xff\xfe\x80", b"x" * 70, b"x" * 71,
               b"x" * 5_000, b"a b c", b"%n%s%x", b"\x1b[2J", b"'; DROP TABLE message; --", b".", b"..", b"~", b"*",
               b"\x7f", b"1", b"-1"]
        for retention in ("keep", "delete"):
            with self.subTest(retention=retention):
                server = self.serve([Drop(one, simple(n)) for n, one in enumerate(odd)])
                wanted = digests(server.drops)
                mirror = self.drain(server, name="S3" + retention, retention=retention)
                result = self.finished(mirror, server, tries=3)
                self.assertAlive(result)
                self.assertDelivered(mirror, wanted)
                self.assertContained(mirror)
                server.forget()
                self.finished(mirror, server)
                self.assertEqual(server.count("RETR"), 0, "known by its name, whatever that is")
        server = self.serve([Drop(b"a", simple(1)), Drop(long, simple(2)), Drop(long + b"y", simple(3))])
        self.survives_but_may_refuse(server, self.drain(server, name="S3long"))

    def survives_but_may_refuse(self, server, mirror):
        """A line of a megabyte is hashed or refused; what is refused stays on the server."""
        whole = list(server.drops)
        result = mirror.sync(timeout=60)
        server.settle()
        self.assertAlive(result)
        self.assertContained(mirror)
        here = mirror.bodies()
        self.assertEqual(len(here), len(set(here)))
        for drop in whole:
            self.assertTrue(any(drop is one for one in server.drops) or drop.digest() in here)

    def test_S3_a_listing_without_an_end(self):
        """One that the server breaks off, and one that goes on until it is broken off."""
        def case(word, endless):
            server = self.serve(drops(3))
            flooded = []

            def flood(session, words):
                if words:
                    return False
                session.ok()
                if not flooded:  # what is tried again ends sooner
                    flooded.append(True)
                    for number in range(1, 4_000_000 if FULL else 100_000):
                        session.raw(b"%d u%d\r\n" % (number, number))
                    while endless:
                        session.raw(b"x\r\n" * 20_000)
                session.close()

            server.hooks[word] = flood
            result = self.survives(server, self.drain(server, name="S3%s%s" % (word, endless)))
            self.assertEqual(flooded, [True])
            self.assertLess(result.seconds, 100)

        self.side_by_side([("UIDL", False), ("LIST", False), ("CAPA", False), ("UIDL", True), ("LIST", True),
                           ("CAPA", True)], case)

    def test_P5_duplicates_far_apart(self):
        """The same names at both ends of a long listing, and a number that is named twice, far apart."""
        count = 200_000 if FULL else 5_000
        for retention in ("delete", "keep"):
            with self.subTest(retention=retention):
                server = self.serve([Drop(b"a", simple(1)), Drop(b"b", simple(2)), Drop(b"c", simple(3))])

                def listing(session, words):
                    session.ok()
                    session.raw(b"1 a\r\n2 b\r\n3 c\r\n")
                    for number in range(4, count):
                        session.raw(b"%d u%d\r\n" % (number, number))
                    session.raw(b"2 other\r\n%d a\r\n.\r\n" % count)
                    return True

                server.hooks["UIDL"] = listing
                server.hooks["LIST"] = lambda session, words: (session.ok(), session.listing(
                    b"%d %d" % (number, drop.size) for number, drop in session.present()), True)[-1]
                mirror = self.drain(server, name="far" + retention, retention=retention, session_limit=50,
                                    order="oldest")
                wanted = digests(server.drops)
                result = mirror.sync(timeout=300)
                server.settle()
                self.assertAlive(result)
                server.hooks.clear()
                mirror.account["session_limit"] = 0
                mirror.write()
                self.finished(mirror, server, tries=3)
                self.assertDelivered(mirror, wanted)
                self.assertEqual(len(server.drops), 0 if retention == "delete" else 3)
