"""Goodwill: remedies that agents grant customers, and that playbooks offer, within one budget.

Whoever takes from the budget locks its one row first, so that two at once never take more than there is.

An agent's grant is written to the log too (`forewarn.goodwill`), before it commits: a replay rebuilds it as it was
granted, whatever the budget is by then. What playbooks offer (`engine.offers`) comes of the issues again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from babel.numbers import get_currency_precision
from msgspec import Struct
from sqlalchemy import func, update
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from engine.config.model import GoodwillConfig, Per, Remedy
from engine.config.problems import nearest
from engine.errors import Permanent
from engine.store.database import insert_ignore
from engine.store.models import GoodwillBudget, GoodwillGrant, Issue

RESERVED, GRANTED, RELEASED = "reserved", "granted", "released"


class Refused(Permanent):
    """It is not granted: no such remedy, nobody who may, or no money left."""


class NotAllowed(Refused):
    """Whoever asks may not grant."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be granted, to whom, and by whom."""

    id: str
    remedy: str
    account: str
    who: str
    issue: str = ""
    why: str = ""
    intent: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of the budget, in the currency."""

    budget: float
    taken: float
    currency: str

    @property
    def left(self) -> float:
        """What may still be granted."""
        return max(self.budget - self.taken, 0.0)


def minor(amount: float, currency: str) -> int:
    """Return an amount in the smallest unit of its currency.

    >>> minor(12.5, "EUR"), minor(500, "JPY")
    (1250, 500)
    """
    return round(amount * _scale(currency))


def major(amount: int, currency: str) -> float:
    """Return an amount in its currency.

    >>> major(1250, "EUR")
    12.5
    """
    return amount / _scale(currency)


def _scale(currency: str) -> int:
    return int(10 ** get_currency_precision(currency))


def by_agent(
    session: Session, config: GoodwillConfig | None, wish: Wish, now: float, publish: Callable[[bytes], None]
) -> GoodwillGrant:
    """Grant a remedy at `now`; `publish` writes the event, and must be done before this transaction is.

    Raises Refused, with the reason.
    """
    from engine.events import make_event  # noqa: PLC0415 -- loads the decoder: only where something is granted

    remedy, rules = known(config, wish.remedy)
    if rules.granters and wish.who not in rules.granters:
        raise NotAllowed(f"{wish.who} may not grant goodwill", remedy="ask one of goodwill.granters in policy.yaml")
    if not wish.why.strip():
        raise Refused("a remedy needs a reason", remedy="say in one sentence why")
    _check_issue(session, wish)
    made = take(session, rules, remedy, wish, GRANTED, now)
    names = ("remedy", "amount", "currency", "issue", "who", "why")
    data = {name: getattr(made, name) for name in names}
    publish(make_event("forewarn.goodwill", made.account, data, id=made.id, source="forewarn/goodwill", time=now))
    return made


def rebuilt(session: Session, row: GoodwillGrant) -> None:
    """Write down what an event in the log says was granted; what is there already stays."""
    insert_ignore(session, GoodwillGrant, [row])


def left(session: Session, config: GoodwillConfig, now: float) -> Left:
    """Return what is left of the budget at `now`."""
    taken = major(_taken(session, config.budget, now), config.currency)
    return Left(float(config.budget.count), taken, config.currency)


def grants(session: Session, *, issue: str = "", account: str = "", limit: int = 500) -> Sequence[GoodwillGrant]:
    """Return what was granted or is reserved, the latest first."""
    found = select(GoodwillGrant).where(GoodwillGrant.status != RELEASED)
    if issue:
        found = found.where(GoodwillGrant.issue == issue)
    if account:
        found = found.where(GoodwillGrant.account == account)
    return session.exec(found.order_by(col(GoodwillGrant.at).desc(), col(GoodwillGrant.id)).limit(limit)).all()


def known(config: GoodwillConfig | None, name: str) -> tuple[Remedy, GoodwillConfig]:
    if config is None:
        raise Refused("there is no goodwill to grant", remedy="add goodwill to policy.yaml")
    if name not in config.remedies:
        raise Refused(f"there is no remedy {name!r}", remedy=nearest(name, config.remedies))
    return config.remedies[name], config


def _check_issue(session: Session, wish: Wish) -> None:
    if not wish.issue:
        return
    issue = session.get(Issue, wish.issue)
    if issue is None:
        raise Refused(f"there is no issue {wish.issue!r}", remedy="see `forewarn issues list`")
    if issue.account != wish.account:
        raise Refused(f"{wish.issue} is not of {wish.account}", remedy=f"grant it to {issue.account}")


def take(session: Session, rules: GoodwillConfig, remedy: Remedy, wish: Wish, status: str, now: float) -> GoodwillGrant:
    """Take a remedy from the budget, which is locked first. Raises Refused if there is not enough left."""
    session.execute(update(GoodwillBudget).where(col(GoodwillBudget.id) == "all").values(taken_at=now))
    amount = minor(remedy.amount, rules.currency)
    _afford(session, rules, wish.account, amount, now)
    made = session.merge(row(wish, rules.currency, remedy, status, now))
    session.flush()
    return made


def row(wish: Wish, currency: str, remedy: Remedy, status: str, now: float) -> GoodwillGrant:
    """Return the row of a remedy, in no database yet."""
    return GoodwillGrant(
        id=wish.id,
        at=now,
        remedy=wish.remedy,
        amount=minor(remedy.amount, currency),
        currency=currency,
        account=wish.account,
        issue=wish.issue,
        who=wish.who,
        why=wish.why,
        status=status,
        intent=wish.intent,
    )


def _afford(session: Session, rules: GoodwillConfig, account: str, amount: int, now: float) -> None:
    """Raise Refused if the account, or the whole budget, cannot bear `amount` more."""
    cap = rules.per_account
    if cap is not None and _taken(session, cap, now, account) + amount > minor(cap.count, rules.currency):
        raise Refused(f"{account} has had as much as one account gets", remedy="goodwill.per_account says how much")
    if _taken(session, rules.budget, now) + amount > minor(rules.budget.count, rules.currency):
        raise Refused("the budget for goodwill is spent", remedy="wait until part of it is free, or raise it")


def _taken(session: Session, span: Per, now: float, account: str = "") -> int:
    """Return what was taken in the `span` before `now`, in the smallest unit."""
    query = select(func.coalesce(func.sum(GoodwillGrant.amount), 0)).where(
        GoodwillGrant.status != RELEASED, col(GoodwillGrant.at) > now - span.seconds
    )
    found: int = session.exec(query.where(GoodwillGrant.account == account) if account else query).one()
    return found


class Granted(Struct, frozen=True):
    """How often a remedy was granted, and what it came to."""

    count: int
    amount: float
    currency: str


def summary(session: Session, since: float, until: float) -> dict[str, Granted]:
    """Return by remedy what was granted in a span (epoch seconds; `until` is not in it)."""
    named = col(GoodwillGrant.remedy), col(GoodwillGrant.currency)
    at = col(GoodwillGrant.at)
    sums = sql_select(*named, func.count(), func.sum(GoodwillGrant.amount)).where(
        at >= since, at < until, col(GoodwillGrant.status) == GRANTED
    )
    rows = session.execute(sums.group_by(*named).order_by(*named)).all()
    return {str(name): Granted(int(count), major(int(sum_), unit), unit) for name, unit, count, sum_ in rows}
