"""Made series of the kinds that operations watch, without incidents: what is usual at each time, and its noise.

Two halves of eight families each, that differ in rhythm, step, noise and shape: constants are chosen on `CHOOSE`, and
`JUDGE` says what they are worth. Every series draws its own step, rhythm, size and noise.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from detectors.base import Floats

DAY, HOUR, MINUTE = 86400.0, 3600.0, 60.0
BEGIN = 1_704_067_200.0  # a Monday
Noise = Callable[[Floats, Generator], Floats]


class Plain(NamedTuple):
    """A series without incidents."""

    times: Floats
    usual: Floats
    noise: Noise
    """Makes values of what is usual."""
    rhythmic: bool = True
    fails: bool = False
    """Whether it runs to failure: it has one incident of its own, at its end, and no other."""


def even(rng: Generator, step: float, days: float) -> Floats:
    """Return times that are even, from some hour on."""
    return BEGIN + float(rng.integers(7 * 24)) * HOUR + np.arange(float(int(days * DAY / step))) * step


def uneven(rng: Generator, step: float, days: float) -> Floats:
    """Return times about `step` apart, with one gap of hours."""
    times: Floats = even(rng, step, days) + rng.uniform(-0.3, 0.3, int(days * DAY / step)) * step
    gap = int(rng.uniform(0.2, 0.4) * len(times))
    return np.delete(times, slice(gap, gap + int(5 * HOUR / step)))


def day(times: Floats, peak: float, sharp: float = 1.0) -> Floats:
    """Return a rhythm from 0 to 1 that is highest at the hour `peak`."""
    wave: Floats = 0.5 + 0.5 * np.cos(2 * np.pi * (times / DAY - peak / 24))
    return wave**sharp


def weekend(times: Floats) -> Floats:
    """Return 1 on Saturdays and Sundays, else 0."""
    return ((np.floor(times / DAY) + 3) % 7 >= 5).astype(np.float64)


def holidays(times: Floats, rng: Generator) -> Floats:
    """Return 1 on one working day in thirty, else 0."""
    days = np.floor(times / DAY).astype(int)
    return np.isin(days, np.unique(days)[rng.random(len(np.unique(days))) < 1 / 30]).astype(np.float64)


def relative(share: float) -> Noise:
    """Return noise in proportion to what is usual."""
    return lambda usual, rng: usual * (1.0 + rng.normal(0, share, len(usual)))


def lasting(size: float, keep: float) -> Noise:
    """Return noise that is like the noise just before."""

    def noise(usual: Floats, rng: Generator) -> Floats:
        fresh = rng.normal(0, size * np.sqrt(1 - keep * keep), len(usual))
        for i in range(1, len(fresh)):
            fresh[i] += keep * fresh[i - 1]
        return usual + fresh

    return noise


def poisson(usual: Floats, rng: Generator) -> Floats:
    """Return counts."""
    return rng.poisson(np.maximum(usual, 0.0)).astype(np.float64)


def lognormal(spread: float, bursts: float) -> Noise:
    """Return noise that is a factor, with a few far ones."""

    def noise(usual: Floats, rng: Generator) -> Floats:
        far = np.where(rng.random(len(usual)) < bursts, rng.exponential(1.2, len(usual)), 0.0)
        return usual * np.exp(rng.normal(0, spread, len(usual)) + far)

    return noise


def visits(rng: Generator) -> Plain:
    """Visits an hour: a strong day, weaker weekends, a trend."""
    times = even(rng, HOUR, rng.uniform(50, 110))
    usual = rng.uniform(0.05, 0.25) + day(times, rng.uniform(11, 20), rng.uniform(0.8, 2))
    usual *= 1.0 - rng.uniform(0, 0.6) * weekend(times)
    usual *= np.linspace(1, rng.uniform(0.8, 1.5), len(times))
    return Plain(times, 10 ** rng.uniform(2, 5) * usual, relative(rng.uniform(0.03, 0.09)))


def calls(rng: Generator) -> Plain:
    """Calls of an interface in five minutes: large counts with a day."""
    times = even(rng, 5 * MINUTE, rng.uniform(14, 30))
    usual = rng.uniform(0.2, 0.6) + day(times, rng.uniform(8, 20)) * (1.0 - rng.uniform(0, 0.5) * weekend(times))
    return Plain(times, rng.uniform(50, 800) * usual, poisson)


def orders(rng: Generator) -> Plain:
    """Orders in ten minutes: small counts, none at night."""
    times = even(rng, 10 * MINUTE, rng.uniform(21, 40))
    return Plain(times, rng.uniform(3, 15) * (0.03 + day(times, rng.uniform(12, 20), 1.5)), poisson)


def latency(rng: Generator) -> Plain:
    """Milliseconds of a request, a minute or five: heavy tail, bursts, a little day."""
    times = even(rng, float(rng.choice([60.0, 300.0])), rng.uniform(4, 7))
    usual = rng.uniform(20, 400) * (1.0 + rng.uniform(0, 0.3) * day(times, rng.uniform(8, 20)))
    return Plain(times, usual, lognormal(rng.uniform(0.08, 0.3), rng.uniform(0.002, 0.02)), rhythmic=False)


def plateaus(rng: Generator) -> Plain:
    """Percent of a processor that runs jobs: it stays at one of a few heights, for hours."""
    times = even(rng, 5 * MINUTE, rng.uniform(12, 21))
    heights, usual, at = rng.uniform(8, 60, 3), np.empty(len(times)), 0
    while at < len(times):
        length = int(rng.exponential(50)) + 6
        usual[at : at + length] = rng.choice(heights)
        at += length
    return Plain(times, usual, lasting(rng.uniform(0.5, 2.0), 0.3), rhythmic=False)


def succeeded(rng: Generator) -> Plain:
    """Share of an hour's or quarter's attempts that succeed, near 1."""
    times = even(rng, float(rng.choice([900.0, 3600.0])), rng.uniform(30, 60))
    each, rate = int(10 ** rng.uniform(2.3, 4)), rng.uniform(0.95, 0.995)

    def noise(usual: Floats, rng: Generator) -> Floats:
        return rng.binomial(each, np.clip(usual, 0, 1)) / each

    return Plain(times, np.full(len(times), rate), noise, rhythmic=False)


def filling(rng: Generator) -> Plain:
    """Percent of a memory that fills evenly and is emptied: a saw tooth of its own period."""
    times = even(rng, 5 * MINUTE, rng.uniform(12, 21))
    period = rng.uniform(60, 500)
    tooth = np.arange(len(times)) / period % 1.0
    return Plain(times, 20 + rng.uniform(20, 60) * tooth, lasting(rng.uniform(0.3, 1.0), 0.5), rhythmic=False)


def wearing(rng: Generator) -> Plain:
    """A machine's temperature, an hour: it creeps for days, then runs away."""
    times = even(rng, float(rng.choice([600.0, 3600.0])), 0.0 + rng.uniform(30, 60))
    usual = rng.uniform(40, 80) + rng.uniform(0, 2) * day(times, 15)
    usual[_wear(times, rng, 4 * DAY)] += _growth(times, rng, 4 * DAY, rng.uniform(8, 25))
    return Plain(times, usual, lasting(rng.uniform(0.5, 1.5), 0.7), rhythmic=False, fails=True)


def sessions(rng: Generator) -> Plain:
    """Sessions an hour: two peaks a day, weekends of another shape, holidays."""
    times = even(rng, HOUR, rng.uniform(60, 120))
    work = 0.1 + day(times, 10, 4) + rng.uniform(0.5, 1.0) * day(times, rng.uniform(18, 21), 4)
    rest = 0.1 + rng.uniform(0.4, 0.9) * day(times, rng.uniform(13, 17))
    off = np.maximum(weekend(times), holidays(times, rng))
    return Plain(times, 10 ** rng.uniform(2, 6) * np.where(off > 0, rest, work), lognormal(rng.uniform(0.04, 0.1), 0.0))


def revenue(rng: Generator) -> Plain:
    """Revenue in about a quarter of an hour, at uneven times: large and small sums."""
    times = uneven(rng, 15 * MINUTE, rng.uniform(25, 45))
    usual = rng.uniform(5, 60) * (0.1 + day(times, rng.uniform(14, 21))) * (1 + rng.uniform(0, 0.5) * weekend(times))

    def noise(usual: Floats, rng: Generator) -> Floats:
        number = rng.poisson(np.maximum(usual, 0.0))
        return 20.0 * rng.gamma(np.maximum(number, 1e-9), 1.0)

    return Plain(times, usual, noise)


def waiting(rng: Generator) -> Plain:
    """Messages in a queue, a minute: mostly few, at times many."""
    times = even(rng, MINUTE, rng.uniform(3, 6))
    usual = np.full(len(times), rng.uniform(2, 20))

    def noise(usual: Floats, rng: Generator) -> Floats:
        return np.floor(lognormal(0.7, 0.002)(usual, rng))

    return Plain(times, usual, noise, rhythmic=False)


def temperature(rng: Generator) -> Plain:
    """Degrees in a room, in five minutes or an hour: a slow walk about a level, a weak day."""
    times = even(rng, float(rng.choice([300.0, 3600.0])), 0.0 + rng.uniform(20, 60))
    usual = rng.uniform(18, 70) + rng.uniform(0.5, 3) * day(times, 15)
    return Plain(times, usual, lasting(rng.uniform(0.5, 2.0), 0.97), rhythmic=False)


def traffic(rng: Generator) -> Plain:
    """Bytes in five minutes: a day, and a backup each night that is higher than all."""
    times = even(rng, 5 * MINUTE, rng.uniform(14, 30))
    usual = 0.2 + day(times, rng.uniform(10, 18), 2)
    start = rng.uniform(0, 4) * HOUR
    clock = times % DAY
    usual = np.where((clock >= start) & (clock < start + rng.uniform(0.5, 1.5) * HOUR), rng.uniform(2, 4), usual)
    return Plain(times, 10 ** rng.uniform(3, 9) * usual, lognormal(rng.uniform(0.05, 0.2), 0.001))


def failed(rng: Generator) -> Plain:
    """Share of five minutes' or an hour's requests that fail, near 0, of a number that follows the day."""
    times = even(rng, float(rng.choice([300.0, 3600.0])), rng.uniform(20, 45))
    number = np.maximum(10 ** rng.uniform(2, 4) * (0.05 + day(times, 15)), 5).astype(np.int64)

    def noise(usual: Floats, rng: Generator) -> Floats:
        return rng.binomial(number[: len(usual)], np.clip(usual, 0, 1)) / number[: len(usual)]

    return Plain(times, np.full(len(times), rng.uniform(0.002, 0.03)), noise, rhythmic=False)


def written(rng: Generator) -> Plain:
    """Gigabytes on a disk, an hour: it grows with the working day and is rotated each week or so."""
    times = even(rng, HOUR, rng.uniform(50, 100))
    growth = 0.2 + day(times, 14, 2) * (1.0 - 0.7 * weekend(times))
    every = int(rng.uniform(80, 250))
    usual = np.cumsum(growth)
    usual -= usual[np.arange(len(times)) // every * every]
    return Plain(times, 30 + usual, lasting(rng.uniform(0.1, 0.5), 0.2), rhythmic=False)


def bearing(rng: Generator) -> Plain:
    """A bearing's vibration in ten minutes: noise that grows towards the end, with bursts."""
    times = even(rng, 10 * MINUTE, rng.uniform(12, 25))
    usual = np.full(len(times), rng.uniform(0.05, 0.5))
    usual[_wear(times, rng, 2 * DAY)] *= 1.0 + _growth(times, rng, 2 * DAY, rng.uniform(1.5, 6))
    return Plain(times, usual, lognormal(rng.uniform(0.05, 0.15), 0.003), rhythmic=False, fails=True)


def _wear(times: Floats, rng: Generator, span: float) -> slice:
    return slice(int(np.searchsorted(times, times[-1] - span)), len(times))


def _growth(times: Floats, rng: Generator, span: float, most: float) -> Floats:
    """Return what creeps from 0 in `span` seconds, then runs to `most` within the last fiftieth."""
    part = np.linspace(0, 1, len(times[_wear(times, rng, span)]))
    return most * (0.4 * part**2 + 0.6 * np.clip((part - 0.98) / 0.02, 0, 1))


CHOOSE = (visits, calls, orders, latency, plateaus, succeeded, filling, wearing)
JUDGE = (sessions, revenue, waiting, temperature, traffic, failed, written, bearing)
