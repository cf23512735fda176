"""What the experts say of a subject now, together, and which columns made them say it."""

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.learned import boosting, logistic, rates, stack
from detectors.learned import features as feature
from detectors.learned import pending as ring
from detectors.learned.features import Vectors
from detectors.learned.mind import Mind, Models, Settings


@compiled
def is_fitted(models: Models) -> bool:
    """Whether there is more than the early learner."""
    return bool(models.trees.column.size > 0)


@compiled
def odds_of(p: float) -> float:
    """Return the log odds of a probability; NaN if it is none."""
    if not p >= 0.0:
        return np.nan
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return float(np.log(p / (1.0 - p)))


@compiled
def write_columns(mind: Mind, settings: Settings, s: int, time: float) -> None:
    """Write what is known of the subject to `mind.row`."""
    feature.write_row(mind.known, s, time, settings.horizon, mind.row)
    at = mind.row.size - mind.known.attributes.shape[1] - feature.RATES
    rates.write_rates(mind.rates, mind.known.events[s], time, settings.horizon, mind.row[at:])


@compiled
def ask_experts(models: Models, row: Vectors, nodes: int, odds: Floats) -> None:
    """Write the experts' log odds."""
    limit = stack.LIMIT
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
def look(mind: Mind, settings: Settings, s: int, time: float) -> tuple[bool, float]:
    """Write what is known of subject `s` to `mind.row`; return whether a fitted model knows it, and its log odds."""
    write_columns(mind, settings, s, time)
    if not is_fitted(mind.models):
        return False, np.nan
    return True, said(mind, settings, np.zeros(ring.EXPERTS))


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
