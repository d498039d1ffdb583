"""The mail of a scripted server: mailboxes and messages, kept in memory or made when asked for."""

import bisect
import calendar
import time

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Body:
    """A message's bytes that are made in pieces while they are sent: `size` bytes of `pieces()`."""

    def __init__(self, size, pieces):
        self.size, self.pieces = size, pieces

    def __len__(self):
        return self.size


def lines_of(size):
    """A Body of that size: a header, then lines."""
    head = b"Subject: %d bytes\r\nMessage-ID: <big.%d@example.org>\r\n\r\n" % (size, size)
    line = b"0123456789abcdef" * 4 + b"\r\n"
    block = line * 1000

    def pieces():
        yield head
        left = size - len(head) - 2
        while left > 0:
            piece = block[:left]
            yield piece
            left -= len(piece)
        yield b"\r\n"

    return Body(size, pieces)


class Message:
    def __init__(self, uid, body, flags=(), date=1_500_000_000, modseq=1, email_id=None, gmail_id=None):
        self.uid, self.body, self.flags, self.date, self.modseq = uid, body, tuple(flags), date, modseq
        self.email_id, self.gmail_id = email_id, gmail_id

    def internal_date(self):
        moment = time.gmtime(self.date)
        return "%2d-%s-%04d %02d:%02d:%02d +0000" % (
            moment.tm_mday, MONTHS[moment.tm_mon - 1], moment.tm_year, moment.tm_hour, moment.tm_min, moment.tm_sec)

    def whole(self):
        return self.body if isinstance(self.body, bytes) else b"".join(self.body.pieces())


class Generated:
    """A list of `count` messages (UIDs 1 to count) that are made when asked for."""

    def __init__(self, count, make):
        self.count, self.make = count, make

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.make(index + 1)

    def find(self, uid):
        """The position of the first message whose UID is at least that."""
        return min(max(0, uid - 1), self.count)


class Mailbox:
    """name: its bytes on the wire."""

    def __init__(self, name, messages=(), uid_validity=1_000_000, attributes=(), delimiter=b'"/"'):
        self.name = name
        self.messages = messages if isinstance(messages, Generated) else list(messages)
        self.uid_validity, self.attributes, self.delimiter = uid_validity, attributes, delimiter
        self.vanished = []  # (modseq, uid)
        top = len(self.messages) if isinstance(self.messages, Generated) else max(
            [message.uid for message in self.messages], default=0)
        self.uid_next, self.mod_seq = top + 1, 10
        self.selectable, self.read_only = True, False
        self.permanent = None  # the PERMANENTFLAGS, all and new keywords by default

    def find(self, uid):
        if isinstance(self.messages, Generated):
            return self.messages.find(uid)
        return bisect.bisect_left([message.uid for message in self.messages], uid)

    def in_set(self, text):
        """(sequence number, message) of a UID set such as `1:5,9,20:*`, in order."""
        top = self.messages[len(self.messages) - 1].uid if len(self.messages) else 0
        spans = []
        for part in text.split(","):
            low, _, high = part.partition(":")
            low = top if low == "*" else int(low)
            high = low if not high else top if high == "*" else int(high)
            spans.append((min(low, high), max(low, high)))
        last = -1
        for low, high in sorted(spans):
            position = max(self.find(low), last + 1)
            while position < len(self.messages):
                message = self.messages[position]
                if message.uid > high:
                    break
                last = position
                yield position + 1, message
                position += 1

    # What happens on the server.

    def add(self, body, flags=(), date=1_500_000_000, uid=None):
        self.mod_seq += 1
        message = Message(uid or self.uid_next, body, flags, date, self.mod_seq)
        self.messages.append(message)
        self.uid_next = max(self.uid_next, message.uid + 1)
        return message

    def flag(self, uid, *flags):
        self.mod_seq += 1
        message = self.messages[self.find(uid)]
        message.flags, message.modseq = flags, self.mod_seq

    def expunge(self, *uids):
        for uid in uids:
            self.mod_seq += 1
            del self.messages[self.find(uid)]
            self.vanished.append((self.mod_seq, uid))

    def unseen(self):
        return 0 if isinstance(self.messages, Generated) else sum(
            "\\Seen" not in message.flags for message in self.messages)


def ranges(uids):
    """A UID set in its shortest form."""
    out, start, last = [], None, None
    for uid in sorted(uids):
        if last is not None and uid == last + 1:
            last = uid
            continue
        if start is not None:
            out.append("%d" % start if start == last else "%d:%d" % (start, last))
        start = last = uid
    if start is not None:
        out.append("%d" % start if start == last else "%d:%d" % (start, last))
    return ",".join(out)


def simple(number, text="hello"):
    """Bytes of a small message."""
    return ("From: a@example.org\r\nSubject: %s %d\r\nMessage-ID: <%s.%d@example.org>\r\n\r\n%s %d\r\n" % (
        text, number, text.replace(" ", "-"), number, text, number)).encode()


def moment(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M:%S"))
