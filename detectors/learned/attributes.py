"""What subjects are: numbers as they are, texts as one column a value, both kinds bounded in number."""

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np

from detectors.base import Bytes

MOST = 16
"""Values of one text that have a column of their own."""
Value = float | int | str | bool | None


class Attributes:
    """Which attribute is which column; a column is made when it is first needed.

    >>> attributes = Attributes(only=["plan", "seats"])
    >>> attributes.admit({"plan": "pro", "seats": 5, "sex": "f"})
    [0.0, nan]
    >>> attributes.columns
    ['plan=pro', 'seats']
    >>> attributes.places({"plan": "pro", "seats": 5})
    {0: 1.0, 1: 5.0}
    """

    def __init__(self, only: Sequence[str], most: int = MOST) -> None:
        """Take `only` these, and `most` values of one text: the rest share a column."""
        self._only, self._most = frozenset(only), most
        self.columns: list[str] = []
        self._at: dict[str, int] = {}

    def admit(self, values: Mapping[str, Value]) -> list[float]:
        """Make the columns that `values` need; return what each new one is of those who came before."""
        fills = []
        for name, value in sorted(values.items()):
            column = self._column(name, value)
            if column is not None and column not in self._at:
                self._at[column] = len(self.columns)
                self.columns.append(column)
                fills.append(0.0 if isinstance(value, str) else math.nan)
        return fills

    def places(self, values: Mapping[str, Value]) -> dict[int, float]:
        """Return the columns that `values` set, other values of the same text at 0."""
        found: dict[int, float] = {}
        for name, value in values.items():
            column = self._column(name, value)
            if isinstance(value, str):
                found.update({i: 0.0 for other, i in self._at.items() if other.startswith(f"{name}=")})
            if column in self._at:
                found[self._at[column]] = 1.0 if isinstance(value, str) else _number(value)
        return found

    def _column(self, name: str, value: Value) -> str | None:
        if name not in self._only or value is None:
            return None
        if not isinstance(value, str):
            return name
        column = f"{name}={value[:40]}"
        known = sum(other.startswith(f"{name}=") for other in self.columns)
        return column if column in self._at or known < self._most else f"{name}=…"

    def state(self) -> Bytes:
        """Return the columns' names."""
        return np.frombuffer(json.dumps(self.columns).encode(), np.uint8)

    def load(self, state: Bytes) -> None:
        """Take over the columns' names; raises ValueError if they are none."""
        columns = json.loads(state.tobytes() or b"[]")
        if not isinstance(columns, list):
            raise ValueError("the names of attribute columns are a list")  # noqa: TRY004 -- a state that does not fit
        self.columns = [str(column) for column in columns]
        self._at = {column: i for i, column in enumerate(self.columns)}


def _number(value: Value) -> float:
    number = float(value or 0.0) if not isinstance(value, str) else math.nan
    return min(max(number, -1e30), 1e30) if math.isfinite(number) else math.nan
