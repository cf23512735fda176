"""Issues in the store: findings and operators' words are applied to them, and every change is recorded.

The rules are in `engine.issues.lifecycle`; here is what reads and writes rows. A batch of findings costs two look-ups,
however many there are. Nothing is applied twice: a signal's id is derived, and one that is recorded is passed over.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from engine.config.model import PolicyConfig
from engine.errors import Permanent
from engine.ids import derive
from engine.issues import lifecycle
from engine.issues.findings import Finding
from engine.issues.view import ACTIVE, IssueView, Moved, Rules, Transition, track_json, track_of
from engine.store.database import insert_all
from engine.store.models import Change, Issue, SignalRow

__all__ = ["Finding", "IssueBook", "IssueView", "Transition", "active_issues", "history", "view"]

_CHUNK = 5_000
"""Values of one IN clause: SQLite takes 32,766."""
_FLAPPING = (
    select(Issue)
    .where(col(Issue.flapping).is_(True), col(Issue.status).in_(ACTIVE))
    .order_by(col(Issue.id))
    .with_for_update()
)
T = TypeVar("T")


class IssueBook:
    """All issues, under one policy. Every method leaves committing to the caller, so that intents can join."""

    def __init__(self, policy: PolicyConfig) -> None:
        self.rules = Rules.of(policy)

    def apply(self, session: Session, finding: Finding, now: float) -> list[Transition]:
        """Apply one finding; `apply_all` where there are several."""
        return self.apply_all(session, [finding], now)

    def apply_all(self, session: Session, findings: Sequence[Finding], now: float) -> list[Transition]:
        """Apply `findings` in order at `now` (epoch seconds) and return what changed, in order.

        A finding that was applied before changes nothing, so a replay may bring it again.
        """
        fresh = _unrecorded(session, findings)
        rows = _latest(session, {finding.fingerprint for finding in fresh})
        views = {fingerprint: view(row) for fingerprint, row in rows.items()}
        transitions: list[Transition] = []
        touched: dict[str, IssueView] = {}
        signals: list[dict[str, Any]] = []
        for finding in fresh:
            moved = lifecycle.advance(views.get(finding.fingerprint), finding, self.rules, now)
            if moved.issue is not None:
                views[finding.fingerprint] = touched[moved.issue.id] = moved.issue
            transitions += moved.transitions
            signals.append(_signal(finding, moved.issue, now))
        _store(session, {row.id: row for row in rows.values()}, touched.values())
        insert_all(session, SignalRow, signals)
        _record(session, transitions)
        return transitions

    def acknowledge(self, session: Session, issue: str, who: str, now: float, why: str = "") -> list[Transition]:
        """`who` looks after the issue with this id. Nothing changes unless it is open; Permanent if there is none."""
        return self._act(session, issue, lambda seen: lifecycle.acknowledge(seen, who, now, why))

    def resolve(self, session: Session, issue: str, who: str, now: float, why: str = "") -> list[Transition]:
        """`who` says it is over. Nothing changes if it ended before; Permanent if there is none."""
        return self._act(session, issue, lambda seen: lifecycle.resolve(seen, who, now, why))

    def dismiss(self, session: Session, issue: str, who: str, now: float, why: str = "") -> list[Transition]:
        """`who` says it was a false alarm. Nothing changes if it ended before; Permanent if there is none."""
        return self._act(session, issue, lambda seen: lifecycle.dismiss(seen, who, now, why))

    def expire(self, session: Session, issue: str, now: float) -> list[Transition]:
        """End an issue that was open for too long. Nothing changes if it ended before; Permanent if there is none."""
        return self._act(session, issue, lambda seen: lifecycle.expire(seen, now))

    def note(self, session: Session, issue: str, who: str, now: float, text: str) -> Change:
        """Write `text` into the issue's history; the same note at the same time is written once."""
        _get(session, issue)
        key = derive("chg", issue, "note", who, repr(now), text)
        change = session.get(Change, key)
        if change is None:
            change = Change(id=key, of=issue, at=now, who=who, what="note", note=text)
            session.add(change)
        return change

    def settle(self, session: Session, now: float) -> list[Transition]:
        """Resolve every flapping issue that was calm for `reopen_within`."""
        transitions: list[Transition] = []
        for row in session.exec(_FLAPPING).all():
            transitions += self._move(session, row, lifecycle.settle(view(row), self.rules, now))
        return transitions

    def _act(self, session: Session, issue: str, what: Callable[[IssueView], Moved]) -> list[Transition]:
        row = _get(session, issue)
        return self._move(session, row, what(view(row)))

    def _move(self, session: Session, row: Issue, moved: Moved) -> list[Transition]:
        if moved.issue is not None and moved.transitions:
            _write(row, moved.issue)
            _record(session, moved.transitions)
            session.flush()
        return list(moved.transitions)


def view(row: Issue) -> IssueView:
    """Return `row` as it is now, unchanging."""
    evidence = {name: value for name, value in row.evidence.items() if name != "track"}
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return IssueView(**columns, flapped=tuple(row.flapped), evidence=evidence, track=track_of(row.evidence))


def history(session: Session, issue: str) -> list[Change]:
    """Return every change of the issue (or silence, or ticket) with this id, oldest first."""
    found = select(Change).where(Change.of == issue).order_by(col(Change.at), col(Change.id))
    return list(session.exec(found).all())


def active_issues(session: Session, account: str | None = None) -> list[IssueView]:
    """Return the open and acknowledged issues, of one account if it is given, oldest first; none of those on trial."""
    found = select(Issue).where(col(Issue.status).in_(ACTIVE), col(Issue.shadow).is_(False))
    if account is not None:
        found = found.where(Issue.account == account)
    return [view(row) for row in session.exec(found.order_by(col(Issue.opened_at), col(Issue.id))).all()]


_SPECIAL = {"flapped", "evidence"}
_COLUMNS = tuple(name for name in Issue.model_fields if name not in _SPECIAL)


def _write(row: Issue, issue: IssueView) -> None:
    for name in _COLUMNS:
        if getattr(row, name) != getattr(issue, name):
            setattr(row, name, getattr(issue, name))
    if issue.flapped != tuple(row.flapped):
        row.flapped = list(issue.flapped)
    row.evidence = {**issue.evidence, "track": track_json(issue.track)}


def _store(session: Session, rows: dict[str, Issue], issues: Iterable[IssueView]) -> None:
    new = []
    for issue in issues:
        row = rows.get(issue.id)
        if row is None:
            new.append(_columns(issue))
        else:
            _write(row, issue)
    insert_all(session, Issue, new)
    session.flush()


def _columns(issue: IssueView) -> dict[str, Any]:
    return {
        **{name: getattr(issue, name) for name in _COLUMNS},
        "flapped": list(issue.flapped),
        "evidence": {**issue.evidence, "track": track_json(issue.track)},
    }


def _signal(finding: Finding, issue: IssueView | None, now: float) -> dict[str, Any]:
    evidence = finding.evidence() if finding.signal.state == "raised" else finding.measured()
    return {
        "id": finding.id,
        "issue": issue.id if issue else "",
        "detector": finding.signal.detector,
        "series": finding.series,
        "state": finding.signal.state,
        "at": finding.signal.time,
        "seen_at": now,
        "score": evidence["score"],
        "value": evidence["value"],
        "evidence": evidence,
    }


def _record(session: Session, transitions: Iterable[Transition]) -> None:
    insert_all(session, Change, [_change(moved) for moved in transitions])


def _change(moved: Transition) -> dict[str, Any]:
    issue = moved.issue
    return {
        "id": derive("chg", issue.id, moved.kind, repr(moved.at)),
        "of": issue.id,
        "at": moved.at,
        "who": moved.who,
        "what": moved.kind,
        "before": moved.before,
        "after": moved.after,
        "note": moved.note,
    }


def _unrecorded(session: Session, findings: Sequence[Finding]) -> list[Finding]:
    by_id = {finding.id: finding for finding in findings}
    known: set[str] = set()
    for ids in _chunks(list(by_id)):
        known.update(session.exec(select(SignalRow.id).where(col(SignalRow.id).in_(ids))).all())
    return [finding for key, finding in by_id.items() if key not in known]


def _latest(session: Session, fingerprints: set[str]) -> dict[str, Issue]:
    """Return for each fingerprint its active issue, or else the one opened last."""
    latest: dict[str, Issue] = {}
    for chunk in _chunks(sorted(fingerprints)):
        newest = (
            select(col(Issue.fingerprint).label("of"), func.max(col(Issue.opened_at)).label("at"))
            .where(col(Issue.fingerprint).in_(chunk))
            .group_by(col(Issue.fingerprint))
            .subquery()
        )
        found = select(Issue).join(newest, and_(col(Issue.fingerprint) == newest.c.of))
        found = found.where(or_(col(Issue.opened_at) == newest.c.at, col(Issue.status).in_(ACTIVE)))
        for row in session.exec(found.with_for_update(of=Issue)).all():
            best = latest.get(row.fingerprint)
            if best is None or (row.status in ACTIVE, row.id) > (best.status in ACTIVE, best.id):
                latest[row.fingerprint] = row
    return latest


def _get(session: Session, issue: str) -> Issue:
    row = session.get(Issue, issue, with_for_update=True)
    if row is None:
        raise Permanent(f"there is no issue {issue!r}", remedy="list them with `forewarn issues list`")
    return row


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
