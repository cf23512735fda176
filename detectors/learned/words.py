"""Columns of a row in words: what moved a subject's probability, the few that did most."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.learned.features import NEVER, OVERALL, PER_EVENT, PER_SIGNAL, RATES, Vectors

FEW = 3
LEAST = 0.15
"""Log odds under which a reason is not worth a word."""
_OVERALL = {0: "age", 1: "variety", 2: "activity", 3: "activity", 4: "past", 9: "signals", 10: "signals",
            11: "signals", 12: "signals"}  # fmt: skip


class Reason(NamedTuple):
    """One thing that moved the probability."""

    text: str
    effect: float
    """In log odds: up if positive."""


class Words:
    """Says of a row what its columns mean.

    >>> words = Words(types=["failure", "error"], numbers=["heat"], horizon=86400.0)
    >>> row = np.zeros(2 * PER_EVENT + PER_SIGNAL + OVERALL + RATES, np.float32)
    >>> row[3], row[9], row[6] = NEVER, np.log1p(5), 1.0
    >>> effects = np.zeros(len(row))
    >>> effects[9], effects[3] = 2.0, -0.5
    >>> [(reason.text, reason.effect) for reason in words.reasons(row, effects, [])]
    [('error came 5 h ago', 2.0), ('failure never came', -0.5)]
    """

    def __init__(self, types: Sequence[str], numbers: Sequence[str], horizon: float) -> None:
        self._types, self._numbers, self._horizon = types, numbers, horizon

    def reasons(self, row: Vectors, effects: Floats, attributes: Sequence[str]) -> list[Reason]:
        """Return the few things that did most, the strongest first; columns about one thing count together."""
        topics = [*(("type", i) for i in range(len(self._types)) for _ in range(PER_EVENT)),
                  *(("number", i) for i in range(len(self._numbers)) for _ in range(PER_SIGNAL)),
                  *((_OVERALL.get(i, "clock"), 0) for i in range(OVERALL)),
                  *(("rate", 0) for _ in range(RATES)),
                  *(("attribute", i) for i in range(len(attributes)))]  # fmt: skip
        totals: dict[tuple[str, int], float] = {}
        for topic, effect in zip(topics, effects.tolist(), strict=True):
            totals[topic] = totals.get(topic, 0.0) + effect
        top = sorted(totals.items(), key=lambda item: (-abs(item[1]), item[0]))[:FEW]
        return [Reason(self._say(topic, row, attributes), effect) for topic, effect in top if abs(effect) >= LEAST]

    def _say(self, topic: tuple[str, int], row: Vectors, attributes: Sequence[str]) -> str:
        what, i = topic
        overall = row[len(self._types) * PER_EVENT + len(self._numbers) * PER_SIGNAL :]
        if what == "type":
            return self._event(self._types[i], row[i * PER_EVENT :])
        if what == "number":
            return _signal(self._numbers[i], row[len(self._types) * PER_EVENT + i * PER_SIGNAL :])
        if what == "attribute":
            return _attribute(attributes[i], float(overall[OVERALL + RATES + i]))
        return {
            "age": f"it is known for {self._ago(overall[0])}",
            "variety": f"{overall[1]:.0f} kinds of event within {self._span(self._horizon)}",
            "activity": f"the last event came {self._ago(overall[3])} ago",
            "past": f"{overall[4]:.0f} such outcomes before",
            "signals": f"its signals are up to {overall[10]:.1f} deviations off its own normal",
            "rate": f"{100 * overall[OVERALL + 3]:.0f} % of such recent events were followed by it lately",
            "clock": "the time of day and week",
        }[what]

    def _event(self, name: str, columns: Vectors) -> str:
        if columns[3] >= NEVER:
            return f"{name} never came"
        if columns[0] >= 1.5:
            return f"{name} came {self._ago(columns[3])} ago, and often lately"
        return f"{name} came {self._ago(columns[3])} ago"

    def _ago(self, column: float) -> str:
        return self._span(float(np.expm1(np.float64(column))) * self._horizon / 24.0)

    def _span(self, seconds: float) -> str:
        for name, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
            if seconds >= 1.5 * size:
                return f"{seconds / size:.0f} {name}"
        return f"{seconds:.0f} s"


def _signal(name: str, columns: Vectors) -> str:
    z = float(columns[1])
    if np.isnan(z):
        return f"{name} is not known yet"
    return f"{name} is {abs(z):.1f} deviations {'above' if z > 0 else 'below'} its own normal"


def _attribute(column: str, value: float) -> str:
    name, is_text, text = column.partition("=")
    if np.isnan(value):
        return f"{name} is not known"
    if not is_text:
        return f"{name} is {value:.4g}"
    return f"{name} is {'' if value else 'not '}{text}"
