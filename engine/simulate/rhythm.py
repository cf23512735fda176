"""How much traffic is to be expected of an account at a moment: its day, its week, holidays, growth."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from engine.simulate.fleet import Fleet, Floats, Ints

BIN = 300.0
"""Seconds for which the expected traffic is taken to be the same."""
BINS = int(86400 / BIN)
DAY = 86400.0


def expected(fleet: Fleet, accounts: Ints, day: int) -> Floats:
    """Return, for each of `accounts` and each bin of UTC day `day` of the scenario, the traffic relative to its level.

    The mean over a weekday is one.
    """
    moments = np.arange(BINS, dtype=np.float64) * BIN + (fleet.scenario.starts_at + day * DAY + BIN / 2)
    hours, calendar = _by_home(fleet, moments)
    home = fleet.home[accounts]
    rhythm = fleet.scenario.rhythm
    local = hours[home] - fleet.phase[accounts][:, None] - rhythm.peak
    weeks = (moments - fleet.scenario.starts_at) / (7 * DAY)
    growth = np.maximum(1.0 + fleet.growth[accounts][:, None] * weeks, 0.2)
    found: Floats = _bell(local, rhythm.night) * calendar[home] * growth
    return found


def _bell(hours: Floats, night: float) -> Floats:
    """Return the daily profile at so many hours from the peak, `night` of the peak at its deepest, mean one.

    >>> round(float(_bell(np.array([12.0]), 0.2)[0] / _bell(np.array([0.0]), 0.2)[0]), 6)
    0.2
    """
    wave = 0.5 + 0.5 * np.cos(hours * (np.pi / 12.0))
    found: Floats = (night + (1.0 - night) * wave * wave) / (night + (1.0 - night) * 0.375)
    return found


def _by_home(fleet: Fleet, moments: Floats) -> tuple[Floats, Floats]:
    """Return for each home and moment the local hour, and the share of traffic that weekends and holidays leave."""
    scenario = fleet.scenario
    days_off = {(each.country, each.on): each.traffic for each in scenario.holidays}
    hours = np.empty((len(scenario.homes), len(moments)))
    share = np.ones_like(hours)
    for row, home in enumerate(scenario.homes):
        zone = ZoneInfo(home.zone)
        for column, moment in enumerate(moments.tolist()):
            local = datetime.fromtimestamp(moment, UTC).astimezone(zone)
            hours[row, column] = local.hour + local.minute / 60.0
            weekend = scenario.rhythm.weekend if local.weekday() >= 5 else 1.0
            share[row, column] = min(weekend, days_off.get((home.country, local.date().isoformat()), 1.0))
    return hours, share


def date_of(fleet: Fleet, day: int) -> str:
    """Return the date of UTC day `day` of the scenario as `2026-03-02`."""
    return (date.fromisoformat(fleet.scenario.start) + timedelta(days=day)).isoformat()
