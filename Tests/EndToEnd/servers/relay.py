"""A `tunnel` that counts: passes a session on to a server on loopback, and writes how many octets went up and down.

For mailmirror a tunnel is a way that has a price, where loopback is none.
"""

import sys
from pathlib import Path

SCRIPT = """
import os, select, signal, socket, sys
server = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
ways, counts = {0: server.fileno(), server.fileno(): 1}, {}
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # which comes with the end of the session, and before it is counted
try:
    while True:
        for source in select.select(list(ways), [], [])[0]:
            data = os.read(source, 65536)
            if not data:
                sys.exit(0)
            counts[source] = counts.get(source, 0) + len(data)
            while data:
                data = data[os.write(ways[source], data):]
except ConnectionError:
    pass
finally:
    with open(sys.argv[2], "a") as file:
        file.write("%d %d\\n" % (counts.get(0, 0), counts.get(server.fileno(), 0)))
"""


class Relay:
    """`command` is the tunnel to a port; `counts()` gives (up, down) of all sessions that have ended."""

    def __init__(self, directory, port):
        self.file = Path(directory) / "relay-counts"
        script = Path(directory) / "relay.py"
        script.write_text(SCRIPT)
        self.command = [sys.executable, "-S", str(script), str(port), str(self.file)]

    def counts(self):
        rows = [line.split() for line in self.file.read_text().splitlines()] if self.file.exists() else []
        return sum(int(row[0]) for row in rows), sum(int(row[1]) for row in rows)
