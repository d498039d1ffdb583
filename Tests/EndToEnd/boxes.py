"""The mailboxes that two mutators work in, by what they are and not by their names, which either side may change."""

import threading

FIXED = ("INBOX", "Archive/2024", "Drafts", "Sent")
TRASH = "Trash"


class Box:
    """`names`: the one that the server has, the one of its folder. `changed`: the side that has made, renamed or removed
    it since the last rest, which the other one then leaves it to."""

    def __init__(self, name, changed=None):
        self.server = self.local = name
        self.changed, self.gone = changed, False

    @property
    def names(self):
        return {self.server, self.local}


class Boxes:
    def __init__(self, most=6):
        self.lock, self.most, self.numbers, self.split = threading.RLock(), most, 0, 0
        self.all = {name: Box(name) for name in (*FIXED, TRASH)}

    def __getitem__(self, identity):
        return self.all[identity]

    def usable(self, side):
        """All but the Trash, and but those that this side has removed: the other one may not know that yet."""
        with self.lock:
            return [identity for identity, box in self.all.items()
                    if identity != TRASH and not (box.gone and box.changed == side)]

    def changeable(self):
        """Those that a side may rename or remove now."""
        with self.lock:
            return [identity for identity, box in self.all.items()
                    if not box.gone and not box.changed and identity not in (*FIXED, TRASH)]

    def new_name(self, parent):
        with self.lock:
            self.numbers += 1
            return "%s/Box%d" % (parent, self.numbers)

    def may_be_made(self):
        return sum(not box.gone for box in self.all.values()) < len(FIXED) + 1 + self.most

    def made(self, name, side):
        with self.lock:
            self.all[name] = Box(name, changed=side)

    def identity_of(self, name):
        """Of what the server lists at rest; None for what nobody made."""
        for identity, box in self.all.items():
            if name in box.names:
                return identity
        return None

    def contents(self, view):
        """{identity: messages} of {name: {uid: message}}."""
        found = {}
        for name, messages in view.items():
            found.setdefault(self.identity_of(name) or name, []).extend(messages.values())
        return found

    def settle(self, listed):
        """At rest both sides have the same names: what is wrong, in words. Boxes that neither has are forgotten. One that
        was renamed on the server may be there under its old name too, for mail that came to its folder meanwhile: that is
        a box of its own from then on."""
        wrong = ["%s: nobody made it" % name for name in listed if self.identity_of(name) is None]
        for identity, box in list(self.all.items()):
            found = box.names & set(listed)
            if len(found) > 1 and box.changed == "server" and not box.gone:
                self.all["%s again" % box.local] = Box(box.local)
                box.local, box.changed = box.server, None
                self.split += 1
            elif len(found) > 1:
                wrong.append("%s is there under both of its names: %s" % (identity, sorted(found)))
            elif found:
                box.server = box.local = found.pop()
                box.changed, box.gone = None, False
            elif box.changed and box.gone:
                del self.all[identity]
            else:
                wrong.append("%s (%s) is gone, and nobody removed it" % (identity, sorted(box.names)))
        return wrong
