"""A proxy that makes of Dovecot a server without UIDPLUS, MOVE, CONDSTORE and QRESYNC.

Dovecot gives the UIDs of copies and the mod-sequences whether it offers the extensions or not: they are taken out of its
lines here. What the client says is kept, so that a test can ask that it used nothing that was not offered."""

import re
import socket
import threading

from .proxy import Proxy

CAPABILITY = "IMAP4rev1 AUTH=PLAIN SASL-IR ID IDLE LITERAL+ SPECIAL-USE LIST-EXTENDED NAMESPACE"
_CODES = re.compile(rb"\[(?:APPENDUID|COPYUID|HIGHESTMODSEQ|NOMODSEQ)[^\]]*\] ?")
_FORBIDDEN = re.compile(rb"(?im)^\S+ (?:(?:UID )?(?:MOVE|EXPUNGE)|CLOSE|ENABLE)\b|\b(?:CHANGEDSINCE|UNCHANGEDSINCE|QRESYNC|CONDSTORE)\b")


class PlainServer(Proxy):
    def __init__(self, target):
        super().__init__(target)
        self.forbidden = []  # what the client said that such a server does not know

    def _pump(self, source, sink, number, upward):
        threading.Thread(target=self._pass, args=(source, sink, upward), daemon=True).start()

    def _pass(self, source, sink, upward):
        alter = self._heard if upward else self._plain
        lines = _Lines(alter)
        while True:
            try:
                data = source.recv(65536)
                with self.lock:
                    if upward:
                        self.sent += len(data)
                    else:
                        self.received += len(data)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(lines.feed(data))
            except OSError:
                return

    def _heard(self, line):
        if _FORBIDDEN.search(line):
            self.forbidden.append(line)
        return line

    def _plain(self, line):
        return _CODES.sub(b"", line)


class _Lines:
    """Alters lines, and lets literals pass as they are. A part of a line waits for the rest of it."""

    def __init__(self, alter):
        self.alter, self.rest, self.literal = alter, b"", 0

    def feed(self, data):
        data, out = self.rest + data, []
        while data:
            if self.literal:
                part, data = data[:self.literal], data[self.literal:]
                self.literal -= len(part)
                out.append(part)
                continue
            line, mark, rest = data.partition(b"\n")
            if not mark:
                break
            data = rest
            size = re.search(rb"\{(\d+)\+?\}\r?$", line)
            self.literal = int(size.group(1)) if size else 0
            out.append(self.alter(line + mark))
        self.rest = data if not self.literal else b""
        return b"".join(out)
