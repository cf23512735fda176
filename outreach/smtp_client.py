"""The standard library's SMTP client with one deadline for all that a server says: its own starts anew at each byte."""

import io
import smtplib
import socket
import ssl
import time
from typing import Any


def connected(host: str, port: int, seconds: float, tls: ssl.SSLContext | None) -> "tuple[Timed, int, bytes]":
    """Return a client connected within `seconds`, and the server's greeting: code and text.

    With `tls` encrypted from the first byte. Raises OSError, of which smtplib's errors are a kind.
    """
    client = TimedTls(timeout=seconds, context=tls) if tls else Timed(timeout=seconds)
    client.name(host)
    client.limit(seconds)
    try:
        greeting = client.connect(host, port)
        # The final dot is sent by itself: it must not wait until the mail before it is acknowledged, some 40 ms.
        if client.sock is not None:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        client.close()
        raise
    return client, *greeting


class Timed(smtplib.SMTP):
    """A client with a deadline."""

    _until = float("inf")

    def name(self, host: str) -> None:
        """Say which name TLS is to check: the constructor of the base does, but connects at once."""
        self._host = host

    def limit(self, seconds: float) -> None:
        """Let everything from now on take so long together."""
        self._until = time.monotonic() + seconds
        if self.sock:
            self.sock.settimeout(max(seconds, 0.001))

    def getreply(self) -> tuple[int, bytes]:
        """Return an answer; raises SMTPServerDisconnected where it does not come in time."""
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Answers(self, self.sock))
        return super().getreply()

    def left(self) -> float:
        """Return how many seconds are left."""
        return self._until - time.monotonic()


class TimedTls(Timed, smtplib.SMTP_SSL):
    """The same over TLS from the start."""


class _Answers(io.RawIOBase):
    """What a server says, as long as there is time for it."""

    def __init__(self, client: Timed, sock: socket.socket) -> None:
        self._client, self._sock = client, sock

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for what comes next. Raises TimeoutError when the time is over."""
        left = self._client.left()
        if left <= 0.0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._sock.recv_into(buffer)
