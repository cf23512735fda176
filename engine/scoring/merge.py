"""Events of several types as one table, in the order of the log."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.columnar.columns import Columns, Values
from engine.columnar.texts import Texts
from engine.events import Telemetry
from engine.expressions import Kind
from engine.expressions.vectors import generic, objects

Rows = NDArray[np.intp] | slice


def merged(run: Telemetry, types: Sequence[str], fields: Mapping[str, Kind]) -> tuple[Columns, Rows] | None:
    """Return the events of `types` and where they stand in the run; None if there are none.

    Of several types, only `fields` are there, and beside them the `type` and the `stage` of each event: the position of
    its type in `types`, from 0.
    """
    parts = [(columns, rows) for columns, rows in run.parts() if columns.type in types]
    if len(types) == 1 or not parts:
        return parts[0] if parts else None
    places = [np.arange(len(run.time))[rows] for _, rows in parts]
    rows = np.concatenate(places)
    order = np.argsort(rows, kind="stable")
    tables = [columns for columns, _ in parts]
    joined = {name: _joined([table.fields.get(name) for table in tables], tables)[order] for name in fields}
    stage = np.concatenate([np.full(table.n, types.index(table.type)) for table in tables])
    return (
        Columns(
            types[0],
            len(rows),
            np.concatenate([table.line for table in tables])[order],
            np.concatenate([table.time for table in tables])[order],
            Texts.joined([table.subject for table in tables])[order],
            {**joined, "type": Texts.of(types)[stage[order]], "stage": stage[order].astype(np.float64)},
        ),
        rows[order],
    )


def _joined(values: Sequence[Values | None], tables: Sequence[Columns]) -> Values:
    """Return one column of several: as they are if all are of one make, else as objects."""
    if all(isinstance(each, Texts) for each in values):
        return Texts.joined([each for each in values if isinstance(each, Texts)])
    plain = [
        objects([None] * table.n) if each is None else each.objects() if isinstance(each, Texts) else each
        for each, table in zip(values, tables, strict=True)
    ]
    if len({each.dtype for each in plain}) == 1:
        return np.concatenate(plain)
    return np.concatenate([generic(each) for each in plain])
