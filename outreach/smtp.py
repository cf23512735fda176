"""One conversation with a mail server, step by step: after any failure it is known what the server may have taken.

Until the line with the final dot is sent, nothing was taken (RFC 5321, 4.1.1.4); after it, only an answer tells.
"""

import re
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from outreach.base import Outcome, Receipt
from outreach.smtp_client import connected

Tls = Literal["starttls", "tls", "none"]
DEAD = re.compile(r"5\.1\.(?:1|2|3|6|10)|5\.2\.1")
"""Enhanced codes of addresses that are dead (RFC 3463, RFC 7505); 5.1.7 and 5.1.8 speak of the sender's."""
DOT = b".\r\n"
STEPS = ("MAIL", "RCPT", "DATA")
"""The commands of an envelope."""
LONGEST_ID = 100
"""Characters of an envelope's id (RFC 3461, 4.4)."""
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
"""An enhanced status code (RFC 3463)."""


class Refused(Exception):
    """The server said no to a step."""

    def __init__(self, step: str, code: int, text: str) -> None:
        self.step, self.code, self.text = step, code, text
        super().__init__(f"{step}: {code} {text}")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in, and how."""

    host: str
    port: int
    tls: Tls
    username: str
    password: str
    ca_file: str
    timeout: float

    def context(self) -> ssl.SSLContext:
        """Return a context that checks the server's certificate and name."""
        return ssl.create_default_context(cafile=self.ca_file or None)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who writes to whom, and under which name the server is to speak of it later (RFC 3461).

    Both are addresses that were looked at (`outreach.address`): they go into commands as they are.
    """

    sender: str
    """Where reports of a failure go."""
    to: str
    id: str
    international: bool = False
    """Whether an address is not ASCII (RFC 6531)."""


class Session:
    """An open, greeted, encrypted and logged-in connection. Opening raises Refused or OSError: nothing was sent."""

    def __init__(self, server: Server) -> None:
        self._amid = False
        context = server.context() if server.tls == "tls" else None
        try:
            self._smtp, code, text = connected(server.host, server.port, server.timeout, context)
        except smtplib.SMTPException as error:
            raise Refused("greeting", 0, str(error)) from error
        try:
            self._expect("greeting", (code, text))
            self._greet(server)
        except BaseException:
            self._smtp.close()
            raise

    def _greet(self, server: Server) -> None:
        self._expect("EHLO", self._smtp.ehlo())
        if server.tls == "starttls":
            self._encrypt(server)
        if server.username:
            self._log_in(server)

    def _encrypt(self, server: Server) -> None:
        if not self._smtp.has_extn("starttls"):
            raise Refused("STARTTLS", 0, "is not offered, and mail is not sent in plain")
        self._expect("STARTTLS", self._smtp.starttls(context=server.context()))
        self._expect("EHLO", self._smtp.ehlo())

    def _log_in(self, server: Server) -> None:
        try:
            self._smtp.login(server.username, server.password)
        except smtplib.SMTPAuthenticationError as error:
            raise Refused("AUTH", error.smtp_code, _text(error.smtp_error)) from error

    @property
    def international(self) -> bool:
        """Whether the server takes addresses beyond ASCII (RFC 6531)."""
        return self._smtp.has_extn("smtputf8")

    @property
    def pipelining(self) -> bool:
        """Whether the server takes several commands at once (RFC 2920)."""
        return self._smtp.has_extn("pipelining")

    def limit(self, seconds: float) -> None:
        """Let the answers from now on take so long together."""
        self._smtp.limit(seconds)

    def alive(self) -> bool:
        """Say whether the connection still stands, and leave nothing of the mail before."""
        try:
            return self._smtp.rset()[0] == 250
        except (smtplib.SMTPException, OSError):
            return False

    def envelope(self, envelope: Envelope) -> None:
        """Name sender and recipient, and get leave to send; raises Refused or OSError: nothing was taken."""
        commands = self._commands(envelope)
        if self.pipelining:
            self._smtp.send("".join(commands).encode())
            self.named()
            return
        for step, line in zip(STEPS, commands, strict=True):
            self._smtp.send(line.encode())
            self._granted(step, self._smtp.getreply())

    def _commands(self, envelope: Envelope) -> Sequence[str]:
        of_mail, of_recipient = self._options(envelope)
        return (
            " ".join((f"MAIL FROM:<{envelope.sender}>", *of_mail)) + "\r\n",
            " ".join((f"RCPT TO:<{envelope.to}>", *of_recipient)) + "\r\n",
            "DATA\r\n",
        )

    def named(self) -> None:
        """Look at the answers to an envelope that was sent at once (RFC 2920), at every one; the first no counts.

        Raises as `envelope`.
        """
        refused: Refused | None = None
        for step in STEPS:
            try:
                self._granted(step, self._smtp.getreply())
            except Refused as error:
                refused = refused or error
            except OSError:
                raise refused or OSError(f"the connection broke off before the answer to {step}") from None
        if refused:
            raise refused

    def _granted(self, step: str, reply: tuple[int, bytes]) -> None:
        if step != "DATA":
            self._expect(step, reply)
        elif reply[0] != 354:
            raise Refused(step, reply[0], _text(reply[1]))
        else:
            self._amid = True

    def _options(self, envelope: Envelope) -> tuple[list[str], list[str]]:
        """Return what goes with MAIL and RCPT; of a delivery nothing is reported, as the next server may not know."""
        international = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.international else []
        if not self._smtp.has_extn("dsn"):
            return international, []
        address = "utf-8" if envelope.international else "rfc822"
        id_, original = xtext(envelope.id.strip("<>")), f"ORCPT={address};{xtext(envelope.to)}"
        named = [f"ENVID={id_}"] if len(id_) <= LONGEST_ID else []
        return [*international, "RET=HDRS", *named], ["NOTIFY=FAILURE,DELAY", original]

    def body(self, data: bytes) -> None:
        """Send the mail but for its final dot; raises OSError: nothing was taken."""
        stuffed = re.sub(rb"(?m)^\.", b"..", data) if data.startswith(b".") or b"\n." in data else data
        self._smtp.send(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")

    def finish(self, following: Envelope | None = None) -> str:
        """Send the final dot and return the answer; raises Refused (not taken) or OSError (nobody knows).

        `following`, where the server takes several commands at once: the envelope of the next mail; see `named`.
        """
        self._smtp.send(DOT + "".join(self._commands(following) if following else ()).encode())
        code, text = self._smtp.getreply()
        if not 200 <= code < 600:
            raise OSError(f"the answer is no SMTP: {_text(text)[:80]!r}")
        self._amid = False
        self._expect("end of DATA", (code, text))
        return f"{code} {_text(text)}"

    def close(self) -> None:
        """Say goodbye if the server listens, and hang up; amid a mail it would take that for a part of it."""
        if self._amid:
            self._smtp.close()
            return
        try:
            self._smtp.quit()
        except (smtplib.SMTPException, OSError):
            self._smtp.close()

    def _expect(self, step: str, reply: tuple[int, bytes]) -> None:
        if not 200 <= reply[0] < 300:
            raise Refused(step, reply[0], _text(reply[1]))


def xtext(text: str) -> str:
    """Return a text as it may stand in a parameter (RFC 3461, 4).

    >>> xtext("<a+b@example.com>")
    '<a+2Bb@example.com>'
    """
    return re.sub(r"[^!-*,-<>-~\u0080-\U0010ffff]", lambda found: f"+{ord(found.group()):02X}", text)


def before_the_mail(error: Refused | OSError) -> Receipt:
    """Return what a failure means that came before this mail was spoken of: the same mail may pass later."""
    code = str(error.code) if isinstance(error, Refused) and error.code else type(error).__name__
    return Receipt(Outcome.RETRY, _detail(error), code=code)


def not_taken(error: Refused | OSError) -> Receipt:
    """Return what a failure means that came before the final dot, or as the answer to it."""
    if not isinstance(error, Refused):
        return Receipt(Outcome.RETRY, _detail(error), code=type(error).__name__)
    outcome = Outcome.PERMANENT if error.code >= 500 else Outcome.RETRY
    enhanced = ENHANCED.match(error.text)
    dead = outcome is Outcome.PERMANENT and bool(enhanced and DEAD.fullmatch(enhanced.group()))
    return Receipt(outcome, _detail(error), code=str(error.code), suppress=dead)


def nobody_knows(error: OSError, provider_id: str) -> Receipt:
    """Return what a failure means that came after the final dot."""
    detail = f"no answer after the mail was sent ({_detail(error)})"
    return Receipt(Outcome.UNKNOWN, detail, provider_id=provider_id, code=type(error).__name__)


def attempt(step: Callable[[], None], meaning: Callable[[Refused | OSError], Receipt]) -> Receipt | None:
    """Take a step; None if it went well. smtplib's errors are OSErrors."""
    try:
        step()
    except (Refused, OSError) as error:
        return meaning(error)
    return None


def _detail(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:500]


def _text(reply: bytes | str) -> str:
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
