"""HAZARDS.md, P11 and P13: what the last reply was, and what a refusal means."""

import poplib
import time

import corpus
from drain_case import DrainCase, digests
from servers.pop3_scripted import CAPABILITIES, Drop, drops, simple
from support import wait_until


class Endings(DrainCase):
    """P11, P13: what the last reply was, and what a refusal means."""

    weight = 40

    def lost(self, carried_out, deletes=None, retention="delete", repeatedly=False):
        server = self.serve(drops(6))
        wanted = digests(server.drops)

        def quit(session, words):
            if deletes is not None:
                session.marked = set(list(sorted(session.marked))[:deletes])
            if carried_out:
                session.update()
            session.close()

        def once(session, words):
            if not session.marked:
                return False
            if not repeatedly:
                server.hooks.clear()
            return quit(session, words)

        server.hooks["QUIT"] = once
        mirror = self.drain(server, name="lost%d%s%s" % (carried_out, deletes, retention))
        result = mirror.sync()
        server.settle()
        self.assertAlive(result)
        self.assertDelivered(mirror, wanted, leftovers=True)
        return server, mirror, wanted

    def test_P11_lost_reply_to_QUIT_and_it_was_carried_out(self):
        server, mirror, wanted = self.lost(True)
        self.assertEqual(server.drops, [])
        self.finished(mirror, server)
        self.assertDelivered(mirror, wanted)
        self.assertNoIntents(mirror)

    def test_P11_lost_reply_to_QUIT_and_it_was_not_carried_out(self):
        server, mirror, wanted = self.lost(False)
        self.finished(mirror, server, tries=3)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)
        self.assertNoIntents(mirror)

    def test_P11_lost_reply_to_QUIT_and_a_part_was_carried_out(self):
        server, mirror, wanted = self.lost(True, deletes=3)
        self.finished(mirror, server, tries=3)
        self.assertEqual(server.drops, [])
        self.assertDelivered(mirror, wanted)

    def test_P11_lost_replies_again_and_again(self):
        server, mirror, wanted = self.lost(False, repeatedly=True)
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
        kept = server.drops[1]
        server.hooks["DELE"] = lambda session, words: session.drops[int(words[0]) - 1] is kept and (
            session.err(b"locked") or True)
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
        server.drops += drops(2, first=20)
        self.finished(mirror, server, tries=2)
        self.assertDelivered(mirror, sorted(wanted + digests(drops(2, first=20))))

    def test_P13_locked_limited_and_broken_maildrops_are_left_alone(self):
        """Each answer at sign-in is a wait: one try or few, no other password, and the next run is as always."""
        answers = ((b"[IN-USE] another session has it", "in use"),
                   (b"[LOGIN-DELAY] minimum time between mail checks violated", "between two visits"),
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
        server = self.office(corpus.small(5), lock_session=True)
        other = server.pop_client()
        mirror = self.drain(server)
        result = mirror.sync(timeout=100)
        self.assertEqual(result.status, 1, result.err)
        self.assertIn("in use", result.err)
        self.assertEqual(mirror.mail(), {})
        other.quit()
        self.synced(mirror)
        self.assertDelivered(mirror, digests(corpus.small(5)))
        wait_until(lambda: self.emptied(server), 10)

    def emptied(self, server):
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
        server = self.serve(drops(1), capabilities=CAPABILITIES + ("LOGIN-DELAY 2",))
        mirror = self.drain(server, poll_interval="1s")
        daemon = self.daemon(mirror)
        wait_until(lambda: server.sessions >= 1, 10)
        began, first = time.monotonic(), server.sessions
        time.sleep(5)
        visits = server.sessions - first
        self.assertLessEqual(visits, (time.monotonic() - began) / 2 + 1)
        self.assertGreaterEqual(visits, 1)
        self.assertEnds(daemon)
