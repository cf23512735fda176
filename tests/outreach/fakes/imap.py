"""A mailbox for tests: as much of IMAP4rev1 as a reader needs, in this process (RFC 3501, UIDPLUS, MOVE)."""

import re
import socket
import ssl
import threading
from dataclasses import dataclass, field
from typing import Any

USER, PASSWORD = "forewarn", "inbox-secret"


@dataclass
class Kept:
    """A mail in a folder."""

    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)


class FakeImap:
    """Serves folders of mails on 127.0.0.1, one connection at a time. Use it as a context manager.

    `without` leaves a capability out; `breaks` hangs up at a command (once).
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: bool = False, without: str = "") -> None:
        self.folders: dict[str, list[Kept]] = {"INBOX": [], "Done": []}
        self.commands: list[str] = []
        self.breaks = ""
        self._tls, self._starttls, self._without = tls, starttls, without
        self._next = 1
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "FakeImap":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def put(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Deliver mails."""
        for raw in mails:
            self.folders[folder].append(Kept(self._next, raw))
            self._next += 1

    def unread(self, folder: str = "INBOX") -> list[bytes]:
        """Return what was not marked as read."""
        return [kept.raw for kept in self.folders[folder] if r"\Seen" not in kept.flags]

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                _Talk(self, connection, self._tls if not self._starttls else None, self._tls).run()
            except OSError:
                continue  # the client hung up, as it may

    @property
    def capabilities(self) -> str:
        """What it can."""
        names = ["IMAP4rev1", "UIDPLUS", "MOVE", *(["STARTTLS"] if self._starttls else [])]
        return " ".join(name for name in names if name != self._without)


class _Talk:
    def __init__(
        self, server: FakeImap, connection: socket.socket, tls: ssl.SSLContext | None, later: ssl.SSLContext | None
    ) -> None:
        self._server, self._later = server, later
        self._connection: Any = tls.wrap_socket(connection, server_side=True) if tls else connection
        self._folder = "INBOX"

    def run(self) -> None:
        try:
            self._say("* OK ready")
            while line := self._line():
                tag, _, rest = line.partition(" ")
                self._server.commands.append(rest)
                if self._server.breaks and rest.startswith(self._server.breaks):
                    self._server.breaks = ""
                    return
                if not self._answer(tag, rest):
                    return
        finally:
            self._connection.close()

    def _line(self) -> str:
        found = b""
        while not found.endswith(b"\r\n"):
            byte = self._connection.recv(1)
            if not byte:
                return ""
            found += byte
        return found.decode().removesuffix("\r\n")

    def _say(self, line: str, literal: bytes = b"") -> None:
        self._connection.sendall(line.encode() + literal + b"\r\n")

    def _answer(self, tag: str, command: str) -> bool:
        verb, _, rest = command.partition(" ")
        name = f"{verb} {rest.split(' ')[0]}" if verb == "UID" else verb
        method = getattr(self, "_" + name.replace(" ", "_").lower(), None)
        if method is None:
            self._say(f"{tag} BAD what is {name}")
            return True
        end = method(rest.partition(" ")[2] if verb == "UID" else rest)
        self._say(f"{tag} {end or 'OK done'}")
        if verb == "STARTTLS" and self._later:
            self._connection = self._later.wrap_socket(
                self._connection, server_side=True, do_handshake_on_connect=False
            )
            self._connection.do_handshake()
        return verb != "LOGOUT"

    def _capability(self, _: str) -> None:
        self._say(f"* CAPABILITY {self._server.capabilities}")

    def _starttls(self, _: str) -> None:
        """Say yes; the rest is done once that was said."""

    def _login(self, rest: str) -> str:
        return "" if rest.replace('"', "") == f"{USER} {PASSWORD}" else "NO [AUTHENTICATIONFAILED] wrong password"

    def _logout(self, _: str) -> None:
        self._say("* BYE")

    def _select(self, rest: str) -> str:
        self._folder = rest.strip('"')
        if self._folder not in self._server.folders:
            return "NO there is no such folder"
        self._say(f"* {len(self._kept())} EXISTS")
        return "OK [READ-WRITE]"

    def _status(self, rest: str) -> str:
        name = rest.split('"')[1]
        self._say(f'* STATUS "{name}" (MESSAGES 0)')
        return "" if name in self._server.folders else "NO there is no such folder"

    def _uid_search(self, _: str) -> None:
        unread = [str(kept.uid) for kept in self._kept() if r"\Seen" not in kept.flags]
        self._say("* SEARCH " + " ".join(unread))

    def _uid_fetch(self, rest: str) -> None:
        for number, kept in enumerate(self._kept(), 1):
            if str(kept.uid) == rest.split(" ", maxsplit=1)[0]:
                assert "PEEK" in rest, "reading must not mark"
                self._connection.sendall(f"* {number} FETCH (UID {kept.uid} BODY[]<0> {{{len(kept.raw)}}}\r\n".encode())
                self._say("", kept.raw + b")")

    def _uid_store(self, rest: str) -> None:
        uid, flags = rest.split(" ", maxsplit=1)[0], re.findall(r"\\\w+", rest)
        self._one(uid).flags.update(flags)

    def _uid_move(self, rest: str) -> None:
        uid, folder = rest.split(" ")
        self._uid_copy(f"{uid} {folder}")
        self._kept().remove(self._one(uid))

    def _uid_copy(self, rest: str) -> None:
        uid, folder = rest.split(" ")
        self._server.folders[folder.strip('"')].append(self._one(uid))

    def _uid_expunge(self, rest: str) -> None:
        self._kept().remove(self._one(rest))

    def _expunge(self, _: str) -> None:
        self._kept()[:] = [kept for kept in self._kept() if r"\Deleted" not in kept.flags]

    def _kept(self) -> list[Kept]:
        return self._server.folders[self._folder]

    def _one(self, uid: str) -> Kept:
        return next(kept for kept in self._kept() if str(kept.uid) == uid)
