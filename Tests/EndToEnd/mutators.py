"""Two mutators that work at the same time as a mirror: one on the server as other clients do, one in the Maildir as mail
programs do. Each acts on random messages and tells a Ledger what it did."""

import imaplib
import re
import threading
import time

import check
import mail_reader
from ledger import Item, token_of, words
from mail_reader import letter
from servers.dovecot import quoted

LETTERS = {"S": "\\seen", "R": "\\answered", "F": "\\flagged", "T": "\\deleted", "D": "\\draft"}
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
KEYWORDS = ("work", "$Junk", "later")


def text_of(dice):
    return "line " * dice.choice((1, 3, 40, 400))


class Mutator:
    """A thread that acts until it is ended; `pause` returns when it is between two acts."""

    side = ""

    def __init__(self, ledger, dice, pace=0.05):
        self.ledger, self.dice, self.pace = ledger, dice, pace
        self.going, self.ended, self.error = threading.Lock(), threading.Event(), None
        self.numbers = 0
        self.thread = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self.thread.start()

    def pause(self):
        self.going.acquire()

    def resume(self):
        self.going.release()

    def end(self):
        self.ended.set()
        self.thread.join(20)

    def _work(self):
        while not self.ended.is_set():
            with self.going:
                try:
                    self.act()
                except Exception as error:  # shown by the test, which looks at it
                    self.error = self.error or error
            time.sleep(self.dice.expovariate(1 / self.pace))

    def act(self):
        names, weights = zip(*self.acts.items())
        getattr(self, self.dice.choices(names, weights)[0])()

    def new_token(self):
        self.numbers += 1
        return "%s%d" % (self.side[0], self.numbers)


class ServerMutator(Mutator):
    side = "server"
    acts = {"append": 30, "flags": 25, "keywords": 10, "expunge": 8, "to_trash": 4, "move": 15, "copy": 6, "create": 1}

    def __init__(self, server, boxes, ledger, dice, plain_expunge=False, **options):
        super().__init__(ledger, dice, **options)
        self.server, self.boxes, self.plain_expunge = server, boxes, plain_expunge
        self.client, self.mailboxes_made = None, 0

    def act(self):
        if self.client is None:
            self.client = self.server.client()
        try:
            super().act()
        except (imaplib.IMAP4.abort, OSError):
            self.client = None
            raise

    def picked(self):
        """(mailbox, uid, item, token) of a random message, in the mailbox that is then selected; or None."""
        mailbox = self.dice.choice(self.boxes)
        if self.client.select(quoted(mailbox).decode())[0] != "OK":
            return None
        uids = self.client.uid("SEARCH", "UNDELETED")[1][0].split()
        for _ in range(4):
            if not uids:
                return None
            uid = self.dice.choice(uids).decode()
            _, data = self.client.uid("FETCH", uid, "(UID FLAGS BODY.PEEK[])")
            if not data or not isinstance(data[0], tuple):
                continue
            token = token_of(data[0][1])
            if token is None or not self.ledger.may(self.side, token):
                continue
            head = data[0][0] + (data[1] if len(data) > 1 and isinstance(data[1], bytes) else b"")
            flags = re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()
            return mailbox, uid, Item(mailbox, check.digest(data[0][1]), words(flags)), token
        return None

    def _store(self, uid, how, flags):
        """Whether the message was still there."""
        answer, data = self.client.uid("STORE", uid, how, "(%s)" % " ".join(flags))
        return answer == "OK" and any(data)

    def append(self):
        token, mailbox = self.new_token(), self.dice.choice(self.boxes)
        flags = [flag for flag in FLAGS if self.dice.random() < 0.3]
        body = letter(token, text_of(self.dice), ends=b"\r\n")
        with self.ledger.lock:
            answer, data = self.client.append(quoted(mailbox).decode(), "(%s)" % " ".join(flags), None, body)
            if answer == "OK":
                self.ledger.note(self.side, "append", token, plus=[Item(mailbox, check.digest(body), words(flags))])

    def flags(self):
        found = self.picked()
        if found:
            _, uid, item, token = found
            flag, adds = self.dice.choice(FLAGS), self.dice.random() < 0.6
            if self._store(uid, "+FLAGS" if adds else "-FLAGS", [flag]):
                after = item.flags | {flag.lower()} if adds else item.flags - {flag.lower()}
                self.ledger.note(self.side, "flags", token, [item], [item._replace(flags=after)])

    def keywords(self):
        found = self.picked()
        if found:
            _, uid, item, token = found
            if self._store(uid, self.dice.choice(("+FLAGS", "-FLAGS")), [self.dice.choice(KEYWORDS)]):
                self.ledger.note(self.side, "keywords", token)

    def expunge(self):
        found = self.picked()
        if found:
            _, uid, item, token = found
            with self.ledger.lock:
                if self._store(uid, "+FLAGS", ["\\Deleted"]):
                    if self.plain_expunge:
                        self.client.expunge()
                    else:
                        self.client.uid("EXPUNGE", uid)
                    self.ledger.note(self.side, "expunge", token, [item], deletes=True)

    def _moved(self, act, target):
        found = self.picked()
        if not found or found[0] == target:
            return
        mailbox, uid, item, token = found
        with self.ledger.lock:
            answer, data = self.client._simple_command("UID", "MOVE", uid, quoted(target).decode())
            told = self.client.response("COPYUID")[1]
            if answer == "OK" and told and told[0]:
                self.ledger.note(self.side, act, token, [item], [item._replace(mailbox=target)],
                                 deletes=target == "Trash")

    def to_trash(self):
        self._moved("to_trash", "Trash")

    def move(self):
        self._moved("move", self.dice.choice(self.boxes))

    def copy(self):
        found = self.picked()
        target = self.dice.choice(self.boxes)
        if found and found[0] != target:
            _, uid, item, token = found
            with self.ledger.lock:
                answer, _ = self.client.uid("COPY", uid, quoted(target).decode())
                told = self.client.response("COPYUID")[1]
                if answer == "OK" and told and told[0]:
                    self.ledger.note(self.side, "copy", token, plus=[item._replace(mailbox=target)])

    def create(self):
        if self.mailboxes_made < 3:
            self.mailboxes_made += 1
            name = "New/Box%d" % self.mailboxes_made
            if self.client.create(quoted(name).decode())[0] == "OK":
                self.boxes.append(name)


class FolderMutator(Mutator):
    """A mail program; another, which never marks messages as \\Deleted, where `marks` is false."""

    side = "local"
    acts = {"deliver": 12, "save": 12, "read": 12, "flags": 20, "delete": 8, "move": 16, "move_renamed": 6, "copy": 5,
            "copy_then_unlink": 6, "second_copy": 3, "edit": 8, "create": 1}

    def __init__(self, mirror, boxes, ledger, dice, marks=True, **options):
        super().__init__(ledger, dice, **options)
        self.mirror, self.boxes, self.letters = mirror, boxes, "SRFD" + ("T" if marks else "")
        self.folders_made = 0
        self.later = []  # (when, path's folder, base name, token): unlinked later

    def folder(self, mailbox):
        return self.mirror.folder_of(mailbox.encode())

    def act(self):
        try:
            if self.later and self.later[0][0] < time.monotonic():
                self.unlink_source(*self.later.pop(0)[1:])
            else:
                super().act()
        except FileNotFoundError:
            pass  # the mirror renamed it in this moment; a mail program would look again

    def item(self, mailbox, path, body):
        flags = frozenset(LETTERS[one] for one in mail_reader.parts(path)[1] if one in LETTERS)
        return Item(mailbox, check.digest(body), flags)

    def picked(self, new=None):
        """(mailbox, path, item, token) of a random file."""
        mailbox = self.dice.choice(self.boxes)
        folder = self.folder(mailbox)
        if not (folder / "cur").is_dir() or not (folder / "new").is_dir():
            return None
        files = mail_reader.files(folder)
        if new is not None:
            files = [path for path in files if (path.parent.name == "new") == new]
        waiting = {base for _, _, base, _ in self.later}
        for _ in range(4):
            if not files:
                return None
            path = self.dice.choice(files)
            body = path.read_bytes()
            token = token_of(body)
            if token and mail_reader.parts(path)[0] not in waiting and self.ledger.may(self.side, token):
                return mailbox, path, self.item(mailbox, path, body), token
        return None

    def other(self, mailbox):
        return self.dice.choice([box for box in self.boxes if box != mailbox and (self.folder(box) / "cur").is_dir()])

    def _new(self, act, mailbox, flags):
        token = self.new_token()
        body = letter(token, text_of(self.dice))
        with self.ledger.lock:
            path = mail_reader.deliver(self.folder(mailbox), body, flags)
            self.ledger.note(self.side, act, token, plus=[self.item(mailbox, path, body)])

    def deliver(self):
        self._new("deliver", "INBOX", None)

    def save(self):
        self._new("save", self.dice.choice(self.boxes[:4]),
                  "".join(sorted(one for one in "DFRS" if self.dice.random() < 0.3)))

    def read(self):
        found = self.picked(new=True)
        if found:
            mailbox, path, item, token = found
            with self.ledger.lock:
                mail_reader.flag(path, add="S")
                self.ledger.note(self.side, "read", token, [item], [item._replace(flags=item.flags | {"\\seen"})])

    def flags(self):
        found = self.picked(new=False)
        if found:
            mailbox, path, item, token = found
            one = self.dice.choice(self.letters)
            with self.ledger.lock:
                if self.dice.random() < 0.6:
                    mail_reader.flag(path, add=one)
                    after = item.flags | {LETTERS[one]}
                else:
                    mail_reader.flag(path, remove=one)
                    after = item.flags - {LETTERS[one]}
                self.ledger.note(self.side, "flags", token, [item], [item._replace(flags=after)])

    def delete(self):
        found = self.picked()
        if found:
            mailbox, path, item, token = found
            with self.ledger.lock:
                path.unlink()
                self.ledger.note(self.side, "delete", token, [item], deletes=True)

    def move(self, base=None):
        found = self.picked()
        if found:
            mailbox, path, item, token = found
            target = self.other(mailbox)
            with self.ledger.lock:
                mail_reader.move(path, self.folder(target), base=base)
                self.ledger.note(self.side, "move_renamed" if base else "move", token, [item],
                                 [item._replace(mailbox=target)])

    def move_renamed(self):
        self.move(base=mail_reader.base_name())

    def _copied(self, act, mailbox, path, item, token, target):
        """Keyword letters mean something else elsewhere: this program drops them."""
        flags = "".join(one for one in mail_reader.parts(path)[1] if one in LETTERS)
        with self.ledger.lock:
            mail_reader.copy(path, self.folder(target), flags=flags)
            self.ledger.note(self.side, act, token, plus=[item._replace(mailbox=target)])

    def copy(self):
        found = self.picked()
        if found:
            self._copied("copy", *found, self.other(found[0]))

    def second_copy(self):
        found = self.picked()
        if found:
            self._copied("second_copy", *found, found[0])

    def copy_then_unlink(self):
        found = self.picked()
        if found:
            mailbox, path, _, token = found
            self._copied("copy_then_unlink", *found, self.other(mailbox))
            when = time.monotonic() + self.dice.expovariate(0.7)
            self.later.append((when, mailbox, mail_reader.parts(path)[0], token))

    def unlink_source(self, mailbox, base, token):
        """The second half of a move by copying, under whatever flags the file has by now."""
        for path in mail_reader.files(self.folder(mailbox)):
            if mail_reader.parts(path)[0] == base:
                item = self.item(mailbox, path, path.read_bytes())
                with self.ledger.lock:
                    path.unlink()
                    self.ledger.note(self.side, "unlink_source", token, [item], deletes=True)

    def edit(self):
        found = self.picked(new=False)
        if not found or self.ledger.copies(found[3]) != 1:
            return
        mailbox, path, item, token = found
        body = letter(token, text_of(self.dice) + "edited %d" % self.dice.randrange(1_000_000))
        with self.ledger.lock:
            if not path.exists():
                return
            mail_reader.edit(path, body)
            same = [one for one in mail_reader.files(self.folder(mailbox))
                    if mail_reader.parts(one)[0] == mail_reader.parts(path)[0]]
            self.ledger.edited(token, check.digest(body))
            self.ledger.note(self.side, "edit", token, [item], [item._replace(digest=check.digest(body))],
                             sure=len(same) == 1)

    def create(self):
        if self.folders_made < 3:
            self.folders_made += 1
            name = "Local/Box%d" % self.folders_made
            for part in ("tmp", "new", "cur"):
                (self.folder(name) / part).mkdir(mode=0o700, parents=True)
            self.boxes.append(name)
