"""E-mail by SMTP submission (RFC 5321, 6409), encrypted, threaded, with one-click opting out."""

import ipaddress
import queue
import time
from collections.abc import Callable
from email.message import EmailMessage
from typing import ClassVar, Literal

from outreach.address import Mailbox, mailbox, sender
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.mime import POLICY, Letterhead, compose, message_id
from outreach.smtp import Refused, Server, Session, attempt, before_the_mail, nobody_knows, not_taken


class Email(Channel):
    """Hands mail to one SMTP server. Safe to use from several threads; connections are kept for the next mail.

    A failure before the final dot is RETRY, an answer of 5xx PERMANENT, silence after the final dot UNKNOWN. Where
    encryption is asked for, nothing goes out without it.
    """

    kind: ClassVar[str] = "email"
    address: ClassVar[str] = "email"

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        host: str,
        from_: str,
        port: int = 587,
        reply_to: str = "",
        username: str = "",
        password: str = "",
        tls: Literal["starttls", "tls", "none"] | None = None,
        ca_file: str = "",
        timeout: float = 20.0,
        domain: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """`tls` is `none` on loopback and `starttls` elsewhere unless given; `ca_file`: PEM of a private authority.

        `domain` stands in Message-IDs; if not given, the sender's. `timeout`: seconds for one mail, from connecting
        to the last answer.
        """
        chosen = tls or ("none" if _is_loopback(host) else "starttls")
        if username and chosen == "none" and not _is_loopback(host):
            raise ValueError("a password is not sent without encryption: use tls: starttls or tls")
        self._server = Server(host, port, chosen, username, password, ca_file, timeout)
        self._head = Letterhead(sender(from_), str(sender(reply_to)) if reply_to else "", _domain(domain, from_))
        self._now = now
        self._idle: queue.LifoQueue[Session] = queue.LifoQueue()

    def send(self, message: Message) -> Receipt:
        """Hand one mail in."""
        try:
            to = mailbox(message.to)
            mail = compose(message, to, self._head, self._now())
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, f"cannot be written as a mail: {error}", suppress=_is_bad(message.to))
        deadline = self._now() + self._server.timeout
        try:
            session = self._session()
        except (Refused, OSError) as error:
            return before_the_mail(error)
        return self._hand_in(session, mail, to, deadline)

    def check(self) -> str:
        """Connect, encrypt and log in; return what went wrong."""
        try:
            self._idle.put(self._session())
        except (Refused, OSError) as error:
            return f"{self._server.host}:{self._server.port}: {before_the_mail(error).detail}"
        return ""

    def close(self) -> None:
        """Hang up all connections that are not in use."""
        while (session := self._kept()) is not None:
            session.close()

    def _hand_in(self, session: Session, mail: EmailMessage, to: Mailbox, deadline: float) -> Receipt:
        if to.international and not session.international:
            self._idle.put(session)
            return Receipt(Outcome.PERMANENT, f"the server does not take the address {to.written!r} (no SMTPUTF8)")
        receipt = self._steps(session, mail, to, deadline)
        if receipt.outcome is Outcome.ACCEPTED:
            self._idle.put(session)
        else:
            session.close()
        return receipt

    def _steps(self, session: Session, mail: EmailMessage, to: Mailbox, deadline: float) -> Receipt:
        id_ = str(mail["Message-ID"])
        data, options = _wire(mail, to)
        session.limit(deadline - self._now())
        failed = attempt(lambda: session.envelope(self._head.sender.addr_spec, to.wire, options), not_taken)
        failed = failed or attempt(lambda: session.body(data), not_taken)
        if failed:
            return failed
        session.limit(deadline - self._now())
        try:
            return Receipt(Outcome.ACCEPTED, session.finish(), provider_id=id_, code="250")
        except Refused as error:
            return not_taken(error)
        except OSError as error:
            return nobody_knows(error, id_)

    def _session(self) -> Session:
        while (kept := self._kept()) is not None:
            kept.limit(self._server.timeout)
            if kept.alive():
                return kept
            kept.close()
        return Session(self._server)

    def _kept(self) -> Session | None:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return None


def _wire(mail: EmailMessage, to: Mailbox) -> tuple[bytes, list[str]]:
    if to.international:
        return mail.as_bytes(policy=POLICY.clone(utf8=True)), ["SMTPUTF8"]
    return mail.as_bytes(policy=POLICY), []


def _domain(domain: str, from_: str) -> str:
    chosen = domain or sender(from_).domain
    if message_id("x", chosen) != f"<x@{chosen}>" or not chosen.isascii() or set(chosen) & set("<>@ \r\n"):
        raise ValueError(f"{chosen!r} is no domain")
    return chosen


def _is_bad(address: str) -> bool:
    try:
        mailbox(address)
    except ValueError:
        return True
    return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
