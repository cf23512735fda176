"""The events of one day, as columns: when, of which type, of whom, and which of the known texts they carry."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.simulate.cases import Case
from engine.simulate.fleet import Fleet, Floats, Ints, User, generator
from engine.simulate.rhythm import BIN, BINS, DAY, expected
from engine.simulate.scenario import Traffic

TYPES = ("api.request", "webhook.delivery", "device.heartbeat", "storage.usage", "job.completed", "billing.card")
API, WEBHOOK, HEARTBEAT, STORAGE, JOB, CARD = range(6)
STATUS = (200, 201, 404, 500, 502, 503)
GOOD, BAD = (0.9, 0.08, 0.02), (0.7, 0.15, 0.15)
DELIVERED, FAILED = len(STATUS), len(STATUS) + 1
NOTHING = len(STATUS) + 2
PERCENT = len(STATUS) + 3
"""First of the texts of storage: tenths of a per cent."""
EXPIRY = PERCENT + 1001
"""First of the texts of cards: two for each account, before and after the card was replaced."""
REPLACED = 1000 * DAY


@dataclass(frozen=True, slots=True)
class Events:
    """Events as columns, in no particular order."""

    time: Floats
    type: NDArray[np.int8]
    subject: Ints
    text: Ints

    @classmethod
    def of(cls, kind: int, time: Floats, subject: Ints, text: Ints | int) -> "Events":
        """Return events of one kind."""
        texts = np.broadcast_to(np.asarray(text, np.int64), len(time))
        return cls(time, np.full(len(time), kind, np.int8), subject, texts)

    @classmethod
    def together(cls, parts: Iterable["Events"]) -> "Events":
        """Return all events of `parts`, ordered by time."""
        listed = list(parts)
        time = np.concatenate([part.time for part in listed])
        order = np.argsort(time, kind="stable")
        columns = ([getattr(part, name) for part in listed] for name in ("type", "subject", "text"))
        return cls(time[order], *(np.concatenate(column)[order] for column in columns))


def texts(fleet: Fleet, cases: Sequence[Case]) -> list[str]:
    """Return every text that the data of an event may be."""
    fixed = [f'{{"status":{status}}}' for status in STATUS]
    fixed += ['{"outcome":"delivered"}', '{"outcome":"failed"}', "{}"]
    fixed += [f'{{"used_percent":{tenths / 10}}}' for tenths in range(1001)]
    until = np.full(fleet.scenario.accounts, REPLACED)
    until[fleet.cards.accounts] = fleet.cards.level
    for case in cases:
        if case.wave.what == "card-expiring":
            until[case.account] = case.full - fleet.scenario.starts_at
    expiries = (fleet.scenario.starts_at + np.stack([until, until + REPLACED], axis=1)).ravel()
    return fixed + [f'{{"expires_at":{expiry}}}' for expiry in expiries.astype(np.int64).tolist()]


def day_of(fleet: Fleet, cases: Sequence[Case], day: int, seed: int) -> Events:
    """Return the events of UTC day `day` of the scenario: the same whichever days were asked for before."""
    begin = fleet.scenario.starts_at + day * DAY
    parts = []
    for kind, (what, make) in enumerate(_MAKERS):
        touched = [case for case in cases if case.wave.what == what and case.onset < begin + DAY]
        parts.append(make(fleet, touched, day, generator(seed, 3, kind, day)))
    return Events.together(parts)


def _api(fleet: Fleet, cases: Sequence[Case], day: int, rng: np.random.Generator) -> Events:
    time, account = _arrivals(fleet, fleet.api, fleet.scenario.api, day, rng)
    failed = rng.random(len(time)) < _failing(fleet, fleet.scenario.api, cases, (time, account, day), rng)
    draw = rng.random(len(time))
    good = np.searchsorted(np.cumsum(GOOD)[:-1], draw)
    bad = np.searchsorted(np.cumsum(BAD)[:-1], draw) + len(GOOD)
    return Events.of(API, time, account, np.where(failed, bad, good))


def _webhooks(fleet: Fleet, cases: Sequence[Case], day: int, rng: np.random.Generator) -> Events:
    time, account = _arrivals(fleet, fleet.webhooks, fleet.scenario.webhooks, day, rng)
    failed = rng.random(len(time)) < _failing(fleet, fleet.scenario.webhooks, cases, (time, account, day), rng)
    return Events.of(WEBHOOK, time, account, np.where(failed, FAILED, DELIVERED))


def _arrivals(fleet: Fleet, user: User, traffic: Traffic, day: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Draw how often each account calls in each bin, and when in it."""
    noise = np.where(fleet.noisy[user.accounts], fleet.scenario.noisy.noise, traffic.noise)[:, None]
    spread = np.maximum(noise, 1e-3) ** -2.0
    wobble = rng.gamma(np.broadcast_to(spread, (len(user.accounts), BINS))) / spread
    rate = expected(fleet, user.accounts, day) * (user.level[:, None] / BINS) * wobble
    counts = rng.poisson(rate).ravel()
    bins = np.repeat(np.tile(np.arange(BINS), len(user.accounts)), counts)
    account = np.repeat(np.repeat(user.accounts, BINS), counts)
    begin = fleet.scenario.starts_at + day * DAY
    return begin + (bins + rng.random(len(bins))) * BIN, account


def _failing(
    fleet: Fleet, traffic: Traffic, cases: Sequence[Case], events: tuple[Floats, Ints, int], rng: np.random.Generator
) -> Floats:
    """Return how likely each event is to fail: usually, and where something is wrong."""
    time, account, day = events
    hour = ((time - fleet.scenario.starts_at - day * DAY) // 3600).astype(np.int64)
    unrest = rng.gamma(2.0, 0.5, (fleet.scenario.accounts, 24))
    usual = np.where(fleet.noisy, fleet.scenario.noisy.errors, traffic.errors)
    share: Floats = np.minimum(usual[account] * np.where(fleet.noisy[account], unrest[account, hour], 1.0), 0.9)
    for case in cases:
        rows = np.flatnonzero((account == case.account) & (time >= case.onset) & (time < case.end))
        share[rows] = np.maximum(share[rows], case.peak * _progress(case, time[rows]))
    return share


def _progress(case: Case, time: Floats) -> Floats:
    """Return how far a case has come to its full."""
    share: Floats = np.clip((time - case.onset) / max(case.full - case.onset, 1e-9), 0.0, 1.0)
    return share


def _heartbeats(fleet: Fleet, cases: Sequence[Case], day: int, rng: np.random.Generator) -> Events:
    devices, every = len(fleet.device_of), float(fleet.scenario.devices.every)
    beats = int(DAY / every)
    offset = (np.arange(devices) * 37 % 600) / 600 * every
    begin = fleet.scenario.starts_at + day * DAY
    jitter = rng.uniform(0.0, min(every * 0.05, 30.0), (devices, beats))
    time = (begin + offset[:, None] + np.arange(beats) * every + jitter).ravel()
    device = np.repeat(np.arange(devices), beats)
    lost = np.where(fleet.noisy[fleet.device_of], fleet.scenario.noisy.lost, fleet.scenario.devices.lost)
    arrives = rng.random(len(time)) >= lost[device]
    for case in cases:
        arrives &= ~((device == case.device) & (time >= case.onset) & (time < case.end))
    arrives &= time < begin + DAY
    return Events.of(HEARTBEAT, time[arrives], fleet.scenario.accounts + device[arrives], NOTHING)


def _storage(fleet: Fleet, cases: Sequence[Case], day: int, rng: np.random.Generator) -> Events:
    user, count = fleet.storage, len(fleet.storage.accounts)
    begin = fleet.scenario.starts_at + day * DAY
    offset = (user.accounts * 53 % 3600).astype(np.float64)
    time = begin + np.arange(24)[None, :] * 3600.0 + offset[:, None]
    days = (time - fleet.scenario.starts_at) / DAY
    daily = 0.4 * np.sin(2 * np.pi * days + offset[:, None])
    used = user.level[:, None] + fleet.filling[:, None] * days + daily + rng.normal(0.0, 0.15, (count, 24))
    for case in cases:
        row = int(np.searchsorted(user.accounts, case.account))
        during = (time[row] >= case.onset) & (time[row] < case.end)
        usual = used[row, during]
        used[row, during] = usual + (case.peak - usual) * _progress(case, time[row, during])
    tenths = np.clip(np.rint(used * 10), 0, 1000).astype(np.int64)
    return Events.of(STORAGE, time.ravel(), np.repeat(user.accounts, 24), PERCENT + tenths.ravel())


def _jobs(fleet: Fleet, cases: Sequence[Case], day: int, rng: np.random.Generator) -> Events:
    user, jobs = fleet.jobs, fleet.scenario.jobs
    begin = fleet.scenario.starts_at + day * DAY
    due = begin + float(jobs.starts)
    takes = user.level * np.exp(rng.normal(0.0, jobs.spread, len(user.accounts)))
    time = due + np.minimum(takes, 4 * 3600.0)
    ran = np.ones(len(time), np.bool_)
    for case in cases:
        ran &= ~((user.accounts == case.account) & (due >= case.onset) & (due < case.end))
    return Events.of(JOB, time[ran], user.accounts[ran], NOTHING)


def _cards(fleet: Fleet, cases: Sequence[Case], day: int, rng: np.random.Generator) -> Events:
    accounts = fleet.cards.accounts
    time = fleet.scenario.starts_at + day * DAY + 6 * 3600.0 + rng.uniform(0.0, 1800.0, len(accounts))
    replaced = np.zeros(len(accounts), np.int64)
    for case in cases:
        row = int(np.searchsorted(accounts, case.account))
        replaced[row] = int(time[row] >= case.end)
    return Events.of(CARD, time, accounts, EXPIRY + 2 * accounts + replaced)


Maker = Callable[[Fleet, Sequence[Case], int, np.random.Generator], Events]
_MAKERS: tuple[tuple[str, Maker], ...] = (
    ("api-errors", _api),
    ("webhooks-refused", _webhooks),
    ("device-offline", _heartbeats),
    ("storage-filling", _storage),
    ("job-missed", _jobs),
    ("card-expiring", _cards),
)
"""By type of event, in the order of `TYPES`: what can go wrong with it, and what makes it."""
