"""When labels are missing: told by someone, or noticed as outcomes that should have come and did not.

While it lasts nothing is learned; rows whose horizon it touches go without a label.
"""

from typing import NamedTuple

import numpy as np

from detectors.base import Floats
from detectors.compiled import compiled

TOO_MANY = 15.0
"""Expected outcomes without one that count as an outage: chance would leave out so many once in three million times."""
SETTLED = 25.0
"""Outcomes before an outage is noticed: until then the expectation is worth little."""
BEGAN, ENDED, EXPECTED, LAST, SEEN, SILENT = range(6)


class Outage(NamedTuple):
    """What is known of the labels' own channel."""

    books: Floats
    """(6): told begin (NaN: never) and end (inf: lasts), outcomes expected since the last, its time, outcomes,
    and whether an outage was noticed."""


def none() -> Outage:
    """Return that all is well."""
    return Outage(np.array([np.nan, -np.inf, 0.0, -np.inf, 0.0, 0.0]))


@compiled
def tell(outage: Outage, time: float, missing: bool) -> None:
    """Take note that labels are missing from now on, or no longer."""
    books = outage.books
    lasts = books[ENDED] == np.inf
    if missing and not lasts:
        books[BEGAN], books[ENDED] = time, np.inf
    elif lasts and not missing:
        books[ENDED] = time
        books[EXPECTED] = 0.0


@compiled
def is_on(outage: Outage) -> bool:
    """Whether labels are missing now."""
    return bool(outage.books[ENDED] == np.inf or outage.books[SILENT] > 0.0)


@compiled
def touches(outage: Outage, time: float, horizon: float) -> bool:
    """Whether the label of a row made at `time` cannot be trusted."""
    books = outage.books
    if books[SILENT] > 0.0 and time + horizon > books[LAST]:
        return True
    return bool(time < books[ENDED] and time + horizon > books[BEGAN])


@compiled
def expected(outage: Outage, outcomes: float) -> bool:
    """Add to what should have come; True: this is when it becomes too much."""
    books = outage.books
    books[EXPECTED] += outcomes
    if books[SILENT] > 0.0 or books[SEEN] < SETTLED or books[EXPECTED] < TOO_MANY:
        return False
    books[SILENT] = 1.0
    return True


@compiled
def came(outage: Outage, time: float) -> None:
    """Take note of an outcome: labels come again."""
    books = outage.books
    books[EXPECTED], books[SILENT] = 0.0, 0.0
    books[LAST] = max(time, books[LAST])
    books[SEEN] += 1.0
