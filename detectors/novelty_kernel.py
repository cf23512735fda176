"""The compiled loop of `Novelty`: a row of state a category, a row a group, one pass over the observations.

*Weight* of a category is how often it came, discounted; *rarity* its octave; *arrivals* of a group are counted by the
rarity each had when it came, discounted too.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from detectors.base import Bytes, Floats
from detectors.compiled import compiled

ROW = np.dtype([("time", "f8"), ("weight", "f4"), ("spare", "f4")])
"""16 bytes a category."""
OCTAVES = 16
GROUP = np.dtype([("time", "f8"), ("total", "f4"), ("begun", "i4"), ("arrivals", "f4", OCTAVES)])
"""80 bytes a group."""

FADED = 1 / 16
"""A weight under this is nil, after four half-lives of having come once: the first octave starts here, the last at
1,024."""
PRIOR = 0.5
"""What a group's arrivals of any rarity are counted up by, and their total by twice that: the estimate of Krichevsky
and Trofimov, "The performance of universal encoding", IEEE Transactions on Information Theory 1981."""
RECENT = 1.0
"""Exponent of polynomial-decay averaging (Shamir and Zhang, "Stochastic gradient descent for non-smooth optimization",
ICML 2013): the i-th of n arrivals counts i / n, as at first everything is new."""
LATEST = 1e12  # seconds: year 33,658; times beyond are none


class Config(NamedTuple):
    """What the loop needs to know of the detector's configuration."""

    half_life: float
    warmup: float


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    seen: Floats
    unseen_share: Floats
    arrivals: Floats


@compiled
def run(state: Bytes, parents: Bytes, settings: Any, batch: Any, columns: Any, learn: bool) -> None:
    """Score each observation and, if `learn`, take it in before the next.

    `batch` is (series, time, value, group); all is passed as plain arrays and tuples, as numba is slow to recognise
    others.
    """
    rows, groups = state.view(ROW), parents.view(GROUP)
    config, out = Config(*settings), Columns(*columns)
    series, time, value, number = batch
    for i in range(series.shape[0]):
        for column in out:
            column[i] = np.nan
        if not (abs(time[i]) < LATEST and math.isfinite(value[i]) and number[i] >= 0):
            continue
        row, group = rows[series[i]], groups[number[i]]
        seen = _faded(row.weight, row.time, time[i], config)
        seen = seen if seen >= FADED else 0.0
        if group.begun:
            fade = _faded(1.0, group.time, time[i], config)
            _judge(group, config, seen, fade, value[i], out, i)
        if learn and value[i] > 0:
            _arrive(row, group, config, time[i], seen)


@compiled
def _faded(weight: float, since: float, t: float, config: Config) -> float:
    return float(weight * 0.5 ** (max(t - since, 0.0) / config.half_life))


@compiled
def _octave(weight: float) -> int:
    if weight < FADED:
        return 0
    return min(1 + int(math.log2(weight / FADED)), OCTAVES - 1)


@compiled
def _judge(group: Any, config: Config, seen: float, fade: float, value: float, out: Columns, i: int) -> None:
    """Score how rare a category as rare as this is among the group's arrivals; one that did not come is no news."""
    if group.total * fade < config.warmup:
        return
    out.seen[i], out.arrivals[i] = seen, group.total * fade
    out.unseen_share[i] = _share(group, 0, fade)
    if value <= 0:
        out.score[i] = 0.0
        return
    out.score[i] = 1.0 - _share(group, _octave(seen), fade)
    if seen == 0:
        out.expected[i] = 0.0


@compiled
def _share(group: Any, octave: int, fade: float) -> float:
    """Return the share of arrivals that were in this octave or below."""
    as_rare, total = PRIOR, 2 * PRIOR
    for each in range(OCTAVES):
        count = group.arrivals[each] * fade
        total += count
        if each <= octave:
            as_rare += count
    return float(as_rare / total)


@compiled
def _arrive(row: Any, group: Any, config: Config, t: float, seen: float) -> None:
    fade = _faded(1.0, group.time, t, config) if group.begun else 0.0
    group.total = group.total * fade + 1.0
    for octave in range(OCTAVES):
        group.arrivals[octave] *= fade * (1.0 - RECENT / max(group.total, 1.0))
    group.arrivals[_octave(seen)] += 1.0
    group.time = max(group.time, t) if group.begun else t
    group.begun = 1
    row.time = max(row.time, t) if row.weight > 0 else t
    row.weight = seen + 1.0
