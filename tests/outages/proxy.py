"""A network between a process and a server, that can be slow, stand still or be cut, and in which all can be heard."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

REFUSAL = 0.5
"""Seconds until a client hears that the server is not there: who is let in and thrown out comes again at once."""


class Ear(Protocol):
    """Hears one connection. What it answers False to does not get through, and the connection ends."""

    def asked(self, data: bytes) -> bool:
        """Hear what the client says, before the server does."""

    def answered(self, data: bytes) -> bool:
        """Hear what the server says, before the client does."""


class Deaf:
    """Hears nothing."""

    def asked(self, data: bytes) -> bool:
        """Let it through."""
        return True

    def answered(self, data: bytes) -> bool:
        """Let it through."""
        return True


class Proxy:
    """Forwards what comes to `port` to a server's port on this machine, from threads of its own, until it is closed."""

    def __init__(self, goal: int, ear: Callable[[], Ear] = Deaf) -> None:
        self.delay = 0.0
        """Seconds that whatever a client says takes to the server."""
        self._goal, self._ear = goal, ear
        self._flows, self._closed = threading.Event(), False
        self._flows.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stall(self) -> None:
        """Let nothing through in either direction, and keep all connections: nobody is told."""
        self._flows.clear()

    def flow(self) -> None:
        """Let all through again, what was held back first."""
        self._flows.set()

    def cut(self) -> None:
        """End all connections there are."""
        for pair in self._pairs.copy():
            _end(*pair)

    def close(self) -> None:
        """End all, and listen no more."""
        self._closed = True
        self.flow()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self.cut()

    def _listen(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._flows.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self._goal))
        except OSError:
            time.sleep(REFUSAL)
            client.close()
            return
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair, ear = (client, server), self._ear()
        self._pairs.append(pair)
        back = threading.Thread(target=self._pump, args=(server, client, ear.answered, False), daemon=True)
        back.start()
        self._pump(client, server, ear.asked, True)
        back.join()
        self._pairs.remove(pair)
        for each in pair:
            each.close()

    def _pump(self, source: socket.socket, goal: socket.socket, hear: Callable[[bytes], bool], late: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                if late and self.delay:
                    time.sleep(self.delay)
                if not hear(data):
                    break
                goal.sendall(data)
        _end(source, goal)


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
