"""Mail servers for tests: a real one (aiosmtpd), and one that breaks off where it is told to."""

import email
import socket
import ssl
import threading
from asyncio.base_events import Server
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as the server took it."""

    sender: str
    to: str
    raw: bytes
    encrypted: bool
    user: str = ""

    @property
    def parsed(self) -> EmailMessage:
        """Return the mail, parsed by the standard library."""
        return email.message_from_bytes(self.raw, policy=policy.default)


class MailServer:
    """An SMTP server on 127.0.0.1 that keeps what it takes. Use it as a context manager.

    `tls`: it offers STARTTLS; `wrapped`: it speaks TLS from the first byte. `answers` maps an address to the answer to
    RCPT; `after_data` is the answer to the final dot.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        password: str = "",
        utf8: bool = True,
        wrapped: ssl.SSLContext | None = None,
    ) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        self.after_data = "250 OK"
        self.connections = 0
        self._password = password
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=0,
            enable_SMTPUTF8=utf8,
            tls_context=tls,
            ssl_context=wrapped,
            auth_required=bool(password),
            authenticator=self._authenticate,
            auth_require_tls=tls is not None,
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._controller.port)

    def __enter__(self) -> "MailServer":
        self._controller.start()
        self.connections = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        good = data.password == self._password.encode()
        return AuthResult(success=good, handled=good, auth_data=data)

    async def handle_EHLO(  # noqa: N802 -- aiosmtpd's naming
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Count a connection once: its second EHLO comes after STARTTLS."""
        self.connections += session.ssl is None
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer as told."""
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail."""
        if self.after_data.startswith("250"):
            raw = envelope.original_content or b""
            user = _user(session.auth_data)
            encrypted = session.ssl is not None
            self.mails.append(Mail(envelope.mail_from or "", envelope.rcpt_tos[0], raw, encrypted, user))
        return self.after_data


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Learn the port that was given for port 0."""
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd leaves it unannotated


def _user(login: Any) -> str:
    return str(login.login.decode()) if login else ""


def _dripped(connection: socket.socket) -> bool:
    """Send one byte of an answer that never ends; False: the other side hung up."""
    try:
        connection.sendall(b"2")
    except OSError:
        return False
    return True


class BreakingServer:
    """An SMTP server that stops at a step, once for each connection: it hangs up, says nothing more, or drips.

    `after`: it does so once, when it has taken so many mails. Steps: greeting, EHLO, MAIL, RCPT, DATA (before 354),
    body (after 354), dot (the mail is taken, no answer).
    """

    def __init__(
        self,
        step: str,
        *,
        silent: bool = False,
        drips: bool = False,
        offers: str = "HELP",
        answers: Mapping[str, str] | None = None,
        after: int | None = None,
    ) -> None:
        self.taken: list[bytes] = []
        self._after = after
        self.lines: list[str] = []
        """All commands."""
        self._offers = offers
        self._answers = {verb: answer.encode() for verb, answer in (answers or {}).items()}
        """Of commands, where they are not the usual ones."""
        self._step, self._silent, self._drips = step, silent, drips
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "BreakingServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                with suppress(ConnectionError):  # the client may hang up whenever it likes
                    self._talk(connection, lines)
                while self._drips and not self._done.wait(0.05) and _dripped(connection):
                    pass
                if self._silent:
                    self._done.wait(5)

    def _talk(self, connection: socket.socket, lines: Any) -> None:
        hello = f"250-hello\r\n250 {self._offers}".encode()
        answers = {
            "EHLO": hello,
            "MAIL": b"250 OK",
            "RCPT": b"250 OK",
            "DATA": b"354 go on",
            "QUIT": b"221 bye",
        } | self._answers
        if self._step == "greeting":
            return
        connection.sendall(b"220 breaking\r\n")
        for line in lines:
            self.lines.append(line.decode().rstrip())
            verb = line[:4].decode().upper()
            if self._breaks(verb):
                return
            connection.sendall(answers.get(verb, b"250 OK") + b"\r\n")
            if answers.get(verb, b"").startswith(b"354") and not self._data(connection, lines):
                return

    def _breaks(self, step: str) -> bool:
        if step != self._step or self._after not in (None, len(self.taken)):
            return False
        if self._after is not None:
            self._step = "never"
        return True

    def _data(self, connection: socket.socket, lines: Any) -> bool:
        if self._breaks("body"):
            # Linger of zero: the client's next write fails at once, whatever is in flight.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            connection.shutdown(socket.SHUT_RD)
            return False
        data: list[bytes] = []
        while (line := lines.readline()) != b".\r\n":
            if not line:
                return False
            data.append(line)
        breaks = self._breaks("dot")
        self.taken.append(b"".join(data))
        if breaks:
            return False
        connection.sendall(b"250 OK\r\n")
        return True
