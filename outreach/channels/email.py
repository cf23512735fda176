"""E-mail by SMTP submission (RFC 5321, 6409), encrypted, threaded, signed, and what comes back of it."""

import ipaddress
import time
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, Literal

from outreach.address import Mailbox, mailbox, sender
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.dkim import Dkim, Signer, aligned
from outreach.handing_in import HandingIn, Mail
from outreach.imap import Inbox, Postbox
from outreach.inbound import Answer, Inbound, Request
from outreach.incoming import Ours, believed, understood
from outreach.mime import letterhead, message_id, written
from outreach.signed import vouched
from outreach.smtp import Envelope, Refused, Server, before_the_mail
from outreach.smtp_pool import Lines


class Email(Channel):
    """Hands mail to one SMTP server. Safe to use from several threads; connections are kept for the next mail.

    A failure before the final dot is RETRY, an answer of 5xx PERMANENT, silence after the final dot UNKNOWN. Where
    encryption is asked for, nothing goes out without it. Reports of failures, complaints and answers of people come
    back through `inbox`, a mailbox of ours that is read, or by `receive`, from whoever takes our mail.
    """

    kind: ClassVar[str] = "email"
    address: ClassVar[str] = "email"
    vendor: ClassVar[str] = "email"

    def __init__(  # noqa: PLR0913 -- the constructor is the config schema
        self,
        *,
        host: str,
        from_: str,
        port: int = 587,
        reply_to: str = "",
        return_path: str = "",
        username: str = "",
        password: str = "",
        tls: Literal["starttls", "tls", "none"] | None = None,
        ca_file: str = "",
        timeout: float = 20.0,
        domain: str = "",
        dkim: Dkim | None = None,
        inbox: Inbox | None = None,
        webhook_secret: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """`tls` is `none` on loopback and `starttls` elsewhere unless given; `ca_file`: PEM of a private authority.

        `domain` stands in Message-IDs; if not given, the sender's. `return_path`: where reports of failures go; if not
        given, the sender. `timeout`: seconds for one mail, from connecting to the last answer. `webhook_secret`: of
        Standard Webhooks (whsec_…), or what the header X-Forewarn-Secret holds; without it nothing that is posted to us
        is believed.
        """
        chosen = tls or ("none" if _is_loopback(host) else "starttls")
        if username and chosen == "none" and not _is_loopback(host):
            raise ValueError("a password is not sent without encryption: use tls: starttls or tls")
        server = Server(host, port, chosen, username, password, ca_file, timeout)
        author = sender(from_)
        self._place, self._timeout, self._now = f"{host}:{port}", timeout, now
        self._head = letterhead(author, str(sender(reply_to)) if reply_to else "", _domain(domain, from_))
        self._from = sender(return_path).addr_spec if return_path else author.addr_spec
        self._signer = Signer(dkim) if dkim else None
        if dkim and not aligned(dkim.domain, author.domain):
            raise ValueError(f"dkim: domain {dkim.domain} is not that of the sender: DMARC would not count it")
        self._lines = Lines(server, now)
        self._handing_in = HandingIn(self._lines, timeout, now)
        self._postbox = Postbox(inbox) if inbox else None
        self._ours = Ours(self._head.domain, frozenset({author.addr_spec, self._from}))
        self._secret = webhook_secret

    def send(self, message: Message) -> Receipt:
        """Hand one mail in."""
        (receipt,) = self.send_all([message])
        return receipt

    def send_all(self, messages: Iterable[Message]) -> Iterator[Receipt]:
        """Hand mails in one after the other, over one connection as long as it holds."""
        return self._handing_in.all(map(self._mail, messages))

    def receive(self, request: Request) -> Answer:
        """Understand a mail that was posted to us, as message/rfc822. Raises ForgedError."""
        vouched(request, self._secret)
        return Answer(understood(request.body, self._ours))

    def poll(self, take: Callable[[Inbound], None]) -> int:
        """Read what came into the mailbox, handing on what it says; returns how many mails that were.

        A mail counts as read only once `take` came back: what it did not write down is there at the next poll. Raises
        OSError where the mailbox cannot be read.
        """

        def read(raw: bytes) -> None:
            for told in understood(raw, self._ours):
                take(believed(told, raw))

        return self._postbox.poll(read) if self._postbox else 0

    def reply(self, text: str, locale: str = "en") -> Answer | None:
        """Return nothing: what answers a mail is a mail of its own."""
        return None

    def check(self) -> str:
        """Connect, encrypt and log in, and look into the mailbox; return what went wrong."""
        try:
            self._lines.give(self._lines.take(self._now() + self._timeout))
        except (Refused, OSError) as error:
            return f"{self._place}: {before_the_mail(error).detail}"
        return self._postbox.check() if self._postbox else ""

    def close(self) -> None:
        """Hang up all connections that are not in use."""
        self._lines.close()

    def _written(self, message: Message, to: Mailbox) -> bytes:
        at = self._now()
        mail = written(message, to, self._head, at)
        return self._signer.signed(mail, at) if self._signer else mail

    def _id(self, message: Message) -> str:
        return message_id(message.id, self._head.domain)

    def _mail(self, message: Message) -> Mail | Receipt:
        try:
            to = mailbox(message.to)
            return Mail(self._written(message, to), Envelope(self._from, to.wire, self._id(message), to.international))
        except ValueError as error:
            return Receipt(Outcome.PERMANENT, f"cannot be written as a mail: {error}", suppress=_is_bad(message.to))


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
