"""Labels come: a row is tested, then learned; memories, threshold, stack and rates go on."""

import numpy as np

from detectors.compiled import compiled
from detectors.learned import budget, drift, memory, outages, rates, record, stack
from detectors.learned import features as feature
from detectors.learned import pending as ring
from detectors.learned.dice import uniform
from detectors.learned.experts import is_fitted
from detectors.learned.mind import (
    ALARMS,
    CUT,
    DISMISSED,
    EARLY_SHARE,
    FINISHED,
    FIRST_POSITIVES,
    FLUSH,
    LEFT,
    NEGATIVES,
    NEXT_RECENT,
    OUTBOX,
    POSITIVES,
    RECENT_SINCE,
    Mind,
    Settings,
)


@compiled
def outcome(mind: Mind, settings: Settings, s: int, time: float) -> None:
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
        record.fade(mind.lately)
        for each in (mind.record, mind.lately):
            record.note_outcome(each, lead)
        factor = settings.factor + drift.WARIER * mind.registers[DISMISSED]
        if drift.surprised(mind.drift, time, loss / scored, factor) and np.isnan(mind.registers[CUT]):
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
def expire(mind: Mind, settings: Settings, now: float) -> int:
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
        for each in (mind.record, mind.lately):
            each.sums[record.TRUE if label else record.FALSE] += 1.0
        if settings.weekly or not label:
            budget.spend(mind.ledger)
    if flags & ring.SCORED:
        for each in (mind.record, mind.lately):
            record.note(each, final, label)
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
    mind.shelved.weights[:], mind.shelved.covariance[:] = mind.stack.weights, mind.stack.covariance
    mind.shelved.loss[:], mind.shelved.champion[:] = mind.stack.loss, mind.stack.champion
    mind.stack.loss[:] = 0.0
    mind.rates.cells[:] *= 0.2
    mind.recent.used[:] = 0
    mind.recent.dropped[:] = 0.0
    for label in range(2):
        begin = 0 if label == 1 else mind.memory.room[1]
        for at in range(begin, begin + mind.memory.used[label]):
            if mind.memory.time[at] >= registers[CUT]:
                memory.offer(
                    mind.recent, label, mind.memory.rows[at], mind.memory.time[at], mind.memory.series[at],
                    mind.memory.importance[at], uniform(mind.random),
                )  # fmt: skip
