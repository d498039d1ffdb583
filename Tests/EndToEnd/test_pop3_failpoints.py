"""A drain that is stopped at every step, by exit and by error, and by cuts at every line. After the next complete runs
each message is here once, and none is on the server."""

import os
import shutil
import subprocess

import check
from drain_case import DrainCase, digests, intents
from servers.pop3_scripted import CAPABILITIES, Drop, drops, simple
from support import FULL, figure

LIMIT = None if FULL else 8  # steps that the short form samples


class Steps(DrainCase):
    """A drain that is broken off and taken up again, against a scripted server whose mail is put back each time."""

    kind = "exit"
    capabilities = CAPABILITIES
    account = {}

    def messages(self):
        """Twins among them, which content must not confuse."""
        return [*drops(5), Drop(b"twin-1", simple(50)), Drop(b"twin-2", simple(50)), Drop(b"dots", b".\r\n..\r\nx")]

    def prepare(self, mirror, server):
        """Brings a fresh mirror to where the scenario starts."""

    def change(self, server):
        """What happens on the server then."""

    def begin(self):
        self.server = self.serve(self.messages(), capabilities=self.capabilities)
        if "UIDL" not in self.capabilities:
            for drop in self.server.drops:
                drop.uidl = None
        self.subject = self.drain(self.server, **self.account)
        self.prepare(self.subject, self.server)
        self.change(self.server)
        self.start = list(self.server.drops)
        self.saved = None
        if self.subject.maildir.exists():
            self.saved = os.path.join(self.directory, "saved")
            os.mkdir(self.saved)
            for path in (self.subject.maildir, self.subject.state):
                subprocess.run(["cp", "-a", str(path), self.saved], check=True)
        self.wanted = sorted(self.subject.bodies() + digests(self.fresh()))

    def fresh(self):
        """The messages that the broken run is to fetch."""
        return self.start

    def reset(self):
        for path in (self.subject.maildir, self.subject.state):
            shutil.rmtree(path, ignore_errors=True)
            if self.saved:
                subprocess.run(["cp", "-a", os.path.join(self.saved, path.name), str(path)], check=True)
        self.server.settle()
        self.server.drops = list(self.start)
        self.server.cut, self.server.lines = None, 0
        self.server.forget()

    def left(self):
        """What the scenario leaves on the server."""
        return []

    def wrong(self, where, tries=2):
        """Words for what is wrong after a broken run, and after the runs that take it up again."""
        self.server.settle()
        out, here = [], self.subject.bodies() if self.subject.root.exists() else []
        for drop in self.start:
            if not any(drop is one for one in self.server.drops) and drop.digest() not in here:
                out.append("%s: %r is neither here nor on the server" % (where, drop.uidl))
        self.server.cut = None
        for _ in range(tries):
            resumed = self.subject.sync(timeout=60)
            self.server.settle()
            if resumed.status == 0:
                break
        bodies = self.subject.bodies()
        if resumed.status != 0:
            out.append("%s: resumed with %d: %s" % (where, resumed.status, resumed.err[-500:]))
        if bodies != self.wanted:
            surplus, lacking = self.surplus([check.Message(one, None, None, None) for one in bodies], self.wanted)
            out.append("%s: surplus %s, lacking %s" % (where, surplus, lacking))
        left = [drop.uidl for drop in self.server.drops]
        if left != self.left():
            out.append("%s: left on the server: %s" % (where, left))
        if intents(self.subject):
            out.append("%s: intents are left: %s" % (where, intents(self.subject)))
        return out

    def every_step(self):
        self.begin()
        log = os.path.join(self.directory, "steps")
        self.reset()
        self.finished(self.subject, self.server, environment={"MAILMIRROR_FAILPOINT_LOG": log})
        self.assertEqual(self.subject.bodies(), self.wanted)
        with open(log) as lines:
            steps = [line.strip() for line in lines]
        self.assertGreater(len(steps), 10, "the log of failpoints lists each step")
        self.assertIn("networkWrite", {step.split(".")[0] for step in steps}, "commands to the server are steps, too")
        numbers = list(range(1, len(steps) + 1))
        if LIMIT and len(numbers) > LIMIT:
            numbers = sorted(self.dice.sample(numbers, LIMIT))
        wrong = []
        for number in numbers:
            self.reset()
            where = "step %d:%s (%s)" % (number, self.kind, steps[number - 1])
            try:
                broken = self.subject.sync(environment={"MAILMIRROR_FAILPOINT": "%d:%s" % (number, self.kind)},
                                           timeout=60)
                if broken.status not in ((0, 1) if self.kind == "error" else (0, 86)):
                    wrong.append(where + ": exit status %d: %s" % (broken.status, broken.err[-500:]))
                wrong += self.wrong(where)
            except AssertionError as error:
                wrong.append("%s: %s" % (where, error))
            if len(wrong) > 10:
                break
        figure("%s: %d of %d steps" % (self.id().split(".", 1)[1], len(numbers), len(steps)))
        self.assertEqual(wrong, [], "\n".join(wrong))

    def every_line(self):
        """Cut before each line that the server sends; what was asked for by then is carried out."""
        self.begin()
        self.reset()
        self.finished(self.subject, self.server)
        total = self.server.lines
        numbers = list(range(1, total + 1))
        if LIMIT and len(numbers) > LIMIT:
            # Those of the end are where deletions become real.
            numbers = sorted(self.dice.sample(numbers[:-12], LIMIT) + self.dice.sample(numbers[-12:], LIMIT // 2))
        wrong = []
        for number in numbers:
            self.reset()
            self.server.cut = number
            broken = self.subject.sync(timeout=60)
            if broken.status not in (0, 1):
                wrong.append("line %d: exit status %d: %s" % (number, broken.status, broken.err[-500:]))
            wrong += self.wrong("cut before line %d of %d" % (number, total))
            if len(wrong) > 10:
                break
        figure("%s: %d of %d lines" % (self.id().split(".", 1)[1], len(numbers), total))
        self.assertEqual(wrong, [], "\n".join(wrong))


class FirstExit(Steps):
    weight = 60

    def test_resumes_after_each_step_by_exit(self):
        self.every_step()


class FirstError(Steps):
    weight = 60
    kind = "error"

    def test_resumes_after_each_step_by_error(self):
        self.every_step()


class FirstCuts(Steps):
    weight = 60

    def test_P3_P11_resumes_after_a_cut_at_each_line(self):
        self.every_line()


class _Later:
    """Some were fetched and kept; now they are to be deleted, and there is new mail."""

    account = {"retention": "keep"}

    def prepare(self, mirror, server):
        self.finished(mirror, server)
        mirror.account["retention"] = "delete"
        mirror.write()

    def change(self, server):
        server.drops += drops(3, first=20)

    def fresh(self):
        return self.start[-3:]


class LaterExit(_Later, Steps):
    weight = 60

    def test_resumes_after_each_step_by_exit(self):
        self.every_step()


class LaterError(_Later, Steps):
    weight = 60
    kind = "error"

    def test_resumes_after_each_step_by_error(self):
        self.every_step()


class LaterCuts(_Later, Steps):
    weight = 60

    def test_P3_P11_resumes_after_a_cut_at_each_line(self):
        self.every_line()


class NamelessExit(Steps):
    """A server without UIDL."""

    weight = 60
    capabilities = [one for one in CAPABILITIES if one != "UIDL"]

    def test_resumes_after_each_step_by_exit(self):
        self.every_step()


class NamelessCuts(Steps):
    weight = 60
    capabilities = [one for one in CAPABILITIES if one != "UIDL"]

    def test_P3_P11_resumes_after_a_cut_at_each_line(self):
        self.every_line()


class KeepExit(Steps):
    weight = 40
    account = {"retention": "keep"}

    def left(self):
        return [drop.uidl for drop in self.start]

    def test_resumes_after_each_step_by_exit(self):
        self.every_step()
