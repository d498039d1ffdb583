"""HAZARDS.md, group P: what goes wrong between a drain and its server. Nothing is lost, nothing is there twice."""

import time

import check
from drain_case import DrainCase, digests
from servers.pop3_scripted import CAPABILITIES, Drop, drops, simple
from support import FULL, wait_until


def dotted(text):
    return Drop(b"dots", b"Subject: dots\r\n\r\n" + text)


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
        for tls in ("none", "implicit"):
            for place in (0, 1, 17, 1_000, 3_001, 3_002):
                with self.subTest(tls=tls, place=place):
                    server = self.serve([*drops(2), Drop(b"long", body), *drops(2, first=3)], tls=tls)

                    def cut(session, words, place=place):
                        if words != [b"3"]:
                            return False
                        session.ok(b"%d octets" % len(body))
                        session.raw(b"".join(one + b"\r\n" for one in body.split(b"\r\n")[:place]))
                        session.close()

                    server.hooks["RETR"] = cut
                    mirror = self.drain(server, name="P3%s%d" % (tls, place))
                    self.survives(server, mirror)

    def test_P3_cut_in_the_middle_of_the_end(self):
        for tail in (b"", b"\r", b"\r\n", b"\r\n.", b"\r\n.\r"):
            with self.subTest(tail=tail):
                server = self.serve(drops(3))

                def cut(session, words, tail=tail):
                    if words == [b"2"]:
                        session.raw(b"+OK\r\nSubject: x\r\n\r\nthe end" + tail)
                        session.close()

                server.hooks["RETR"] = cut
                self.survives(server, self.drain(server, name="P3end%d" % len(tail)))

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
                server.hooks["RETR"] = lambda session, words: words == [b"3"] and (session.err(answer) or True)
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

        for name, lines in (("missing", [b"1 uid-1", b"3 uid-3"]), ("blank", [b"1 uid-1", b"2 ", b"3", b"4 uid-4"]),
                            ("none", []), ("disorder", [b"4 uid-4", b"2 uid-2", b"3 uid-3", b"1 uid-1"]),
                            ("twice", [b"1 uid-1", b"1 uid-1", b"2 uid-2", b"3 uid-3", b"4 uid-4"]),
                            ("contrary", [b"1 uid-1", b"1 uid-9", b"2 uid-2", b"3 uid-3", b"4 uid-4"]),
                            ("beyond", [b"%d uid-%d" % (n, n) for n in range(1, 9)]),
                            ("zero", [b"0 uid-0"] + [b"%d uid-%d" % (n, n) for n in range(1, 5)]),
                            ("huge", [b"4294967297 uid-1", b"99999999999999999999 x"]),
                            ("words", [b"one uid-1", b"", b"2", b" 3 uid-3"])):
            with self.subTest(name=name):
                server = self.serve()
                server.hooks["UIDL"] = listing(lines)
                self.survives(server, self.drain(server, name="P5" + name))

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
        import corpus
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
                self.assertEqual(mirror.sync().status, 1)
                server.settle()
                server.hooks.clear()
                server.drops += [Drop(None, simple(2)), Drop(None, simple(9))] if carried_out else []
                self.finished(mirror, server, tries=3)
                more = digests([Drop(None, simple(9))] + ([Drop(None, simple(2))])) if carried_out else []
                if carried_out:
                    # An equal message that came since can't be told from one that was not deleted: it may be taken for it.
                    here = mirror.bodies()
                    self.assertGreaterEqual(len(here), len(wanted) + 1)
                    self.assertLessEqual(set(wanted + more), set(here))
                else:
                    self.assertDelivered(mirror, wanted)
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
        import corpus
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
        self.assertAlive(mirror.sync())
        server.settle()
        self.assertEqual(server.count("DELE"), 0)
        server.hooks.clear()
        server.forget()
        self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        self.assertEqual(server.count("RETR"), 0)

    def test_P15_a_real_server_that_lost_its_mail(self):
        import corpus
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
            self.assertTrue(any(drop is one for one in server.drops) or check.digest(drop.stored()) in here)

    def test_S3_a_listing_without_an_end(self):
        for word in ("UIDL", "LIST", "CAPA"):
            with self.subTest(word=word):
                server = self.serve(drops(3))

                def flood(session, words):
                    if words:
                        return False
                    session.ok()
                    for number in range(1, 4_000_000 if FULL else 600_000):
                        session.raw(b"%d u%d\r\n" % (number, number))
                    session.close()

                server.hooks[word] = flood
                result = self.survives(server, self.drain(server, name="S3" + word))
                self.assertLess(result.seconds, 60)


class Endings(DrainCase):
    """P11, P13: what the last reply was, and what a refusal means."""

    weight = 40

    def lost(self, carried_out, deletes=None, retention="delete"):
        server = self.serve(drops(6))
        wanted = digests(server.drops)

        def quit(session, words):
            if deletes is not None:
                session.marked = set(list(sorted(session.marked))[:deletes])
            if carried_out:
                session.update()
            session.close()

        server.hooks["QUIT"] = quit
        mirror = self.drain(server, name="lost%d%s%s" % (carried_out, deletes, retention))
        result = mirror.sync()
        server.settle()
        self.assertAlive(result)
        self.assertDelivered(mirror, wanted, leftovers=True)
        return server, mirror, wanted

    def test_P11_lost_reply_to_QUIT_and_it_was_carried_out(self):
        server, mirror, wanted = self.lost(True)
        server.hooks.clear()
        self.assertEqual(server.drops, [])
        self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        self.assertNoIntents(mirror)

    def test_P11_lost_reply_to_QUIT_and_it_was_not_carried_out(self):
        server, mirror, wanted = self.lost(False)
        server.hooks.clear()
        self.assertEqual(len(server.drops), 6)
        self.finished(mirror, server, tries=3)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)
        self.assertNoIntents(mirror)

    def test_P11_lost_reply_to_QUIT_and_a_part_was_carried_out(self):
        server, mirror, wanted = self.lost(True, deletes=3)
        server.hooks.clear()
        self.assertEqual(len(server.drops), 3)
        self.finished(mirror, server, tries=3)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)

    def test_P11_lost_replies_again_and_again(self):
        server, mirror, wanted = self.lost(False)
        for _ in range(3):
            self.assertAlive(mirror.sync())
            server.settle()
            self.assertDelivered(mirror, wanted, leftovers=True)
        server.hooks.clear()
        self.finished(mirror, server, tries=3)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)

    def test_P11_the_names_of_unconfirmed_ones_come_again_for_other_messages(self):
        """QUIT was carried out, its reply lost, and the server gives the same names to new mail: it is fetched."""
        server, mirror, wanted = self.lost(True)
        server.hooks.clear()
        server.drops = [Drop(b"uid-%d" % n, simple(100 + n)) for n in (1, 2)]
        new = digests(server.drops)
        self.finished(mirror, server, tries=3)
        self.assertDelivered(mirror, sorted(wanted + new))
        self.assertEqual(server.drops, [])

    def test_P11_QUIT_is_refused(self):
        """`-ERR some deleted messages not removed`: what is left is deleted by the next session, not fetched again."""
        for answer in (b"some deleted messages not removed", b"[SYS/TEMP] later"):
            with self.subTest(answer=answer):
                server = self.serve(drops(4))
                wanted = digests(server.drops)

                def quit(session, words):
                    session.marked = set(list(session.marked)[:2])
                    session.update()
                    session.err(answer)
                    session.close()

                server.hooks["QUIT"] = quit
                mirror = self.drain(server, name="P11r%d" % len(answer))
                self.assertAlive(mirror.sync())
                server.settle()
                server.hooks.clear()
                self.finished(mirror, server, tries=3)
                self.assertEqual(server.drops, [])
                self.assertDelivered(mirror, wanted)

    def test_P11_a_DELE_is_refused(self):
        """That message stays, the others go; it is not fetched again."""
        server = self.serve(drops(4))
        wanted = digests(server.drops)
        server.hooks["DELE"] = lambda session, words: words == [b"2"] and (session.err(b"locked") or True)
        mirror = self.drain(server)
        self.assertAlive(mirror.sync())
        server.settle()
        self.assertEqual([drop.uidl for drop in server.drops], [b"uid-2"])
        server.hooks.clear()
        self.finished(mirror, server, tries=2)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)

    def test_P11_a_server_that_forgets_its_deletions(self):
        """+OK to QUIT and nothing was removed, as Outlook does where its setting says so: nothing comes twice."""
        server = self.serve(drops(4))
        wanted = digests(server.drops)

        def quit(session, words):
            session.ok(b"bye")
            session.close()

        server.hooks["QUIT"] = quit
        mirror = self.drain(server)
        for _ in range(3):
            self.assertAlive(mirror.sync())
            server.settle()
            self.assertEqual(len(set(mirror.bodies())), 4)
        self.assertDelivered(mirror, wanted, leftovers=True)
        server.hooks.clear()
        self.finished(mirror, server, tries=2)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)

    def test_P13_locked_limited_and_broken_maildrops_are_left_alone(self):
        """Each answer at sign-in is a wait: one try or few, no other password, and the next run is as always."""
        answers = ((b"[IN-USE] another session has it", "IN-USE|use|lock"),
                   (b"[LOGIN-DELAY] minimum time between mail checks violated", "(?i)delay|often|soon|wait"),
                   (b"[SYS/TEMP] no disk", "(?i)temp|now|later|again|no disk"),
                   (b"[SYS/PERM] no such maildrop", "(?i)maildrop|provider"),
                   (b"[AUTH] wrong password", "(?i)login|password|sign"))
        for number, (answer, words) in enumerate(answers):
            with self.subTest(answer=answer):
                server = self.serve(drops(3))

                def refuse(session, _, answer=answer):
                    session.err(answer)
                    return True

                server.hooks["PASS"] = refuse

                def auth(session, words_, answer=answer):
                    if len(words_) < 2:
                        session.ask()
                    session.err(answer)
                    return True

                server.hooks["AUTH"] = server.hooks["APOP"] = auth
                mirror = self.drain(server, name="P13-%d" % number)
                result = mirror.sync(timeout=100)
                server.settle()
                self.assertRegex(self.assertOneLine(result, 1), words)
                self.assertLessEqual(server.sessions, 4)
                self.assertEqual((mirror.mail(), len(server.drops)), ({}, 3))
                server.hooks.clear()
                self.finished(mirror, server)
                self.assertDelivered(mirror, digests(drops(3)))

    def test_P13_locked_by_another_session_of_a_real_server(self):
        import corpus
        server = self.office(corpus.small(5), lock_session=True)
        other = server.pop_client()
        mirror = self.drain(server)
        result = mirror.sync(timeout=100)
        self.assertOneLine(result, 1)
        self.assertEqual(mirror.mail(), {})
        other.quit()
        self.synced(mirror)
        self.assertDelivered(mirror, digests(corpus.small(5)))
        wait_until(lambda: self.emptied(server), 10)

    def emptied(self, server):
        import poplib
        try:
            return server.left() == []
        except poplib.error_proto:
            return False

    def test_P13_a_daemon_waits_and_goes_on_by_itself(self):
        """[IN-USE] ends soon, [LOGIN-DELAY] has its time from CAPA; neither counts as a refused login."""
        server = self.serve(drops(3), capabilities=CAPABILITIES + ("LOGIN-DELAY 4",))
        state = {"left": 2}

        def refuse(session, words):
            if state["left"] <= 0:
                return False
            if len(words) < 2 and session.state.get("name") is None and words[:1] in ([b"PLAIN"],):
                session.ask()
            state["left"] -= 1
            session.err(b"[IN-USE] busy" if state["left"] else b"[LOGIN-DELAY] wait")
            return True

        for word in ("PASS", "AUTH", "APOP"):
            server.hooks[word] = refuse
        mirror = self.drain(server, poll_interval="1s")
        daemon = self.daemon(mirror)
        wait_until(lambda: not server.drops, 60)
        server.settle()
        self.assertDelivered(mirror, digests(drops(3)))
        wait_until(lambda: daemon.account()["error"] is None, 20)
        self.assertEnds(daemon)

    def test_P13_login_delay_of_CAPA_spaces_the_visits(self):
        server = self.serve(drops(1), capabilities=CAPABILITIES + ("LOGIN-DELAY 3",))
        mirror = self.drain(server, poll_interval="1s")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.sessions >= 1, 10)
        began, first = time.monotonic(), server.sessions
        time.sleep(9.5)
        visits = server.sessions - first
        self.assertLessEqual(visits, (time.monotonic() - began) / 3 + 1)
        self.assertGreaterEqual(visits, 1)
        self.assertEnds(daemon)
