"""What has to be the same in the end: rows, what customers were sent, what models remember."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from sqlalchemy import text

from detectors.seasonal import Seasonal
from engine.store.database import Database

State = dict[str, Counter[Any]]
Models = dict[int, dict[str, bytes]]
TABLES = {
    "issue": "id, status, severity, opened_at, resolved_at, reopened",
    "change": "of, what",
    "signal": "id, state, at, score, value",
    "intent": "id, kind, occasion, status, recipient, address",
    "ticket": "external, issue, status",
    "ticket_note": "ticket",
    "entity": "id, parent, name",
    "address": "entity, kind, value",
}
SCORER = "scorer/"
SEASONAL = "slow"
"""The detector in `life` that learns."""
FIELDS = tuple(Seasonal.row.names or ())
Alike = Callable[[str, bytes, bytes], bool]
"""Says of an array by its name, of what was found and what was wanted, whether they come to the same."""
LEFT_OUT = {"intent": "WHERE kind <> 'annotate'"}


def rows_of(database: Database) -> State:
    """Return the rows of all tables that count."""
    with database.reading() as session:
        return {
            table: Counter(
                tuple(row)
                for row in session.execute(text(f'SELECT {columns} FROM "{table}" {LEFT_OUT.get(table, "")}'))
            )
            for table, columns in TABLES.items()
        }


def arrived(messages: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """Return how often each message came to whom."""
    return Counter(messages)


def models_of(arrays: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the bytes of what a pipeline's models remember, of all that its snapshot holds.

    When series last left memory is not of it: the version before let none leave where partitions move.
    """
    models = {name: array for name, array in arrays.items() if name.startswith(SCORER) and "/quiet/" not in name}
    return {name: array.tobytes() for name, array in models.items()}


def identical(name: str, found: bytes, wanted: bytes) -> bool:
    """Say whether what models remember is the same, bit for bit."""
    return found == wanted


def nearly(name: str, found: bytes, wanted: bytes) -> bool:
    """Say whether it is but for the last digits of numbers, which another version may round otherwise."""
    if not name.endswith(f"monitor:{SEASONAL}/detector.rows"):
        return found == wanted
    ours, theirs = (np.frombuffer(each, Seasonal.row) for each in (found, wanted))
    return len(ours) == len(theirs) and all(np.allclose(ours[field], theirs[field], 1e-3, 1e-3) for field in FIELDS)


def differences(found: State, wanted: State) -> list[str]:
    """Return what is missing and what is too much, a line each."""
    told = []
    for name, rows in wanted.items():
        told += [f"{name}: missing {row} × {times}" for row, times in (rows - found[name]).items()]
        told += [f"{name}: too much {row} × {times}" for row, times in (found[name] - rows).items()]
    return told
