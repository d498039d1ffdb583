"""The system's D-Bus as far as a listener of logind's signals needs it: it takes everybody in and tells of sleep.

    with SystemBus(directory) as bus:
        ... a program with DBUS_SYSTEM_BUS_ADDRESS = bus.address ...
        bus.prepare_for_sleep(False)
"""

import socket
import struct
import threading
from pathlib import Path

LOGIND = (1, b"o", b"/org/freedesktop/login1"), (2, b"s", b"org.freedesktop.login1.Manager"), (3, b"s", b"PrepareForSleep")


def padded(data, step=8):
    return data + bytes(-len(data) % step)


def message(kind, fields, signature=b"", body=b"", serial=1):
    """A message in the D-Bus specification's little-endian form."""
    if signature:
        fields = [*fields, (8, b"g", signature)]
    array = b""
    for code, form, value in fields:
        array = padded(array) + bytes([code, len(form)]) + form + b"\0"
        if form == b"u":
            array = padded(array, 4) + struct.pack("<I", value)
        elif form == b"g":
            array += bytes([len(value)]) + value + b"\0"
        else:
            array = padded(array, 4) + struct.pack("<I", len(value)) + value + b"\0"
    head = b"l" + bytes([kind, 1, 1]) + struct.pack("<III", len(body), serial, len(array))
    return padded(head + array) + body


class SystemBus:
    def __init__(self, directory):
        self.path = Path(directory) / "bus"
        self.address = "unix:path=%s" % self.path
        self.listeners = []

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for one in self.listeners:
            one.close()

    def prepare_for_sleep(self, begins):
        """The machine goes to sleep, or wakes."""
        data = message(4, [*LOGIND, (7, b"s", b":1.2")], b"b", struct.pack("<I", begins))
        for one in self.listeners:
            one.sendall(data)

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one):
        stream = one.makefile("rb")
        while True:
            line = stream.readline().strip(b"\0\r\n")
            if line == b"BEGIN":
                break
            if not line:
                return
            isReady = line == b"DATA" or line.startswith(b"AUTH EXTERNAL ")
            one.sendall({b"NEGOTIATE_UNIX_FD": b"AGREE_UNIX_FD"}.get(
                line, b"OK " + b"0" * 31 + b"1" if isReady else b"DATA") + b"\r\n")
        while True:
            head = stream.read(16)
            if len(head) < 16:
                return
            body, serial, array = struct.unpack("<III", head[4:])
            rest = stream.read(len(padded(bytes(array))) + body)
            isHello = b"Hello\0" in rest
            name = padded(struct.pack("<I", 4) + b":1.1\0", 1)
            one.sendall(message(2, [(5, b"u", serial), (6, b"s", b":1.1"), (7, b"s", b"org.freedesktop.DBus")],
                                b"s" if isHello else b"", name if isHello else b""))
            if b"AddMatch\0" in rest and b"PrepareForSleep" in rest:
                self.listeners.append(one)
