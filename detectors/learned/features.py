"""What is known of a subject at a moment, as one row of numbers: made the same way of any stream, live and in replay.

All windows are multiples of the horizon H. The columns, in order:

- of each event type, outcomes first: counts that decay with half-lives of H/2, 2 H and 8 H; log1p of the time since the
  last and since the last but one, in 24ths of H; the hour of the day of the last;
- of each signal: its exponentially weighted means at H/8, H/2 and 2 H less the subject's own mean of its first 20
  values, over its own deviation shrunk to that of all; fast less slow; the middle mean as it is;
- over all: age, how many types came within H, how much came lately, time since anything, outcomes so far, hour of the
  day (and its sine and cosine), weekday; over all signals mean, largest and root mean square of z, mean slope;
- attributes: numbers as they are, texts as one column a value.

A number that is not known is NaN; a time since what never happened is `NEVER`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from detectors.compiled import compiled, inlined

Vectors = NDArray[np.float32]

PER_EVENT = 6
PER_SIGNAL = 5
OVERALL = 13
RATES = 5
"""Columns that `rates` writes, after the overall ones."""
NEVER = 12.0
"""The log of a time since what never happened: longer than any, 160,000 24ths of H."""
BASELINE = 20
"""Values of a signal that its baseline is made of: enough for a mean to a quarter of a deviation."""
SHRINK = 10.0
"""So many values' worth of the pooled deviation are added to a subject's own."""
DAY = 86400.0

_HALF, _TWO, _EIGHT, _LAST, _BEFORE = range(5)
_N, _MEAN, _M2, _FAST, _MIDDLE, _SLOW, _SEEN = range(7)
FIRST, ANY, OUTCOMES, LATEST = range(4)


class Known(NamedTuple):
    """What is kept of every subject; one row each."""

    events: Floats
    """(subjects, types, 5): three decayed counts as they were at the last event, and when the last two came."""
    signals: Floats
    """(subjects, signals, 7): count, mean and sum of squares of the baseline, three means, when the last came."""
    about: Floats
    """(subjects, 4): first seen, last event of any type, outcomes, and when the last of them came."""
    attributes: Vectors
    """(subjects, attribute columns)."""
    pooled: Floats
    """(signals, 2): sum of squares about the own means, and its degrees of freedom, over all subjects."""


def unknown(subjects: int, types: int, signals: int, attributes: int) -> Known:
    """Return rows of subjects never seen.

    >>> unknown(2, 3, 1, 0).events.shape
    (2, 3, 5)
    """
    events = np.zeros((subjects, types, 5))
    events[:, :, _LAST:] = -np.inf
    rows = np.zeros((subjects, signals, 7))
    rows[:, :, _SEEN] = -np.inf
    about = np.zeros((subjects, 4))
    about[:, FIRST], about[:, ANY], about[:, LATEST] = np.nan, -np.inf, -np.inf
    return Known(events, rows, about, np.full((subjects, attributes), np.nan, np.float32), np.zeros((signals, 2)))


def joined(one: Known, other: Known) -> Known:
    """Return the rows of both, and what is pooled of the first."""
    return Known(
        events=np.concatenate([one.events, other.events]),
        signals=np.concatenate([one.signals, other.signals]),
        about=np.concatenate([one.about, other.about]),
        attributes=np.concatenate([one.attributes, other.attributes]),
        pooled=one.pooled,
    )


def width(types: int, signals: int, attributes: int) -> int:
    """Return how many columns a row has."""
    return types * PER_EVENT + signals * PER_SIGNAL + OVERALL + RATES + attributes


@compiled
def note_event(known: Known, s: int, kind: int, time: float, count: float, horizon: float) -> None:
    """Take note of `count` events of type `kind`."""
    row = known.events[s, kind]
    time = max(time, row[_LAST])
    gap = (time - row[_LAST]) / horizon
    for i in range(3):
        row[i] = row[i] * 0.5 ** (gap / (0.5 * 4.0**i)) + count
    if time > row[_LAST]:
        row[_BEFORE] = row[_LAST]
        row[_LAST] = time
    known.about[s, ANY] = max(time, known.about[s, ANY])


@compiled
def note_value(known: Known, s: int, signal: int, time: float, value: float, horizon: float) -> None:
    """Take note of a signal's value; while the baseline is being made, also of that."""
    row = known.signals[s, signal]
    if row[_N] < BASELINE:
        _add_to_baseline(row, known.pooled[signal], value)
    gap = max(time - row[_SEEN], 0.0) / horizon
    for i in range(3):
        kept = 0.5 ** (gap / (0.125 * 4.0**i)) if row[_SEEN] > -np.inf else 0.0
        row[_FAST + i] = kept * row[_FAST + i] + (1.0 - kept) * value
    row[_SEEN] = max(time, row[_SEEN])


@inlined
def _add_to_baseline(row: Floats, pooled: Floats, value: float) -> None:
    row[_N] += 1.0
    change = value - row[_MEAN]
    row[_MEAN] += change / row[_N]
    more = change * (value - row[_MEAN])
    row[_M2] += more
    pooled[0] += more
    pooled[1] += row[_N] > 1.0


@compiled
def write_row(known: Known, s: int, time: float, horizon: float, out: Vectors) -> None:
    """Write the columns of subject `s` at `time` to `out`."""
    types, signals = known.events.shape[1], known.signals.shape[1]
    distinct, lately = 0.0, 0.0
    for kind in range(types):
        row = known.events[s, kind]
        _write_event(row, time, horizon, out[kind * PER_EVENT :])
        distinct += row[_LAST] > time - horizon
        lately += out[kind * PER_EVENT]
    at = types * PER_EVENT
    z_sum, z_top, z_square, slope = 0.0, 0.0, 0.0, 0.0
    for signal in range(signals):
        _write_signal(known.signals[s, signal], known.pooled[signal], out[at:])
        middle = abs(out[at + 1]) if not np.isnan(out[at + 1]) else 0.0
        z_sum, z_top, z_square = z_sum + middle, max(z_top, middle), z_square + middle * middle
        slope += abs(out[at + 3]) if not np.isnan(out[at + 3]) else 0.0
        at += PER_SIGNAL
    _write_overall(known.about[s], time, horizon, out[at:])
    out[at + 1], out[at + 2] = distinct, lately
    n = max(signals, 1)
    out[at + 9], out[at + 10], out[at + 11], out[at + 12] = z_sum / n, z_top, np.sqrt(z_square / n), slope / n
    out[at + OVERALL + RATES :] = known.attributes[s]


@inlined
def _write_event(row: Floats, time: float, horizon: float, out: Vectors) -> None:
    if row[_LAST] == -np.inf:
        out[0] = out[1] = out[2] = 0.0
        out[3] = out[4] = NEVER
        out[5] = -1.0
        return
    gap = max(time - row[_LAST], 0.0) / horizon
    for i in range(3):
        out[i] = row[i] * 0.5 ** (gap / (0.5 * 4.0**i))
    out[3] = np.log1p(24.0 * gap)
    out[4] = np.log1p(24.0 * max(time - row[_BEFORE], 0.0) / horizon) if row[_BEFORE] > -np.inf else NEVER
    out[5] = row[_LAST] % DAY / 3600.0


@inlined
def _write_signal(row: Floats, pooled: Floats, out: Vectors) -> None:
    if row[_N] < 2.0:
        out[:PER_SIGNAL] = np.nan
        return
    shared = pooled[0] / max(pooled[1], 1.0)
    deviation = np.sqrt((row[_M2] + SHRINK * shared) / (row[_N] - 1.0 + SHRINK))
    unit = max(deviation, 1e-9 * max(abs(row[_MEAN]), 1e-300))
    for i in range(2):
        out[i] = min(max((row[_FAST + i] - row[_MEAN]) / unit, -1e6), 1e6)
    out[2] = min(max((row[_SLOW] - row[_MEAN]) / unit, -1e6), 1e6)
    out[3] = out[0] - out[2]
    out[4] = row[_MIDDLE]


@inlined
def _write_overall(about: Floats, time: float, horizon: float, out: Vectors) -> None:
    hour = time % DAY / 3600.0
    out[0] = 0.0 if np.isnan(about[FIRST]) else np.log1p(24.0 * max(time - about[FIRST], 0.0) / horizon)
    out[3] = NEVER if about[ANY] == -np.inf else np.log1p(24.0 * max(time - about[ANY], 0.0) / horizon)
    out[4] = about[OUTCOMES]
    out[5] = hour
    out[6], out[7] = np.sin(hour * np.pi / 12.0), np.cos(hour * np.pi / 12.0)
    out[8] = (time // DAY + 3.0) % 7.0
