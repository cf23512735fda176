"""Simulated disks that fill, in per cent: what a forecast of the time to a breach is judged on.

Each fleet is a function of a generator and of how many disks; it returns their levels, time × disks.
"""

from collections.abc import Callable

import numpy as np

from detectors.base import Floats

STEP = 600.0
DAY = 86400.0
DAYS = 20
LENGTH = int(DAYS * DAY / STEP)
Fleet = Callable[[np.random.Generator, int], Floats]


def _days() -> Floats:
    return np.asarray(np.arange(LENGTH)[:, None] * STEP / DAY, np.float64)


def _rates(rng: np.random.Generator, disks: int) -> Floats:
    """Return rates in per cent a day, lognormal about 5."""
    return np.asarray(5.0 * np.exp(rng.normal(0, 0.5, (1, disks))), np.float64)


def even(rng: np.random.Generator, disks: int) -> Floats:
    """Fill evenly, with noise."""
    return rng.uniform(20, 60, (1, disks)) + _rates(rng, disks) * _days() + rng.normal(0, 0.5, (LENGTH, disks))


def rhythmic(rng: np.random.Generator, disks: int) -> Floats:
    """Fill evenly; the level has a rhythm of the day."""
    phase, size = rng.uniform(0, 1, (1, disks)), rng.uniform(2, 8, (1, disks))
    return even(rng, disks) + size * np.sin(2 * np.pi * (_days() + phase))


def wandering(rng: np.random.Generator, disks: int) -> Floats:
    """Fill at a rate that wanders by a tenth of itself an hour."""
    steps = rng.normal(0, 0.1 * np.sqrt(STEP / 3600), (LENGTH, disks))
    for i in range(1, LENGTH):
        steps[i] += 0.999 * steps[i - 1]
    filled: Floats = np.cumsum(_rates(rng, disks) * np.exp(steps) * STEP / DAY, axis=0)
    return rng.uniform(20, 60, (1, disks)) + filled + rng.normal(0, 0.5, (LENGTH, disks))


def plateaus(rng: np.random.Generator, disks: int) -> Floats:
    """Fill for some hours or days, then stand still for as long."""
    filling = np.ones((LENGTH, disks))
    for disk in range(disks):
        at = 0
        while at < LENGTH:
            busy, idle = (1 + int(rng.exponential(1.5 * DAY / STEP)) for _ in range(2))
            filling[at + busy : at + busy + idle, disk] = 0.0
            at += busy + idle
    filled = np.cumsum(2 * _rates(rng, disks) * filling * STEP / DAY, axis=0)
    return rng.uniform(20, 60, (1, disks)) + filled + rng.normal(0, 0.5, (LENGTH, disks))


def cleaned(rng: np.random.Generator, disks: int) -> Floats:
    """Fill three times as fast, and be cleaned up now and then, less and less often."""
    values, drop = even(rng, disks) + 2 * _rates(rng, disks) * _days(), np.zeros(disks)
    dropped = np.zeros((LENGTH, disks))
    for i in range(LENGTH):
        due = rng.random(disks) < STEP / DAY / (1.0 + 0.3 * i * STEP / DAY)
        drop += np.where(due, rng.uniform(10, 30, disks), 0.0)
        dropped[i] = drop
    return np.maximum(values - dropped, rng.normal(5, 0.5, (LENGTH, disks)))


def saturating(rng: np.random.Generator, disks: int) -> Floats:
    """Fill more and more slowly, up to a level of their own, that may be the limit or not."""
    rise, pace = rng.uniform(20, 90, (1, disks)), rng.uniform(1, 6, (1, disks))
    return np.asarray(40 + rise * (1 - np.exp(-_days() / pace)) + rng.normal(0, 0.5, (LENGTH, disks)))


def accelerating(rng: np.random.Generator, disks: int) -> Floats:
    """Fill faster and faster, evenly so."""
    grown = 0.1 * _rates(rng, disks) * (_days() + 1) ** 2
    return np.asarray(rng.uniform(10, 40, (1, disks)) + grown + rng.normal(0, 0.5, (LENGTH, disks)))


def ramps(rng: np.random.Generator, disks: int) -> Floats:
    """Stand still for days, then fill evenly."""
    begun = np.maximum(_days() - rng.uniform(2, 10, (1, disks)), 0)
    return np.asarray(
        rng.uniform(40, 70, (1, disks)) + 1.5 * _rates(rng, disks) * begun + rng.normal(0, 0.5, (LENGTH, disks))
    )


def walking(rng: np.random.Generator, disks: int) -> Floats:
    """Fill evenly but for a random walk of the level."""
    return even(rng, disks) + np.cumsum(rng.normal(0, 0.15, (LENGTH, disks)), axis=0)


def bursts(rng: np.random.Generator, disks: int) -> Floats:
    """Fill by eight bursts a day, at random times and of random size."""
    burst = (rng.random((LENGTH, disks)) < 8 * STEP / DAY) * rng.exponential(1, (LENGTH, disks))
    filled = np.cumsum(burst * _rates(rng, disks) / 8, axis=0)
    return np.asarray(rng.uniform(20, 60, (1, disks)) + filled + rng.normal(0, 0.2, (LENGTH, disks)))


def working(rng: np.random.Generator, disks: int) -> Floats:
    """Fill in working hours only."""
    work = (_days() % 1 > 0.33) & (_days() % 1 < 0.75)
    filled = np.cumsum(work * _rates(rng, disks) / 0.42 * STEP / DAY, axis=0)
    return np.asarray(rng.uniform(20, 60, (1, disks)) + filled + rng.normal(0, 0.3, (LENGTH, disks)))


def noisy(rng: np.random.Generator, disks: int) -> Floats:
    """Stand still, with noise that may reach the limit."""
    return np.asarray(
        rng.uniform(70, 94, (1, disks)) + rng.uniform(0.3, 2.5, (1, disks)) * rng.normal(0, 1, (LENGTH, disks))
    )
