"""What a session of a scripted server does for commands that change mail: STORE, APPEND, COPY, MOVE, UID EXPUNGE, and
mailboxes made, renamed and deleted. With X-GM-EXT-1 as Gmail does it: one message under several labels."""

import re

from .model import MONTHS, Mailbox, ranges

_DATE = re.compile(rb"^([ \d]\d)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$")


def seconds(text):
    """An IMAP date-time as seconds since 1970, or None."""
    import calendar
    match = _DATE.match(text)
    if not match or match.group(2).decode() not in MONTHS:
        return None
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = match.groups()
    zone = (int(zone_hours) * 60 + int(zone_minutes)) * 60 * (-1 if sign == b"-" else 1)
    return calendar.timegm((int(year), MONTHS.index(month.decode()) + 1, int(day), int(hour), int(minute),
                            int(second))) - zone


class Writing:
    def has(self, word):
        return word in self.server.capabilities.split()

    def writable(self, tag):
        if self.selected is None or self.selected.read_only:
            self.no(tag, b"[NOPERM] read-only")
            return False
        return True

    # Flags.

    def do_uid_store(self, tag, words):
        box = self.selected
        if not self.writable(tag):
            return
        words, unchanged = list(words), None
        if isinstance(words[1], list):
            unchanged = int(words.pop(1)[1])
        how, flags = words[1].decode().upper(), [word.decode() for word in words[2]] \
            if isinstance(words[2], list) else [word.decode() for word in words[2:]]
        modified = []
        for number, message in list(box.in_set(words[0].decode())):
            if unchanged is not None and message.modseq > unchanged:
                modified.append(message.uid)
                continue
            self.store(box, message, how, flags)
            if "SILENT" not in how:
                self.fetch(number, message, [b"FLAGS"] + ([b"MODSEQ"] if self.has("CONDSTORE") else []))
            elif unchanged is not None:
                self.fetch(number, message, [b"MODSEQ"])
        self.told = box.mod_seq
        if modified:
            self.ok(tag, b"[MODIFIED " + ranges(modified).encode() + b"] some were changed")
        else:
            self.ok(tag)

    def store(self, box, message, how, flags):
        old = {flag.lower(): flag for flag in message.flags}
        new = {flag.lower(): flag for flag in flags
               if box.permanent is None or flag.lower() in [word.lower() for word in box.permanent]}
        if how.startswith("+"):
            old.update({key: flag for key, flag in new.items() if key not in old})
        elif how.startswith("-"):
            old = {key: flag for key, flag in old.items() if key not in new}
        else:
            old = new
        box.flag(message.uid, *old.values())

    # Messages.

    def parse_append(self, words):
        """(mailbox, [(body, flags, date)]) of an APPEND's words; several messages with MULTIAPPEND (RFC 3502)."""
        messages, flags, date = [], (), None
        for word in words[1:]:
            if isinstance(word, list):
                flags = tuple(flag.decode() for flag in word)
            elif word == b"~":
                continue
            elif seconds(word) is not None:
                date = seconds(word)
            else:
                messages.append((word, flags, date))
                flags, date = (), None
        return self.server.box(words[0]), messages

    def append(self, words):
        """Stores what an APPEND brought: (mailbox, messages)."""
        box, messages = self.parse_append(words)
        return box, [box.add(body, [flag for flag in flags if flag.lower() != "\\recent"],
                             *([date] if date is not None else [])) for body, flags, date in messages]

    def do_append(self, tag, words):
        box = self.server.box(words[0])
        if box is None or not box.selectable:
            return self.no(tag, b"[TRYCREATE] no such mailbox")
        if box.read_only:
            return self.no(tag, b"[NOPERM] read-only")
        box, added = self.append(words)
        self.ok(tag, self.append_uid(box, added) + b"appended")

    def append_uid(self, box, added):
        if not self.has("UIDPLUS"):
            return b""
        return b"[APPENDUID %d %s] " % (box.uid_validity, ranges([message.uid for message in added]).encode())

    def copies(self, tag, words):
        """Copies the messages of a UID set: (mailbox, [(source, copy)]), or None when it was refused."""
        box = self.server.box(words[1])
        if box is None or not box.selectable:
            self.no(tag, b"[TRYCREATE] no such mailbox")
            return None
        pairs = []
        for _, message in list(self.selected.in_set(words[0].decode())):
            if self.has("X-GM-EXT-1") and message.gmail_id:
                same = [one for one in box.messages if one.gmail_id == message.gmail_id]
                if same:
                    pairs.append((message, same[0]))
                    continue
            copy = box.add(message.body, message.flags, message.date)
            copy.email_id, copy.gmail_id = message.email_id, message.gmail_id
            pairs.append((message, copy))
        if self.has("X-GM-EXT-1") and "\\Trash" in box.attributes:
            for message, copy in pairs:
                self.strip_labels(message, box)
        return box, pairs

    def strip_labels(self, message, trash):
        """Gmail: what goes to Trash loses all its labels, in All Mail, too (V3)."""
        for box in self.server.mailboxes:
            if box is not trash and box is not self.selected:
                box.expunge(*[one.uid for one in box.messages if one.gmail_id == message.gmail_id])

    def copy_uid(self, box, pairs):
        if not self.has("UIDPLUS") or not pairs:
            return b""
        return b"[COPYUID %d %s %s]" % (box.uid_validity, ",".join(str(one.uid) for one, _ in pairs).encode(),
                                        ",".join(str(copy.uid) for _, copy in pairs).encode())

    def do_uid_copy(self, tag, words):
        done = self.copies(tag, words)
        if done:
            self.ok(tag, (self.copy_uid(*done) + b" copied").strip())

    def do_uid_move(self, tag, words):
        if not self.has("MOVE"):
            return self.line(tag + b" BAD unknown")
        if not self.writable(tag):
            return
        done = self.copies(tag, words)
        if not done:
            return
        code = self.copy_uid(*done)
        if code:
            self.line(b"* OK " + code + b" moved")
        self.gone([message.uid for message, _ in done[1]])
        self.ok(tag)

    def do_uid_expunge(self, tag, words):
        if not self.has("UIDPLUS"):
            return self.line(tag + b" BAD unknown")
        if not self.writable(tag):
            return
        self.gone([message.uid for _, message in self.selected.in_set(words[0].decode())
                   if "\\deleted" in [flag.lower() for flag in message.flags]])
        self.ok(tag)

    def do_expunge(self, tag, words):
        self.gone([message.uid for message in self.selected.messages
                   if "\\deleted" in [flag.lower() for flag in message.flags]])
        self.ok(tag)

    def gone(self, uids):
        """Expunges messages of the selected mailbox and tells this session."""
        box = self.selected
        present = {message.uid for message in box.messages}
        uids = [uid for uid in uids if uid in present]
        numbers = [self.view.index(uid) + 1 for uid in uids if uid in (self.view or [])]
        box.expunge(*uids)
        self.view = [uid for uid in self.view or [] if uid not in uids]
        if uids and "QRESYNC" in self.enabled:
            self.line(b"* VANISHED " + ranges(uids).encode())
        else:
            for number in sorted(numbers, reverse=True):
                self.line(b"* %d EXPUNGE" % number)
        self.told = box.mod_seq

    # Mailboxes.

    def do_create(self, tag, words):
        if self.server.box(words[0]):
            return self.no(tag, b"[ALREADYEXISTS] it exists")
        self.server.mailboxes.append(Mailbox(words[0], uid_validity=2_000_000 + len(self.server.mailboxes)))
        self.ok(tag)

    def do_delete(self, tag, words):
        box = self.server.box(words[0])
        if box is None:
            return self.no(tag, b"[NONEXISTENT] no such mailbox")
        self.server.mailboxes.remove(box)
        self.ok(tag)

    def do_rename(self, tag, words):
        box = self.server.box(words[0])
        if box is None or self.server.box(words[1]):
            return self.no(tag, b"[NONEXISTENT] no")
        box.name = words[1]
        self.ok(tag)

    def do_subscribe(self, tag, words):
        self.ok(tag)

    do_unsubscribe = do_subscribe
