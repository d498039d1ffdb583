"""A proxy for connections in the clear that keeps what the client said, and can cut at a chosen word of either side."""

import re

from .proxy import Proxy

WRITES = ("STORE", "APPEND", "COPY", "MOVE", "EXPUNGE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE",
          "CLOSE", "REPLACE")


class Wire(Proxy):
    """`commands` is what was said so far, a line each, without tags and with the sizes of literals in their place.

    cut_at: a function (number, upward, data) -> bool; where it says so, the data is not passed on and all connections
    are cut."""

    def __init__(self, target, **options):
        super().__init__(target, **options)
        self.said, self.cut_at, self.cuts = {}, None, 0

    def passes(self, number, upward, data):
        if upward:
            with self.lock:
                self.said.setdefault(number, bytearray()).extend(data)
        if self.cut_at and self.cut_at(number, upward, data):
            self.cuts += 1
            self.cut_at = None
            self.cut()
            return False
        return True

    def forget(self):
        with self.lock:
            self.said = {number: bytearray() for number in self.said}

    @property
    def commands(self):
        with self.lock:
            streams = [bytes(data) for _, data in sorted(self.said.items())]
        return [line for stream in streams for line in _lines(stream)]

    def verbs(self):
        """The commands' names, `UID STORE` for instance."""
        found = []
        for line in self.commands:
            words = line.upper().split(" ")
            found.append(" ".join(words[:2]) if words[0] == "UID" else words[0])
        return found

    @property
    def writes(self):
        """The commands that change something on the server."""
        return [line for line, verb in zip(self.commands, self.verbs()) if verb.split()[-1] in WRITES]

    def cut_before_answer(self, word):
        """Cuts once the server has answered a command of that name: it is done, and the client never hears of it."""
        asked = {}

        def cut_at(number, upward, data):
            if upward:
                asked.setdefault(number, bytearray()).extend(data)
                return False
            heard = bytes(asked.get(number, b""))
            match = re.search(rb"(?:^|\n)(\S+) " + word + rb" ", heard, re.I)
            return bool(match) and re.search(rb"(?:^|\n)" + re.escape(match.group(1)) + rb" OK", data) is not None

        self.cut_at = cut_at


def _lines(stream):
    while b"\n" in stream:
        whole = b""
        while True:
            line, mark, stream = stream.partition(b"\n")
            if not mark:
                return
            line = line.rstrip(b"\r")
            whole += line
            literal = re.search(rb"\{(\d+)\+?\}$", line)
            if not literal:
                break
            stream = stream[int(literal.group(1)):]
        tag, _, rest = whole.partition(b" ")
        if rest:
            yield rest.decode("latin-1")
