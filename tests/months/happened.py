"""What happened in a month that was worth living it for: where one of these never did, the month has shown nothing."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from engine.store.models import Approval, DecisionRow, Incident, IncidentMember, Intent, ReceiptRow, WaveRow
from tests.months.auditor import OURS
from tests.months.town import Town

Count = Callable[[Town, Session], int]


def happened(town: Town, raced: Mapping[str, float]) -> Counter[str]:
    """Return how often each thing happened; `raced` is who opted out while others' mail was on its way, and when."""
    with town.database.reading() as session:
        counts = Counter({name: count(town, session) for name, count in _COUNTS.items()})
        counts.update({f"decided {reason}": number for reason, number in _reasons(session).items()})
        counts.update(f"approval {row.state}" for row in session.exec(select(Approval)).all())
        counts["opt-out beat a claim"] = _beaten(session, raced)
    counts["told"] = sum(each.message.to != OURS for one in town.providers.values() for each in one.carried)
    return counts


def _reasons(session: Session) -> Counter[str]:
    return Counter(session.exec(select(DecisionRow.reason)).all())


def _beaten(session: Session, raced: Mapping[str, float]) -> int:
    """Count those whose message was due, and who opted out before it was claimed and got none."""
    found = select(DecisionRow.recipient, DecisionRow.at).where(DecisionRow.reason == "opted_out")
    return sum(raced.get(who) == at for who, at in session.exec(found).all())


def _clocks(town: Town, session: Session) -> int:
    """Count what waited for a morning over a change of the clocks."""
    held = select(DecisionRow).where(DecisionRow.reason == "quiet_hours")
    return sum(_leaps(town.zones[row.recipient], row.at, row.until or row.at) for row in session.exec(held).all())


def _leaps(zone: str, start: float, end: float) -> bool:
    first, last = (datetime.fromtimestamp(at, ZoneInfo(zone)).utcoffset() for at in (start, end))
    return first != last


def _ways(_: Town, session: Session) -> int:
    """Count messages that arrived by another channel than the first that was tried."""
    first: dict[str, str] = {}
    arrived: dict[str, str] = {}
    for row in sorted(session.exec(select(ReceiptRow)).all(), key=lambda one: one.at):
        first.setdefault(row.intent, row.channel)
        if row.outcome == "accepted":
            arrived[row.intent] = row.channel
    return sum(channel != first[intent] for intent, channel in arrived.items())


def _incidents(_: Town, session: Session) -> int:
    members = Counter(session.exec(select(IncidentMember.incident)).all())
    return sum(members[row.id] > 1 for row in session.exec(select(Incident)).all())


def _known(town: Town, session: Session) -> Counter[bool]:
    """Count messages after which the connection was cut, and of which it is known by now, by whether they arrived."""
    cut = {id_: taken for one in town.providers.values() for id_, taken in one.cut.items()}
    rows = session.exec(select(Intent.id, Intent.status)).all()
    return Counter(cut[id_] for id_, status in rows if id_ in cut and status != "unknown")


_COUNTS: Mapping[str, Count] = {
    "refused by a provider that was down": lambda town, _: sum(one.refused for one in town.providers.values()),
    "unknown, and had arrived": lambda town, session: _known(town, session)[True],
    "unknown, and had not": lambda town, session: _known(town, session)[False],
    "held over a change of clocks": _clocks,
    "went by another channel": _ways,
    "incident of several": _incidents,
    "wave": lambda _, session: len(session.exec(select(WaveRow.id)).all()),
}
MUST = (
    *_COUNTS,
    *(f"approval {state}" for state in ("approved", "refused", "expired")),
    *(
        f"decided {reason}"
        for reason in (
            "allowed", "quiet_hours", "capped", "per_customer", "moot", "opted_out", "suppressed",
            "blast_radius", "awaiting_approval", "refused", "unanswered", "unreachable", "part_of_incident",
        )
    ),
    "opt-out beat a claim",
)  # fmt: skip
"""What every month must have seen."""
