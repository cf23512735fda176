"""A batch of events of one type, as columns: what measures and expressions work on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columnar.texts import Texts

Column = NDArray[Any]
"""float64 for numbers (NaN: absent), bool for conditions, object for text (None: absent)."""
Values = Column | Texts
"""A column as it was read: text is not made objects of before somebody asks."""


@dataclass(slots=True)
class Columns:
    """Events of one type in log order. Every column has length `n`."""

    type: str
    n: int
    line: NDArray[np.int32]
    """Position of each event in the batch it came in."""
    time: NDArray[np.float64]
    """Event time in epoch seconds."""
    subject: Texts
    fields: Mapping[str, Values] = field(default_factory=dict)
    """The fields of `data` that any configured detector names, by dotted name."""
