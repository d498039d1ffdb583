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

    def edited(self, token, digest):
        with self.lock:
            self.latest[token] = digest

    def copies(self, token):
        with self.lock:
            return sum((+self.items[token]).values())

    # At rest.

    def judge(self, live, kept, trash="Trash"):
        """(what is wrong, in words; how many messages are there more often than wanted): `live` is {mailbox: messages} of
        the server, which the folders equal; `kept` the digests in quarantine. Then the next epoch begins."""
        wrong = []
        tokens = {}
        there = collections.defaultdict(collections.Counter)
        for mailbox, messages in live.items():
            for message in messages:
                token = self.made.get(message.digest)
                if token is None:
                    wrong.append("%s has a content that nobody made: %s" % (mailbox, message.digest[:8]))
                there[token][Item(mailbox, message.digest, words(message.flags))] += 1
                tokens[message.digest] = token
        anywhere = set(tokens) | set(kept)
        for digest, token in list(self.known.items()):
            if digest in anywhere:
                continue
            if len(self.deleted[token]) == 2:  # gone on both sides: forgotten
                del self.known[digest]
            else:
                wrong.append("LOST: %s of %s is nowhere: %s" % (digest[:8], token, self.story(token)))
        doubled = 0
        for token, expected in list(self.items.items()):
            found = {one: count for one, count in there[token].items() if one.mailbox != trash}
            wanted = {one: count for one, count in (+expected).items() if one.mailbox != trash}
            if len(self.sides[token]) < 2 and token not in self.unsure:
                if alike(found) != alike(wanted):
                    wrong.append("%s (touched by %s) is %s, not %s: %s" % (
                        token, "/".join(self.sides[token]) or "nobody", show(found), show(wanted), self.story(token)))
                continue
            newest = self.latest.get(token)
            if not self.deleted[token] and not any(
                    newest is None or one.digest == newest for one in found):
                wrong.append("LOST: nobody deleted %s, and it is in no mailbox but Trash: %s" % (token, self.story(token)))
            doubled += sum(found.values()) > max(1, sum(wanted.values()))
        self.known.update(tokens)
        self.items = collections.defaultdict(collections.Counter, there)
        self.sides.clear()
        self.unsure.clear()
        self.deleted.clear()
        self.trail = collections.defaultdict(list, {token: trail[-12:] + ["-- rest --"] for token, trail in
                                                    self.trail.items()})
        return wrong, doubled

    def story(self, token):
        return "\n      ".join([""] + self.trail[token][-24:])


def alike(items):
    """Copies of one content take each other's places where a connection breaks while they are sent, and
    then their flags are united: they are compared without flags."""
    found, copies = collections.defaultdict(list), collections.Counter()
    for one, count in items.items():
        found[one.mailbox, one.digest] += [sorted(one.flags)] * count
        copies[one.digest] += count
    return {place: flags if copies[place[1]] == 1 else len(flags) for place, flags in found.items()}


def hash_of(token):
    return int(token[1:]) // 3


def short(item):
    return "%s/%s%s" % (item.mailbox, item.digest[:8], sorted(flag[1] for flag in item.flags) if item.flags else "")


def show(items):
    return {short(one): count for one, count in items.items()}
