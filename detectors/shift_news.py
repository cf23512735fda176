"""What there is to tell of a shift, and how the level follows one that is beyond doubt, on lanes."""

import math
from typing import Any

import numpy as np

from detectors.adwin_kernel import clear, insert, split_of
from detectors.compiled import compiled, inlined
from detectors.lanes import HALF, NIL, ONE
from detectors.shift_row import MOST, SURE, Config

ADOPT_TAIL = np.float32(10.0**-9.5)
"""A level is adopted at this tail: beyond the kind's raise score and all that verdicts can add to it …"""
ADOPT_RUN = np.float32(16)
"""… and when so many observations tell where the new level is (to a quarter unit)."""
FAR_BACK = np.float32(1.5)
"""So many times the last move is no return from it any more."""
HELD_SCORE = 0.9995
"""Of a shift that is still news: neither calm nor a breach."""


@inlined
def tell_move(config: Config, lean: Any, n: int) -> bool:
    """Set the move that the run tells, which is not cut; return whether there may be anything to tell."""
    warmup, news = np.float32(config.warmup), NIL
    for k in range(n):
        recent = abs(lean.run[k])
        lean.by[k], lean.moved[k], lean.recent[k] = lean.total[k] / max(recent, ONE), lean.since[k], recent
        known = lean.count[k] >= warmup
        news = max(news, ONE if known & ((lean.odds[k] >= SURE) | (lean.held[k] > NIL)) else NIL)
    return bool(news > NIL)


@compiled
def split(window: Any, config: Config, lean: Any, k: int, learning: bool) -> None:
    """Let the window judge, and tell of a slow drift."""
    usual, x = 1.0 * lean.unit[k] / lean.ratio[k], 1.0 * lean.x[k]
    found = split_of(window, x * usual, usual, 1.0 * lean.longer[k], 1.0 * lean.skew[k])
    by_run = lean.run[k] * found.side > 0 and lean.lead[k] >= config.high
    lean.side[k], lean.tail[k], lean.odds[k] = found.side, found.tail, -math.log(max(found.tail, 1e-300))
    if not by_run:
        lean.by[k], lean.moved[k], lean.recent[k] = found.after, found.recent * config.step, found.recent
    if learning:
        insert(window, x * usual)


@inlined
def find_news(wide: Any, lean: Any, n: int, warmup: Any) -> None:
    """Tell of shifts, new or still news; note where the level is to be moved."""
    for k in range(n):
        by, back, side = lean.by[k], lean.back[k], lean.side[k]
        sure, settled = lean.odds[k] >= SURE, lean.count[k] >= warmup
        returning = settled & (lean.held[k] > NIL) & (back * side > NIL) & (abs(by) < FAR_BACK * abs(back))
        returned = returning & sure & (abs(by) > HALF * abs(back))
        held = max(lean.held[k] - (lean.ahead[k] if settled else NIL), NIL)
        fresh, still = settled & sure & (not returning), settled & (held > NIL) & (not returned)
        quiet = still & ((not sure) | returning)
        expected = wide.expected[k]
        from_level = expected if fresh else (expected + back if quiet else np.nan)
        to_level = expected + by if fresh else (expected if quiet else np.nan)
        wide.began[k] = wide.now[k] - lean.moved[k] if fresh else np.nan
        wide.before[k], wide.after[k], wide.size[k] = from_level, to_level, (to_level - from_level) / lean.unit[k]
        wide.score[k] = max(0.0 if returning else wide.score[k], HELD_SCORE if still else wide.score[k])
        adopted = settled & (not returned) & (lean.tail[k] <= ADOPT_TAIL) & (lean.recent[k] >= ADOPT_RUN)
        lean.held[k], lean.moves[k] = held, ONE if adopted else (-ONE if returned else NIL)


@compiled
def move(window: Any, config: Config, wide: Any, lean: Any, k: int, learning: bool) -> None:
    """Move the level: to a new one, or back to the one before."""
    recent = lean.recent[k]
    if lean.moves[k] > NIL:
        by, age, lean.back[k], lean.held[k] = lean.by[k], recent, -lean.by[k], config.adopt
    else:
        by, age = lean.back[k] if recent < ADOPT_RUN else lean.by[k], max(lean.age[k], recent)
        lean.held[k] = lean.back[k] = NIL
    wide.level[k] += by
    lean.age[k] = min(age, MOST)
    lean.run[k] = lean.up[k] = lean.down[k] = lean.total[k] = lean.since[k] = NIL
    if config.adwin and learning:
        clear(window)
