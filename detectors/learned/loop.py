"""The compiled loop over a batch's rows, until it is through or Python is needed."""

import numpy as np

from detectors.compiled import compiled
from detectors.learned import budget, labels, outages, rates, stack
from detectors.learned import features as feature
from detectors.learned import pending as ring
from detectors.learned.experts import is_fitted, odds_of, said, weigh_columns, write_columns
from detectors.learned.mind import (
    ADOPT,
    ASK,
    BETTER,
    CUT,
    DISMISS,
    EVENT,
    FINISHED,
    FIRST_NEGATIVES,
    GROW,
    LABELS,
    NEGATIVES,
    NEXT,
    NEXT_RECENT,
    NOW,
    OUTCOME,
    POSITIVES,
    PROOF,
    RECENT,
    RECENT_SINCE,
    REFIT,
    SCORE,
    SIGNAL,
    TICK,
    TRIAL,
    WAIT,
    Found,
    Mind,
    Rows,
    Settings,
)

HUGE = 1e30
"""Values are cut there: their squares must be numbers."""
MOST_EVIDENCE = 12.0
"""Decades of evidence of another detector at which more is no more."""


@compiled
def run(mind: Mind, settings: Settings, rows: Rows, found: Found, start: int, answer: float) -> tuple[int, int]:
    """Go on from row `start`; `answer` is what the early learner said of it, NaN if it was not asked.

    Returns why it came back, and from which row on to continue.
    """
    i = start
    while True:
        code = labels.expire(mind, settings, mind.registers[NOW])
        if code == FINISHED:  # nothing is due before all labels are in: so it does not matter where a batch ends
            code = _due(mind)
        if code != FINISHED or i >= rows.series.size:
            return code, i
        if mind.pending.ends[1] - mind.pending.ends[0] >= mind.pending.time.size:
            return GROW, i
        if mind.rates.ends[1] - mind.rates.ends[0] >= mind.rates.time.size:
            return WAIT, i
        if np.isnan(answer) and _must_ask(mind, settings, rows, i):
            write_columns(mind, settings, rows.series[i], rows.time[i])
            return ASK, i
        if np.isfinite(rows.time[i]):
            _take(mind, settings, rows, found, i, answer)
            mind.registers[NOW] = max(mind.registers[NOW], rows.time[i])
        answer = np.nan
        i += 1


@compiled
def _must_ask(mind: Mind, settings: Settings, rows: Rows, i: int) -> bool:
    """Whether the early learner is to say something of this row."""
    is_tick = rows.role[i] == TICK and np.isfinite(rows.time[i]) and not _is_stale(mind, settings, rows.time[i])
    return bool(is_tick and not mind.objected[rows.series[i]] and not is_fitted(mind.models))


@compiled
def _is_stale(mind: Mind, settings: Settings, time: float) -> bool:
    """Whether a moment is so long past that its label is known already: to score it now would be hindsight."""
    return bool(time < mind.registers[NOW] - settings.horizon)


@compiled
def _due(mind: Mind) -> int:
    """Return whether a model is to be fitted."""
    registers = mind.registers
    if registers[POSITIVES] >= registers[NEXT] and registers[NEGATIVES] >= FIRST_NEGATIVES:
        return REFIT
    counts = mind.recent.used
    if np.isnan(registers[CUT]):
        return FINISHED
    if counts[1] >= registers[NEXT_RECENT] and counts[0] >= FIRST_NEGATIVES:
        return RECENT
    losses, has_recent = mind.stack.loss, mind.models.recent.column.size > 0
    if has_recent and registers[RECENT_SINCE] >= PROOF and losses[stack.RECENT] < BETTER * losses[stack.TREES]:
        return ADOPT
    return DISMISS if registers[RECENT_SINCE] >= TRIAL else FINISHED


@compiled
def _take(mind: Mind, settings: Settings, rows: Rows, found: Found, i: int, answer: float) -> None:
    """Take one row in, by its role."""
    s, time, value, role, number = rows.series[i], rows.time[i], rows.value[i], rows.role[i], rows.number[i]
    if role == LABELS:
        outages.tell(mind.outage, time, value >= 0.5)
        return
    if mind.objected[s]:
        return
    if role == TICK:
        if _is_stale(mind, settings, time):
            return
        _tick(mind, settings, found, i, s, time, answer)
    elif not np.isfinite(value):
        return
    elif role == OUTCOME:
        labels.outcome(mind, settings, s, time)
        _event(mind, settings, s, number, time, 1.0)
    elif role == EVENT and value > 0.0:
        _event(mind, settings, s, number, time, min(value, HUGE))
    elif role == SIGNAL:
        feature.note_value(mind.known, s, number, time, min(max(value, -HUGE), HUGE), settings.horizon)
    elif role == SCORE:
        tail = min(max(1.0 - value, 10.0**-MOST_EVIDENCE), 1.0)
        feature.note_value(mind.known, s, number, time, -np.log10(tail), settings.horizon)
    _first_seen(mind, s, time)


@compiled
def _first_seen(mind: Mind, s: int, time: float) -> None:
    about = mind.known.about[s]
    if np.isnan(about[feature.FIRST]):
        about[feature.FIRST] = time


@compiled
def _event(mind: Mind, settings: Settings, s: int, kind: int, time: float, count: float) -> None:
    feature.note_event(mind.known, s, kind, time, count, settings.horizon)
    rates.wait(mind.rates, s, kind, time)


@compiled
def _tick(mind: Mind, settings: Settings, found: Found, i: int, s: int, time: float, answer: float) -> None:
    """Score the subject now, and keep the row until its label is known."""
    odds = np.zeros(ring.EXPERTS)
    write_columns(mind, settings, s, time)
    flags = 0
    if is_fitted(mind.models):
        found.odds[i] = said(mind, settings, odds)
        flags = ring.SCORED | ring.MODELLED
    elif answer >= 0.0:
        odds[:] = odds_of(answer)
        found.odds[i] = odds[stack.STACK]
        flags = ring.SCORED
    found.limit[i] = mind.ledger.books[budget.LIMIT]
    if found.odds[i] >= found.limit[i]:
        _explain(mind, settings, found, i)
        if not time < mind.alerted[s] + settings.horizon:
            mind.alerted[s] = time
            flags |= ring.ALERTED
    ring.push(mind.pending, s, time, mind.row, odds, flags)


@compiled
def _explain(mind: Mind, settings: Settings, found: Found, i: int) -> None:
    """Tell what moved the log odds, by column."""
    if found.told[0] >= found.reason_rows.size or not is_fitted(mind.models):
        return
    out = found.reasons[found.told[0]]
    weigh_columns(mind, settings, out)
    found.values[found.told[0]] = mind.row
    found.reason_rows[found.told[0]] = i
    found.told[0] += 1
