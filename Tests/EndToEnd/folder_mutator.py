"""A mutator in the Maildir, as a mail program is."""

import shutil
import time

import check
import mail_reader
from boxes import FIXED
from ledger import Item, token_of
from mail_reader import letter
from mutators import LETTERS, Mutator, text_of


class FolderMutator(Mutator):
    """A mail program; another, which never marks messages as \\Deleted, where `marks` is false."""

    side = "local"
    acts = {"deliver": 120, "save": 120, "read": 120, "flags": 200, "delete": 80, "move": 160, "move_renamed": 60,
            "copy": 50, "copy_then_unlink": 60, "second_copy": 30, "edit": 80, "to_trash": 15, "create": 8, "rename": 4,
            "remove": 3}

    def __init__(self, mirror, boxes, ledger, dice, marks=True, **options):
        super().__init__(boxes, ledger, dice, **options)
        self.mirror, self.letters = mirror, "SRFD" + ("T" if marks else "")
        self.later = []  # (when, path's folder, base name, token): unlinked later

    def folder(self, mailbox):
        """Where it is: the mirror may have given it the name that it has on the server."""
        box = self.boxes[mailbox]
        places = [self.mirror.folder_of(name.encode()) for name in (box.local, box.server)]
        return next((place for place in places if (place / "cur").is_dir()), places[0])

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
        mailbox = self.any_box()
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
        return self.dice.choice(
            [box for box in self.boxes.usable(self.side) if box != mailbox and (self.folder(box) / "cur").is_dir()])

    def _new(self, act, mailbox, flags):
        token = self.new_token()
        body = letter(token, text_of(self.dice))
        with self.ledger.lock:
            path = mail_reader.deliver(self.folder(mailbox), body, flags)
            self.ledger.note(self.side, act, token, plus=[self.item(mailbox, path, body)])

    def deliver(self):
        self._new("deliver", "INBOX", None)

    def save(self):
        self._new("save", self.dice.choice(FIXED),
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
        for path in mail_reader.files(self.folder(mailbox)) if mailbox in self.boxes.all else ():
            if mail_reader.parts(path)[0] == base:
                item = self.item(mailbox, path, path.read_bytes())
                with self.ledger.lock:
                    path.unlink()
                    self.ledger.note(self.side, "unlink_source", token, [item], deletes=True)

    def edit(self):
        found = self.picked(new=False)
        if not found or found[0] == "Trash" or self.ledger.copies(found[3]) != 1:
            return
        mailbox, path, item, token = found
        body = letter(token, text_of(self.dice) + "edited %d" % self.dice.randrange(1_000_000))
        with self.ledger.lock:
            if not path.exists():
                return
            mail_reader.edit(path, body)
            same = [one for one in mail_reader.files(self.folder(mailbox))
                    if mail_reader.parts(one)[0] == mail_reader.parts(path)[0]]
            self.ledger.edited(token, item.digest, check.digest(body))
            self.ledger.note(self.side, "edit", token, [item], [item._replace(digest=check.digest(body))],
                             sure=len(same) == 1)

    def to_trash(self):
        found = self.picked()
        if found and found[0] != "Trash":
            mailbox, path, item, token = found
            with self.ledger.lock:
                mail_reader.move(path, self.folder("Trash"))
                self.ledger.note(self.side, "to_trash", token, [item], [item._replace(mailbox="Trash")], deletes=True)

    # Folders.

    def _place(self, name):
        return self.mirror.folder_of(name.encode())

    def create(self):
        if self.boxes.may_be_made():
            name = self.boxes.new_name("Local")
            for part in ("tmp", "new", "cur"):
                (self._place(name) / part).mkdir(mode=0o700, parents=True)
            self.boxes.made(name, self.side)
            self.ledger.count(self.side, "create")

    def rename(self):
        with self.boxes.lock, self.ledger.lock:
            identity = self.box_to_change()
            if identity is None or not (self._place(self.boxes[identity].local) / "cur").is_dir():
                return
            name = self.boxes.new_name("Mine")
            self._place(self.boxes[identity].local).rename(self._place(name))
            self.boxes[identity].local = name
            self.boxes[identity].changed = self.side
            self.ledger.count(self.side, "rename")

    def remove(self):
        with self.boxes.lock, self.ledger.lock:
            identity = self.box_to_change()
            place = self._place(self.boxes[identity].local) if identity else None
            if place is None or not (place / "cur").is_dir():
                return
            found = [check.digest(path.read_bytes()) for path in mail_reader.files(place)]
            self.ledger.removed(self.side, identity, found)
            self.boxes[identity].changed, self.boxes[identity].gone = self.side, True
            while place.exists():
                shutil.rmtree(place, ignore_errors=True)  # what comes in meanwhile goes, too
