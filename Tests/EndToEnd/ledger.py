"""Keeps account of what two mutators did to messages, by their contents, and says what must have become of them.

A token stands for one message and all its versions and copies. A token that only one side touched since the last rest
must be exactly where that side left it; one that both touched may be resolved either way. No content that was ever seen
at rest may be gone from mailboxes, Trash and quarantine together, unless both sides deleted it."""

import collections
import re
import threading

Item = collections.namedtuple("Item", "mailbox digest flags")  # flags: frozenset, lower case, without keywords
TOKEN = re.compile(rb"<((?:s|l)\d+)@example\.org>")


def token_of(body):
    found = TOKEN.search(body)
    return found.group(1).decode() if found else None


def words(flags):
    """Flags as they are compared: no \\Recent, and no keywords, which some moves of files do not carry."""
    return frozenset(flag.lower() for flag in flags if flag.startswith("\\") and flag.lower() != "\\recent")


class Ledger:
    def __init__(self, dice):
        self.dice, self.lock = dice, threading.RLock()
        self.items = collections.defaultdict(collections.Counter)  # token: Counter of Item, as of now
        self.sides = collections.defaultdict(set)                  # token: who touched it since the last rest
        self.known = {}                                            # digest: token, all that was ever there at rest
        self.deleted = collections.defaultdict(set)                # token: who deleted a copy of it since then
        self.latest = {}                                           # token: digest of the newest version
        self.edited_away = set()                                   # digests that an edit has replaced since the last rest
        self.unsure = set()                                        # tokens of which an act met another program's
        self.acts = collections.Counter()
        self.made = {}                                             # digest: token, all contents that were ever made
        self.trail = collections.defaultdict(list)                 # token: what was done, for the report of a failure

    def may(self, side, token):
        """Whether that side should act on it: mostly each has its own, sometimes both."""
        with self.lock:
            others = self.sides[token] - {side}
            if others or (hash_of(token) % 2 == 0) != (side == "server") and side not in self.sides[token]:
                return self.dice.random() < 0.12
            return True

    def note(self, side, act, token, minus=(), plus=(), deletes=False, sure=True):
        with self.lock:
            self.acts["%s %s" % (side, act)] += 1
            self.trail[token].append("%s %s: -%s +%s" % (side, act, [short(one) for one in minus],
                                                         [short(one) for one in plus]))
            self.sides[token].add(side)
            count = self.items[token]
            for one in minus:
                if len(self.sides[token]) == 1 and not count[one]:
                    self.trail[token].append("  (that was not known to be there)")
                count[one] -= 1
            for one in plus:
                count[one] += 1
                self.made[one.digest] = token
            if deletes:
                self.deleted[token].add(side)
            if not sure:
                self.unsure.add(token)

    def count(self, side, act):
        with self.lock:
            self.acts["%s %s" % (side, act)] += 1

    def doubt(self, side, token):
        """That side's last act on it may have been done or not."""
        with self.lock:
            self.sides[token].add(side)
            self.unsure.add(token)
            self.trail[token].append("%s: its last act may have been done or not" % side)

    def removed(self, side, mailbox, digests):
        """A mailbox was removed with messages of those contents, and with what the other side put there meanwhile."""
        with self.lock:
            self.acts["%s remove" % side] += 1
            believed = {token for token, count in self.items.items() if any(one.mailbox == mailbox for one in +count)}
            for token in believed | {self.made[digest] for digest in digests if digest in self.made}:
                self.trail[token].append("%s: removed %s" % (side, mailbox))
                self.sides[token].add(side)
                self.deleted[token].add(side)
                # Where messages of it are that one side has put there or taken out is not known.
                if len(self.sides[token]) > 1:
                    self.unsure.add(token)
                for one in [one for one in self.items[token] if one.mailbox == mailbox]:
                    del self.items[token][one]

    def edited(self, token, old, new):
        with self.lock:
            self.latest[token] = new
            self.edited_away.add(old)

    def copies(self, token):
        with self.lock:
            return sum((+self.items[token]).values())

    # At rest.

    def judge(self, live, kept, trash="Trash"):
        """(what is wrong, in words; how many messages are there more often than wanted): `live` is {mailbox: messages} of
        the server, which the folders equal; `kept` the digests in quarantine."""
        wrong = []
        tokens = {}
        there = self.place(live)
        for item in there.pop(None, ()):
            wrong.append("%s has a content that nobody made: %s" % (item.mailbox, item.digest[:8]))
        for token, found in there.items():
            tokens.update((item.digest, token) for item in found)
        anywhere = set(tokens) | set(kept)
        for digest, token in list(self.known.items()):
            if digest in anywhere:
                continue
            # Gone on both sides: forgotten. A version that was edited away is gone here.
            if len(self.deleted[token] | ({"local"} if digest in self.edited_away else set())) == 2:
                del self.known[digest]
            else:
                wrong.append("LOST: %s of %s is nowhere: %s" % (digest[:8], token, self.story(token)))
        doubled = 0
        for token, expected in list(self.items.items()):
            found = {one: count for one, count in there[token].items() if one.mailbox != trash}
            wanted = {one: count for one, count in (+expected).items() if one.mailbox != trash}
            if len(self.sides[token]) < 2 and token not in self.unsure:
                if found != wanted:
                    wrong.append("%s (touched by %s) is %s, not %s: %s" % (
                        token, "/".join(self.sides[token]) or "nobody", show(found), show(wanted), self.story(token)))
                continue
            newest = self.latest.get(token)
            if wanted and not self.deleted[token] and not any(
                    newest is None or one.digest == newest for one in found):
                wrong.append("LOST: nobody deleted %s, and it is in no mailbox but Trash: %s" % (token, self.story(token)))
            doubled += sum(found.values()) > max(1, sum(wanted.values()))
        self.known.update(tokens)
        return wrong, doubled

    def place(self, live):
        """{token: Counter of Item} of {mailbox: messages}."""
        there = collections.defaultdict(collections.Counter)
        for mailbox, messages in live.items():
            for message in messages:
                there[self.made.get(message.digest)][Item(mailbox, message.digest, words(message.flags))] += 1
        return there

    def begin(self, live):
        """The next epoch begins with what is there."""
        self.items = self.place(live)
        self.sides.clear()
        self.unsure.clear()
        self.deleted.clear()
        self.edited_away.clear()
        self.trail = collections.defaultdict(list, {token: trail[-12:] + ["-- rest --"] for token, trail in
                                                    self.trail.items()})

    def story(self, token):
        return "\n      ".join([""] + self.trail[token][-24:])


def hash_of(token):
    return int(token[1:]) // 3


def short(item):
    return "%s/%s%s" % (item.mailbox, item.digest[:8], sorted(flag[1] for flag in item.flags) if item.flags else "")


def show(items):
    return {short(one): count for one, count in items.items()}
