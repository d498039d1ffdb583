"""The independent comparison: every message of a server, by imaplib, against every file of a Maildir.

Two sides are equal when each selected mailbox and its folder hold the same multiset of
(SHA-256 of the bytes with CRLF as LF, flags, keywords, internal date in seconds).
"""

import calendar
import collections
import hashlib
import imaplib
import os
import re
import stat
from pathlib import Path

Message = collections.namedtuple("Message", "digest flags keywords date")
LETTERS = {"S": "\\seen", "R": "\\answered", "F": "\\flagged", "T": "\\deleted", "D": "\\draft", "P": "$forwarded"}
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_DATE = re.compile(rb'INTERNALDATE "([^"]*)"')
_UID = re.compile(rb"UID (\d+)")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()


def seconds(text):
    """An IMAP date-time as seconds since 1970."""
    day, month, year, hour, minute, second, sign, zh, zm = re.match(
        r" ?(\d+)-(\w+)-(\d+) (\d+):(\d+):(\d+) ([+-])(\d\d)(\d\d)", text).groups()
    offset = (int(zh) * 3600 + int(zm) * 60) * (-1 if sign == "-" else 1)
    return calendar.timegm((int(year), _MONTHS.index(month.lower()) + 1, int(day), int(hour), int(minute),
                            int(second))) - offset


def digest(body):
    return hashlib.sha256(body.replace(b"\r\n", b"\n")).hexdigest()


def _split(words):
    flags, keywords = set(), set()
    for word in words:
        word = word.lower()
        if word == "\\recent":
            continue
        (flags if word.startswith("\\") or word == "$forwarded" else keywords).add(word)
    return frozenset(flags), frozenset(keywords)


# The server's side.


def server_mailboxes(client):
    """Wire names (bytes) of all mailboxes that can be selected."""
    names = []
    for row in client.list()[1]:
        if row is None:
            continue
        head, literal = (row[0], row[1]) if isinstance(row, tuple) else (row, None)
        attributes, rest = re.match(rb"\(([^)]*)\) (?:NIL|\"(?:\\.|[^\"])*\") (.*)$", head, re.S).groups()
        if literal is None:
            if rest.startswith(b'"'):
                literal = re.sub(rb"\\(.)", rb"\1", rest[1:-1])
            else:
                literal = rest
        if b"\\noselect" not in attributes.lower() and b"\\nonexistent" not in attributes.lower():
            names.append(literal)
    return names


def _quote(name):
    return '"%s"' % name.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')


def server_messages(client, name, batch=200):
    """{uid: Message} of one mailbox, fetched in batches and read-only."""
    client._encoding = "latin-1"
    answer, data = client.select(_quote(name), readonly=True)
    if answer != "OK":
        raise RuntimeError("SELECT %r: %r" % (name, data))
    found = {}
    uids = client.uid("SEARCH", "ALL")[1][0].split()
    for start in range(0, len(uids), batch):
        some = b",".join(uids[start:start + batch]).decode()
        answer, data = client.uid("FETCH", some, "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        if answer != "OK":
            raise RuntimeError("FETCH in %r: %r" % (name, data))
        head, body = b"", None
        for part in data:
            if isinstance(part, tuple):
                head, body = head + part[0], part[1]
            elif part is not None:
                head += part
            if isinstance(part, bytes) and part.endswith(b")"):
                uid, flags, date = _UID.search(head), _FLAGS.search(head), _DATE.search(head)
                if uid and date:
                    words = flags.group(1).decode("latin-1").split() if flags else []
                    found[int(uid.group(1))] = Message(digest(body or b""), *_split(words),
                                                       seconds(date.group(1).decode()))
                head, body = b"", None
    if len(found) != len(uids):
        raise RuntimeError("the server gave %d of %d messages of %r" % (len(found), len(uids), name))
    return found


# The Maildir's side.


def keyword_names(folder):
    """{letter: keyword} from dovecot-keywords."""
    names = {}
    try:
        for line in (folder / "dovecot-keywords").read_text(encoding="utf-8", errors="replace").splitlines():
            number, _, keyword = line.partition(" ")
            names[chr(ord("a") + int(number))] = keyword.lower()
    except FileNotFoundError:
        pass
    return names


def folder_messages(folder):
    """{path: Message} of one folder's `new` and `cur`, and what is odd about its files."""
    folder, names, found, odd = Path(folder), keyword_names(Path(folder)), {}, []
    for part in ("new", "cur"):
        if not (folder / part).is_dir():
            continue
        for entry in os.scandir(folder / part):
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_IMODE(status.st_mode) != 0o600:
                odd.append("%s has mode %o" % (entry.path, status.st_mode))
            with open(entry.path, "rb") as file:
                content = hashlib.sha256(file.read()).hexdigest()
            _, mark, info = entry.name.rpartition(":2,")
            letters = info if mark else ""
            flags, keywords = set(), set()
            for letter in letters:
                if letter in LETTERS:
                    flags.add(LETTERS[letter])
                elif letter in names:
                    keyword = names[letter]
                    (flags if keyword == "$forwarded" else keywords).add(keyword)
                else:
                    odd.append("%s: letter %s has no name" % (entry.path, letter))
            found[entry.path] = Message(content, frozenset(flags), frozenset(keywords), int(status.st_mtime))
    return found, odd


def folders(root):
    """All directories below root that look like Maildir folders."""
    return [Path(path) for path, names, _ in os.walk(root) if {"cur", "new", "tmp"} & set(names)]


def _show(message):
    return "%s %s %s %d" % (message.digest[:12], sorted(message.flags), sorted(message.keywords), message.date)


def differences(server, folder, where, dates=True, flags=True):
    """Words for each difference between two multisets of messages."""
    def key(message):
        return Message(message.digest, message.flags if flags else None, message.keywords if flags else None,
                       message.date if dates else None)
    left = collections.Counter(key(message) for message in server)
    right = collections.Counter(key(message) for message in folder)
    lacking, surplus = list((left - right).elements()), list((right - left).elements())
    out = []
    by_digest = collections.defaultdict(list)
    for message in surplus:
        by_digest[message.digest].append(message)
    for message in lacking:
        if by_digest[message.digest]:
            other = by_digest[message.digest].pop()
            out.append("%s: same content, but server %r and file %r" % (where, message[1:], other[1:]))
        else:
            out.append("%s: not in the folder: %s" % (where, message[0][:12]))
    for rest in by_digest.values():
        out += ["%s: not on the server: %s" % (where, message[0][:12]) for message in rest]
    return out


def compare(client, folder_of, root, selected=None, leftovers=True, others=True, dates=True):
    """All differences between a server and a Maildir: a list of words, empty when equal.

    folder_of: wire name (bytes) -> Path. selected: wire names, all by default; others: whether folders that hold mail of
    no such mailbox are a difference."""
    out, seen = [], set()
    for name in selected if selected is not None else server_mailboxes(client):
        folder = folder_of(name)
        where = name.decode("latin-1")
        server = server_messages(client, name)
        if folder is None or not (Path(folder) / "cur").is_dir():
            out.append("%s: no folder (%s)" % (where, folder))
            continue
        seen.add(Path(folder).resolve())
        local, odd = folder_messages(folder)
        out += odd + differences(server.values(), local.values(), where, dates=dates)
        if leftovers:
            out += ["%s: left in tmp: %s" % (where, entry) for entry in os.listdir(Path(folder) / "tmp")]
    for folder in folders(root) if others else []:
        if folder.resolve() not in seen and (folder / "cur").is_dir() and (folder / "new").is_dir():
            count = len(folder_messages(folder)[0])
            if count:
                out.append("%s: a folder with %d messages that belongs to no mailbox" % (folder, count))
    return out
