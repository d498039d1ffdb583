"""HAZARDS.md, identity, CONDSTORE and QRESYNC: Q1 to Q19 and V9 end to end, against a scripted server."""

import re

from hostile import Hostile, inbox
from servers.model import Message, simple

PLAIN = "IMAP4rev1 SASL-IR AUTH=PLAIN"
CONDSTORE = PLAIN + " CONDSTORE ENABLE"
ALL = None


class Identity(Hostile):
    def synced_with(self, count=6, name="mirror", capabilities=ALL, **options):
        if capabilities:
            options["capabilities"] = capabilities
        server = self.serve(inbox(count), inbox(2, b"Other"), **options)
        mirror = self.mirror(server, name=name)
        self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)
        return server, mirror, server.box("INBOX")

    def ladder(self):
        for number, capabilities in enumerate((ALL, CONDSTORE, PLAIN)):
            with self.subTest(capabilities=capabilities):
                yield (*self.synced_with(name="ladder%d" % number, capabilities=capabilities),)

    def test_Q1_uidvalidity_changed(self):
        for server, mirror, box in self.ladder():
            before = sorted(row[0] for row in mirror.mail().values())
            messages = [Message(100 + number, message.body, message.flags, message.date)
                        for number, message in enumerate(reversed(box.messages))]
            box.messages, box.uid_validity, box.uid_next, box.vanished = messages, box.uid_validity + 5, 200, []
            self.synced(mirror)
            self.assertHolds(mirror, *server.mailboxes)
            self.assertEqual(sorted(row[0] for row in mirror.mail().values()), before, "paired, not fetched again")
            self.assertEqual(mirror.quarantined(), [])
            self.synced(mirror)
            self.assertHolds(mirror, *server.mailboxes)
            self.assertOnlyRead(server)

    def test_Q1_uidvalidity_changes_between_two_connections_of_one_sync(self):
        server, mirror, box = self.synced_with()
        count = []

        def select(session, tag, words):
            if words[0].upper() == b"INBOX":
                count.append(1)
                box.uid_validity = 1_000_000 + len(count) // 2
            return None

        server.hooks["SELECT"] = server.hooks["EXAMINE"] = select
        for _ in range(3):
            self.assertAlive(mirror.sync())
            self.assertBodies(mirror, *server.mailboxes)
        server.hooks.clear()
        self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)

    def test_Q1_uidvalidity_changed_to_an_empty_mailbox_is_held(self):
        server, mirror, box = self.synced_with(count=30)
        before = mirror.bodies()
        box.messages, box.uid_validity, box.vanished = [], box.uid_validity + 1, []
        result = mirror.sync()
        self.assertAlive(result)
        self.assertEqual(result.status, 3, result.err)
        self.assertEqual(mirror.bodies(), before)

    def test_Q3_uids_that_name_other_messages(self):
        for server, mirror, box in self.ladder():
            before = mirror.bodies()
            bodies = [message.body for message in box.messages]
            for message, body in zip(box.messages, bodies[1:] + bodies[:1]):
                message.body = body
                message.date += 1000
                message.modseq = box.mod_seq + 1
                message.flags = ("\\Flagged",)
            box.mod_seq += 1
            result = mirror.sync()
            self.assertAlive(result)
            self.assertEqual(mirror.bodies(), before, "nothing removed, nothing doubled")
            self.assertEqual(mirror.quarantined(), [])
            self.assertOnlyRead(server)

    def test_Q5_uidnext_missing_stale_or_falling(self):
        for capabilities in (ALL, PLAIN):
            for number, (name, rewrite) in enumerate((
                    ("missing", lambda session, line: None if b"[UIDNEXT" in line else
                     re.sub(rb" ?UIDNEXT \d+", b"", line)),
                    ("stale", lambda session, line: re.sub(rb"UIDNEXT \d+", b"UIDNEXT 7", line)),
                    ("falling", lambda session, line: re.sub(rb"UIDNEXT \d+", b"UIDNEXT 1", line)))):
                with self.subTest(uidnext=name, capabilities=capabilities):
                    server, mirror, box = self.synced_with(name="Q5%s%s" % (name, bool(capabilities)),
                                                           capabilities=capabilities)
                    server.rewrite = rewrite
                    box.add(simple(70))
                    box.add(simple(71))
                    self.assertAlive(mirror.sync())
                    self.assertHolds(mirror, *server.mailboxes)
                    self.assertAlive(mirror.sync())
                    self.assertHolds(mirror, *server.mailboxes)

    def test_Q9_the_highest_expunged_uid_is_missing_from_vanished(self):
        server, mirror, box = self.synced_with()
        box.expunge(5, 6)
        box.vanished = [row for row in box.vanished if row[1] != 6]
        self.assertAlive(mirror.sync())
        self.assertAlive(mirror.sync())
        self.assertHolds(mirror, *server.mailboxes)
        self.assertEqual(len(mirror.quarantined()), 2)

    def test_Q10_vanished_says_nearly_all_yet_they_exist(self):
        server, mirror, box = self.synced_with(count=60)
        before = mirror.bodies()
        box.mod_seq += 5
        box.vanished = [(box.mod_seq, uid) for uid in range(1, 56)]
        result = mirror.sync()
        self.assertAlive(result)
        self.assertEqual(mirror.bodies(), before)
        self.assertEqual(mirror.quarantined(), [])
        box.vanished = []
        self.assertAlive(mirror.sync())
        self.assertEqual(mirror.bodies(), before)

    def test_Q10_messages_that_really_vanish_in_masses_are_held(self):
        server, mirror, box = self.synced_with(count=60)
        before = mirror.bodies()
        box.expunge(*range(1, 51))
        result = mirror.sync()
        self.assertAlive(result)
        self.assertEqual(result.status, 3, result.err)
        self.assertEqual(mirror.bodies(), before)
        self.assertIn("50", result.err + result.out, "the hold says how many")

    def test_Q11_vanished_during_other_commands(self):
        server, mirror, box = self.synced_with(count=10)
        box.add(simple(80))
        done = []

        def fetch(session, tag, words):
            if session.selected is box and not done:
                done.append(1)
                box.expunge(2, 3, 5)
                session.raw(b"* VANISHED 2:3\r\n* VANISHED 5\r\n")

        server.hooks["UID FETCH"] = server.hooks["NOOP"] = server.hooks["UID SEARCH"] = fetch
        self.assertAlive(mirror.sync())
        server.hooks.clear()
        self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)

    def test_Q13_modseqs_missing_or_falling(self):
        cases = {
            "nomodseq": lambda session, line: b"* OK [NOMODSEQ] none" if b"[HIGHESTMODSEQ" in line else
            re.sub(rb" ?HIGHESTMODSEQ \d+", b"", line),
            "zero": lambda session, line: re.sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 0", line),
            "missing": lambda session, line: None if b"[HIGHESTMODSEQ" in line else
            re.sub(rb" ?HIGHESTMODSEQ \d+", b"", line),
            "lower": lambda session, line: re.sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 2", line),
        }
        for name, rewrite in cases.items():
            with self.subTest(modseq=name):
                server, mirror, box = self.synced_with(name="Q13" + name)
                server.rewrite = rewrite
                box.flag(1, "\\Flagged", "word")
                box.flag(2, "\\Seen")
                if name in ("nomodseq", "missing", "zero"):
                    for message in box.messages:
                        message.modseq = 1
                self.assertAlive(mirror.sync())
                self.assertHolds(mirror, *server.mailboxes)
                before = mirror.mail()
                server.commands.clear()
                self.assertAlive(mirror.sync())
                self.assertEqual(mirror.mail(), before, "no endless resync")
                self.assertFalse([command for _, command in server.commands if "BODY" in command])

    def test_Q18_fetch_leaves_out_messages(self):
        for capabilities in (ALL, PLAIN):
            with self.subTest(capabilities=capabilities):
                server = self.serve(inbox(8), **({"capabilities": capabilities} if capabilities else {}))
                skipped = []

                def fetched(session, number, message, items):
                    if message.uid in (3, 5) and any(b"BODY" in item for item in items) and skipped.count(
                            message.uid) < 1:
                        skipped.append(message.uid)
                        return True

                server.fetched = fetched
                mirror = self.mirror(server, name="Q18%s" % bool(capabilities))
                self.survives(server, mirror)

    def test_Q18_messages_left_out_for_ever_are_reported_and_kept(self):
        server, mirror, box = self.synced_with()
        box.add(simple(90))
        box.add(simple(91))
        server.fetched = lambda session, number, message, items: message.uid in (3, 7)
        before = mirror.bodies()
        for _ in range(2):
            result = mirror.sync()
            self.assertAlive(result)
            for digest in before:
                self.assertIn(digest, mirror.bodies())
        server.fetched = None
        self.assertAlive(mirror.sync())
        self.assertHolds(mirror, *server.mailboxes)

    def test_Q19_expunge_by_number_is_only_a_hint(self):
        server, mirror, box = self.synced_with(count=8, capabilities=PLAIN)
        before = mirror.bodies()
        for command in ("UID FETCH", "UID SEARCH", "NOOP", "SELECT", "EXAMINE"):
            self.inject(server, command, b"* 2 EXPUNGE", b"* 1 EXPUNGE")
        self.assertAlive(mirror.sync())
        self.assertEqual(mirror.bodies(), before)
        server.hooks.clear()
        self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)
        self.assertEqual(mirror.bodies(), before)

    def test_Q19_an_expunge_in_the_middle_of_a_first_sync(self):
        server = self.serve(inbox(10))
        box, done = server.box("INBOX"), []

        def fetched(session, number, message, items):
            if any(b"BODY" in item for item in items) and not done:
                done.append(1)
                session.fetch(number, message, items)
                box.expunge(box.messages[0].uid if box.messages[0] is not message else box.messages[1].uid)
                session.raw(b"* %d EXPUNGE\r\n" % 1)
                return True

        server.fetched = fetched
        mirror = self.mirror(server)
        self.assertAlive(mirror.sync())
        server.fetched = None
        self.synced(mirror)
        self.assertHolds(mirror, box)

    def test_V9_sizes_are_advisory_and_bytes_may_differ(self):
        server = self.serve(inbox(5))

        def fetched(session, number, message, items):
            if b"RFC822.SIZE" in items:
                text = b"* %d FETCH (UID %d" % (number, message.uid)
                for item in items:
                    if item == b"RFC822.SIZE":
                        text += b" RFC822.SIZE %d" % (message.uid * 1_000_000 if message.uid % 2 else 1)
                    elif item == b"FLAGS":
                        text += b" FLAGS (" + " ".join(message.flags).encode() + b")"
                    elif item == b"INTERNALDATE":
                        text += b' INTERNALDATE "' + message.internal_date().encode() + b'"'
                    elif item == b"MODSEQ":
                        text += b" MODSEQ (%d)" % message.modseq
                    elif item.startswith(b"BODY"):
                        text += b" BODY[] {%d}\r\n" % len(message.body) + message.body
                session.raw(text + b")\r\n")
                return True

        server.fetched = fetched
        mirror = self.mirror(server)
        self.survives(server, mirror, complete=True)
        before = mirror.bodies()
        for message in server.box("INBOX").messages:
            message.body += b"the server appends a line that was not there\r\n"
        self.synced(mirror)
        self.assertEqual(mirror.bodies(), before, "a message is not fetched twice")

    def test_a_hold_is_shown_and_survives(self):
        server, mirror, box = self.synced_with(count=60)
        box.expunge(*range(1, 51))
        self.assertEqual(mirror.sync().status, 3)
        self.assertEqual(mirror.sync().status, 3)
        status = mirror.run("status")
        self.assertIn("50", status.out)
        self.assertEqual(len(mirror.bodies()), 62)

