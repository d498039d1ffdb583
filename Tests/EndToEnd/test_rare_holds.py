"""Holds of the rarer kinds: each arises, is listed with a reason that a person understands, lets the rest go on, and
does what was said. Against a scripted server, which can be made to do what no real one does on demand."""

import contextlib
import shutil
import unittest

import check
import mail_reader
from hostile_two_way import MOVE, HostileTwoWay, box
from mail_reader import letter
from servers.model import Mailbox, Message
from support import wait_until


def different(count, first=1, prefix="t", start=1_500_000_000):
    """Messages of different sizes and dates."""
    return [Message(number, letter("%s%d" % (prefix, number), ends=b"\r\n") + b"x" * number + b"\r\n",
                    date=start + number * 1_000) for number in range(first, first + count)]


def mailboxes(*messages):
    return [Mailbox(b"INBOX", messages), box(b"Archive"), box(b"Trash", attributes=["\\Trash"])]


class RareHolds(HostileTwoWay):
    weight = 30

    def setUp(self):
        super().setUp()
        self.named = iter("mirror%d" % number for number in range(9))

    def start(self, count=6, **options):
        return self.pair(boxes=mailboxes(*different(count)), name=next(self.named), **options)

    def listed(self, kind, *words):
        """There is one hold, of that kind; its paragraph has these words. Returns its name."""
        [hold] = self.holds()
        self.assertEqual(hold["kind"], kind)
        text = self.subject.run("holds").out
        for word in (hold["hold"], "mailmirror approve " + hold["hold"], *words):
            self.assertIn(word, text)
        self.assertIn(hold["hold"], self.subject.run("status").out)
        return hold["hold"]

    def assertGoesOn(self, name="Archive", token="meanwhile"):
        """Mail that comes to another mailbox is fetched."""
        self.server.box(name).add(letter(token, ends=b"\r\n"))
        self.synced(self.subject, status=3)
        self.assertPlaces(token, name)

    def decided(self, word, hold, status=0):
        result = self.subject.run(word, hold)
        self.assertEqual(result.status, status, result.err)
        return result

    # UIDs that name other messages.

    def rotated(self):
        """Under each UID is the message that was under the next one."""
        self.before = self.subject.mail()
        found = [(message.body, message.date) for message in self.inbox.messages]
        for message, (body, date) in zip(self.inbox.messages, found[1:] + found[:1]):
            self.inbox.mod_seq += 1
            message.body, message.date, message.modseq = body, date, self.inbox.mod_seq

    def test_Q3_uids_are_held_then_approved(self):
        """Approved, each file is paired with its message by content: nothing is fetched, sent or removed."""
        self.start()
        self.rotated()
        self.synced(self.subject, status=3)
        hold = self.listed("uids", "other messages", "put the server back", "by content")
        self.assertGoesOn()
        refused = self.decided("reject", hold, status=1)
        self.assertIn("cannot be rejected", refused.err)
        self.assertIn("approve", refused.err)
        self.assertEqual([one["hold"] for one in self.holds()], [hold], "it stands")
        self.decided("approve", hold)
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertSame()
        self.assertEqual(set(self.before) - set(self.subject.mail()), set(), "the same files")
        self.assertEqual(self.server.writes, [])
        self.assertQuiet()

    def test_Q3_uids_that_are_right_again_drop_the_hold(self):
        self.start()
        kept = [(message.body, message.date) for message in self.inbox.messages]
        self.rotated()
        self.synced(self.subject, status=3)
        for message, (body, date) in zip(self.inbox.messages, kept):
            message.body, message.date = body, date
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertSame()
        self.assertEqual(self.server.writes, [])

    def test_Q3_uids_are_approved_by_the_daemon(self):
        self.start(account={"poll_interval": "1s"})
        self.rotated()
        self.daemon(self.subject)
        wait_until(self.holds)
        hold = self.listed("uids", "other messages")
        self.server.box("Archive").add(letter("meanwhile", ends=b"\r\n"))
        wait_until(lambda: self.token_count("meanwhile")[1] == {"Archive": 1})
        self.assertIn("the daemon does it now", self.decided("approve", hold).out)
        wait_until(lambda: self.subject.run("status").status == 0)
        self.assertEqual(self.holds(), [])
        self.assertSame()
        self.assertEqual(self.server.writes, [])

    # Another server.

    def moved_away(self):
        """The account points to a server with other mail."""
        self.start()
        self.first = self.server
        self.before = sorted(self.subject.bodies())
        self.server = self.serve(
            Mailbox(b"INBOX", different(2, prefix="other", start=1_600_000_000), uid_validity=77), box(b"Archive"),
            box(b"Trash", attributes=["\\Trash"]), capabilities=MOVE)
        self.inbox = self.server.box("INBOX")
        self.subject.account.update(port=self.server.port, user="another")
        self.subject.write()
        self.synced(self.subject, status=3)
        self.assertEqual(sorted(self.subject.bodies()), self.before)
        self.hold = self.listed("server", "another server", "its mail came from", "put the server back")
        self.assertGoesOn()

    def test_D11_another_server_is_held_then_approved(self):
        """Its mail is fetched; what was here and has no match there waits once more; then, as the person says, it is
        sent there, or goes to quarantine."""
        for word in ("reject", "approve"):
            with self.subTest(word):
                self.moved_away()
                self.assertIn("cannot be rejected", self.decided("reject", self.hold, status=1).err)
                self.decided("approve", self.hold)
                self.synced(self.subject, status=3)
                self.assertEqual(len(self.subject.bodies()), 9, "6 that were here, 2 of the server, and one meanwhile")
                rest = self.listed("removals", "6 messages", "no match")
                self.assertEqual(self.server.writes, [])
                self.decided(word, rest)
                self.synced(self.subject)
                self.synced(self.subject)
                self.assertEqual(len(self.inbox.messages), 8 if word == "reject" else 2)
                self.assertEqual(len(self.subject.quarantined()), 0 if word == "reject" else 6)
                self.assertSame(dates=False)
                self.assertQuiet()
                self.assertEqual(self.first.writes, [])

    def test_D11_the_right_server_again_drops_the_hold(self):
        self.moved_away()
        self.server, self.inbox = self.first, self.first.box("INBOX")
        self.subject.account.update(port=self.server.port, user="user")
        self.subject.write()
        self.synced(self.subject)
        self.assertEqual(self.holds(), [])
        self.assertEqual(len(self.inbox.messages), 6)
        self.assertEqual(len(mail_reader.files(self.folder())), 6)

    # A message that may have been sent.

    def lost_twice(self):
        """The server takes a message, breaks the connection, and never shows it; the same once more."""
        self.start(2)

        def swallow(session, tag, words):
            session.parse_append(words)
            session.close()

        self.server.hooks["APPEND"] = swallow
        mail_reader.deliver(self.folder(), letter("mine"), "S")
        for _ in range(8):
            self.subject.sync(timeout=100, while_running=self.hurry())
            if self.holds():
                break
            self.age_intents()
        self.server.hooks.clear()
        self.server.writes.clear()
        hold = self.listed("append", "may have been sent", "sent twice", "sends them once more", "keeps them here only")
        self.assertGoesOn()
        self.assertEqual(self.verbs(), [], "it is not sent by itself")
        return hold

    def test_Q7_a_message_that_may_have_been_sent_is_approved(self):
        hold = self.lost_twice()
        self.decided("approve", hold)
        self.synced(self.subject)
        self.assertPlaces("mine", "INBOX")
        self.assertEqual(self.holds(), [])
        self.assertSame(dates=False)
        self.assertQuiet()

    def test_Q7_a_message_that_may_have_been_sent_is_rejected(self):
        hold = self.lost_twice()
        self.decided("reject", hold)
        self.synced(self.subject)
        self.assertEqual(self.token_count("mine"), ({}, {"INBOX": 1}), "it is here only")
        self.assertEqual(self.holds(), [])
        self.assertQuiet()

    # Deletions for which there is no Trash.

    def test_a_trash_that_the_server_does_not_make(self):
        """Approved, they wait again with what the server said, until it makes one."""
        self.pair(boxes=[box(b"INBOX", 4), box(b"Archive")])
        self.server.hooks["CREATE"] = lambda session, tag, words: session.no(tag, b"[NOPERM] you may not") or True
        for token in ("t1", "t2"):
            self.file(token).unlink()
        self.synced(self.subject, status=3)
        hold = self.listed("trash", "2 messages deleted here", "makes a Trash mailbox", "fetches them again")
        self.assertGoesOn()
        self.decided("approve", hold)
        self.synced(self.subject, status=3)
        hold = self.listed("trash", "you may not")
        self.assertEqual(len(self.inbox.messages), 4)
        self.server.hooks.clear()
        self.decided("approve", hold)
        self.synced(self.subject)
        for token in ("t1", "t2"):
            self.assertPlaces(token, "Trash")
        self.assertSame()
        self.assertQuiet()

    # A folder that was removed here.

    def test_D7_a_removed_folder_is_listed_with_what_it_means(self):
        for word in ("approve", "reject"):
            with self.subTest(word):
                self.pair(boxes=[box(b"INBOX", 2), box(b"Work", 3, prefix="w"), box(b"Archive"),
                                 box(b"Trash", attributes=["\\Trash"])], name=next(self.named))
                shutil.rmtree(self.folder("Work"))
                self.synced(self.subject, status=3)
                hold = self.listed("folder", "the folder was removed here, with 3 messages",
                                   "removes the mailbox from the server, its messages to the Trash first",
                                   "makes the folder again and fetches its messages")
                self.assertGoesOn()
                self.decided(word, hold)
                self.synced(self.subject)
                self.synced(self.subject)
                self.assertEqual(self.holds(), [])
                if word == "approve":
                    self.assertIsNone(self.server.box("Work"))
                    for number in (1, 2, 3):
                        self.assertEqual(self.token_count("w%d" % number), ({"Trash": 1}, {"Trash": 1}))
                else:
                    for number in (1, 2, 3):
                        self.assertPlaces("w%d" % number, "Work")
                self.assertSame()
                self.assertQuiet()


class MovesByIdentifier(HostileTwoWay):
    """Another client moved a message, and the server gave it another date on the way: only its identifier tells."""

    weight = 15

    def test_a_move_is_known_by_its_emailid(self):
        self.follows("OBJECTID", "email_id", ["M%d" % number for number in range(1, 5)])

    def test_a_move_is_known_by_its_gmail_number(self):
        self.follows("X-GM-EXT-1", "gmail_id", list(range(1_001, 1_005)))

    def follows(self, capability, attribute, identifiers):
        messages = different(4)
        for message, identifier in zip(messages, identifiers):
            setattr(message, attribute, identifier)
        self.pair(boxes=mailboxes(*messages), capabilities=MOVE + " " + capability)
        before = {row[0] for row in self.subject.mail().values()}
        body, flags = self.inbox.messages[1].body, self.inbox.messages[1].flags
        self.inbox.expunge(2)
        moved = self.server.box("Archive").add(body, flags, date=1_700_000_000)
        setattr(moved, attribute, identifiers[1])
        with contextlib.suppress(AttributeError):
            self.server.commands.clear()
        self.synced(self.subject)
        fetched = [command for _, command in self.server.commands if "BODY.PEEK[]" in command.upper()]
        self.assertEqual(fetched, [], "no message is fetched")
        self.assertEqual({row[0] for row in self.subject.mail().values()}, before, "its file was renamed")
        self.assertEqual(self.token_places(body), ["Archive"])
        self.assertEqual(self.subject.quarantined(), [])
        self.assertEqual(self.server.writes, [])
        self.assertQuiet()

    def token_places(self, body):
        content = check.digest(body)
        return [name for name in ("INBOX", "Archive", "Trash") for path in mail_reader.files(self.folder(name))
                if check.digest(path.read_bytes()) == content]


if __name__ == "__main__":
    unittest.main()
