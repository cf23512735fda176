"""The compiled loop over a batch's rows: features, scores, labels and online learning, until Python is needed."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled
from detectors.learned import boosting, budget, drift, logistic, memory, outages, rates, record, stack
from detectors.learned import features as feature
from detectors.learned import pending as ring
from detectors.learned.features import Vectors

TICK, OUTCOME, EVENT, SIGNAL, SCORE, LABELS = range(6)
"""Roles of a channel."""
FINISHED, REFIT, ASK, FLUSH, GROW, WAIT, RECENT, ADOPT, DISMISS = range(9)
"""Why the loop came back: all done; fit anew; ask the early learner; teach it; a ring is full, or
the other; fit the recent model;
let it take over; let it go."""
NOW, POSITIVES, NEGATIVES, NEXT, CUT, NEXT_RECENT, RECENT_SINCE, FITS, ALARMS, LEFT = range(10)
"""Registers: time; rows of either label; positives at which to fit next; since when is recent (NaN: no alarm);
positives at which to fit the recent model next; outcomes since it is there; fits; alarms; told by the early learner."""
OUTBOX = 64
FIRST_POSITIVES, FIRST_NEGATIVES = 12.0, 30.0
ODDS_LIMIT = stack.LIMIT
HUGE = 1e30
MOST_EVIDENCE = 12.0
PROOF, TRIAL = 5.0, 40.0
"""Outcomes a recent model is given at least, and at most, to show that it is better."""
BETTER = 0.95
"""What its loss must be of that of the trees."""
EARLY_SHARE = 0.1
"""Share of the negatives that the early learner is taught."""


class Settings(NamedTuple):
    """What was configured, for the loop."""

    horizon: float
    share: float
    """Of H that lies between two rows of a subject."""
    rate: float
    weekly: bool
    nodes: int
    """Nodes a tree has room for."""
    factor: float
    """How far a surprise must stand out to be an alarm."""


class Models(NamedTuple):
    """The fitted experts."""

    trees: boosting.Trees
    line: logistic.Line
    recent: boosting.Trees


class Mind(NamedTuple):
    """All that a learned kind remembers."""

    known: feature.Known
    objected: Bytes
    """(subjects)."""
    alerted: Floats
    """(subjects): when the last alert was."""
    pending: ring.Pending
    rates: rates.Rates
    memory: memory.Memory
    recent: memory.Memory
    stack: stack.Stack
    ledger: budget.Ledger
    drift: drift.Drift
    outage: outages.Outage
    record: record.Record
    models: Models
    registers: Floats
    random: NDArray[np.uint64]
    """(1): state of the generator."""
    lessons: Vectors
    """(OUTBOX, columns): rows to teach the early learner."""
    lesson_labels: Floats
    """(OUTBOX)."""
    row: Vectors
    """(columns): the row being scored."""


class Rows(NamedTuple):
    """A batch."""

    series: Ints
    time: Floats
    value: Floats
    role: Ints
    number: Ints
    """Which outcome, event or signal."""


class Found(NamedTuple):
    """What is told of each row; NaN where there is nothing to tell."""

    odds: Floats
    limit: Floats
    """The threshold when the row was scored, in log odds."""
    reasons: Floats
    """(rows that are above the threshold, columns): what moved the log odds; the first `told[0]` are in use."""
    reason_rows: Ints
    values: Vectors
    told: NDArray[np.int64]


@compiled
def uniform(state: NDArray[np.uint64]) -> float:
    """Return a number in (0, 1] and step on (SplitMix64, Steele et al. 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (float(z >> np.uint64(11)) + 1.0) / 9007199254740992.0


@compiled
def is_fitted(models: Models) -> bool:
    """Whether there is more than the early learner."""
    return bool(models.trees.column.size > 0)


@compiled
def ask_experts(models: Models, row: Vectors, nodes: int, odds: Floats) -> None:
    """Write the experts' log odds."""
    limit = ODDS_LIMIT
    odds[stack.TREES] = min(max(boosting.margin(models.trees, nodes, row), -limit), limit)
    odds[stack.LINE] = min(max(logistic.line_margin(models.line, row), -limit), limit)
    odds[stack.RECENT] = 0.0
    if models.recent.column.size > 0:
        odds[stack.RECENT] = min(max(boosting.margin(models.recent, nodes, row), -limit), limit)


@compiled
def said(mind: Mind, settings: Settings, odds: Floats) -> float:
    """Ask the experts about `mind.row`; return the champion's log odds."""
    ask_experts(mind.models, mind.row, settings.nodes, odds)
    stack.combine(mind.stack, odds)
    return float(odds[mind.stack.champion[0]])


@compiled
def odds_of(p: float) -> float:
    """Return the log odds of a probability; NaN if it is none."""
    if not p >= 0.0:
        return np.nan
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return float(np.log(p / (1.0 - p)))


@compiled
def look(mind: Mind, settings: Settings, s: int, time: float) -> tuple[bool, float]:
    """Write what is known of subject `s` to `mind.row`; return whether a fitted model knows it, and its log odds."""
    _look(mind, settings, s, time)
    if not is_fitted(mind.models):
        return False, np.nan
    return True, said(mind, settings, np.zeros(ring.EXPERTS))


@compiled
def run(mind: Mind, settings: Settings, rows: Rows, found: Found, start: int, answer: float) -> tuple[int, int]:
    """Go on from row `start`; `answer` is what the early learner said of it, NaN if it was not asked.

    Returns why it came back, and from which row on to continue.
    """
    i = start
    while True:
        code = _due(mind)
        if code == FINISHED:
            code = _expire(mind, settings, mind.registers[NOW])
        if code != FINISHED or i >= rows.series.size:
            return code, i
        if mind.pending.ends[1] - mind.pending.ends[0] >= mind.pending.time.size:
            return GROW, i
        if mind.rates.ends[1] - mind.rates.ends[0] >= mind.rates.time.size:
            return WAIT, i
        if np.isnan(answer) and _must_ask(mind, rows, i):
            _look(mind, settings, rows.series[i], rows.time[i])
            return ASK, i
        if np.isfinite(rows.time[i]):
            _take(mind, settings, rows, found, i, answer)
            mind.registers[NOW] = max(mind.registers[NOW], rows.time[i])
        answer = np.nan
        i += 1


@compiled
def _must_ask(mind: Mind, rows: Rows, i: int) -> bool:
    """Whether the early learner is to say something of this row."""
    is_tick = rows.role[i] == TICK and np.isfinite(rows.time[i])
    return bool(is_tick and not mind.objected[rows.series[i]] and not is_fitted(mind.models))


@compiled
def _due(mind: Mind) -> int:
    """Return whether a model is to be fitted."""
    registers = mind.registers
    if registers[POSITIVES] >= registers[NEXT] and registers[NEGATIVES] >= FIRST_NEGATIVES:
        return REFIT
    counts = mind.recent.count
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
        _tick(mind, settings, found, i, s, time, answer)
    elif not np.isfinite(value):
        return
    elif role == OUTCOME:
        _outcome(mind, settings, s, time)
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
def _look(mind: Mind, settings: Settings, s: int, time: float) -> None:
    """Write what is known of the subject to `mind.row`."""
    feature.write_row(mind.known, s, time, settings.horizon, mind.row)
    at = mind.row.size - mind.known.attributes.shape[1] - feature.RATES
    rates.write_rates(mind.rates, mind.known.events[s], time, settings.horizon, mind.row[at:])


@compiled
def _event(mind: Mind, settings: Settings, s: int, kind: int, time: float, count: float) -> None:
    feature.note_event(mind.known, s, kind, time, count, settings.horizon)
    rates.wait(mind.rates, s, kind, time)


@compiled
def _tick(mind: Mind, settings: Settings, found: Found, i: int, s: int, time: float, answer: float) -> None:
    """Score the subject now, and keep the row until its label is known."""
    odds = np.zeros(ring.EXPERTS)
    _look(mind, settings, s, time)
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


@compiled
def weigh_columns(mind: Mind, settings: Settings, out: Floats) -> None:
    """Write what each column of `mind.row` adds to the log odds of who is champion."""
    weights = mind.stack.weights.copy()
    champion = mind.stack.champion[0]
    if champion != stack.STACK:
        weights[:] = 0.0
        weights[champion + 1] = 1.0
    part = np.zeros(out.size)
    boosting.contributions(mind.models.trees, settings.nodes, mind.row, part)
    out[:] = weights[stack.TREES + 1] * part
    for column in range(mind.models.line.weight.size):
        out[column] += weights[stack.LINE + 1] * logistic.line_part(mind.models.line, mind.row, column)
    if mind.models.recent.column.size > 0:
        part[:] = 0.0
        boosting.contributions(mind.models.recent, settings.nodes, mind.row, part)
        out += weights[stack.RECENT + 1] * part


@compiled
def _outcome(mind: Mind, settings: Settings, s: int, time: float) -> None:
    """An outcome came: the subject's rows of the last H were positives."""
    about = mind.known.about[s]
    if time <= about[feature.LATEST]:
        return
    about[feature.LATEST] = time
    about[feature.OUTCOMES] += 1.0
    frozen = mind.outage.books[outages.ENDED] == np.inf
    if frozen:
        return
    outages.came(mind.outage, time)
    rates.followed(mind.rates, s, time, rates.WINDOW * settings.horizon)
    base = (mind.registers[POSITIVES] + 1.0) / (mind.registers[NEGATIVES] + 1.0)
    budget.outcome(mind.ledger, settings.rate, settings.weekly, np.log(base))
    stack.age(mind.stack, stack.START, stack.DOUBT, mind.models.recent.column.size > 0)
    lead, loss, scored = _label_positives(mind, settings, s, time)
    if scored > 0.0:
        record.note_outcome(mind.record, lead)
        if drift.surprised(mind.drift, time, loss / scored, settings.factor) and np.isnan(mind.registers[CUT]):
            _alarm(mind)
    if not np.isnan(mind.registers[CUT]):
        mind.registers[RECENT_SINCE] += 1.0


@compiled
def _label_positives(mind: Mind, settings: Settings, s: int, time: float) -> tuple[float, float, float]:
    """Return the lead of the first alert as a share of H, the loss of the scored rows, and how many there are."""
    pending, number = mind.pending, mind.pending.latest[s]
    lead, loss, scored = np.nan, 0.0, 0.0
    while number >= pending.ends[0]:
        at = number & (pending.time.size - 1)
        made = pending.time[at]
        if made < time - settings.horizon:
            break
        if made < time:
            if pending.flags[at] & ring.ALERTED:
                lead = (time - made) / settings.horizon
            if pending.flags[at] & ring.MODELLED:
                loss += stack.log_loss(pending.odds[at, stack.STACK], 1)
                scored += 1.0
            if not pending.flags[at] & ring.DONE:
                pending.flags[at] |= ring.DONE
                _learn(mind, settings, at, 1)
        number = pending.before[at]
    return lead, loss, scored


@compiled
def _expire(mind: Mind, settings: Settings, now: float) -> int:
    """Rows whose horizon passed without an outcome were negatives."""
    pending = mind.pending
    while pending.ends[0] < pending.ends[1]:
        at = pending.ends[0] & (pending.time.size - 1)
        if not pending.time[at] + settings.horizon < now:
            break
        if not pending.flags[at] & ring.DONE:
            if mind.registers[LEFT] >= OUTBOX:
                return FLUSH
            if not outages.touches(mind.outage, pending.time[at], settings.horizon):
                _learn(mind, settings, at, 0)
        pending.ends[0] += 1
    while rates.oldest(mind.rates) + rates.WINDOW * settings.horizon < now:
        counts = not outages.touches(mind.outage, rates.oldest(mind.rates), rates.WINDOW * settings.horizon)
        rates.leave(mind.rates, counts)
    return FINISHED if mind.registers[LEFT] < OUTBOX / 2 else FLUSH


@compiled
def _learn(mind: Mind, settings: Settings, at: int, label: int) -> None:
    """Test, then train on a row whose label is known."""
    pending = mind.pending
    flags, odds = pending.flags[at], pending.odds[at]
    final = odds[mind.stack.champion[0]]
    mind.registers[POSITIVES if label else NEGATIVES] += 1.0
    if flags & ring.ALERTED:
        mind.record.sums[record.TRUE if label else record.FALSE] += 1.0
        if settings.weekly or not label:
            budget.spend(mind.ledger)
    if flags & ring.SCORED:
        record.note(mind.record, final, label)
        if settings.weekly or not label:
            budget.count(mind.ledger, pending.series[at], pending.time[at], final, settings.horizon)
    if flags & ring.MODELLED:
        stack.learn(mind.stack, odds, label, settings.share, mind.models.recent.column.size > 0)
        if not label and outages.expected(mind.outage, settings.share / (1.0 + np.exp(-final))):
            last = mind.outage.books[outages.LAST]
            memory.drop(mind.memory, -1, 0, last, np.inf)
            memory.drop(mind.recent, -1, 0, last, np.inf)
    _remember(mind, at, label, final)


@compiled
def _remember(mind: Mind, at: int, label: int, odds: float) -> None:
    pending, registers = mind.pending, mind.registers
    series, time, row = pending.series[at], pending.time[at], pending.rows[at]
    importance = 1.0
    if label == 0 and pending.flags[at] & ring.SCORED:
        p = 1.0 / (1.0 + np.exp(-odds))
        base = registers[POSITIVES] / (registers[POSITIVES] + registers[NEGATIVES])
        importance = 0.05 + p / (p + base)
    memory.offer(mind.memory, label, row, time, series, importance, uniform(mind.random))
    if not np.isnan(registers[CUT]) and time >= registers[CUT]:
        memory.offer(mind.recent, label, row, time, series, importance, uniform(mind.random))
    if is_fitted(mind.models) or (label == 0 and uniform(mind.random) > EARLY_SHARE) or registers[LEFT] >= OUTBOX:
        return
    mind.lessons[int(registers[LEFT])], mind.lesson_labels[int(registers[LEFT])] = row, label
    registers[LEFT] += 1.0


@compiled
def _alarm(mind: Mind) -> None:
    """Begin a memory of what came since the surprise began."""
    registers = mind.registers
    registers[ALARMS] += 1.0
    registers[CUT], registers[NEXT_RECENT], registers[RECENT_SINCE] = drift.since(mind.drift), FIRST_POSITIVES, 0.0
    mind.stack.loss[:] = 0.0
    mind.rates.cells[:] *= 0.2
    mind.recent.count[:] = 0
    mind.recent.dropped[:] = 0.0
    for label in range(2):
        begin = 0 if label == 1 else mind.memory.room[1]
        for at in range(begin, begin + mind.memory.count[label]):
            if mind.memory.time[at] >= registers[CUT]:
                memory.offer(
                    mind.recent, label, mind.memory.rows[at], mind.memory.time[at], mind.memory.series[at],
                    mind.memory.importance[at], uniform(mind.random),
                )  # fmt: skip
