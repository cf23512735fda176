"""A mailbox of ours over IMAP4rev1 (RFC 3501): what is unread is handed on, and only then marked as read."""

import imaplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

LARGEST = 10_000_000
"""Bytes of a mail that is fetched; of a larger one the first so many."""
AT_ONCE = 200
"""Mails read at one poll."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """`inbox: {host: imap.example.com, user: bounces@example.com, password: {env: INBOX_PASSWORD}}`"""

    host: str
    user: str
    password: str
    port: int = 993
    folder: str = "INBOX"
    """Nobody else should read in it: what is marked as read is not looked at."""
    done: str = ""
    """A folder that mails are moved to once they are dealt with; empty: they stay, marked as read."""
    tls: Literal["tls", "starttls", "none"] = "tls"
    """`none` on this machine only."""
    ca_file: str = ""
    timeout: float = 20.0


class Postbox:
    """Reads one mailbox, with a connection for each poll."""

    def __init__(self, inbox: Inbox) -> None:
        if inbox.tls == "none" and inbox.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("inbox: a password is not sent without encryption: use tls: tls or starttls")
        for what, name in (("folder", inbox.folder), ("done", inbox.done or "x")):
            if not name.isascii() or not name.isprintable():
                raise ValueError(
                    f"inbox: {what} {name!r} is no name of a folder: write it in modified UTF-7 (RFC 3501)"
                )
        self._inbox = inbox

    def poll(self, take: Callable[[bytes], object]) -> int:
        """Hand each unread mail to `take`, the oldest first, and mark it as read when that came back.

        Returns how many there were. Raises OSError where the mailbox cannot be read; what `take` raises passes through,
        and the mail stays unread.
        """
        with self._opened() as client:
            unread = _ask(client, "SEARCH", "UNSEEN")[-1] or b""
            for uid in unread.split()[:AT_ONCE]:
                if (raw := self._fetched(client, uid.decode())) is not None:
                    take(raw)
                    self._settle(client, uid.decode())
            return min(len(unread.split()), AT_ONCE)

    def check(self) -> str:
        """Log in and look for the folders; return what went wrong."""
        try:
            with self._opened() as client:
                return self._unknown(client)
        except OSError as error:
            return f"inbox {self._inbox.host}:{self._inbox.port}: {error}"

    def _unknown(self, client: imaplib.IMAP4) -> str:
        if self._inbox.done and client.status(_quoted(self._inbox.done), "(MESSAGES)")[0] != "OK":
            return f"inbox: there is no folder {self._inbox.done!r} on {self._inbox.host}"
        return ""

    @contextmanager
    def _opened(self) -> Iterator[imaplib.IMAP4]:
        """Yield a client that is in the folder; imaplib's errors become OSError."""
        try:
            client = self._connected()
            try:
                client.login(self._inbox.user, self._inbox.password)
                _good(client.select(_quoted(self._inbox.folder)), f"folder {self._inbox.folder!r}")
                yield client
            finally:
                _hang_up(client)
        except imaplib.IMAP4.error as error:
            raise OSError(f"the mail server says {_text(error.args[0] if error.args else error)}") from error

    def _connected(self) -> imaplib.IMAP4:
        given = self._inbox
        context = ssl.create_default_context(cafile=given.ca_file or None)
        if given.tls == "tls":
            return imaplib.IMAP4_SSL(given.host, given.port, ssl_context=context, timeout=given.timeout)
        client = imaplib.IMAP4(given.host, given.port, timeout=given.timeout)
        if given.tls == "starttls":
            client.starttls(context)
        return client

    def _fetched(self, client: imaplib.IMAP4, uid: str) -> bytes | None:
        """Return a mail without marking it; None where it is gone."""
        answer = _ask(client, "FETCH", uid, f"(BODY.PEEK[]<0.{LARGEST}>)")
        return next((each[1] for each in answer if isinstance(each, tuple)), None)

    def _settle(self, client: imaplib.IMAP4, uid: str) -> None:
        """Mark a mail as dealt with: read, and moved where a folder is named for it (RFC 6851, or copied)."""
        _ask(client, "STORE", uid, "+FLAGS", r"(\Seen)")
        if not self._inbox.done:
            return
        if "MOVE" in client.capabilities:
            _ask(client, "MOVE", uid, _quoted(self._inbox.done))
        else:
            _ask(client, "COPY", uid, _quoted(self._inbox.done))
            _ask(client, "STORE", uid, "+FLAGS", r"(\Deleted)")
            _ask(client, "EXPUNGE", uid) if "UIDPLUS" in client.capabilities else _good(client.expunge(), "EXPUNGE")


def _ask(client: imaplib.IMAP4, command: str, *args: str) -> list[Any]:
    """Return the answer to a command by UIDs. Raises OSError for a no."""
    return _good(client.uid(command, *args), command)


def _good(answer: tuple[str, list[Any]], what: str) -> list[Any]:
    status, data = answer
    if status != "OK":
        raise OSError(f"{what}: the mail server says {_text(data[-1] if data else status)}")
    return data


def _hang_up(client: imaplib.IMAP4) -> None:
    try:
        client.logout()
    except (imaplib.IMAP4.error, OSError):
        client.shutdown()


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
