"""The lanes of `Shift`: what of its rows is put there, and back (see `lanes`)."""

from typing import Any

import numpy as np

from detectors.compiled import inlined
from detectors.crossing import crossing
from detectors.lanes import LANES
from detectors.shift_row import ROW

WIDE = np.dtype(
    [
        ("series", "i8", LANES),
        ("place", "i8", LANES),  # in the batch
        ("now", "f8", LANES),
        ("time", "f8", LANES),  # of the row: it never goes back
        ("value", "f8", LANES),  # less the effect
        ("effect", "f8", LANES),  # of the hour
        ("level", "f8", LANES),
        ("score", "f8", LANES),  # and what else is told
        ("expected", "f8", LANES),
        ("low", "f8", LANES),
        ("high", "f8", LANES),
        ("began", "f8", LANES),
        ("before", "f8", LANES),
        ("after", "f8", LANES),
        ("size", "f8", LANES),
        ("told", "f8"),  # 1 once there was news
    ]
)
KEPT = ("scale", "variance", "covariance", "skew", "up", "down", "total", "since")
"""What stands in a row as on the lanes: a block of eight."""
OTHERS = (
    "ahead",  # seconds since the last observation
    "ratio",  # of the hour's unit to the day's
    "error",
    "unit",
    "x",  # the error in units, cut
    "cut",  # the error, cut
    "count",  # this and what follows is of the row
    "age",
    "run",
    "last",
    "held",
    "back",
    "longer",  # variance of x in the long run
    "root",  # of that
    "allowance",
    "early",  # the higher sum, before x
    "rise",  # the sums, with x
    "fall",
    "watched",  # 1 if one of them was or is high
    "lead",  # the higher sum
    "side",
    "odds",
    "tail",
    "by",  # where the level would be now, from where it is
    "moved",  # seconds since it moved
    "recent",  # observations since
    "moves",  # 1 if it is to move there, −1 if back
    "taught",  # 1 if the level is where it was, for all that is known
)
LEAN = np.dtype([(name, "f4", LANES) for name in KEPT + OTHERS])
take_out, put_back, _, _ = crossing(ROW, LEAN, KEPT)


@inlined
def gather(row: Any, t: float, y: float, wide: Any, lean: Any, k: int) -> None:
    """Put in lane `k` what else is needed of a row, for a value that is less the effect of the hour."""
    ahead = max(t - row.time, 0.0)
    wide.now[k], wide.time[k], lean.ahead[k] = t, row.time + ahead, ahead
    wide.value[k], wide.level[k] = y, row.level
    lean.count[k], lean.age[k], lean.run[k], lean.last[k] = row.count, row.age, row.run, row.last
    lean.held[k], lean.back[k] = row.held, row.back


@inlined
def put_rest(row: Any, wide: Any, lean: Any, k: int) -> None:
    """Write to the row of lane `k` what is not copied with seven others."""
    row.time, row.level = wide.time[k], wide.level[k]
    row.count, row.age = int(lean.count[k]), int(lean.age[k])
    row.run, row.last = int(lean.run[k]), int(lean.last[k])
    row.held, row.back = lean.held[k], lean.back[k]
