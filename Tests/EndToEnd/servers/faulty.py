"""A network that fails in all the ways that networks do, between a client and a server on loopback."""

import contextlib
import socket
import struct
import threading

from .proxy import Proxy


class FaultyNetwork(Proxy):
    """`down()` and `black_hole()` hold until `up()`; `reset`, `end`, `half_open` and `slow` happen while it works."""

    def down(self):
        """Connections are reset, and new ones refused."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.reset()

    def black_hole(self):
        """Nothing arrives any more, on old connections or new ones, and nobody is told."""
        self.silent = True

    def up(self):
        """The network works again; what was open in a black hole stays lost."""
        self.half_open()
        self.silent = False
        if self.listener.fileno() < 0:
            self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            threading.Thread(target=self._accept, daemon=True).start()

    def reset(self):
        """Ends all connections with RST."""
        self._each(lambda one: one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)), close=True)

    def end(self):
        """Ends all connections with FIN."""
        self._each(lambda one: one.shutdown(socket.SHUT_RDWR), close=True)

    def half_open(self):
        """The server's side of all connections is gone, and the client is not told."""
        self.silence()
        self._each(lambda one: one.shutdown(socket.SHUT_RDWR), close=False, every=slice(1, None, 2))

    def slow(self, round_trip):
        """Seconds, for what is sent from now on."""
        self.round_trip = round_trip

    @property
    def alive(self):
        """How many connections have both their sides open."""
        with self.lock:
            pairs = zip(self.open[::2], self.open[1::2])
            return sum(_is_open(client) and _is_open(server) for client, server in pairs)

    def _each(self, act, close, every=slice(None)):
        with self.lock:
            sockets = self.open[every]
            if close:
                self.open = []
        for one in sockets:
            with contextlib.suppress(OSError):
                act(one)
            if close:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RD)
                one.close()


def _is_open(one):
    try:
        return one.fileno() >= 0 and one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1  # ESTABLISHED
    except OSError:
        return False
