"""What a run that ended early leaves, and what is held: recovery, removals, UIDs that change, ENABLE that fails."""

import contextlib
import json
import os
import sqlite3
import threading
import time

import check
import mail_reader
from hostile import Hostile, inbox
from servers.model import Mailbox, Message, simple

STOPPED = 86  # the exit status of a failpoint


def numbered(name, count):
    """A mailbox of messages that no other mailbox has."""
    return Mailbox(name, [Message(uid, simple(uid, "in " + name.decode())) for uid in range(1, count + 1)])


def unsettled(mirror):
    """How many rows of messages lie between an intent and its end, by mailbox."""
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % mirror.database, uri=True)) as connection:
        return dict(connection.execute("SELECT mailbox, count(*) FROM message WHERE state <> 1 GROUP BY mailbox"))


def asks_for_bodies(items):
    return any(item.upper() == b"BODY.PEEK[]" for item in items)


def together(server, count, timeout=10):
    """Lets `count` FETCHes of bodies end only when each of them has sent its first message, so that these messages
    become one delivery group."""
    barrier = threading.Barrier(count)

    def fetched(session, number, message, items):
        if not asks_for_bodies(items) or session.state.get("met"):
            return None
        session.state["met"] = True
        session.fetch(number, message, items)
        session.flush()
        try:
            barrier.wait(timeout)
        except threading.BrokenBarrierError:
            pass
        time.sleep(1.5)  # until what all of them sent has been read
        return True

    server.fetched = fetched


class Recovery(Hostile):
    def test_equal_messages_of_two_mailboxes_each_get_their_own_file(self):
        """INBOX and another mailbox hold the same bytes, both intents are committed, and the run ends before one of
        the renames, before both, or after both: afterwards each mailbox has its message, once."""
        for stop in (1, 2):
            with self.subTest(rename=stop):
                body = simple(1, "twice")
                server = self.serve(Mailbox(b"INBOX", [Message(1, body)]), Mailbox(b"Aaa", [Message(1, body)]))
                mirror = self.mirror(server, name="equal%d" % stop, connections=2)
                together(server, 2)
                broken = mirror.sync(environment={"MAILMIRROR_FAILPOINT": "rename.publish#%d:exit" % stop})
                self.assertEqual(broken.status, STOPPED, broken.err)
                self.assertEqual(sorted(unsettled(mirror).values()), [1, 1], "both intents were committed")
                server.fetched = None
                self.synced(mirror)
                self.assertHolds(mirror, *server.mailboxes)
                self.assertEqual(unsettled(mirror), {})
                self.assertEqual(mirror.quarantined(), [])
                self.synced(mirror)
                self.assertHolds(mirror, *server.mailboxes)
                self.assertOnlyRead(server)

    def test_an_emptied_file_comes_back_wherever_the_run_ends(self):
        """A message's file was truncated; a run that sets it aside and fetches it again ends at any commit: after the
        next whole run the file is there with its content, once."""
        server, ended = self.serve(inbox(4)), 0
        for number in range(1, 13):
            with self.subTest(commit=number):
                mirror = self.mirror(server, name="emptied%d" % number)
                self.synced(mirror)
                path = sorted(path for path in mirror.mail() if "/tmp/" not in path[len(str(mirror.root)):])[number % 4]
                os.truncate(path, 0)
                os.utime(os.path.dirname(path))  # as any other change in the folder: it is looked at again
                broken = mirror.sync(environment={"MAILMIRROR_FAILPOINT": "databaseCommit#%d:exit" % number})
                self.assertIn(broken.status, (0, STOPPED), broken.err)
                ended += broken.status == STOPPED
                self.synced(mirror)
                self.assertHolds(mirror, *server.mailboxes)
        self.assertGreater(ended, 3, "runs that ended early")
        self.assertOnlyRead(server)

    def test_a_folder_that_is_away_keeps_only_its_mailbox_out(self):
        """A run ended with intents for two mailboxes, and the folder of one is moved away: the other is synced, the
        run ends with 1 and `status` does not say that all is well; with the folder back, all is."""
        server = self.serve(numbered(b"Aaa", 4), numbered(b"Bbb", 4))
        mirror = self.mirror(server, connections=2)
        together(server, 2)
        broken = mirror.sync(environment={"MAILMIRROR_FAILPOINT": "rename.publish#1:exit"})
        self.assertEqual(broken.status, STOPPED, broken.err)
        self.assertEqual(len(unsettled(mirror)), 2, "intents for both mailboxes were committed")
        server.fetched = None
        folder, away = mirror.folder_of(b"Aaa"), mirror.directory / "away"
        os.rename(folder, away)
        for _ in range(2):
            result = mirror.sync()
            self.assertAlive(result)
            self.assertEqual(result.status, 1, result.err)
            self.assertIn("Aaa", result.err)
            self.assertHolds(mirror, server.box("Bbb"))
            status = mirror.run("status")
            self.assertEqual(status.status, 1, status.out)
            told = json.loads(mirror.run("status", "--json").out)
            states = {box["name"]: box["state"] for box in told["accounts"][0]["mailboxes"]}
            self.assertNotEqual(states["Aaa"], "ok")
            self.assertEqual(states["Bbb"], "ok")
        self.assertFalse(folder.exists(), "it is not made anew")
        os.rename(away, folder)
        self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)
        self.assertEqual(unsettled(mirror), {})
        self.assertEqual(mirror.quarantined(), [])
        self.assertEqual(mirror.run("status").status, 0)
        self.assertOnlyRead(server)

    def test_files_that_are_renamed_while_an_early_end_is_resolved(self):
        """A run ended after its renames, before they were settled. While the next one resolves that, a mail program
        marks all messages, again and again: each message stays, once, nothing goes to quarantine, and nothing is
        fetched a second time."""
        messages = [Message(uid, simple(uid) + b"A line of a long message.\r\n" * 4_000) for uid in range(1, 41)]
        server = self.serve(Mailbox(b"INBOX", messages))
        for number in range(1, 6):
            with self.subTest(run=number):
                mirror = self.mirror(server, name="renamed%d" % number)
                broken = mirror.sync(environment={"MAILMIRROR_FAILPOINT": "rename.publish#30:exit"})
                self.assertEqual(broken.status, STOPPED, broken.err)
                self.assertGreater(sum(unsettled(mirror).values()), 10, "published, not settled")
                with mail_reader.marking(mirror.folder_of(b"INBOX")):
                    self.assertAlive(mirror.sync())
                self.synced(mirror)
                self.assertEqual(len(mirror.mail()), 40)
                self.assertEqual(len(mirror.quarantined()), 0)
                self.assertBodies(mirror, *server.mailboxes)
                self.assertEqual(len(server.box("INBOX").messages), 40, "nothing was uploaded")

    def test_files_that_are_renamed_while_their_messages_are_removed(self):
        """The server lost half of its messages; while their files go to quarantine, a mail program marks all, again
        and again: each of these files is in quarantine, once, the others are in the folder, and nothing is uploaded.
        A `verify --full` in such a storm takes no file for a damaged one."""
        messages = [Message(uid, simple(uid) + b"A line of a long message.\r\n" * 4_000) for uid in range(1, 61)]
        server = self.serve(Mailbox(b"INBOX", messages))
        box = server.box("INBOX")
        for number in range(1, 4):
            with self.subTest(run=number):
                mirror = self.mirror(server, name="removed%d" % number, hold={"share": 1.0, "count": 100})
                self.synced(mirror)
                with mail_reader.marking(mirror.folder_of(b"INBOX")):
                    mirror.run("verify", "--full", "--repair")
                self.synced(mirror)
                self.assertEqual(len(mirror.quarantined()), 0)
                for message in box.messages[:15]:
                    box.expunge(message.uid)
                with mail_reader.marking(mirror.folder_of(b"INBOX")):
                    self.assertAlive(mirror.sync())
                self.synced(mirror)
                self.assertEqual(len(mirror.quarantined()), 15)
                self.assertBodies(mirror, *server.mailboxes)


class Connections(Hostile):
    def test_enable_that_fails_hides_no_change(self):
        """QRESYNC is among the capabilities, but ENABLE is refused, or answered OK without ENABLED, from the start or
        from the second run on: with one message gone, one new, one with a flag, and an equal count, all three show."""
        def refused(session, tag, words):
            session.no(tag, b"not today")
            return True

        def unconfirmed(session, tag, words):
            session.ok(tag)
            return True

        for name, enable in (("refused", refused), ("unconfirmed", unconfirmed)):
            for early in (True, False):
                with self.subTest(enable=name, early=early):
                    server = self.serve(numbered(b"INBOX", 2))
                    self.strict(server)
                    if early:
                        server.hooks["ENABLE"] = enable
                    mirror = self.mirror(server, name="%s%d" % (name, early))
                    self.synced(mirror)
                    server.hooks["ENABLE"] = enable
                    box = server.box("INBOX")
                    gone = box.messages[0].body
                    box.expunge(1)
                    box.add(simple(3, "new"))
                    box.flag(2, "\\Flagged")
                    self.synced(mirror)
                    self.assertHolds(mirror, box)
                    self.assertEqual([check.digest(body) for body in mirror.quarantined()], [check.digest(gone)])
                    self.assertOnlyRead(server)

    def strict(self, server):
        """As RFC 7162 has it: where QRESYNC was not enabled, its parameters and VANISHED are answered BAD."""
        def select(session, tag, words):
            options = words[1] if len(words) > 1 else []
            if options and options[0].upper() == b"QRESYNC" and "QRESYNC" not in session.enabled:
                session.line(tag + b" BAD QRESYNC is not enabled")
                return True

        def fetch(session, tag, words):
            modifiers = words[2] if len(words) > 2 else []
            if b"VANISHED" in [word.upper() for word in modifiers] and "QRESYNC" not in session.enabled:
                session.line(tag + b" BAD QRESYNC is not enabled")
                return True

        server.hooks["SELECT"] = server.hooks["EXAMINE"] = select
        server.hooks["UID FETCH"] = fetch

    def one_connection(self, refuses):
        for number, delay in enumerate((0.0, 0.3, 1.5)):
            with self.subTest(delay=delay):
                server = self.serve(*(numbered(name, 5) for name in (b"INBOX", b"Aaa", b"Bbb", b"Ccc", b"Ddd")))

                def login(session, tag, words):
                    if refuses(server, session):
                        time.sleep(delay)
                        session.no(tag, b"[UNAVAILABLE] too many connections")
                        return True
                    session.state["in"] = True

                server.hooks["LOGIN"] = server.hooks["AUTHENTICATE"] = login
                mirror = self.mirror(server, name="unavailable%d" % number, connections=4)
                result = mirror.sync(timeout=60)
                self.assertAlive(result)
                self.assertEqual(result.status, 0, result.err)
                self.assertHolds(mirror, *server.mailboxes)
                self.assertOnlyRead(server)

    def test_one_connection_does_all_where_the_server_allows_one_at_a_time(self):
        """While one connection is logged in, further logins are answered NO [UNAVAILABLE] late: every mailbox is
        synced all the same, in one run."""
        def refuses(server, session):
            with server.lock:
                return any(other.state.get("in") for other in server.open)

        self.one_connection(refuses)

    def test_one_connection_does_all_where_the_server_gives_no_more(self):
        """All logins after the first are answered NO [UNAVAILABLE], late, when the first connection is done with all
        that the others left: every mailbox is synced all the same, in one run, by the first connection."""
        self.one_connection(lambda server, session: session.number > 1)


class NewValidity(Hostile):
    def renew(self, box, messages):
        """The mailbox is made anew with these messages."""
        box.messages, box.vanished = messages, []
        box.uid_validity += 7
        box.uid_next = max([message.uid for message in messages], default=0) + 1
        box.mod_seq += 1
        for message in messages:
            message.modseq = box.mod_seq

    def test_mail_that_comes_to_a_mailbox_made_anew_releases_nothing(self):
        """A mailbox is empty under a new UIDVALIDITY: its five messages are held. One new mail there is fetched, and
        the five are held as before: nothing goes to quarantine."""
        server = self.serve(numbered(b"INBOX", 5), numbered(b"Other", 2))
        mirror = self.mirror(server)
        self.synced(mirror)
        box = server.box("INBOX")
        before = mirror.bodies()
        self.renew(box, [])
        self.synced(mirror, status=3)
        self.assertEqual(mirror.bodies(), before)
        body = simple(1, "the first of the new ones")
        box.add(body)
        for _ in range(3):
            self.synced(mirror, status=3)
            self.assertEqual(mirror.quarantined(), [])
            self.assertEqual(mirror.bodies(), sorted(before + [check.digest(body)]))
        self.assertEqual(mirror.run("status").status, 3)
        self.assertOnlyRead(server)

    def test_messages_alike_but_for_their_bodies_are_not_mixed_up(self):
        """Five messages of one header and size are renumbered in another order under a new UIDVALIDITY; then the
        server expunges one: exactly that one goes to quarantine."""
        head = b"From: a@example.org\r\nSubject: the same\r\nMessage-ID: <same@example.org>\r\n\r\n"
        for name, step in (("equal dates", 0), ("unequal dates", 60)):
            for capabilities in (None, "IMAP4rev1 SASL-IR AUTH=PLAIN"):
                with self.subTest(name, capabilities=capabilities):
                    box = Mailbox(b"INBOX", [Message(uid, head + b"body number %d\r\n" % uid,
                                                     date=1_500_000_000 + step * uid) for uid in range(1, 6)])
                    server = self.serve(box, **({"capabilities": capabilities} if capabilities else {}))
                    mirror = self.mirror(server, name="alike%d%s" % (step, bool(capabilities)))
                    self.synced(mirror)
                    order = [3, 5, 1, 4, 2]
                    bodies = {message.uid: message for message in box.messages}
                    self.renew(box, [Message(10 + place, bodies[uid].body, date=bodies[uid].date)
                                     for place, uid in enumerate(order)])
                    self.synced(mirror)
                    self.assertHolds(mirror, box)
                    self.assertEqual(mirror.quarantined(), [])
                    gone = box.messages[1].body
                    box.expunge(11)
                    self.synced(mirror)
                    self.assertEqual([check.digest(body) for body in mirror.quarantined()], [check.digest(gone)])
                    self.assertHolds(mirror, box)
                    self.assertOnlyRead(server)

    def test_a_message_that_cannot_be_fetched_meanwhile_is_not_lost(self):
        """Under a new UIDVALIDITY one message can't be fetched at all, neither header nor body; once the server gives
        it, it is there once, nothing is in quarantine, and nothing fails."""
        for rounds in (1, 3):
            with self.subTest(failing_rounds=rounds):
                server = self.serve(numbered(b"INBOX", 5))
                mirror = self.mirror(server, name="unfetched%d" % rounds)
                self.synced(mirror)
                box = server.box("INBOX")
                before = mirror.bodies()
                self.renew(box, [Message(message.uid + 20, message.body, date=message.date)
                                 for message in reversed(box.messages)])

                def fetch(session, tag, words):
                    items = words[1] if isinstance(words[1], list) else [words[1]]
                    asked = [message.uid for _, message in box.in_set(words[0].decode())]
                    if 23 not in asked or not any(item.upper().startswith(b"BODY") for item in items):
                        return None
                    for number, message in box.in_set(words[0].decode()):
                        if message.uid != 23:
                            session.fetch(number, message, items)
                    session.no(tag, b"[SERVERBUG] can't read one of them")
                    return True

                server.hooks["UID FETCH"] = fetch
                for _ in range(rounds):
                    result = mirror.sync()
                    self.assertAlive(result)
                    self.assertEqual(mirror.quarantined(), [])
                    self.assertEqual(mirror.bodies(), before, "nothing lost, nothing doubled")
                server.hooks.clear()
                for _ in range(2):
                    self.synced(mirror)
                    self.assertHolds(mirror, box)
                    self.assertEqual(mirror.quarantined(), [])
                self.assertOnlyRead(server)


class NewMail(Hostile):
    def test_a_new_message_that_is_refused_keeps_no_other_waiting(self):
        """Its header is asked for, too, since it may have been moved here: the FETCH of several ends with NO."""
        server = self.serve(numbered(b"INBOX", 5), numbered(b"Other", 5))
        mirror = self.mirror(server)
        self.synced(mirror)
        box = server.box("INBOX")
        for number in (6, 7, 8):
            box.add(simple(number, "new"))

        def fetch(session, tag, words):
            items = words[1] if isinstance(words[1], list) else [words[1]]
            asked = [message.uid for _, message in box.in_set(words[0].decode())]
            if 7 not in asked or not any(item.upper().startswith(b"BODY") for item in items):
                return None
            session.no(tag, b"[SERVERBUG] can't read one of them")
            return True

        server.hooks["UID FETCH"] = fetch
        self.assertAlive(mirror.sync())
        self.assertEqual(len(mirror.bodies()), 12, "all but the one")
        server.hooks.clear()
        self.synced(mirror)
        self.assertHolds(mirror, box)


class Removals(Hostile):
    def test_the_accounts_limit_counts_all_connections(self):
        """Four mailboxes lose 15 % at the same time, each within its own limit: together no more than the account's
        limit go to quarantine, and the rest is held."""
        names = (b"INBOX", b"Aaa", b"Bbb", b"Ccc")
        server = self.serve(*(numbered(name, 400) for name in names))
        mirror = self.mirror(server, connections=4, hold={"share": 0.2, "count": 20, "account": 100})
        self.synced(mirror)
        met = threading.Barrier(4)

        def select(session, tag, words):
            if not session.state.get("met"):
                session.state["met"] = True
                try:
                    met.wait(2)
                except threading.BrokenBarrierError:
                    pass

        server.hooks["SELECT"] = server.hooks["EXAMINE"] = select
        for name in names:
            server.box(name).expunge(*range(101, 161))
        self.synced(mirror, status=3)
        removed = len(mirror.quarantined())
        self.assertGreater(removed, 0)
        self.assertLessEqual(removed, 100)
        self.assertEqual(len(mirror.bodies()), 1600 - removed)
        server.hooks.clear()
        self.synced(mirror, status=3)
        self.assertEqual(len(mirror.quarantined()), removed)
        self.assertEqual(len(mirror.bodies()), 1600 - removed)
        self.assertOnlyRead(server)

    def test_a_server_that_recovers_takes_its_hold_with_it(self):
        """A server shows fewer messages for a while (held), then all of them again: the hold is gone, nothing is in
        quarantine, and a few messages that are expunged later leave as usual."""
        for capabilities in (None, "IMAP4rev1 SASL-IR AUTH=PLAIN"):
            with self.subTest(capabilities=capabilities):
                server = self.serve(numbered(b"INBOX", 60),
                                    **({"capabilities": capabilities} if capabilities else {}))
                mirror = self.mirror(server, name="recovers%s" % bool(capabilities))
                self.synced(mirror)
                box = server.box("INBOX")
                whole = list(box.messages)
                before = mirror.bodies()
                box.expunge(*range(1, 41))
                for _ in range(2):
                    self.synced(mirror, status=3)
                    self.assertEqual(mirror.bodies(), before)
                box.messages, box.vanished = whole, []
                box.mod_seq += 1
                for message in whole[:40]:
                    message.modseq = box.mod_seq
                self.synced(mirror)
                self.assertHolds(mirror, box)
                self.assertEqual(mirror.quarantined(), [])
                status = mirror.run("status")
                self.assertEqual(status.status, 0, status.out)
                box.expunge(3, 50)
                self.synced(mirror)
                self.assertHolds(mirror, box)
                self.assertEqual(len(mirror.quarantined()), 2)
                self.assertOnlyRead(server)
