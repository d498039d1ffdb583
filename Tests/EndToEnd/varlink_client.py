"""A small Varlink client: JSON objects, each ended by a NUL, over a Unix socket."""

import json
import socket

INTERFACE = "io.mailmirror.Mirror"


class Fields(dict):
    """An object whose optional fields may be left out: they read as None."""

    def __missing__(self, _):
        return None


class VarlinkError(Exception):
    """The error that a reply named."""

    def __init__(self, name, parameters):
        super().__init__("%s %s" % (name, json.dumps(parameters)))
        self.name, self.parameters = name, parameters


class Client:
    """One connection; use it in a `with`. Methods without a dot are those of our interface."""

    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, method, more=False, **parameters):
        request = {"method": method if "." in method else "%s.%s" % (INTERFACE, method), "parameters": parameters}
        if more:
            request["more"] = True
        self.socket.sendall(json.dumps(request).encode() + b"\0")

    def reply(self):
        """(parameters, whether more follow); raises the error that the reply names."""
        while b"\0" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError("the socket was closed")
            self.buffer += data
        text, _, self.buffer = self.buffer.partition(b"\0")
        answer = json.loads(text, object_hook=Fields)
        if answer.get("error"):
            raise VarlinkError(answer["error"], answer.get("parameters") or {})
        return answer.get("parameters") or {}, bool(answer.get("continues"))

    def call(self, method, **parameters):
        self.send(method, **parameters)
        return self.reply()[0]

    def stream(self, method, **parameters):
        """Yields the parameters of each reply until one says that it is the last."""
        self.send(method, more=True, **parameters)
        while True:
            found, continues = self.reply()
            yield found
            if not continues:
                return
