"""HAZARDS.md for the daemon against a scripted server: what push misses, what cuts, lies and threatens do to it."""

import contextlib
import datetime
import json
import re
import sqlite3
import subprocess
import time

import check
from daemon import settled, watching
from daemon_case import DaemonCase
from hostile import Hostile, expected, inbox
from servers.model import Mailbox, Message, simple
from servers.scripted import CAPABILITIES
from support import FULL, figure, wait_until
from survival import PEAK

IDLE = CAPABILITIES + " IDLE"
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def moment(text):
    """Seconds since 1970 of a time in the socket's replies."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


class Pushed(DaemonCase, Hostile):
    """A daemon on scripted servers whose polls are far away, so that only push can be what brought something."""

    weight = 40

    def serve(self, *boxes, **options):
        options.setdefault("capabilities", IDLE)
        return super().serve(*boxes, **options)

    def mirror(self, server, name="mirror", **account):
        account.setdefault("poll_interval", "1h")
        return super().mirror(server, name=name, **account)

    def beside(self, mirror, name, server, **account):
        settings = {"host": "127.0.0.1", "tls": "none", "tls_ca_file": None, "timeout": "5s", "poll_interval": "1h"}
        settings.update(account)
        return mirror.beside(name, server, **settings)

    def watched(self, server=None, name="mirror", **account):
        """(server, mirror, daemon) with everything synced and INBOX watched."""
        server = server or self.serve()
        mirror = self.mirror(server, name=name, **account)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        wait_until(lambda: server.idling(), 5)
        return server, mirror, daemon

    def holds(self, mirror, *boxes):
        try:
            for box in boxes:
                found, odd = check.folder_messages(mirror.folder_of(box.name))
                if odd or check.differences(expected(box), found.values(), ""):
                    return False
            return True
        except OSError:
            return False

    def assertSoonHolds(self, mirror, *boxes, timeout=10):
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.holds(mirror, *boxes), timeout)
        self.assertHolds(mirror, *boxes)

    def assertClean(self, daemon):
        """Nothing raw and nothing huge in the log, in status and on the socket."""
        self.assertIsNone(RAW.search(daemon.log.replace("\t", " ")), "control characters in the log")
        self.assertLess(max(map(len, daemon.log.splitlines()), default=0), 4_000)
        self.assertLess(len(daemon.log), 200_000)
        with daemon.client() as client:
            client.send("Status")
            reply = client.reply()[0]
        text = json.dumps(reply, ensure_ascii=False)
        self.assertLess(len(text), 100_000)
        self.assertIsNone(RAW.search("".join(strings(reply))), "control characters on the socket")
        printed = daemon.mirror.run("status", timeout=60)
        self.assertIsNone(RAW.search(printed.out + printed.err), printed.out)
        self.assertLess(len(printed.out), 20_000)


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


class Missed(Pushed):
    """Q15, Q17, Q23: what a client that trusts its IDLE would miss."""

    def test_Q15_mail_announced_where_nobody_looks(self):
        """A message that comes between the sync and IDLE is told of once: before the `+` of IDLE, with it, in another
        command's answer, in that to DONE, or only by the next EXAMINE."""
        def before_the_go_ahead(session, box):
            session.raw(b"* %d EXISTS\r\n" % len(box.messages))
            session.view = [message.uid for message in box.messages]

        def with_the_go_ahead(session, box):
            session.raw(b"+ idling\r\n* %d EXISTS\r\n" % len(box.messages))
            session.view = [message.uid for message in box.messages]
            session.flush()

        for name, tell in (("before", before_the_go_ahead), ("with", with_the_go_ahead)):
            with self.subTest(name):
                server = self.serve()
                box, came = server.box("INBOX"), []

                def idle(session, tag, words):
                    if not came:
                        came.append(box.add(simple(50)))
                        tell(session, box)

                server.hooks["IDLE"] = idle
                _, mirror, daemon = self.watched(server, name="Q15" + name)
                self.assertSoonHolds(mirror, box)
                self.assertEnds(daemon)

    def test_Q15_mail_announced_in_the_answer_to_another_command(self):
        for name in ("UID FETCH", "DONE"):
            with self.subTest(name):
                server, mirror, daemon = self.watched(name="Q15" + name.replace(" ", ""))
                box, came = server.box("INBOX"), []

                def hook(session, tag, words):
                    if came:
                        return
                    came.append(1)
                    # The command's own answer is that of before: what comes now is told of, not sent.
                    if name == "UID FETCH":
                        for number, message in box.in_set(words[0].decode()):
                            session.fetch(number, message, words[1] if isinstance(words[1], list) else [words[1]])
                    box.add(simple(51))
                    session.line(b"* %d EXISTS" % len(box.messages))
                    session.view = [message.uid for message in box.messages]
                    session.ok(tag)
                    return True

                server.hooks[name] = hook
                box.add(simple(50))
                server.notify()
                self.assertSoonHolds(mirror, box)
                self.assertEnds(daemon)

    def test_Q15_mail_announced_only_by_examine(self):
        """The connection breaks, a message comes, and the server says so in its answer to EXAMINE only."""
        server, mirror, daemon = self.watched()
        server.mute = True
        for number in range(2):
            idling = wait_until(server.idling)
            server.box("INBOX").add(simple(60 + number))
            for session in idling:
                session.abort()
            self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)

    def test_Q17_a_server_that_idles_and_never_says_anything(self):
        """Each poll finds what IDLE did not tell; also where STATUS of the selected mailbox is that of its EXAMINE."""
        for name in ("plain", "stale"):
            with self.subTest(name):
                server = self.serve(inbox(), inbox(2, b"Other"))
                server.mute = True
                if name == "stale":
                    old = {}

                    def rewrite(session, line):
                        # STATUS of a mailbox that this session has selected is what it was then.
                        if line.startswith(b"* STATUS \"INBOX\"") and session.selected is server.box("INBOX"):
                            return old.setdefault(session.number, line)
                        return line

                    server.rewrite = rewrite
                _, mirror, daemon = self.watched(server, name="Q17" + name, poll_interval="2s")
                box = server.box("INBOX")
                for act in (lambda: box.add(simple(70)), lambda: box.flag(1, "\\Flagged"), lambda: box.expunge(2)):
                    act()
                    started = time.monotonic()
                    self.assertSoonHolds(mirror, *server.mailboxes, timeout=12)
                    seconds = time.monotonic() - started
                    self.assertLess(seconds, 10, "poll_interval is 2 s")
                self.assertEnds(daemon)

    def test_Q17_a_server_that_does_not_answer_done(self):
        server = self.serve()
        _, mirror, daemon = self.watched(server, poll_interval="2s", timeout="2s")
        first = server.idling()[0].number

        def never(session, tag, words):
            return session.number == first

        server.hooks["DONE"] = server.hooks["NOOP"] = server.hooks["UID FETCH"] = never
        server.box("INBOX").add(simple(71))
        server.notify()
        self.assertSoonHolds(mirror, server.box("INBOX"), timeout=15)
        self.assertNotIn(first, [session.number for session in server.idling()])
        self.assertEnds(daemon)

    def replaced(self, server):
        """INBOX is deleted and recreated with other messages that have the same UIDs; returns the new one."""
        old = server.box("INBOX")
        new = Mailbox(b"INBOX", [Message(uid, simple(uid, "anew")) for uid in range(1, 4)],
                      uid_validity=old.uid_validity + 1)
        new.mod_seq = old.mod_seq + 5
        server.mailboxes[server.mailboxes.index(old)] = new
        return old, new

    def assertReplaced(self, daemon, old, new, name="INBOX"):
        """The folder holds the new mailbox's messages, each once; those of the old one that came are still here, and
        their removal waits for the person's word (DESIGN.md section 5)."""
        mirror = daemon.mirror
        wanted = [check.digest(message.whole()) for message in new.messages]
        former = {check.digest(message.whole()) for message in old.messages}

        def there():
            try:
                return [one.digest for one in check.folder_messages(mirror.folder_of(new.name))[0].values()]
            except OSError:
                return []

        def done():
            hold = next((one for one in daemon.account()["holds"] if one["mailbox"] == name), {})
            return (sorted(set(there()) - former) == sorted(wanted) and
                    hold.get("messages") == len(set(there()) & former))

        with contextlib.suppress(AssertionError):
            wait_until(done, 15)
        found = there()
        self.assertEqual(sorted(digest for digest in found if digest not in former), sorted(wanted))
        self.assertEqual(len(found), len(set(found)), "nothing is doubled")
        self.assertTrue(done(), daemon.account())
        self.assertEqual(mirror.quarantined(), [])

    def test_Q23_inbox_is_recreated_and_the_server_says_bye(self):
        server, mirror, daemon = self.watched()
        sessions = server.idling()
        old, new = self.replaced(server)
        for session in sessions:
            session.notify([b"* BYE mailbox is gone"])
            session.abort()
        self.assertReplaced(daemon, old, new)
        self.assertEnds(daemon)

    def test_Q23_inbox_is_recreated_and_the_server_says_nothing(self):
        """The session that IDLEs goes on with the mailbox that was: the next poll shows the other UIDVALIDITY."""
        server, mirror, daemon = self.watched(poll_interval="2s")
        old, new = self.replaced(server)
        self.assertReplaced(daemon, old, new)
        self.assertEnds(daemon)

    def test_Q23_inbox_is_recreated_under_the_selected_session(self):
        """The session now means the new mailbox, says EXISTS and answers FETCH from it, and UIDVALIDITY never came up:
        whatever was taken for the old mailbox's message is put right by the next poll."""
        server, mirror, daemon = self.watched(poll_interval="2s")
        sessions = server.idling()
        old, new = self.replaced(server)
        new.add(simple(9, "anew"), uid=9)
        for session in sessions:
            session.selected = new
        server.notify(b"* 4 EXISTS")
        self.assertReplaced(daemon, old, new)
        self.assertEnds(daemon)

    def test_Q23_a_mailbox_is_recreated_between_two_batches(self):
        """The second FETCH of bodies is asked of a mailbox that is not the one of the first."""
        server = self.serve(inbox(), Mailbox(b"Other", [Message(uid, simple(uid, "first")) for uid in range(1, 16)]))
        old = server.box("Other")
        new = Mailbox(b"Other", [Message(uid, simple(uid, "second")) for uid in range(1, 16)],
                      uid_validity=old.uid_validity + 1)
        count = []

        def fetched(session, number, message, items):
            if session.selected is not old or not any(b"BODY" in item for item in items):
                return None
            count.append(1)
            if len(count) == 5:
                server.mailboxes[server.mailboxes.index(old)] = new
                session.close()
            return None

        server.fetched = fetched
        mirror = self.mirror(server, poll_interval="2s")
        daemon = self.daemon(mirror)
        self.assertReplaced(daemon, old, new, "Other")
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEqual(len(count), 5)
        self.assertEnds(daemon)


class Cut(Pushed):
    """G13: BYE or EOF at every line of everything that a daemon's sessions say, an account for each."""

    weight = 60

    def change(self, server):
        box = server.box("INBOX")
        box.add(simple(80))
        box.flag(1, "\\Flagged", "\\Seen")
        box.expunge(2)
        server.box("Other").add(simple(81))
        server.notify()

    def test_G13_bye_or_eof_at_every_line(self):
        measured = self.serve(inbox(), inbox(3, b"Other"))
        mirror = self.mirror(measured, poll_interval="3s")
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        first = measured.lines
        self.change(measured)
        self.assertSoonHolds(mirror, *measured.mailboxes)
        time.sleep(0.5)
        total = measured.lines
        self.assertEnds(daemon)
        self.assertGreater(total, first)
        if FULL:
            cuts = [(cut, farewell) for cut in range(1, total + 1) for farewell in (None, b"* BYE so long")]
        else:
            cuts = [(cut, (None, b"* BYE so long")[cut % 2])
                    for cut in sorted(self.dice.sample(range(1, total + 1), min(40, total)))]
        for start in range(0, len(cuts), 40):
            self.recovers(cuts[start:start + 40], "from%d" % start)
        figure("G13: %d cuts of %d lines, all recovered" % (len(cuts), total))

    def recovers(self, cuts, name):
        """One daemon with an account for each cut: all are there without help, and go on."""
        root, accounts = None, []
        for cut, farewell in cuts:
            server = self.serve(inbox(), inbox(3, b"Other"), cut=cut)
            server.farewell = farewell
            if root is None:
                mirror = root = self.mirror(server, name=name, poll_interval="3s")
            else:
                mirror = self.beside(root, "cut%d%s" % (cut, "bye" if farewell else ""), server, poll_interval="3s")
            accounts.append((server, mirror))
        daemon = self.daemon(root)
        for server, mirror in accounts:
            self.assertSoonHolds(mirror, *server.mailboxes, timeout=60)
            self.assertEqual(mirror.quarantined(), [], mirror.name)
        for _, mirror in accounts:
            daemon.wait_until_watching(mirror.name, timeout=60)
        for server, mirror in accounts:
            self.change(server)
        for server, mirror in accounts:
            with self.subTest(mirror.name):
                self.assertSoonHolds(mirror, *server.mailboxes, timeout=30)
                self.assertEqual([check.digest(body) for body in mirror.quarantined()],
                                 [check.digest(simple(2, "INBOX"))])
                self.assertGreaterEqual(server.lines, server.cut)
                self.assertOnlyRead(server)
        self.assertEnds(daemon)


class Lies(Pushed):
    def test_G17_modseq_extremes_by_push(self):
        """MODSEQ 0, 2^53+1, 2^63-1, 2^63, 2^64 in what IDLE tells: exact or rejected, no trap; and a change that has a
        common one afterwards is still seen."""
        values = (0, 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30, -1)
        for value in values:
            with self.subTest(modseq=value):
                server = self.serve()
                _, mirror, daemon = self.watched(server, name="G17-%d" % values.index(value), poll_interval="2s")
                box = server.box("INBOX")
                box.messages[0].flags = ("\\Flagged",)
                server.notify(b"* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (%d))" % value)
                time.sleep(0.2)
                self.assertTrue(daemon.running, daemon.log[-2000:])
                box.flag(2, "\\Answered")
                box.flag(1, "\\Flagged")
                box.add(simple(90))
                server.notify()
                self.assertSoonHolds(mirror, box, timeout=12)
                self.assertOnlyRead(server)
                self.assertEnds(daemon)

    def test_G17_modseq_extremes_in_what_a_round_asks_for(self):
        for value in (2**53 + 1, 2**63 - 1):
            with self.subTest(modseq=value):
                box = inbox()
                box.mod_seq = value - 2
                box.messages[0].modseq = value - 2
                server = self.serve(box)
                _, mirror, daemon = self.watched(server, name="G17r-%d" % (value % 1000))
                box.flag(1, "\\Flagged")
                server.notify()
                self.assertSoonHolds(mirror, box)
                box.add(simple(91))
                server.notify()
                self.assertSoonHolds(mirror, box)
                self.assertEnds(daemon)

    def test_V5_throttling_is_respected(self):
        """`NO Request is throttled`: the server is left alone, status says until when; later all is well."""
        text = b"NO Request is throttled. Suggested Backoff Time: 299961 milliseconds"
        for command in ("EXAMINE", "UID FETCH", "LIST", "AUTHENTICATE"):
            with self.subTest(command):
                server = self.serve()

                def hook(session, tag, words):
                    session.line(tag + b" " + text)
                    return True

                server.hooks[command] = hook
                if command == "EXAMINE":
                    server.hooks["SELECT"] = hook
                if command == "AUTHENTICATE":
                    server.hooks["LOGIN"] = hook
                mirror = self.mirror(server, name="V5" + command.replace(" ", ""), poll_interval="1s")
                daemon = self.daemon(mirror)
                wait_until(lambda: server.asked(command.split()[-1]), 10)
                time.sleep(6)
                asked = [one for _, one in server.commands if one.upper().startswith(command)]
                self.assertLessEqual(len(asked), 4, "hammered: %s" % server.commands)
                self.assertLessEqual(server.sessions, 4)
                account = daemon.account()
                problem = account["error"] or {}
                told = problem.get("what", "") + "".join(box["reason"] or "" for box in account["mailboxes"])
                self.assertIn("throttled", told, account)
                if problem.get("nextTry"):
                    self.assertGreater(moment(problem["nextTry"]), time.time() + 100, problem)
                self.assertEqual(mirror.quarantined(), [])
                server.hooks.clear()
                result = mirror.sync(timeout=30)
                self.assertEqual(result.status, 0, result.err)
                self.assertSoonHolds(mirror, server.box("INBOX"))
                daemon.wait_until_watching(timeout=10)
                self.assertEnds(daemon)

    def test_V5_throttled_but_done(self):
        """`OK [THROTTLED]` is an answer, not a failure."""
        server = self.serve(inbox(), inbox(3, b"Other"))
        server.rewrite = lambda session, line: re.sub(rb"^(\w+) OK ", rb"\1 OK [THROTTLED] ", line) if (
            b"CAPABILITY" not in line and not line.startswith(b"*")) else line
        _, mirror, daemon = self.watched(server)
        self.assertSoonHolds(mirror, *server.mailboxes)
        server.box("INBOX").add(simple(92))
        server.notify()
        self.assertSoonHolds(mirror, *server.mailboxes)
        self.assertEnds(daemon)

    def test_S27_server_text_is_cut_and_cleaned(self):
        text = (b"%n%s%x \x1b[2J\x1b]0;owned\x07 \xff\xfe\xc3( \x01\x9b2J \xe2\x80\xae\xe2\x81\xa6 Z" +
                b"A" * 1_000_000)

        def refuse(session, tag, words):
            session.raw(tag + b" NO " + text + b"\r\n")
            return True

        def alert(session, tag, words):
            session.raw(b"* OK [ALERT] " + text + b"\r\n")

        servers = {}
        for name, hooks, greeting in (
                ("test", {}, None), ("greeting", {}, b"* OK " + text), ("bye", {}, b"* BYE " + text),
                ("login", {"AUTHENTICATE": refuse, "LOGIN": refuse}, None),
                ("examine", {"EXAMINE": refuse, "SELECT": refuse}, None), ("fetch", {"UID FETCH": refuse}, None),
                ("list", {"LIST": refuse}, None), ("idle", {"IDLE": refuse}, None),
                ("alert", {"LIST": alert, "EXAMINE": alert, "SELECT": alert, "IDLE": alert}, None)):
            server = servers[name] = self.serve(*([] if greeting is None else [inbox()]),
                                                **({"greeting": greeting} if greeting else {}))
            server.hooks.update(hooks)
        mirror = self.mirror(servers["test"])
        for name, server in servers.items():
            if name != "test":
                self.beside(mirror, name, server)
        daemon = self.daemon(mirror)
        daemon.wait_until_watching()
        daemon.wait_for(lambda accounts: all(accounts[name]["error"] or accounts[name]["state"] != "new"
                                             for name in ("bye", "login", "examine", "fetch", "list")), 20)
        servers["test"].notify(b"* OK [ALERT] " + text)
        servers["test"].notify(b"* NO " + text)
        time.sleep(0.5)
        servers["test"].box("INBOX").add(simple(93))
        servers["test"].notify()
        self.assertSoonHolds(mirror, servers["test"].box("INBOX"))
        self.assertClean(daemon)
        accounts = daemon.accounts()
        for name in ("bye", "login", "list"):
            self.assertNotEqual(accounts[name]["state"], "ok", name)
            self.assertTrue(accounts[name]["error"]["what"], name)
        for account in accounts.values():
            if account["error"]:
                self.assertLess(len(account["error"]["what"]), 2_000)
        # Nine accounts at once, whose threads' stacks and code count as well.
        self.assertLess(daemon.memory()[2], PEAK + 8 * 1024)
        self.assertEnds(daemon)

    def test_S31_referrals_are_not_followed(self):
        other, server = self.serve(), self.serve()
        for command in ("LOGIN", "AUTHENTICATE"):
            server.hooks[command] = lambda session, tag, words: (session.line(
                tag + b" NO [REFERRAL imap://user@127.0.0.1:%d/] go there" % other.port), True)[-1]
        second = self.serve()
        for command in ("SELECT", "EXAMINE"):
            second.hooks[command] = lambda session, tag, words: (session.line(
                tag + b" NO [REFERRAL imap://user@127.0.0.1:%d/INBOX] there" % other.port), True)[-1]
        third = self.serve()
        third.hooks["IDLE"] = lambda session, tag, words: session.line(
            b"* OK [ALERT] use imap://user@127.0.0.1:%d/ from now on" % other.port)
        mirror = self.mirror(server)
        self.beside(mirror, "second", second)
        self.beside(mirror, "third", third)
        daemon = self.daemon(mirror)
        daemon.wait_for(lambda accounts: accounts["test"]["error"] and accounts["third"]["state"] == "ok" and
                        second.asked("EXAMINE"), 20)
        time.sleep(1)
        self.assertEqual(other.sessions, 0)
        self.assertEqual(other.commands, [])
        self.assertEnds(daemon)


class OneAtATime(Pushed):
    """M23: one process per state, whatever else holds its database."""

    def test_M23_a_second_daemon_on_the_same_state_names_the_first(self):
        server, mirror, daemon = self.watched()
        result = mirror.run("daemon", timeout=20)
        line = self.assertOneLine(result, 1)
        self.assertRegex(line, r"\b%d\b" % daemon.pid)
        # With another socket it is the state that tells.
        text = mirror.configuration.read_text()
        mirror.write(text.replace(str(daemon.socket), str(daemon.place / "other.sock")))
        result = mirror.run("daemon", timeout=20)
        line = self.assertOneLine(result, 1)
        self.assertRegex(line, r"\b%d\b" % daemon.pid)
        mirror.write(text)
        server.box("INBOX").add(simple(94))
        server.notify()
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEnds(daemon)

    def test_M23_a_sync_goes_through_the_daemon(self):
        server, mirror, daemon = self.watched(self.serve(inbox(), inbox(3, b"Other")))
        server.mute = True
        server.box("Other").add(simple(95))
        result = self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)
        self.assertTrue(server.idling(), "the daemon's own connection was not given up")
        self.assertEqual(result.err, "")
        server.box("Other").add(simple(96))
        server.box("INBOX").add(simple(97))
        self.synced(mirror, "test/Other")
        self.assertHolds(mirror, server.box("Other"))
        results = [mirror.run("status"), mirror.run("mailboxes"), mirror.run("verify", timeout=60)]
        self.assertEqual([one.status for one in results[:2]], [0, 0], [one.err for one in results])
        self.assertEnds(daemon)
        self.synced(mirror)
        self.assertHolds(mirror, *server.mailboxes)

    def test_M23_two_syncs_at_once_through_the_daemon(self):
        server, mirror, daemon = self.watched(self.serve(inbox(), inbox(3, b"Other")))
        for number in range(5):
            server.box("Other").add(simple(100 + number))
        processes = [subprocess.Popen(mirror.command("sync"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT) for _ in range(4)]
        for process in processes:
            output = process.communicate(timeout=60)[0]
            self.assertEqual(process.returncode, 0, output)
        self.assertHolds(mirror, *server.mailboxes)
        self.assertEnds(daemon)

    def test_M23_another_program_holds_the_database(self):
        """A write lock for 15 s: status goes on answering, the account says what is wrong and recovers by itself."""
        server, mirror, daemon = self.watched(poll_interval="2s")
        with contextlib.closing(sqlite3.connect(mirror.database, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            server.box("INBOX").add(simple(98))
            server.notify()
            ended = time.monotonic() + 15
            while time.monotonic() < ended:
                started = time.monotonic()
                daemon.call("Status", timeout=5)
                self.assertLess(time.monotonic() - started, 4)
                self.assertTrue(daemon.running, daemon.log[-2000:])
                time.sleep(0.5)
            connection.execute("ROLLBACK")
        self.assertSoonHolds(mirror, server.box("INBOX"), timeout=30)
        daemon.wait_for(lambda accounts: settled(accounts["test"]) and watching(accounts["test"]), 30)
        server.box("INBOX").add(simple(99))
        server.notify()
        self.assertSoonHolds(mirror, server.box("INBOX"))
        self.assertEqual(mirror.quarantined(), [])
        self.assertEnds(daemon)
