"""Mail for tests, from a seed: realistic messages, and a set of odd ones.

A message is (bytes, flags, date): the bytes with CRLF line ends, flags and keywords as a list of str, an IMAP date-time.
"""

import base64
import random
import time

FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
KEYWORDS = ("$Forwarded", "$Junk", "NonJunk", "work", "Later", "$label1")
WORDS = ("mail mirror letter harbour plan window river answer quick meeting invoice garden Straße naïve façade "
         "köszönöm žluťoučký привет 日本語 contract review draft ticket server folder").split()
MEDIAN, SIGMA = 8_000, 2.05  # log-normal, cut at the largest: mean about 58 kB


def date(seconds, zone=0):
    """An IMAP date-time in a zone of that many minutes."""
    text = time.strftime("%d-%b-%Y %H:%M:%S", time.gmtime(seconds + zone * 60))
    return "%s %s%02d%02d" % (text, "-" if zone < 0 else "+", abs(zone) // 60, abs(zone) % 60)


def _filler():
    """A megabyte of base64 lines: the bulk of large messages are slices of it."""
    raw = random.Random(1).randbytes(57 * 14_000)
    text = base64.b64encode(raw).decode()
    return "\r\n".join(text[i:i + 76] for i in range(0, len(text), 76)).encode() + b"\r\n"


_FILLER = None


def _bulk(dice, size):
    global _FILLER
    if _FILLER is None:
        _FILLER = _filler()
    out = bytearray()
    while len(out) < size:
        start = dice.randrange(len(_FILLER) // 78) * 78
        out += _FILLER[start:start + size - len(out)]
    if not out.endswith(b"\n"):
        out += b"\r\n"
    return bytes(out)


def _text(dice, size):
    lines, total = [], 0
    while total < size:
        line = " ".join(dice.choice(WORDS) for _ in range(dice.randrange(3, 11)))
        lines.append(line)
        total += len(line) + 2
    return ("\r\n".join(lines) + "\r\n").encode()


def message(dice, number, size, now):
    """One realistic message of about that size."""
    when = now - dice.randrange(20 * 365 * 86400)
    zone = dice.choice((0, 60, 120, -300, 330, -480))
    sender = "%s.%d" % (dice.choice(("anna", "bo", "chen", "dora")), dice.randrange(500))
    head = [
        "Return-Path: <%s@example.org>" % sender,
        "Received: from mx%d.example.org (mx.example.org [192.0.2.%d])\r\n\tby mail.example.net with ESMTPS id %012x"
        % (dice.randrange(9), dice.randrange(255), dice.getrandbits(48)),
        "From: %s <%s@example.org>" % (sender, sender),
        "To: me@example.net",
        "Message-ID: <%d.%08x@example.org>" % (number, dice.getrandbits(32)),
        "Date: " + time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(when)),
    ]
    kind = dice.random()
    if kind < 0.1:  # raw 8-bit headers: UTF-8 or Latin-1, as old mail has them
        subject = ("Subject: Grüße aus Köln %d" % number).encode("utf-8" if kind < 0.05 else "latin-1")
    elif kind < 0.3:
        subject = b"Subject: =?utf-8?B?" + base64.b64encode(("Größe № %d" % number).encode()) + b"?="
    else:
        subject = b"Subject: " + " ".join(dice.choice(WORDS[:12]) for _ in range(5)).encode() + b" %d" % number
    header = "\r\n".join(head).encode() + b"\r\n" + subject + b"\r\n"
    if size < 4_000 or dice.random() < 0.4 and size < 30_000:
        body = (b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                b"Content-Transfer-Encoding: 8bit\r\n\r\n") + _text(dice, max(40, size - len(header) - 100))
    else:
        mark = b"=_%08x" % dice.getrandbits(32)
        body = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"" + mark + b"\"\r\n\r\n--" + mark +
                b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
                _text(dice, min(2_000, size // 4)) + b"--" + mark +
                b"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
                _bulk(dice, max(200, size - 3_000)) + b"--" + mark + b"--\r\n")
    flags = [flag for flag, share in zip(FLAGS, (0.7, 0.2, 0.1, 0.03, 0.03)) if dice.random() < share]
    flags += [word for word in KEYWORDS if dice.random() < 0.05]
    return header + body, flags, date(when, zone)


def realistic(count, seed=1, largest=8_000_000):
    """Yields `count` messages; the same seed and count give the same bytes."""
    dice = random.Random("%d/%d" % (seed, count))
    for number in range(count):
        size = min(largest, max(300, int(dice.lognormvariate(0, SIGMA) * MEDIAN)))
        yield message(dice, number, size, 1_700_000_000)


def small(count, seed=1, size=700):
    """Yields `count` small messages."""
    dice = random.Random("small%d/%d" % (seed, count))
    for number in range(count):
        yield message(dice, number, dice.randrange(300, size), 1_700_000_000)


HEADER = b"From: a@example.org\r\nSubject: odd %s\r\n"


def odd():
    """Messages whose bytes tempt a client to change them. What a server does to them on APPEND is its affair: the
    comparison is with what it sends."""
    cases = {
        "lone-cr": HEADER + b"\r\none\rtwo\r\rthree\r\n",
        "cr-at-end": HEADER + b"\r\nlast\r",
        "bare-lf": HEADER + b"\r\none\ntwo\n\nthree\n",
        "cr-cr-lf": HEADER + b"\r\none\r\r\ntwo\r\r\n",
        "mixed": HEADER + b"\r\na\nb\r\nc\rd\n\re\r\n",
        "no-final-newline": HEADER + b"\r\nno newline here",
        "empty-header": b"\r\nbody after an empty header %s\r\n",
        "crlf-only": b"\r\n",
        "two-crlf": b"\r\n\r\n",
        "one-byte": b"x",
        "dots": HEADER + b"\r\n.\r\n..\r\n.dot\r\n...\r\n",
        "long-line": HEADER + b"\r\n" + b"x" * 300_000 + b"\r\n",
        "long-header": HEADER + b"X-Long: " + b"y" * 100_000 + b"\r\n\r\nbody\r\n",
        "header-only": HEADER,
        "header-without-end": b"Subject: header without an end %s",
        "header-and-empty-line": HEADER + b"\r\n",
        "from-line": HEADER + b"\r\nFrom here on\r\n>From there\r\n",
        "8-bit": HEADER + b"X-Raw: \xff\xfe\xe4\xf6\r\n\r\n" + bytes(range(1, 10)) + bytes(range(11, 13)) +
                 bytes(range(14, 256)) + b"\r\n",
        "spaces": HEADER + b"\r\ntrailing  \r\n\t\r\n  \r\n",
        "only-newlines": HEADER + b"\r\n" + b"\r\n" * 500,
        "colonless": b"not a header at all\r\nstill not\r\n\r\nbody %s\r\n",
        "literal-like": HEADER + b"\r\n* 1 EXISTS\r\na1 OK done\r\n{12}\r\n)\r\n",
    }
    for number, (name, text) in enumerate(sorted(cases.items())):
        body = text.replace(b"%s", name.encode(), 1)
        yield body, [FLAGS[number % 3]] if number % 2 else [], date(1_500_000_000 + number * 90_061, 60)


def twins():
    """The same content twice, on purpose: two messages, both to be kept."""
    body = HEADER.replace(b"%s", b"twin") + b"Message-ID: <twin@example.org>\r\n\r\nthe same\r\n"
    return [(body, [], date(1_600_000_000)), (body, ["\\Seen"], date(1_600_000_000))]
