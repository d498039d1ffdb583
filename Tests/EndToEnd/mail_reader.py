"""What a mail program does in a Maildir: it delivers, flags, moves, copies, edits and deletes files."""

import contextlib
import itertools
import os
import shutil
import threading
import time
from pathlib import Path

_numbers = itertools.count(1)


def base_name():
    return "%d.M%dP%d_%d.reader" % (time.time(), time.time_ns() // 1000 % 1_000_000, os.getpid(), next(_numbers))


def letter(token, text="hello", ends=b"\n"):
    """A small message that only its token tells from others; the same token gives the same bytes."""
    lines = ["From: a@example.org", "To: b@example.org", "Subject: %s %s" % (text, token),
             "Message-ID: <%s@example.org>" % token, "Date: Fri, 14 Jul 2017 02:40:00 +0000", "",
             "%s %s" % (text, token)]
    return b"".join(line.encode() + ends for line in lines)


def deliver(folder, body, flags=None, date=None, base=None, mode=0o600):
    """A new message: into new/ without flags, else into cur/ with them ("" for none)."""
    base = base or base_name()
    start = Path(folder, "tmp", base)
    with open(start, "xb", opener=lambda path, how: os.open(path, how, mode)) as file:
        file.write(body)
    if date is not None:
        os.utime(start, (date, date))
    end = Path(folder, "new", base) if flags is None else Path(folder, "cur", "%s:2,%s" % (base, flags))
    os.rename(start, end)
    return end


def files(folder):
    return sorted(entry for part in ("new", "cur") for entry in Path(folder, part).iterdir()
                  if entry.is_file() and not entry.is_symlink() and not entry.name.startswith("."))


def find(folder, token):
    """The files of a folder that hold that token's letter, in any version."""
    word = b"<%s@example.org>" % token.encode()
    return [path for path in files(folder) if word in path.read_bytes()]


def one(folder, token):
    found = find(folder, token)
    if len(found) != 1:
        raise AssertionError("%s has %d files of %s" % (folder, len(found), token))
    return found[0]


def parts(path):
    base, _, flags = path.name.partition(":2,")
    return base, flags


def flag(path, add="", remove=""):
    base, flags = parts(path)
    target = path.parent.parent / "cur" / ("%s:2,%s" % (base, "".join(sorted((set(flags) | set(add)) - set(remove)))))
    os.rename(path, target)
    return target


def move(path, folder, base=None, flags=None):
    old, letters = parts(path)
    target = Path(folder, "cur", "%s:2,%s" % (base or old, letters if flags is None else flags))
    os.rename(path, target)
    return target


def copy(path, folder, base=None, flags=None):
    """As a mail program saves a message elsewhere: new inode, new base name, the date kept."""
    target = Path(folder, "cur", "%s:2,%s" % (base or base_name(), parts(path)[1] if flags is None else flags))
    partial = Path(folder, "tmp", target.name.partition(":")[0])
    shutil.copy2(path, partial)
    os.rename(partial, target)
    return target


def edit(path, body):
    """Another content under the same name, in a new file."""
    partial = path.parent.parent / "tmp" / base_name()
    with open(partial, "xb", opener=lambda name, how: os.open(name, how, 0o600)) as file:
        file.write(body)
    os.rename(partial, path)
    return path


def keyword(folder, name):
    """The letter of a keyword in that folder's dovecot-keywords, added where it is not there yet."""
    path = Path(folder, "dovecot-keywords")
    lines = path.read_text().splitlines() if path.exists() else []
    for line in lines:
        number, _, known = line.partition(" ")
        if known == name:
            return chr(ord("a") + int(number))
    with open(path, "a") as file:
        file.write("%d %s\n" % (len(lines), name))
    return chr(ord("a") + len(lines))


@contextlib.contextmanager
def marking(folder):
    """Marks every message of the folder as read, as unread, and so on until the end."""
    ended = threading.Event()

    def mark():
        while not ended.is_set():
            for part in ("new", "cur"):
                for name in os.listdir(os.path.join(folder, part)):
                    base, _, letters = name.partition(":2,")
                    wanted = letters.replace("S", "") if "S" in letters else "".join(sorted(letters + "S"))
                    with contextlib.suppress(FileNotFoundError):
                        os.rename(os.path.join(folder, part, name), os.path.join(folder, "cur", base + ":2," + wanted))

    thread = threading.Thread(target=mark)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
