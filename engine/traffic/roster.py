"""How many people answer now: the roster of the policy, or what somebody said of this very moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from engine.config.model import DAYS, Pace, Shift
from engine.errors import Permanent
from engine.ids import derive
from engine.policy.reasons import Reason
from engine.store import outbox
from engine.store.models import Duty, Intent


def rostered(pace: Pace, now: float) -> int:
    """Return how many agents are on duty at `now` (epoch seconds) by the policy.

    >>> from engine.config.model import Clock, Per
    >>> night = Shift(2, ("mon",), Clock(22 * 60), Clock(6 * 60))
    >>> pace = Pace(Per(12, 3600.0, False), (night,), "Europe/Vienna")
    >>> rostered(pace, datetime(2025, 3, 4, 4, tzinfo=ZoneInfo("UTC")).timestamp())  # Tuesday, 05:00 there
    2
    """
    if isinstance(pace.agents, int):
        return pace.agents
    local = datetime.fromtimestamp(now, ZoneInfo(pace.zone))
    return sum(shift.agents for shift in pace.agents if _on(shift, local))


def _on(shift: Shift, local: datetime) -> bool:
    """Ask the clock on the wall, so that a shift is where people expect it when clocks change."""
    minute = local.hour * 60 + local.minute
    today, yesterday = (DAYS[day.weekday()] in shift.days for day in (local, local - timedelta(days=1)))
    if shift.from_ < shift.to:
        return today and shift.from_ <= minute < shift.to
    return (today and minute >= shift.from_) or (yesterday and minute < shift.to)


def said(session: Session, now: float) -> Duty | None:
    """Return what was said last of how many answer, if it holds at `now`."""
    latest = select(Duty).where(col(Duty.at) <= now).order_by(col(Duty.at).desc(), col(Duty.id).desc()).limit(1)
    found = session.exec(latest).first()
    return found if found is not None and found.until > now else None


def say(session: Session, agents: int, until: float, who: str, now: float) -> Duty:
    """Say that `agents` answer until then, whatever the roster has; what waits for them is decided anew at once.

    Raises Permanent for what cannot be.
    """
    if agents < 0:
        raise Permanent(f"{agents} agents cannot be", remedy="say 0 or more")
    if until < now:
        raise Permanent("it would be over already", remedy="say for how long it holds, as --for 2h")
    made = Duty(id=derive("dut", agents, until, who, repr(now)), agents=agents, at=now, until=until, who=who)
    session.add(made)
    outbox.hasten(session, col(Intent.detail) == Reason.PACED, now=now)
    return made


def end(session: Session, who: str, now: float) -> Duty:
    """Let the roster hold again. Raises Permanent where it does."""
    if said(session, now) is None:
        raise Permanent("the roster holds already")
    return say(session, 0, now, who, now)


def history(session: Session, limit: int) -> Sequence[Duty]:
    """Return what was said, the latest first."""
    return session.exec(select(Duty).order_by(col(Duty.at).desc(), col(Duty.id).desc()).limit(limit)).all()
