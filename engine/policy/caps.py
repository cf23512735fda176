"""How often a person may be contacted (C15): caps over calendar days of their zone, or over rolling time."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from engine.config.model import Per
from engine.policy.contact_hours import local_day, start_of_day


class Sent(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A message this person was sent, whatever it was about."""

    at: float
    channel: str
    """The channel's kind."""
    purpose: str
    playbook: str = ""
    occasion: str = "opened"
    digest: str = ""
    """The first of those it was told together with: all of them are one contact."""


def free_at(cap: Per, times: Sequence[float], zones: Sequence[str], now: float) -> float | None:
    """Return `now` or the first moment after it at which `cap` leaves room beside `times`; None: it never does.

    A calendar cap counts local days; of someone who may be in several zones, in each of them.

    >>> free_at(Per(1, 3600.0, False), [100.0], ["UTC"], 200.0)
    3700.0
    >>> free_at(Per(1, 86400.0, True), [100.0], ["Asia/Tokyo"], 200.0)
    54000.0
    """
    if cap.count <= 0:
        return None
    past = [time for time in times if time <= now]
    if len(past) < cap.count:
        return now
    oldest = sorted(past)[-cap.count]
    if not cap.calendar:
        return max(now, oldest + cap.seconds)
    return max(now, *(_day_free(cap, oldest, zone) for zone in zones))


def _day_free(cap: Per, oldest: float, zone: str) -> float:
    """Return the start of the local day on which the oldest message that fills the cap no longer counts."""
    days = max(1, round(cap.seconds / 86400.0))
    return start_of_day(local_day(oldest, zone) + timedelta(days), zone)
