"""A TCP proxy on loopback: delays (half the round trip each way), counts, cuts, or swallows bytes.

It hides TCP's own windows: a figure measured through it is one of turns, not of throughput.
"""

import queue
import socket
import threading
import time


class Proxy:
    """Listens on `port`; use it in a `with`. `sent` and `received` count what went to and came from the server.

    round_trip: seconds; cut_after: bytes from the server after which each connection is cut; silent: pass nothing on;
    upward_rate: so many bytes a second go to the server on a connection; from when it is None as many as can be."""

    def __init__(self, target, round_trip=0.0, cut_after=None, upward_rate=None):
        self.target, self.round_trip, self.cut_after = target, round_trip, cut_after
        self.upward_rate = upward_rate
        self.sent = self.received = self.connections = 0
        self.silent, self.deaf = False, 0
        self.lock = threading.Lock()
        self.open = []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def cut(self):
        """Ends all connections at once."""
        with self.lock:
            sockets, self.open = self.open, []
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def silence(self):
        """The connections that are open now stay open and pass nothing on any more; later ones work."""
        with self.lock:
            self.deaf = self.connections

    def passes(self, number, upward, data):
        """Whether what connection `number` sends goes on to the other side; for those that listen."""
        return True

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections += 1
                number = self.connections
                self.open += [client, server]
            self._pump(client, server, number, upward=True)
            self._pump(server, client, number, upward=False)

    def _pump(self, source, sink, number, upward):
        waiting = queue.Queue(maxsize=4 if upward and self.upward_rate else 256)

        def read():
            passed = 0
            while True:
                try:
                    data = source.recv(65536)
                except OSError:
                    data = b""
                if data and not upward and self.cut_after is not None:
                    data = data[:max(0, self.cut_after - passed)]
                passed += len(data)
                if data and not self.passes(number, upward, data):
                    data = b""
                with self.lock:
                    if upward:
                        self.sent += len(data)
                    else:
                        self.received += len(data)
                is_cut = not upward and self.cut_after is not None and passed >= self.cut_after
                for part in (data, b"") if is_cut and data else (data,):
                    if not (self.silent and part or number <= self.deaf):
                        waiting.put((time.monotonic() + self.round_trip / 2, part))
                if is_cut or not data:
                    break
            # A server that goes on after the cut would wait for its bytes to be read, and never for the end.
            try:
                while source.recv(65536):
                    pass
            except OSError:
                pass

        def write():
            while True:
                due, data = waiting.get()
                pause = due - time.monotonic()
                if pause > 0:
                    time.sleep(pause)
                try:
                    if not data:
                        sink.shutdown(socket.SHUT_WR if self.cut_after is None else socket.SHUT_RDWR)
                        return
                    sink.sendall(data)
                    rate = self.upward_rate if upward else None
                    if rate:
                        time.sleep(len(data) / rate)
                except OSError:
                    return

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()
