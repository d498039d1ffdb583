"""Both directions stopped at every step, by exit and by error: after the next complete sync the end is that of an
unbroken one, on the server, in the folders and in quarantine."""

import os
import shutil
import subprocess
import time

import check
import mail_reader
from mail_reader import letter
from server_copies import ServerCopy
from servers.plain import CAPABILITY, PlainServer
from servers.proxy import Proxy
from support import FULL, EndToEnd, figure
from test_failpoints import difference, outcome
from time_travel import time_passes

LIMIT = None if FULL else 4  # steps that the short form samples, of each scenario and kind
# MAILMIRROR_STEPS=56,57 stops at these steps only; a step's number may differ by a few from run to run.
STEPS = [int(number) for number in os.environ.get("MAILMIRROR_STEPS", "").split(",") if number]


class TwoWaySteps(EndToEnd):
    """A scenario: what people did on both sides of a mirror that was in step."""

    kind = "exit"
    capability = None
    account = {}
    statuses = (0,)

    def prepare(self):
        self.server = self.dovecot(capability=self.capability)
        messages = [(letter("t%d" % number, ends=b"\r\n"), ["\\Seen"] if number % 3 == 0 else [],
                     "14-Jul-2017 02:40:%02d +0000" % number) for number in range(1, 13)]
        self.server.append("INBOX", messages)
        for box in ("Archive", "Sent", "Trash"):
            # Several, so that a folder is recognised by them after it was copied.
            self.server.append(box, [(letter("%s%d" % (box.lower(), number), ends=b"\r\n"), [],
                                      "14-Jul-2017 02:41:00 +0000") for number in range(5)])
        kind = PlainServer if self.capability else Proxy
        self.proxy = self.exits.enter_context(kind(self.server.imap))
        self.subject = self.mirror(self.server, host="127.0.0.1", port=self.proxy.port, tls="none", tls_ca_file=None,
                                   direction="two-way", settle="0s", **self.account)
        self.synced(self.subject)

    def folder(self, mailbox="INBOX"):
        return self.subject.folder_of(mailbox.encode())

    def file(self, token, mailbox="INBOX"):
        return mail_reader.one(self.folder(mailbox), token)

    def change(self):
        """What people did."""
        raise NotImplementedError

    def act(self, environment, timeout=8):
        """What the program does then, with faults in it: its exit status and what it said. What waits (a minute, for a
        message that was sent on a connection that broke) is killed."""
        return self.bounded("sync", environment=environment, timeout=timeout)

    def bounded(self, *arguments, environment, timeout):
        def kill(process):
            if time.monotonic() > deadline:
                process.kill()

        deadline = time.monotonic() + timeout
        return self.subject.run(*arguments, environment=environment, while_running=kill, timeout=60)

    def finish(self):
        """What is done after an interruption until all is done."""
        return self.subject.sync(timeout=60)

    # The places.

    def save(self):
        self.saved = os.path.join(self.directory, "saved")
        os.mkdir(self.saved)
        for path in (self.subject.maildir, self.subject.state):
            subprocess.run(["cp", "-a", str(path), self.saved], check=True)
        self.server_then = ServerCopy(self.server, os.path.join(self.directory, "server"))

    def reset(self):
        for path in (self.subject.maildir, self.subject.state):
            shutil.rmtree(path, ignore_errors=True)
            subprocess.run(["cp", "-a", os.path.join(self.saved, path.name), str(path)], check=True)
        self.server_then.restore()

    def on_server(self):
        client = self.server.client()
        try:
            return {name.decode("latin-1"): sorted(
                repr(message._replace(flags=sorted(message.flags), keywords=sorted(message.keywords)))
                for message in check.server_messages(client, name).values())
                for name in check.server_mailboxes(client)}
        finally:
            client.logout()

    def end(self):
        found, _ = outcome(self.subject)
        # What is half written has a name of its own until it is purged.
        kept = [path.read_bytes() for path in self.subject.quarantine.glob("[!.]*")]
        return (found, sorted(check.digest(body) for body in kept)), self.on_server()

    def every_step(self, limit=LIMIT):
        self.prepare()
        self.change()
        self.save()
        log = os.path.join(self.directory, "steps")
        result = self.act({"MAILMIRROR_FAILPOINT_LOG": log}, timeout=50)
        self.assertIn(result.status, self.statuses, result.err)
        with open(log) as lines:
            steps = [line.strip() for line in lines]
        self.assertGreater(len(steps), 10, "the log of failpoints lists each step")
        self.settled()
        unbroken = self.end()
        self.expected(unbroken)
        numbers = list(range(1, len(steps) + 1))
        if STEPS:
            numbers = STEPS
        elif limit and limit < len(numbers):
            numbers = sorted(self.dice.sample(numbers, limit))
        wrong = []
        for number in numbers:
            where = "step %d:%s (%s)" % (number, self.kind, steps[number - 1])
            self.reset()
            try:
                broken = self.act({"MAILMIRROR_FAILPOINT": "%d:%s" % (number, self.kind)})
                if broken.status not in (0, 1, 3, 86, -9) or self.kind == "error" and broken.status == 86:
                    wrong.append("%s: exit status %d: %s" % (where, broken.status, broken.err[-500:]))
                self.resume(where, unbroken, wrong)
            except AssertionError as error:
                wrong.append("%s: %s" % (where, error))
            if len(wrong) > 6:
                break
        figure("%s: stopped by %s at %d of %d steps" % (type(self).__name__, self.kind, len(numbers), len(steps)))
        self.assertEqual(wrong, [], "\n".join(wrong))

    def resume(self, where, unbroken, wrong):
        """Until nothing is left to do, and the end is compared."""
        time_passes(self.subject, 61)
        resumed = self.finish()
        if resumed.status not in self.statuses:
            wrong.append("%s: resumed with status %d: %s" % (where, resumed.status, resumed.err[-500:]))
            return
        self.settled()
        self.compare(where, unbroken, wrong)

    def settled(self):
        """What was sent in the last round comes back in one more."""
        time_passes(self.subject, 61)
        self.finish()

    def compare(self, where, unbroken, wrong):
        (found, there), (wanted, wanted_there) = self.end(), unbroken
        # A message that was fetched into quarantine before the stop may be there twice, if it goes in the end.
        found, wanted = (found[0], sorted(set(found[1]))), (wanted[0], sorted(set(wanted[1])))
        if there != wanted_there:
            wrong.append("%s: another end on the server: %s" % (where, difference((there, []), (wanted_there, []))))
        if found != wanted:
            wrong.append("%s: another end here: %s" % (where, difference(found, wanted)))
        if any(self.subject.tables("intent").values()):
            wrong.append("%s: intents are left: %s" % (where, self.subject.tables("intent")))

    def expected(self, unbroken):
        """Whether the unbroken end is right."""
        self.assertMirrored(self.subject, self.server, leftovers=False, dates=False)


class Uploads(TwoWaySteps):
    """New messages, an edited one, flags and a keyword."""

    weight = 60

    def change(self):
        inbox = self.folder()
        mail_reader.deliver(inbox, letter("n1"))
        mail_reader.deliver(inbox, letter("n2"), "FS", date=1_600_000_000)
        mail_reader.deliver(self.folder("Sent"), letter("n3"), "S" + mail_reader.keyword(self.folder("Sent"), "work"))
        mail_reader.edit(self.file("t1"), letter("t1", "edited"))
        mail_reader.flag(self.file("t2"), add="SR")
        mail_reader.flag(self.file("t3"), remove="S")

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Sent", "Trash")], [14, 6, 5])
        self.assertEqual(quarantined, [check.digest(letter("t1"))])

    def test_uploads_resume_after_each_step(self):
        self.every_step()


class Moves(TwoWaySteps):
    """Moves with and without another name, a copy, a copy whose source went, and a move on the server."""

    weight = 60

    def change(self):
        archive = self.folder("Archive")
        mail_reader.move(self.file("t1"), archive)
        mail_reader.move(self.file("t2"), archive, base=mail_reader.base_name(), flags="S")
        mail_reader.copy(self.file("t3"), archive)
        mail_reader.copy(self.file("t4"), archive)
        self.file("t4").unlink()
        mail_reader.copy(self.file("t5"), self.folder())
        client = self.server.client()
        client.select("INBOX")
        client._simple_command("UID", "MOVE", "7:8", "Sent")
        client.logout()

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Archive", "Sent", "Trash")], [8, 9, 7, 5])
        self.assertEqual(quarantined, [])

    def test_moves_resume_after_each_step(self):
        self.every_step()


class Deletions(TwoWaySteps):
    """To the Trash, out of the Trash, and what the server removed."""

    weight = 60

    def change(self):
        for token in ("t1", "t2"):
            self.file(token).unlink()
        self.file("trash0", "Trash").unlink()
        client = self.server.client()
        client.select("INBOX")
        client.uid("STORE", "5:6", "+FLAGS", "(\\Deleted)")
        client.uid("EXPUNGE", "5:6")
        client.logout()

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Trash")], [8, 6])
        self.assertEqual(quarantined, sorted(check.digest(letter(token)) for token in ("t5", "t6", "trash0")))

    def test_deletions_resume_after_each_step(self):
        self.every_step()


class Expunges(TwoWaySteps):
    """delete_on_server = "expunge": each is fetched into quarantine first."""

    weight = 50
    account = {"delete_on_server": "expunge"}

    def change(self):
        for token in ("t1", "t2", "t3"):
            self.file(token).unlink()

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Trash")], [9, 5])
        self.assertEqual(quarantined, sorted(check.digest(letter("t%d" % number)) for number in (1, 2, 3)))

    def test_expunges_resume_after_each_step(self):
        self.every_step()


class Plain(TwoWaySteps):
    """A server without UIDPLUS, MOVE, CONDSTORE and QRESYNC: new, edited, moved, copied and deleted messages."""

    weight = 60
    capability = CAPABILITY

    def change(self):
        mail_reader.deliver(self.folder(), letter("n1"), "S")
        mail_reader.move(self.file("t1"), self.folder("Archive"))
        mail_reader.copy(self.file("t2"), self.folder("Archive"))
        self.file("t3").unlink()
        mail_reader.flag(self.file("t4"), add="F")
        mail_reader.edit(self.file("t5"), letter("t5", "edited"))

    def settled(self):
        """Somebody expunges what is marked as deleted."""
        super().settled()
        client = self.server.client()
        for name in ("INBOX", "Archive", "Trash"):
            client.select(name)
            client.expunge()
        client.logout()
        self.finish()

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Archive", "Trash")], [11, 7, 6])
        self.assertEqual(quarantined, [check.digest(letter("t5"))])

    def test_plain_server_resumes_after_each_step(self):
        self.every_step()
        self.assertEqual(self.proxy.forbidden, [])


class Held(TwoWaySteps):
    """Deletions that are held, then approved or rejected, with the fault in any of the three runs."""

    weight = 60
    account = {"hold": {"share": 0.1, "count": 2, "account": 500}}
    statuses = (0, 3)
    word = "approve"

    def change(self):
        for number in range(1, 7):
            self.file("t%d" % number).unlink()
        mail_reader.deliver(self.folder(), letter("n1"), "S")

    def act(self, environment, timeout=8):
        """Each run counts its steps from one, so a fault may strike in all three of them."""
        for arguments in (("sync",), (self.word, "--all"), ("sync",)):
            result = self.bounded(*arguments, environment=environment, timeout=timeout)
            if result.status not in (0, 3):
                return result
        return result

    def finish(self):
        """The person asks again where an answer was lost."""
        result = self.subject.sync(timeout=60)
        if result.status == 3:
            self.subject.run(self.word, "--all")
            result = self.subject.sync(timeout=60)
        return result

    def expected(self, unbroken):
        super().expected(unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Trash")], [7, 11])
        self.assertEqual(quarantined, [])

    def test_held_and_answered_resumes_after_each_step(self):
        self.every_step()


class Rejected(Held):
    word = "reject"

    def expected(self, unbroken):
        TwoWaySteps.expected(self, unbroken)
        (_, quarantined), there = unbroken
        self.assertEqual([len(there[box]) for box in ("INBOX", "Trash")], [13, 5])


class UploadsError(Uploads):
    kind = "error"


class MovesError(Moves):
    kind = "error"


class DeletionsError(Deletions):
    kind = "error"


class ExpungesError(Expunges):
    kind = "error"


class PlainError(Plain):
    kind = "error"


class HeldError(Held):
    kind = "error"


class RejectedError(Rejected):
    kind = "error"
