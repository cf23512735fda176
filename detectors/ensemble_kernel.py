"""The compiled loop of `Ensemble`: views of each observation, how rare each is, their sum, and the episodes."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats, Ints
from detectors.compiled import compiled
from detectors.ensemble_episodes import FIELDS as EPISODE_FIELDS
from detectors.ensemble_episodes import episode
from detectors.ensemble_past import CEILING, LATEST, PAST, begin
from detectors.ensemble_past import FIELDS as PAST_FIELDS
from detectors.ensemble_rhythm import FIELDS as RHYTHM_FIELDS
from detectors.ensemble_rhythm import MEASURED, look_behind, weigh
from detectors.ensemble_surprise import FEATURES, surprise
from detectors.ensemble_surprise import FIELDS as SURPRISE_FIELDS
from detectors.ensemble_tails import TAIL, learn, limit, rarity
from detectors.ensemble_views import HOUR, LEVEL, SLOT, STILL, VIEWS, has_slot, look, usual

NUMBER = len(VIEWS)
DENSE = np.array([1.5, 1.0, 2.0, 1.0, 0.5, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 0.5, 1.5, 1.5, 1.5, 0.0, 0.0])
"""Weights of the views in the dense score: what is sharp in time counts more."""
WAKING = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5])
"""The same in the sum that wakes. In both, those of the last five are shares of what `ensemble_rhythm.weigh` says."""
DISTANT = 1.5
"""Weight in the sum of how far a view is beyond its usual size, where that says more than how rare it is."""
SURPRISE = 2.0
"""Weight of the surprise in the dense score; the other weights are of the views."""
CUT, DENSE_CUT = 1.25, 0.5
"""Decades of a view that count for nothing."""
DECADES = 0.23
"""Decades of evidence that one in the sum is worth, as the views tell much of the same: the default raise score is then
a sum of 13, a little over what the standard profile of NAB likes best, and twice what it likes best on made series."""
HOLDING = 0.4
"""Share of the evidence of the raise score from which what follows an episode still belongs to it."""

MAIN = np.dtype([*PAST_FIELDS, *EPISODE_FIELDS, *SURPRISE_FIELDS, *RHYTHM_FIELDS, ("parts", "f4", NUMBER)])
ROW = np.dtype([("main", MAIN), ("tails", TAIL, (NUMBER,))])


class Columns(NamedTuple):
    """What the loop writes for each observation."""

    score: Floats
    expected: Floats
    low: Floats
    high: Floats
    dense: Floats
    alarm: Floats
    peak: Floats
    seen: Floats


class Scratch(NamedTuple):
    """Room for one observation's views, their weights, how far some are, what an episode tells, and for `surprise`."""

    views: Floats
    weights: Floats
    far: Floats
    told: Floats
    features: Floats
    distances: NDArray[np.float32]


@compiled
def run(
    mains: NDArray[Any], tails: NDArray[Any], series: Ints, time: Floats, value: Floats, warmup: int, out: Columns
) -> None:
    """Score and learn the observations in order: `mains` and `tails` are the two parts of the rows of `ROW`."""
    scratch = Scratch(
        np.empty(NUMBER), np.ones(NUMBER), np.empty(MEASURED),
        np.empty(3), np.empty(FEATURES), np.empty(PAST, np.float32),
    )  # fmt: skip
    for i in range(series.size):
        _silence(out, i)
        if math.isfinite(value[i]) and math.isfinite(time[i]):  # else no score, and nothing to learn
            at = min(max(time[i], -LATEST), LATEST)
            seen = min(max(value[i], -CEILING), CEILING)
            _take(mains[series[i]], tails[series[i]], at, seen, warmup, out, i, scratch)


@compiled
def _take(
    main: Any, tails: Any, time: float, value: float, warmup: int, out: Columns, i: int, scratch: Scratch
) -> None:
    if main.count == 0:
        begin(main, value)
        tails[STILL].least = 1.0
    _expect(main, tails, time, out, i)
    surprised = surprise(main, time, value, scratch.features)
    look(main, time, value, scratch.views, scratch.distances)
    look_behind(main, scratch.views, scratch.far)
    weigh(main, scratch.weights)
    total, dense, view = _judge(main, tails, scratch)
    episode(main, total, value, view, scratch.told)
    out.dense[i] = DECADES * (dense + SURPRISE * surprised)
    if main.count > warmup:
        _write(out, i, total, scratch.told)


@compiled
def _judge(main: Any, tails: Any, scratch: Scratch) -> tuple[float, float, float]:
    """Return the sums of the views' evidence, waking and dense, which view and side has the most; and learn them."""
    views = scratch.views
    total, dense, most, most_view = 0.0, 0.0, 0.0, np.nan
    for j in range(NUMBER):
        rare, side, far = 0.0, 0, 0.0
        if not math.isnan(views[j]):
            rare, side = rarity(tails[j], views[j])
            if j != STILL:
                learn(tails[j], views[j])
            elif side == 1:
                rare = 0.0
            if HOUR <= j < HOUR + MEASURED:
                far = scratch.far[j - HOUR]
        own = max(WAKING[j] * (rare - CUT), DISTANT * (far - CUT), 0.0)
        part = scratch.weights[j] * max(own, main.parts[j])  # views peak one after the other: this or the last
        main.parts[j] = own
        total += part
        dense += scratch.weights[j] * DENSE[j] * max(rare - DENSE_CUT, far - DENSE_CUT, 0.0)
        if part > most:
            most, most_view = part, 2.0 * j + side
    if views[STILL] == 0:  # a run is learned when it is over
        learn(tails[STILL], main.run_before)
    return total, dense, most_view


@compiled
def _silence(out: Columns, i: int) -> None:
    out.score[i] = out.expected[i] = out.dense[i] = out.alarm[i] = out.peak[i] = out.seen[i] = np.nan
    out.low[i], out.high[i] = -np.inf, np.inf


@compiled
def _expect(main: Any, tails: Any, time: float, out: Columns, i: int) -> None:
    """Write what is usual at this time, and the band that one in a hundred is beyond on either side."""
    if main.count < 20:
        return
    expected = usual(main, time)
    which, unit = (SLOT, 1.0) if has_slot(main, time) else (LEVEL, float(main.scale))
    out.expected[i] = expected
    if tails[which].count >= 20:
        out.low[i] = min(expected + unit * limit(tails[which], 1), expected)
        out.high[i] = max(expected + unit * limit(tails[which], 0), expected)


@compiled
def _write(out: Columns, i: int, total: float, told: Floats) -> None:
    alarm = min(DECADES * told[0], 12.0)
    out.alarm[i], out.peak[i], out.seen[i] = alarm, told[1], told[2]
    held = min(HOLDING * DECADES * total, 1.0)  # one decade at most: holds an episode open, raises nothing
    out.score[i] = 1.0 - 10.0 ** -max(alarm, held)
