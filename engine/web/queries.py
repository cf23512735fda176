"""What the API and the console read. Each list is in one order, and goes on from the last one seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import Session, SQLModel, col, select

from engine.policy.decide import RULES
from engine.policy.reasons import Reason
from engine.store.models import DecisionRow, Intent, Issue, Silence
from engine.web.problems import Refused

Row = TypeVar("Row", bound=SQLModel)
_ABOUT = {rule.__name__: (rule.__doc__ or "").partition("\n")[0] for rules in RULES.values() for rule in rules}


_SENTENCES = {str(reason.value): reason.sentence for reason in Reason}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which issues; what is empty matches all."""

    status: Sequence[str] = ()
    detector: str = ""
    account: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return them for a query."""
        found: list[ColumnElement[bool]] = []
        if self.status:
            found.append(col(Issue.status).in_(self.status))
        if self.detector:
            found.append(col(Issue.detector) == self.detector)
        if self.account:
            found.append(col(Issue.account) == self.account)
        return found


@dataclass(frozen=True, slots=True)
class Check:
    """One rule of a decision's trail."""

    rule: str
    about: str
    passed: bool
    detail: str


def issues(session: Session, filters: Filters, after: str, limit: int) -> Sequence[Issue]:
    """Return issues, the latest opened first, from the one after id `after` on."""
    found = select(Issue).where(*filters.conditions())
    if after:
        last = need(session, Issue, after, "issue")
        found = found.where(_behind(Issue.opened_at, Issue.id, last.opened_at, last.id))
    return session.exec(found.order_by(col(Issue.opened_at).desc(), col(Issue.id).desc()).limit(limit)).all()


def decisions(session: Session, after: str, limit: int, *, issue: str = "", verdict: str = "") -> Sequence[DecisionRow]:
    """Return decisions, the latest first, from the one after id `after` on."""
    found = select(DecisionRow)
    if issue:
        found = found.where(DecisionRow.issue == issue)
    if verdict:
        found = found.where(DecisionRow.verdict == verdict)
    if after:
        last = need(session, DecisionRow, after, "decision")
        found = found.where(_behind(DecisionRow.at, DecisionRow.id, last.at, last.id))
    return session.exec(found.order_by(col(DecisionRow.at).desc(), col(DecisionRow.id).desc()).limit(limit)).all()


def intents(session: Session, issue: str) -> Sequence[Intent]:
    """Return what was planned about an issue, oldest first."""
    found = select(Intent).where(Intent.issue == issue).order_by(col(Intent.created_at), col(Intent.id))
    return session.exec(found).all()


def silences(session: Session) -> Sequence[Silence]:
    """Return all silences, the latest first."""
    return session.exec(select(Silence).order_by(col(Silence.created_at).desc(), col(Silence.id))).all()


def counts(session: Session, column: Any) -> dict[str, int]:
    """Return how many rows there are by the value of a column."""
    rows = session.exec(select(column, func.count()).group_by(column).order_by(column)).all()
    return {str(value): int(count) for value, count in rows}


def need(session: Session, table: type[Row], key: str, what: str) -> Row:
    """Return one row. Raises Refused (404)."""
    row = session.get(table, key)
    if row is None:
        raise missing(what, key)
    return row


def missing(what: str, key: object) -> Refused:
    """Return the refusal to show what is not there."""
    return Refused(404, f"there is no {what} {str(key)[:80]!r}; list them to see which there are")


def because(row: DecisionRow) -> str:
    """Return why a decision is what it is, as a sentence or two."""
    sentence = _SENTENCES.get(row.reason, row.reason)
    detail = str(_decision(row).get("detail", ""))
    return detail if detail.startswith(sentence) else f"{sentence} {detail}".strip()


def trail(row: DecisionRow) -> list[Check]:
    """Return every rule that was asked, in order."""
    steps: Sequence[dict[str, Any]] = _decision(row).get("trail", ())
    return [
        Check(
            str(each["rule"]),
            _ABOUT.get(str(each["rule"]), ""),
            bool(each.get("passed", True)),
            str(each.get("detail", "")),
        )
        for each in steps
    ]


def facts(row: DecisionRow) -> dict[str, Any]:
    """Return all that a decision was taken from."""
    found: dict[str, Any] = row.facts.get("facts", {})
    return found


def told(facts: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Return what a decision was taken from as lines of name and value; times are shown as such, blanks left out.

    >>> told({"now": 0.0, "person": {"zone": "Europe/Vienna", "roles": ["admin"], "name": ""}, "cap": (2, 86400.0)})
    [('now', '1970-01-01 00:00:00Z'), ('person.zone', 'Europe/Vienna'), ('person.roles', 'admin'), ('cap', '2, 86400')]
    """
    lines: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines += told(value, f"{before}{name}.")
        elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
            lines += told({f"{name}[{place}]": each for place, each in enumerate(value)}, before)
        elif value not in (None, "", [], ()):
            lines.append((f"{before}{name}", _value(name, value)))
    return lines


def _value(name: str, value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_value("", each) for each in value)
    if isinstance(value, float):
        is_time = name in ("now", "at", "until") or name.endswith("_at")
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}Z" if is_time else f"{value:.15g}"
    return str(value)


def _decision(row: DecisionRow) -> dict[str, Any]:
    found: dict[str, Any] = row.facts.get("decision", {})
    return found


def _behind(time: Any, key: Any, last_time: float, last_key: str) -> ColumnElement[bool]:
    return or_(col(time) < last_time, and_(col(time) == last_time, col(key) < last_key))
