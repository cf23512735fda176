"""Goodwill: remedies that agents grant customers, and that playbooks offer, within one budget.

Whoever takes from the budget locks its one row first, so that two at once never take more than there is. What a message
offers is reserved in the transaction that claims it, granted when it has gone, and released when it has not.

An agent's grant is written to the log too (`forewarn.goodwill`), before it commits: a replay rebuilds it as it was
granted, whatever the budget is by then. What playbooks offer comes of the issues again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babel.numbers import get_currency_precision
from sqlalchemy import func, update
from sqlmodel import Session, col, select

from engine.config.model import GoodwillConfig, Per, Remedy
from engine.config.problems import nearest
from engine.errors import Permanent
from engine.ids import derive
from engine.store.database import insert_ignore
from engine.store.models import GoodwillBudget, GoodwillGrant, Intent, Issue

RESERVED, GRANTED, RELEASED = "reserved", "granted", "released"
OUT = ("claimed", "sending", "sent", "unknown")
"""States of a message that has gone, may have, or is about to."""


class Refused(Permanent):
    """It is not granted: no such remedy, nobody who may, or no money left."""


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
    return round(amount * 10 ** get_currency_precision(currency))


def major(amount: int, currency: str) -> float:
    """Return an amount in its currency.

    >>> major(1250, "EUR")
    12.5
    """
    return float(amount / 10 ** get_currency_precision(currency))


def by_agent(
    session: Session, config: GoodwillConfig | None, wish: Wish, now: float, publish: Callable[[bytes], None]
) -> GoodwillGrant:
    """Grant a remedy at `now`; `publish` writes the event, and must be done before this transaction is.

    Raises Refused, with the reason.
    """
    from engine.events import make_event  # noqa: PLC0415 -- loads the decoder: only where something is granted

    remedy, rules = _known(config, wish.remedy)
    if rules.granters and wish.who not in rules.granters:
        raise Refused(f"{wish.who} may not grant goodwill", remedy="ask one of goodwill.granters in policy.yaml")
    if not wish.why.strip():
        raise Refused("a remedy needs a reason", remedy="say in one sentence why")
    _check_issue(session, wish)
    made = _take(session, rules, remedy, wish, GRANTED, now)
    names = ("remedy", "amount", "currency", "issue", "who", "why")
    data = {name: getattr(made, name) for name in names}
    publish(make_event("forewarn.goodwill", made.account, data, id=made.id, source="forewarn/goodwill", time=now))
    return made


def reserve(session: Session, config: GoodwillConfig | None, wish: Wish, now: float) -> GoodwillGrant:
    """Keep what a message offers: once for each account and issue, however many of its people are told.

    Raises Refused, with the reason.
    """
    found = session.get(GoodwillGrant, wish.id)
    if found is not None and found.status != RELEASED:
        return found
    remedy, rules = _known(config, wish.remedy)
    return _take(session, rules, remedy, wish, RESERVED, now)


def offer(intent: Intent) -> Wish | None:
    """Return what a message offers, if anything."""
    named = str(intent.payload.get("offer") or "")
    if not named or not intent.account:
        return None
    id_ = derive("gwl", intent.issue, intent.episode, intent.account, named)
    who = f"playbook {intent.playbook}"
    return Wish(id_, named, intent.account, who, intent.issue, f"offered by step {intent.step}", intent.id)


def settle(session: Session, intent: Intent) -> None:
    """Grant what a message offered if it has gone, keep it while that is not known, and else release it.

    What is tried again later is reserved again then.
    """
    wish = offer(intent)
    if wish is None:
        return
    if intent.status == "sent":
        _move(session, wish.id, (RESERVED,), GRANTED)
    elif intent.status in {"pending", "failed", "skipped"} and not _others(session, intent):
        _move(session, wish.id, (RESERVED, GRANTED), RELEASED)


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


def told(config: GoodwillConfig | None, grant: GoodwillGrant) -> Mapping[str, Any]:
    """Return what templates read of a remedy."""
    known = config.remedies.get(grant.remedy) if config else None
    return {
        "name": grant.remedy,
        "kind": known.kind if known else "other",
        "about": known.about if known else grant.remedy,
        "amount": major(grant.amount, grant.currency),
        "currency": grant.currency,
        "lasts": float(known.lasts) if known and known.lasts else None,
    }


def _known(config: GoodwillConfig | None, name: str) -> tuple[Remedy, GoodwillConfig]:
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


def _take(
    session: Session, rules: GoodwillConfig, remedy: Remedy, wish: Wish, status: str, now: float
) -> GoodwillGrant:
    """Take a remedy from the budget, which is locked first."""
    session.execute(update(GoodwillBudget).where(col(GoodwillBudget.id) == "all").values(taken_at=now))
    amount = minor(remedy.amount, rules.currency)
    _afford(session, rules, wish.account, amount, now)
    row = GoodwillGrant(
        id=wish.id,
        at=now,
        remedy=wish.remedy,
        amount=amount,
        currency=rules.currency,
        account=wish.account,
        issue=wish.issue,
        who=wish.who,
        why=wish.why,
        status=status,
        intent=wish.intent,
    )
    made = session.merge(row)
    session.flush()
    return made


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


def _others(session: Session, intent: Intent) -> bool:
    """Return whether another message that offers the same has gone, or may have."""
    offered = func.coalesce(col(Intent.payload)["offer"].as_string(), "")
    query = select(Intent.id).where(
        Intent.issue == intent.issue,
        Intent.episode == intent.episode,
        Intent.account == intent.account,
        Intent.id != intent.id,
        col(Intent.status).in_(OUT),
        offered == str(intent.payload["offer"]),
    )
    return session.exec(query).first() is not None


def _move(session: Session, id_: str, before: Sequence[str], after: str) -> None:
    row = col(GoodwillGrant.id) == id_
    session.execute(update(GoodwillGrant).where(row, col(GoodwillGrant.status).in_(before)).values(status=after))
