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


Topic = tuple[str, str]
"""What kind of thing a reason is about, and its name."""


class Words:
    """Says of a row what its columns mean.

    >>> words = Words(types=["failure", "error"], numbers=["heat"], horizon=86400.0)
    >>> row = np.zeros(2 * PER_EVENT + PER_SIGNAL + OVERALL + RATES, np.float32)
    >>> row[3], row[9], row[6] = NEVER, np.log1p(5), 1.0
    >>> effects = np.zeros(len(row))
    >>> effects[9], effects[3] = 2.0, -0.5
    >>> [(reason.text, reason.effect) for reason in words.reasons(row, effects, [])]
    [('error came 5 h ago', 2.0), ('failure never came', -0.5)]

    What several columns tell of one thing is one reason: that the last event came when the last error did, that the
    furthest of all signals is as far off as heat, and that the plan is not gold where it is silver.

    >>> row = np.append(row, np.float32([0, 1]))
    >>> overall, plans = 2 * PER_EVENT + PER_SIGNAL, ["plan=gold", "plan=silver"]
    >>> row[overall + 3], row[overall + 10], row[13] = row[9], 4.0, 4.0
    >>> effects = np.zeros(len(row))
    >>> effects[[9, overall + 3, 13, overall + 10, -1, -2]] = 1.0, 0.5, 0.5, 0.5, 0.25, 0.25
    >>> [reason.text for reason in words.reasons(row, effects, plans)]
    ['error came 5 h ago', 'heat is 4.0 deviations above its own normal', 'plan is silver']

    A detector that is both an event and a number is one thing too.

    >>> words = Words(types=["heat"], numbers=["heat"], horizon=86400.0)
    >>> row = np.zeros(PER_EVENT + PER_SIGNAL + OVERALL + RATES, np.float32)
    >>> row[3], row[7], effects = np.log1p(5), -2.0, np.zeros(len(row))
    >>> effects[3], effects[7] = 1.0, 0.5
    >>> [reason.text for reason in words.reasons(row, effects, [])]
    ['heat came 5 h ago and is 2.0 deviations below its own normal']
    """

    def __init__(self, types: Sequence[str], numbers: Sequence[str], horizon: float) -> None:
        self._types, self._numbers, self._horizon = types, numbers, horizon
        self._overall = len(types) * PER_EVENT + len(numbers) * PER_SIGNAL

    def reasons(self, row: Vectors, effects: Floats, attributes: Sequence[str]) -> list[Reason]:
        """Return the few things that did most, the strongest first; columns about one thing count together."""
        totals: dict[Topic, float] = {}
        for topic, effect in zip(self._topics(row, attributes), effects.tolist(), strict=True):
            totals[topic] = totals.get(topic, 0.0) + effect
        top = sorted(totals.items(), key=lambda item: (-abs(item[1]), item[0]))[:FEW]
        return [Reason(self._say(topic, row, attributes), effect) for topic, effect in top if abs(effect) >= LEAST]

    def _topics(self, row: Vectors, attributes: Sequence[str]) -> list[Topic]:
        """Return what each column is about."""
        same = {"activity": self._latest(row), "signals": self._furthest(row)}
        over = [(name, "") for name in (_OVERALL.get(i, "clock") for i in range(OVERALL))]
        return [*(("thing", name) for name in self._types for _ in range(PER_EVENT)),
                *(("thing", name) for name in self._numbers for _ in range(PER_SIGNAL)),
                *(same.get(topic[0]) or topic for topic in over),
                *(("rate", "") for _ in range(RATES)),
                *(("attribute", name.partition("=")[0]) for name in attributes)]  # fmt: skip

    def _latest(self, row: Vectors) -> Topic | None:
        """Return the type that came last of all; None if none did."""
        last = row[self._overall + 3]
        return next((("thing", name) for i, name in enumerate(self._types)
                     if row[i * PER_EVENT + 3] == last < NEVER), None)  # fmt: skip

    def _furthest(self, row: Vectors) -> Topic | None:
        """Return the number that is furthest from its own normal of all; None if none is off."""
        middles = [
            abs(float(row[len(self._types) * PER_EVENT + i * PER_SIGNAL + 1])) for i in range(len(self._numbers))
        ]
        most = max((each for each in middles if each > 0.0), default=None)
        return None if most is None else ("thing", self._numbers[middles.index(most)])

    def _say(self, topic: Topic, row: Vectors, attributes: Sequence[str]) -> str:
        what, name = topic
        overall = row[self._overall :]
        if what == "thing":
            return self._thing(name, row)
        if what == "attribute":
            return _attribute(name, attributes, overall[OVERALL + RATES :])
        return {
            "age": f"it is known for {self._ago(overall[0])}",
            "variety": f"{overall[1]:.0f} kinds of event within {self._span(self._horizon)}",
            "activity": f"the last event came {self._ago(overall[3])} ago",
            "past": f"{overall[4]:.0f} such outcomes before",
            "signals": f"its signals are up to {overall[10]:.1f} deviations off its own normal",
            "rate": f"{100 * overall[OVERALL + 3]:.0f} % of such recent events were followed by it lately",
            "clock": "the time of day and week",
        }[what]

    def _thing(self, name: str, row: Vectors) -> str:
        """Say when an event came and where a number is; a detector that is both is said once."""
        said = []
        if name in self._types:
            said.append(self._event(row[self._types.index(name) * PER_EVENT :]))
        if name in self._numbers:
            at = len(self._types) * PER_EVENT + self._numbers.index(name) * PER_SIGNAL
            said.append(_signal(row[at:]))
        return f"{name} {' and '.join(said)}"

    def _event(self, columns: Vectors) -> str:
        if columns[3] >= NEVER:
            return "never came"
        if columns[0] >= 1.5:
            return f"came {self._ago(columns[3])} ago, and often lately"
        return f"came {self._ago(columns[3])} ago"

    def _ago(self, column: float) -> str:
        return self._span(float(np.expm1(np.float64(column))) * self._horizon / 24.0)

    def _span(self, seconds: float) -> str:
        for name, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
            if seconds >= 1.5 * size:
                return f"{seconds / size:.0f} {name}"
        return f"{seconds:.0f} s"


def _signal(columns: Vectors) -> str:
    z = float(columns[1])
    if np.isnan(z):
        return "is not known yet"
    return f"is {abs(z):.1f} deviations {'above' if z > 0 else 'below'} its own normal"


def _attribute(name: str, columns: Sequence[str], values: Vectors) -> str:
    """Say what an attribute is; of a text, whose columns are one a value, that of the column which is set."""
    own = [(column.partition("="), float(value)) for column, value in zip(columns, values, strict=True)]
    own = [(parts, value) for parts, value in own if parts[0] == name]
    if all(np.isnan(value) for _, value in own):
        return f"{name} is not known"
    (_, is_text, text), value = max(own, key=lambda each: -1.0 if np.isnan(each[1]) else each[1])
    if not is_text:
        return f"{name} is {value:.4g}"
    return f"{name} is {'' if value else 'not '}{text}"
