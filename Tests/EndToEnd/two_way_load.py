"""What a person's mail program leaves for a synchronizer to send, and what sending it costs: for scripts/bench."""

import os
import random

import corpus
import mail_reader
from mirror import Mirror, run
from servers.wire import Wire

MESSAGES, NEW, FLAGS, MOVES = 6_000, 1_000, 5_000, 1_000


class CountingWire(Wire):
    """Counts turns: how often a client waited for an answer before it went on."""

    def __init__(self, target):
        super().__init__(target)
        self.turns, self.heard = 0, {}

    def passes(self, number, upward, data):
        with self.lock:
            self.turns += upward and self.heard.get(number, True)
            self.heard[number] = not upward
        return super().passes(number, upward, data)


class OursTwoWay:
    name = "mailmirror"

    def __init__(self, server, port, user, directory, program):
        self.mirror = Mirror(directory, server, program=program, host="127.0.0.1", port=port, tls="none",
                             tls_ca_file=None, user=user, direction="two-way", settle="0s")
        self.command = self.mirror.command("sync")

    def folder(self, mailbox):
        return self.mirror.folder_of(mailbox.encode())


class MbsyncTwoWay:
    name = "mbsync"

    def __init__(self, server, port, user, directory, _):
        directory.mkdir()
        self.mail = directory / "mail"
        self.mail.mkdir()
        (directory / "password").write_text(server.password)
        (directory / "rc").write_text("""
IMAPAccount bench
Host 127.0.0.1
Port %d
User %s
PassCmd "cat '%s/password'"
SSLType None
AuthMechs PLAIN

IMAPStore far
Account bench

MaildirStore near
Path %s/
Inbox %s/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
CopyArrivalDate yes
SyncState *
Sync All
""" % (port, user, directory, self.mail, self.mail))
        self.command = ["mbsync", "-q", "-c", str(directory / "rc"), "-a"]

    def folder(self, mailbox):
        return self.mail / mailbox


def _unmarked(messages):
    """mbsync would expunge what is marked as deleted."""
    for body, flags, date in messages:
        yield body, [flag for flag in flags if flag != "\\Deleted"], date


def fill(server, user):
    server.append("INBOX", _unmarked(corpus.small(MESSAGES)), user=user)
    server.append("Archive", _unmarked(corpus.small(10, seed=2)), user=user)


def upload(program):
    for body, _, _ in corpus.small(NEW, seed=3):
        mail_reader.deliver(program.folder("INBOX"), body.replace(b"\r\n", b"\n"), "S")


def _old(program):
    """The files of INBOX that both have in the same order: by their content."""
    found = mail_reader.files(program.folder("INBOX"))
    return sorted(found, key=lambda path: path.read_bytes().partition(b"Message-ID: ")[2][:60])


def flag(program):
    """Each gets a flag that it lacks."""
    changed = 0
    for path in _old(program):
        lacking = [letter for letter in "FRS" if letter not in mail_reader.parts(path)[1]]
        if lacking and changed < FLAGS:
            mail_reader.flag(path, add=lacking[0])
            changed += 1
    if changed < FLAGS:
        raise SystemExit("bench: only %d messages could be flagged" % changed)


def move(program):
    """Under new base names, as mbsync asks of mail programs."""
    for path in random.Random(4).sample(_old(program), MOVES):
        mail_reader.move(path, program.folder("Archive"), base=mail_reader.base_name())


JOBS = (("%d new messages uploaded" % NEW, upload), ("%d flag changes pushed" % FLAGS, flag),
        ("%d moves" % MOVES, move))


def measure(program, wire):
    """(seconds, CPU seconds, commands, turns, bytes sent, bytes received) of one sync."""
    os.sync()
    wire.forget()
    before = wire.turns, wire.sent, wire.received
    result = run(program.command, timeout=3600)
    if result.status != 0:
        raise SystemExit("bench: %s ended with %d: %s" % (program.name, result.status,
                                                         (result.err or result.out)[-1000:]))
    return (result.seconds, result.cpu, len(wire.commands), wire.turns - before[0], wire.sent - before[1],
            wire.received - before[2])


def check(server, user, turn):
    """Whether the server has what was sent."""
    client = server.client(user)
    try:
        count = {name: int(client.select(name, readonly=True)[1][0]) for name in ("INBOX", "Archive")}
    finally:
        client.logout()
    wanted = {"INBOX": MESSAGES + NEW, "Archive": 10}
    if turn == len(JOBS) - 1:
        wanted = {"INBOX": MESSAGES + NEW - MOVES, "Archive": 10 + MOVES}
    if count != wanted:
        raise SystemExit("bench: %s has %s, not %s" % (user, count, wanted))
