"""What A/B experiments showed: what followed on each of the words that accounts were told in, with honest intervals.

What is counted are accounts, for they were drawn, and what one of their people does is no new evidence of the next. An
interval is Wilson's score interval; two arms differ where Newcombe's interval of the difference leaves out zero, and
both have `ENOUGH` accounts. One look at one figure decides at 95 %: who looks every day, or at all figures, will see
differences where there are none.

Sources: E. B. Wilson, JASA 22 (1927); R. G. Newcombe, Statistics in Medicine 17 (1998), method 10.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import Select
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from engine.store.models import Consent, Conversation, CustomerContact, Intent, Turn
from outreach.settings import BASE

WITHIN = 86400.0
"""Seconds after a message in which what happens is put down to it."""
ENOUGH = 100
"""Accounts that an arm needs before it is compared."""
Z = 1.959964
"""Of 95 %."""
COUNTED = ("contacts", "replies", "opt_outs", "complaints")


class Share(Struct, frozen=True):
    """How many accounts of an arm did something, and between which shares the truth lies (95 %)."""

    count: int
    share: float | None
    low: float | None
    high: float | None


class Arm(Struct, frozen=True):
    """What followed within 24 hours of being told in these words."""

    told: int
    """Accounts."""
    contacts: Share
    """Somebody of the account contacted us about it, or about nothing that we know."""
    replies: Share
    """Somebody who was told did, or answered, whether a person had to read it or not."""
    opt_outs: Share
    complaints: Share
    verdict: str
    """Against the base, by contacts."""


def wilson(count: int, of: int) -> Share:
    """Return a share with its interval.

    >>> found = wilson(5, 100)
    >>> round(found.low, 3), round(found.high, 3), wilson(0, 0).share
    (0.022, 0.112, None)
    """
    if of == 0:
        return Share(count, None, None, None)
    share, scale = count / of, 1 + Z * Z / of
    middle = (share + Z * Z / (2 * of)) / scale
    reach = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of)) / scale
    return Share(count, share, max(middle - reach, 0.0), min(middle + reach, 1.0))


def difference(one: Share, other: Share) -> tuple[float, float] | None:
    """Return between which values the first share less the second lies; None where either is of nobody.

    >>> [round(end, 4) for end in difference(wilson(56, 70), wilson(48, 80)) or ()]
    [0.0524, 0.3339]
    """
    if one.share is None or one.low is None or one.high is None:
        return None
    if other.share is None or other.low is None or other.high is None:
        return None
    apart = one.share - other.share
    low = math.hypot(one.share - one.low, other.high - other.share)
    high = math.hypot(one.high - one.share, other.share - other.low)
    return apart - low, apart + high


def experiments(session: Session, since: float, until: float) -> dict[str, dict[str, Arm]]:
    """Return by experiment and arm what followed on messages sent in the span (epoch seconds; `until` is not in it)."""
    told: dict[str, dict[str, list[_Told]]] = {}
    for each in _sent(session, since, until):
        told.setdefault(each.experiment, {}).setdefault(each.arm, []).append(each)
    if not told:
        return {}
    followed = _Followed(session, since, until)
    return {name: _compared(arms, followed) for name, arms in sorted(told.items())}


class _Told(NamedTuple):
    """An opening message of an experiment that was sent."""

    experiment: str
    arm: str
    account: str
    issue: str
    recipient: str
    at: float
    delivery: str


def _sent(session: Session, since: float, until: float) -> list[_Told]:
    experiment, arm = (col(Intent.payload)[name].as_string() for name in ("experiment", "arm"))
    rows = session.execute(
        sql_select(
            *(experiment, arm, col(Intent.account), col(Intent.issue)),
            *(col(Intent.recipient), col(Intent.sent_at), col(Intent.delivery)),
        ).where(
            col(Intent.kind) == "message",
            col(Intent.occasion) == "opened",
            col(Intent.status) == "sent",
            col(Intent.sent_at) >= since,
            col(Intent.sent_at) < until,
            experiment.is_not(None),
        )
    )
    return [_Told(*row) for row in rows]


class _Followed:
    """What customers did in a span, and shortly after it."""

    def __init__(self, session: Session, since: float, until: float) -> None:
        at = col(CustomerContact.at)
        self._contacts: dict[str, list[CustomerContact]] = {}
        for row in session.exec(select(CustomerContact).where(at >= since, at < until + WITHIN)):
            self._contacts.setdefault(row.account or "", []).append(row)
        at, states = col(Consent.at), col(Consent.state).in_(("withdrawn", "suspended", "objected"))
        self._outs: dict[str, list[float]] = {}
        for entity, time in session.exec(select(Consent.entity, Consent.at).where(at >= since, states)):
            self._outs.setdefault(entity, []).append(time)
        self._answers: dict[str, list[tuple[str, float]]] = {}
        for person, issue, time in session.execute(_answers(since, until + WITHIN)):
            self._answers.setdefault(person, []).append((issue, time))

    def by(self, what: str, told: _Told) -> bool:
        """Say whether that followed on a message."""
        if what == "complaints":
            return told.delivery == "complained"
        if what == "opt_outs":
            return any(_soon(told, at) for at in self._outs.get(told.recipient, ()))
        if what == "replies" and self._answered(told):
            return True
        about = [row for row in self._contacts.get(told.account, ()) if row.issue in (told.issue, "")]
        return any(_soon(told, row.at) and (what == "contacts" or row.subject == told.recipient) for row in about)

    def _answered(self, told: _Told) -> bool:
        answers = self._answers.get(told.recipient, ())
        return any(_soon(told, at) and issue in (told.issue, "") for issue, at in answers)


def _answers(since: float, until: float) -> Select[str, str, float]:
    """Ask for who answered, about which issue, and when."""
    at, joined = col(Turn.at), col(Turn.conversation) == Conversation.id
    found = sql_select(col(Conversation.person), col(Conversation.issue), at).join(Turn, joined)
    return found.where(col(Turn.way) == "in", at >= since, at < until)


def _soon(told: _Told, at: float) -> bool:
    return told.at <= at <= told.at + WITHIN


class _Counts(Struct, frozen=True):
    told: int
    did: Mapping[str, int]


def _compared(arms: Mapping[str, Sequence[_Told]], followed: _Followed) -> dict[str, Arm]:
    counts = {arm: _counts(told, followed) for arm, told in arms.items()}
    order = sorted(counts, key=lambda arm: (arm != BASE, arm))
    return {arm: _arm(arm, counts[arm], counts.get(BASE, _Counts(0, {}))) for arm in order}


def _counts(told: Sequence[_Told], followed: _Followed) -> _Counts:
    did = {what: {each.account for each in told if followed.by(what, each)} for what in COUNTED}
    return _Counts(len({each.account for each in told}), {what: len(accounts) for what, accounts in did.items()})


def _arm(name: str, counts: _Counts, base: _Counts) -> Arm:
    shares = {what: wilson(count, counts.told) for what, count in counts.did.items()}
    verdict = "the others are held against it" if name == BASE else _verdict(counts, base)
    return Arm(told=counts.told, verdict=verdict, **shares)


def _verdict(counts: _Counts, base: _Counts) -> str:
    if min(counts.told, base.told) < ENOUGH:
        return f"not enough yet: each arm needs {ENOUGH} accounts"
    apart = difference(wilson(counts.did["contacts"], counts.told), wilson(base.did["contacts"], base.told))
    if apart is None or apart[0] <= 0.0 <= apart[1]:
        return "no difference that could not be chance"
    low, high = sorted(abs(end) for end in apart)
    return f"{'fewer' if apart[1] < 0.0 else 'more'} contacts, by {low:.1%} to {high:.1%} of the accounts"
