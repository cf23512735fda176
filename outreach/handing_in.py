"""Mails handed in one after the other, over a connection each time as long as it holds.

The end of a mail and the envelope of the next go out in one breath where the server allows it (PIPELINING, RFC 2920),
so that each costs one wait and not two. The next mail itself follows only once it is known what became of the one
before; so whatever breaks, one mail at most may or may not have been taken (C18).
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from outreach.base import Outcome, Receipt
from outreach.smtp import Envelope, Refused, attempt, before_the_mail, nobody_knows, not_taken
from outreach.smtp_pool import MAILS, Line, Lines


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it goes over the wire."""

    data: bytes
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Broken:
    """A mail that could not be written for a mistake of ours: raised once the mail before it is settled."""

    error: Exception


Next = Mail | Receipt | Broken | None
"""What is to be handed in next; a receipt: it cannot be; None: there is no more."""


class HandingIn:
    """Hands mails in at one server."""

    def __init__(self, lines: Lines, timeout: float, now: Callable[[], float]) -> None:
        """`timeout`: seconds for one mail, from connecting to the last answer."""
        self._lines, self._timeout, self._now = lines, timeout, now

    def all(self, mails: Iterator[Mail | Receipt]) -> Iterator[Receipt]:
        """Yield what became of each, in order. A mail is asked for only when the one before has been sent."""
        following = _next(mails)
        while following is not None:
            match following:
                case Mail():
                    following = yield from self._over_one(following, mails)
                case Receipt():
                    yield following
                    following = _next(mails)
                case Broken():
                    raise following.error

    def _over_one(self, mail: Mail, mails: Iterator[Mail | Receipt]) -> Generator[Receipt, None, Next]:
        """Hand in what can be over one connection, and return what is next."""
        deadline = self._now() + self._timeout
        try:
            line = self._lines.take(deadline)
        except (Refused, OSError) as error:
            yield before_the_mail(error)
            return _next(mails)
        if mail.envelope.international and not line.session.international:
            self._lines.give(line)
            yield _not_spoken(mail)
            return _next(mails)
        try:
            receipt, following = yield from self._along(line, mail, mails, deadline)
        except BaseException:
            line.session.close()
            raise
        yield receipt
        return following

    def _along(
        self, line: Line, mail: Mail, mails: Iterator[Mail | Receipt], deadline: float
    ) -> Generator[Receipt, None, tuple[Receipt, Next]]:
        """Hand in as much as one connection takes; return the last receipt, and what is next.

        The connection is given back, or closed.
        """
        session, first = line.session, mail.envelope
        session.limit(deadline - self._now())
        failed = attempt(lambda: session.envelope(first), not_taken)
        while True:
            failed = failed or self._body(line, mail, deadline)
            if failed:
                session.close()
                return failed, _next(mails)
            following = _next(mails)
            named = following if isinstance(following, Mail) and _goes_on(line, following) else None
            receipt = _end(line, mail, named)
            if receipt.outcome is not Outcome.ACCEPTED:
                session.close()
            elif named is None:
                self._lines.give(line)
            if receipt.outcome is not Outcome.ACCEPTED or named is None:
                return receipt, following
            yield receipt
            line.mails += 1
            mail, deadline = named, self._now() + self._timeout
            session.limit(self._timeout)
            failed = attempt(session.named, not_taken)

    def _body(self, line: Line, mail: Mail, deadline: float) -> Receipt | None:
        """Send a mail but for its end; return why that failed."""
        failed = attempt(lambda: line.session.body(mail.data), not_taken)
        if failed is None and self._now() >= deadline:
            return Receipt(Outcome.RETRY, "timed out before the end of the mail: it was not taken", code="TimeoutError")
        return failed


def _next(mails: Iterator[Mail | Receipt]) -> Next:
    try:
        return next(mails, None)
    except Exception as error:  # noqa: BLE001 -- raised where its turn comes
        return Broken(error)


def _goes_on(line: Line, following: Mail) -> bool:
    """Return whether the next mail can be named in one breath with the end of this one."""
    session = line.session
    spoken = session.international or not following.envelope.international
    return spoken and session.pipelining and line.mails + 1 < MAILS


def _end(line: Line, mail: Mail, following: Mail | None) -> Receipt:
    """Send a mail's end, and the next one's envelope."""
    id_ = mail.envelope.id
    try:
        said = line.session.finish(following.envelope if following else None)
    except Refused as error:
        return not_taken(error)
    except OSError as error:
        return nobody_knows(error, id_)
    return Receipt(Outcome.ACCEPTED, said, provider_id=id_, code="250")


def _not_spoken(mail: Mail) -> Receipt:
    why = f"the server does not take the address {mail.envelope.to!r} (no SMTPUTF8)"
    return Receipt(Outcome.PERMANENT, why)
