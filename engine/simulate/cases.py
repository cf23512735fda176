"""What goes wrong: the incidents of a scenario, drawn for its fleet, and who would have called about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from engine.simulate.fleet import Fleet, Ints, account_id, between, generator
from engine.simulate.scenario import Wave
from engine.simulate.truth import Incident, Truth, Would

DAY = 86400.0
OPENS, CLOSES = 8, 18
"""Local hours between which people call."""
FORGOTTEN = 4 * 3600.0
"""Who has not noticed so long after the end does not call."""


@dataclass(frozen=True, slots=True)
class Case:
    """One incident as it touches one account."""

    wave: Wave
    account: int
    device: int
    """The device that is offline; -1 if it is about none."""
    onset: float
    full: float
    """When it has come to its full."""
    end: float
    peak: float


@dataclass(frozen=True, slots=True)
class Happened:
    """One incident: the cases it consists of, and the contacts it would have caused."""

    id: str
    wave: Wave
    cases: tuple[Case, ...]
    contacts: tuple[Would, ...]


def happenings(fleet: Fleet, seed: int) -> list[Happened]:
    """Draw every incident of the fleet's scenario. An account has at most one of a sort (`Wave.what`)."""
    taken: dict[str, set[int]] = {}
    found: list[Happened] = []
    for place, wave in enumerate(fleet.scenario.waves):
        rng = generator(seed, 2, place)
        for number in range(wave.count):
            chosen = _choose(fleet, wave, taken.setdefault(wave.what, set()), rng)
            if chosen:
                cases = tuple(_cases(fleet, wave, chosen, rng))
                contacts = tuple(_contacts(fleet, wave, cases, rng))
                found.append(Happened(f"{wave.name}-{number + 1}", wave, cases, contacts))
    return found


def truth_of(fleet: Fleet, happened: list[Happened], seed: int) -> Truth:
    """Return what happened as it is written down."""
    scenario = fleet.scenario
    return Truth(
        scenario=scenario.name,
        seed=seed,
        start=scenario.starts_at,
        end=scenario.ends_at,
        accounts=scenario.accounts,
        incidents=tuple(_incident(each) for each in happened),
    )


def _incident(happened: Happened) -> Incident:
    cases = happened.cases
    return Incident(
        id=happened.id,
        wave=happened.wave.name,
        what=happened.wave.what,
        detectors=happened.wave.detectors,
        accounts=tuple(account_id(case.account) for case in cases),
        onset=min(case.onset for case in cases),
        end=max(case.end for case in cases),
        contacts=happened.contacts,
    )


def _users(fleet: Fleet, wave: Wave) -> Ints:
    users = {
        "api-errors": fleet.api.accounts,
        "webhooks-refused": fleet.webhooks.accounts,
        "device-offline": np.unique(fleet.device_of),
        "storage-filling": fleet.storage.accounts,
        "job-missed": fleet.jobs.accounts,
        "card-expiring": fleet.cards.accounts,
    }[wave.what]
    if not wave.home:
        return users
    home = [each.name for each in fleet.scenario.homes].index(wave.home)
    there: Ints = users[fleet.home[users] == home]
    return there


def _choose(fleet: Fleet, wave: Wave, taken: set[int], rng: np.random.Generator) -> list[int]:
    free = [account for account in _users(fleet, wave).tolist() if account not in taken]
    chosen: list[int] = rng.permutation(free)[: wave.accounts].tolist() if free else []
    taken.update(chosen)
    return chosen


def _cases(fleet: Fleet, wave: Wave, accounts: list[int], rng: np.random.Generator) -> Iterator[Case]:
    onset, ramp, lasts = (float(between(rng, ends, 1)[0]) for ends in (wave.starts, wave.ramp, wave.lasts))
    if wave.what == "job-missed":
        onset = onset // DAY * DAY + float(fleet.scenario.jobs.starts)
    onset += fleet.scenario.starts_at
    for account in accounts:
        devices = np.flatnonzero(fleet.device_of == account)
        yield Case(
            wave=wave,
            account=account,
            device=int(rng.choice(devices)) if wave.what == "device-offline" else -1,
            onset=onset,
            full=onset + ramp,
            end=onset + ramp + lasts,
            peak=float(between(rng, wave.peak, 1)[0]),
        )


def _contacts(fleet: Fleet, wave: Wave, cases: tuple[Case, ...], rng: np.random.Generator) -> Iterator[Would]:
    calls, size = wave.calls, len(cases)
    would = rng.random(size) < calls.share
    delays = float(calls.after) * np.exp(rng.normal(0.0, calls.spread, size))
    for case, calling, delay in zip(cases, would.tolist(), delays.tolist(), strict=True):
        noticed = case.onset + wave.hurts * (case.full - case.onset) + delay
        at = _at_work(noticed, fleet.home_of(case.account).zone)
        if calling and noticed <= case.end + FORGOTTEN and at < fleet.scenario.ends_at:
            yield Would(account_id(case.account), at)


def _at_work(moment: float, zone: str) -> float:
    """Return `moment`, or the next one at which people of `zone` are at work."""
    local = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone))
    if OPENS <= local.hour < CLOSES:
        return moment
    opening = local.replace(hour=OPENS, minute=local.minute % 45)
    return (opening if local.hour < OPENS else opening + timedelta(days=1)).timestamp()
