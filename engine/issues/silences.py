"""What keeps an issue from being told: silences people make, and other issues that explain it.

A silence is for what people know already: maintenance, a customer who asked for peace. It matches by value or glob,
once or every week at the same local hours. Inhibition is for what another issue says better: while that one is active,
the ones it explains cause no contact.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Protocol

from sqlmodel import Session, col, or_, select

from engine.config.model import Hours, Inhibition
from engine.errors import Permanent
from engine.ids import derive
from engine.issues.view import IssueView
from engine.playbooks import matches
from engine.policy.contact_hours import zone_info
from engine.store.database import insert_ignore
from engine.store.models import Change, Silence

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = ("detector", "subject", "account", "severity")


class Silenceable(Protocol):
    """What a silence looks at: an issue, as a row or a view."""

    @property
    def detector(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def account(self) -> str | None: ...
    @property
    def severity(self) -> str: ...


def active(silences: Iterable[Silence], issue: Silenceable, now: float) -> Silence | None:
    """Return the first silence that covers `issue` at `now` (epoch seconds)."""
    return next((each for each in silences if covers(each, issue, now)), None)


def covers(silence: Silence, issue: Silenceable, now: float) -> bool:
    """Return whether `silence` is in force at `now` and speaks of `issue`."""
    return in_force(silence, now) and all(
        fnmatchcase(str(getattr(issue, key) or ""), str(glob)) for key, glob in silence.matcher.items()
    )


def in_force(silence: Silence, now: float) -> bool:
    """Return whether `now` is within the silence and, if it recurs, within one of its weekly windows."""
    if now < silence.starts_at or (silence.ends_at is not None and now >= silence.ends_at):
        return False
    return not silence.recurring or _in_window(silence.recurring, now)


def current(session: Session, now: float) -> list[Silence]:
    """Return the silences that may be in force at `now`, oldest first."""
    open_ended = or_(col(Silence.ends_at).is_(None), col(Silence.ends_at) > now)
    found = select(Silence).where(col(Silence.starts_at) <= now, open_ended)
    return list(session.exec(found.order_by(col(Silence.created_at), col(Silence.id))).all())


def create(
    session: Session,
    matcher: Mapping[str, str],
    who: str,
    why: str,
    now: float,
    *,
    starts_at: float,
    ends_at: float | None = None,
    recurring: Mapping[str, Any] | None = None,
) -> Silence:
    """Make a silence and record who did. The same one at the same time is made once.

    `matcher` has any of detector, subject, account, severity, each a value or a glob; `recurring` is
    ``{days: [sat, sun], from: "22:00", to: "06:00", zone: Europe/Vienna}``, of which days and zone (UTC) may be left
    out. Raises Permanent for one that makes no sense.
    """
    window = dict(recurring or {})
    check(matcher, starts_at, ends_at, window)
    key = derive("sil", sorted(matcher.items()), who, why, starts_at, ends_at, sorted(window.items()), now)
    silence = Silence(
        id=key,
        matcher=dict(matcher),
        starts_at=starts_at,
        ends_at=ends_at,
        recurring=window,
        who=who,
        why=why,
        created_at=now,
    )
    if insert_ignore(session, Silence, [silence]):
        session.add(_change(silence, "silenced", who, why, now))
        session.flush()
    return session.get_one(Silence, key)


def end(session: Session, silence: str, who: str, now: float, why: str = "") -> Silence:
    """End the silence with this id and record who did; one that is over stays as it is. Permanent if there is none."""
    row = session.get(Silence, silence, with_for_update=True)
    if row is None:
        raise Permanent(f"there is no silence {silence!r}", remedy="list them with `forewarn silences list`")
    if row.ends_at is None or row.ends_at > now:
        session.add(_change(row, "ended", who, why, now))
        row.ends_at = max(now, row.starts_at)
        session.add(row)
        session.flush()
    return row


def inhibited(others: Sequence[IssueView], issue: IssueView, rules: Sequence[Inhibition]) -> IssueView | None:
    """Return the active issue among `others` that explains `issue`; None: nothing does.

    Two issues that are each both source and target of a rule do not inhibit each other. An attribute that one of them
    lacks agrees with nothing.
    """
    for rule in rules:
        if matches(rule.target, issue) and not matches(rule.source, issue):
            for other in others:
                if other.active and other.id != issue.id and matches(rule.source, other) and _agree(rule, issue, other):
                    return other
    return None


def _agree(rule: Inhibition, one: IssueView, other: IssueView) -> bool:
    return all(_value(one, name) is not None and _value(one, name) == _value(other, name) for name in rule.equal)


def _value(issue: IssueView, name: str) -> object:
    return issue.account if name == "account" else issue.attributes.get(name)


def _in_window(window: Mapping[str, Any], now: float) -> bool:
    """Ask the clock on the wall, so that a window is where people expect it when clocks change."""
    local = datetime.fromtimestamp(now, zone_info(str(window.get("zone", "UTC"))))
    hours = _hours(window)
    minute = local.hour * 60 + local.minute
    if hours.from_ < hours.to:
        return _on(window, local) and hours.from_ <= minute < hours.to
    yesterday = local - timedelta(days=1)
    return (_on(window, local) and minute >= hours.from_) or (_on(window, yesterday) and minute < hours.to)


def _on(window: Mapping[str, Any], day: datetime) -> bool:
    return DAYS[day.weekday()] in window.get("days", DAYS)


def _hours(window: Mapping[str, Any]) -> Hours:
    return Hours(_minutes(window.get("from", "00:00")), _minutes(window.get("to", "24:00")))


def _minutes(text: object) -> int:
    hour, _, minute = str(text).partition(":")
    total = int(hour) * 60 + int(minute)
    if not (0 <= total <= 24 * 60 and 0 <= int(minute) < 60):
        raise ValueError(f"{text!r} is not a time of day")
    return total


def check(matcher: Mapping[str, str], starts_at: float, ends_at: float | None, window: Mapping[str, Any]) -> None:
    """Raise Permanent for a silence that makes no sense."""
    if not matcher or not set(matcher) <= set(KEYS):
        raise _wrong("a silence matches at least one of detector, subject, account and severity, and nothing else")
    if ends_at is None and not window:
        raise _wrong("a silence that does not recur needs an end")
    if ends_at is not None and ends_at <= starts_at:
        raise _wrong("a silence ends after it starts")
    if window:
        _check_window(window)


def _check_window(window: Mapping[str, Any]) -> None:
    if not set(window) <= {"days", "from", "to", "zone"}:
        raise _wrong("a weekly window has days, from, to and zone")
    if not set(window.get("days", DAYS)) <= set(DAYS):
        raise _wrong(f"days are any of {', '.join(DAYS)}")
    if zone_info(str(window.get("zone", "UTC"))) is None:
        raise _wrong(f"there is no zone {window['zone']!r}")
    try:
        hours = _hours(window)
    except ValueError as error:
        raise _wrong("from and to are times like 22:00") from error
    if hours.from_ == hours.to:
        raise _wrong("from and to differ")


def _wrong(cause: str) -> Permanent:
    return Permanent(cause, remedy="change it and make the silence again")


def _change(silence: Silence, what: str, who: str, why: str, now: float) -> Change:
    return Change(
        id=derive("chg", silence.id, what, who, repr(now)), of=silence.id, at=now, who=who, what=what, note=why
    )
