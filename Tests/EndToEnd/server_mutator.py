"""A mutator on the server, as other clients are."""

import imaplib
import re

import check
from ledger import Item, token_of, words
from mail_reader import letter
from mutators import FLAGS, KEYWORDS, Mutator, text_of
from servers.dovecot import quoted


class ServerMutator(Mutator):
    side = "server"
    acts = {"append": 300, "flags": 250, "keywords": 100, "expunge": 80, "to_trash": 40, "move": 150, "copy": 60,
            "create": 8, "rename": 4, "remove": 3}

    def __init__(self, server, boxes, ledger, dice, plain_expunge=False, **options):
        super().__init__(boxes, ledger, dice, **options)
        self.server, self.plain_expunge, self.client = server, plain_expunge, None
        self.picking = None  # the token that is acted on

    def act(self):
        if self.client is None:
            self.client = self.server.client()
        try:
            super().act()
        except (imaplib.IMAP4.error, OSError):
            # Dovecot ends a session whose mailbox was removed or renamed: whether its last act was done is not known.
            self.client = None
            if self.picking:
                self.ledger.doubt(self.side, self.picking)
        self.picking = None

    def _name(self, identity):
        return quoted(self.boxes[identity].server).decode()

    def _select(self, identity):
        """Under the name that it has: the mirror may have given it that of its folder."""
        box = self.boxes[identity]
        return any(self.client.select(quoted(name).decode())[0] == "OK" for name in sorted(box.names))

    def _target(self, identity):
        """Its name now, quoted; None where it is under way."""
        for name in sorted(self.boxes[identity].names):
            if self.client.status(quoted(name).decode(), "(UIDNEXT)")[0] == "OK":
                return quoted(name).decode()
        return None

    def picked(self):
        """(mailbox, uid, item, token) of a random message, in the mailbox that is then selected; or None."""
        mailbox = self.any_box()
        if not self._select(mailbox):
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
            self.picking = token
            head = data[0][0] + (data[1] if len(data) > 1 and isinstance(data[1], bytes) else b"")
            flags = re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()
            return mailbox, uid, Item(mailbox, check.digest(data[0][1]), words(flags)), token
        return None

    def _unselect(self):
        """Dovecot ends a session whose mailbox goes."""
        if self.client.state == "SELECTED":
            self.client.unselect()

    def _store(self, uid, how, flags):
        """Whether the message was still there."""
        answer, data = self.client.uid("STORE", uid, how, "(%s)" % " ".join(flags))
        return answer == "OK" and any(data)

    # Messages.

    def append(self):
        token, mailbox = self.new_token(), self.dice.choice(self.boxes.usable(self.side))
        flags = [flag for flag in FLAGS if self.dice.random() < 0.3]
        body = letter(token, text_of(self.dice), ends=b"\r\n")
        target = self._target(mailbox)
        if target is None:
            return
        with self.ledger.lock:
            self.picking, self.ledger.made[check.digest(body)] = token, token
            answer, _ = self.client.append(target, "(%s)" % " ".join(flags), None, body)
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
        _, uid, item, token = found
        name = self._target(target)
        if name is None:
            return
        with self.ledger.lock:
            answer, _ = self.client._simple_command("UID", "MOVE", uid, name)
            told = self.client.response("COPYUID")[1]
            if answer == "OK" and told and told[0]:
                self.ledger.note(self.side, act, token, [item], [item._replace(mailbox=target)],
                                 deletes=target == "Trash")

    def to_trash(self):
        self._moved("to_trash", "Trash")

    def move(self):
        self._moved("move", self.dice.choice(self.boxes.usable(self.side)))

    def copy(self):
        found = self.picked()
        target = self.dice.choice(self.boxes.usable(self.side))
        name = self._target(target) if found and found[0] != target else None
        if name is None:
            return
        _, uid, item, token = found
        with self.ledger.lock:
            answer, _ = self.client.uid("COPY", uid, name)
            told = self.client.response("COPYUID")[1]
            if answer == "OK" and told and told[0]:
                self.ledger.note(self.side, "copy", token, plus=[item._replace(mailbox=target)])

    # Mailboxes.

    def create(self):
        if self.boxes.may_be_made():
            name = self.boxes.new_name("New")
            if self.client.create(quoted(name).decode())[0] == "OK":
                self.boxes.made(name, self.side)
                self.ledger.count(self.side, "create")

    def rename(self):
        with self.boxes.lock, self.ledger.lock:
            identity = self.box_to_change()
            if identity is None:
                return
            name = self.boxes.new_name("Renamed")
            self._unselect()
            if self.client.rename(self._name(identity), quoted(name).decode())[0] == "OK":
                self.boxes[identity].server = name
                self.boxes[identity].changed = self.side
                self.ledger.count(self.side, "rename")

    def remove(self):
        with self.boxes.lock, self.ledger.lock:
            identity = self.box_to_change()
            if identity is None:
                return
            try:
                messages = check.server_messages(self.client, self.boxes[identity].server.encode())
            except RuntimeError:  # the mirror works in it, or has not made it yet
                return
            self._unselect()
            if self.client.delete(self._name(identity))[0] == "OK":
                self.ledger.removed(self.side, identity, [message.digest for message in messages.values()])
                self.boxes[identity].changed, self.boxes[identity].gone = self.side, True
