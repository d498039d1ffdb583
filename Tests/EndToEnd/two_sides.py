"""What the server and the folders of a mirror hold, looked at over and over while a daemon works on both."""

import imaplib
import os
import re


class Sides:
    """What each side holds: {Message-ID: (mailbox, flags)}."""

    def __init__(self, server, mirror, boxes):
        self.server, self.mirror, self.boxes, self.client = server, mirror, boxes, None
        self.known = {}

    def here(self):
        found = {}
        for box in self.boxes:
            folder = self.mirror.folder_of(box.encode())
            for part in ("new", "cur"):
                try:
                    names = os.listdir(os.path.join(folder, part))
                except OSError:
                    continue
                for name in names:
                    base, _, info = name.partition(":2,")
                    path = os.path.join(folder, part, name)
                    try:
                        if base not in self.known:
                            with open(path, "rb") as file:
                                self.known[base] = re.search(rb"<(.+?)>", file.read(2000)).group(1).decode()
                    except OSError:
                        continue
                    found[self.known[base]] = (box, frozenset(info) & {"S", "F"}, path)
        return found

    def there(self):
        try:
            return self._there()
        except (OSError, imaplib.IMAP4.error):
            self.client = None
            return None

    def _there(self):
        if self.client is None:
            self.client = self.server.client()
        found = {}
        for box in self.boxes:
            if self.client.select('"%s"' % box, readonly=True)[0] != "OK":
                continue
            for row in self.client.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
                if isinstance(row, tuple):
                    uid = int(re.search(rb"UID (\d+)", row[0]).group(1))
                    name = re.search(rb"<(.+?)>", row[1]).group(1).decode()
                    flags = {letter for letter, flag in (("S", rb"\Seen"), ("F", rb"\Flagged")) if flag in row[0]}
                    found[name] = (box, frozenset(flags), uid)
        return found
