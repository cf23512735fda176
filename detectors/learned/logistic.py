"""Logistic regression on standardised columns, with a ridge; fitted by Newton's method, scored compiled."""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.learned.features import Vectors

CLIP = 4.0
"""A column counts for at most so many deviations: one absurd value must not carry a sum."""
STEPS = 25


class Line(NamedTuple):
    """Weights of standardised columns; all empty: no model."""

    mean: Floats
    unit: Floats
    """One over the deviation; 0 for a column that never varied."""
    weight: Floats
    bias: Floats
    """(1)."""


def nothing() -> Line:
    """Return a model that says even odds."""
    none = np.zeros(0)
    return Line(none, none.copy(), none.copy(), np.zeros(1))


def fit(rows: Vectors, labels: Floats, weights: Floats, ridge: float = 1.0) -> Line:
    """Fit to `rows` (n, columns), `labels` 0 or 1 and `weights`.

    >>> rows = np.arange(100, dtype=np.float32).reshape(-1, 1)
    >>> line = fit(rows, (rows[:, 0] > 49).astype(float), np.ones(100))
    >>> bool(line_margin(line, rows[10]) < 0), bool(line_margin(line, rows[90]) > 0)
    (True, True)
    """
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0.0).sum(axis=0, dtype=np.float64) / count
    deviation = np.sqrt((np.where(known, rows - mean, 0.0) ** 2).sum(axis=0) / count)
    unit = np.where(deviation > 1e-9 * np.maximum(np.abs(mean), 1e-9), 1.0 / np.maximum(deviation, 1e-300), 0.0)
    scaled = np.clip(np.where(known, (rows - mean) * unit, 0.0), -CLIP, CLIP)
    solved = _newton(np.column_stack([scaled, np.ones(len(rows))]), labels, weights, ridge)
    return Line(mean, unit, solved[:-1].copy(), solved[-1:].copy())


def _newton(columns: Floats, labels: Floats, weights: Floats, ridge: float) -> Floats:
    penalty = np.full(columns.shape[1], ridge)
    penalty[-1] = 1e-6
    solved = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(columns @ solved, -30.0, 30.0)))
        slope = columns.T @ (weights * (labels - p)) - penalty * solved
        bend = (columns * (weights * np.maximum(p * (1.0 - p), 1e-6))[:, None]).T @ columns + np.diag(penalty)
        step = np.linalg.solve(bend, slope)
        solved += step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-6:
            break
    return solved


@compiled
def line_margin(line: Line, row: Vectors) -> float:
    """Return the log odds of one row."""
    total = line.bias[0]
    for i in range(line.weight.size):
        total += line_part(line, row, i)
    return float(total)


@compiled
def line_part(line: Line, row: Vectors, i: int) -> float:
    """Return what column `i` adds to the log odds, against its mean."""
    if line.weight[i] == 0.0 or np.isnan(row[i]):
        return 0.0
    return float(line.weight[i] * min(max((row[i] - line.mean[i]) * line.unit[i], -CLIP), CLIP))
