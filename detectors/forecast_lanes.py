"""The lanes of `Forecast`, and the arithmetic on them (see `lanes`)."""

from typing import Any

import numpy as np

from detectors.compiled import inlined
from detectors.crossing import crossing
from detectors.forecast_line import NEAR, Line, Moments, free_of, least_of, moved, rate_of, sure_of, variance_of
from detectors.forecast_row import OUTLIER, ROW, WARMUP, Config
from detectors.forecast_way import DOUBTS, TRUST, Reach, is_beyond
from detectors.lanes import LANES

WIDE = np.dtype(
    [
        ("series", "i8", LANES),
        ("place", "i8", LANES),  # in the batch
        ("now", "f8", LANES),
        ("time", "f8", LANES),  # of the row: it never goes back
        ("ahead", "f8", LANES),  # seconds since the last observation
        ("keep", "f8", LANES),  # of the weights, after these
        ("value", "f8", LANES),
        ("effect", "f8", LANES),  # of the hour
        ("peak", "f8", LANES),  # the most that an hour adds
        ("level", "f8", LANES),  # of the line now
        ("error", "f8", LANES),
        ("variance", "f8", LANES),
        ("doubt", "f8", LANES),
        ("trust", "f8", LANES),
        ("alone", "f8", LANES),  # 1 if it is to be learned by itself
        ("near", "f8", LANES),  # 1 if the limit may be in reach
        ("ready", "f8", LANES),  # 1 if there is an opinion
        ("score", "f8", LANES),  # and what else is told
        ("expected", "f8", LANES),
        ("pace", "f8", LANES),
        ("told", "f8"),  # 1 once there was a time to a breach
    ]
)
KEPT = (ROW.names or ())[3:27]
LEAN = np.dtype([(name, "f4", LANES) for name in KEPT])
take_out, put_back, _, _ = crossing(ROW, LEAN, KEPT)


@inlined
def gather(row: Any, keep: float, ahead: float, y: float, wide: Any, k: int) -> None:
    """Put in lane `k` what else is needed of a row."""
    wide.time[k], wide.ahead[k], wide.keep[k], wide.value[k] = row.time + ahead, ahead, keep, y
    wide.level[k], wide.doubt[k], wide.trust[k] = row.level, DOUBTS[row.checks], TRUST[row.checks]
    wide.alone[k] = row.run


@inlined
def foresee(config: Config, wide: Any, lean: Any, n: int) -> None:
    """Move the lines on, hold the values against them and tell whether the limit may be in reach."""
    limit, settle, step = config.limit, config.settle, config.step
    for k in range(n):
        ahead, weight, count = wide.ahead[k], 1.0 * lean.weight[k], 1.0 * lean.count[k]
        level, free = wide.level[k] + lean.slope[k] * ahead, free_of(count, weight)
        variance = variance_of(lean.squares[k], weight, free, least_of(level, config))
        sure = sure_of(variance, free, weight, lean.age[k] + ahead, lean.spread[k], step)
        line = Line(level, 1.0 * lean.slope[k], sure[0], sure[1], variance)
        known, error = count >= WARMUP, wide.value[k] - wide.effect[k] - level
        ready = known & (lean.watched[k] + ahead >= settle)
        reach = Reach(
            limit - level - wide.peak[k],
            line,
            1.0 * lean.watched[k],
            1.0 * lean.held[k],
            1.0 * lean.drift[k],
            1.0 * lean.loss[k],
            1.0 * lean.near[k],
            1.0 * lean.near_square[k],
            wide.trust[k] * lean.slope_error[k],
            wide.doubt[k],
        )
        far = is_beyond(reach, config) & (wide.value[k] < limit)
        wide.level[k], wide.error[k], wide.variance[k] = level, error, variance
        wide.alone[k] = 1.0 if (wide.alone[k] > 0.0) | known & (error * error > OUTLIER * OUTLIER * variance) else 0.0
        wide.ready[k], wide.near[k] = 1.0 if ready else 0.0, 0.0 if far else 1.0


@inlined
def learn(wide: Any, lean: Any, n: int) -> None:
    """Take the values in (see `forecast_line`), as if none was an outlier or came after one."""
    for k in range(n):
        ahead, error = wide.ahead[k], wide.error[k]
        old = Moments(1.0 * lean.weight[k], 1.0 * lean.age[k], 1.0 * lean.squares[k], 1.0 * lean.spread[k], 0.0, 0.0)
        new = moved(old, error, ahead, wide.keep[k])
        wide.level[k] += new.by_level * error
        lean.slope[k] += new.by_slope * error
        lean.weight[k], lean.age[k], lean.squares[k], lean.spread[k] = new.weight, new.age, new.squares, new.spread
        lean.watched[k] += ahead
        lean.mark_age[k] += ahead
    for k in range(n):
        error, count = wide.error[k], lean.count[k] + 1.0
        rate, step = rate_of(count), error - lean.last[k]
        near = np.float32(lean.near[k] + NEAR * (error - lean.near[k]))
        lean.count[k], lean.near[k], lean.last[k] = count, near, error
        lean.near_square[k] += rate * (near * near - lean.near_square[k])
        lean.rough[k] += rate * (0.5 * step * step - lean.rough[k])
