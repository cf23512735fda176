"""What is remembered, as named arrays and back; what has room to spare is cut to what is in use."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.learned import memory, rates
from detectors.learned import pending as ring
from detectors.learned.features import Vectors


def wider(rows: Vectors, more: Vectors) -> Vectors:
    """Return rows with further columns, which have the same values in all of them."""
    return np.hstack([rows, np.tile(more, (len(rows), 1))])


def named(prefix: str, part: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of nested tuples under dotted names."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in part._asdict().items():
        found.update({prefix + name: value} if isinstance(value, np.ndarray) else named(f"{prefix}{name}.", value))
    return found


def filled(prefix: str, part: Any, state: Mapping[str, NDArray[Any]]) -> Any:
    """Return nested tuples like `part` with copies of the arrays of `state`."""
    fields = {}
    for name, value in part._asdict().items():
        if not isinstance(value, np.ndarray):
            fields[name] = filled(f"{prefix}{name}.", value, state)
        elif state[prefix + name].dtype != value.dtype or state[prefix + name].ndim != value.ndim:
            raise ValueError(
                f"the state of risk has {prefix + name} as {state[prefix + name].dtype}, not {value.dtype}"
            )
        else:
            fields[name] = np.array(state[prefix + name])
    return type(part)(**fields)


def used(kept: memory.Memory) -> memory.Memory:
    """Return a memory without its free places."""
    first = int(kept.room[1])
    places = np.r_[0 : int(kept.used[1]), first : first + int(kept.used[0])]
    rows = {name: getattr(kept, name)[places] for name in kept._fields[:5]}
    return kept._replace(**rows)


def spread(used_: memory.Memory, room: memory.Memory) -> memory.Memory:
    """Return the same with free places again."""
    if not np.array_equal(used_.room, room.room):
        raise ValueError("the state of risk remembers another number of rows")
    first = int(room.room[1])
    places = np.r_[0 : int(used_.used[1]), first : first + int(used_.used[0])]
    copy(room[:5], places, used_[:5])
    return room._replace(used=used_.used, dropped=used_.dropped)


def in_order(pending: ring.Pending) -> ring.Pending:
    """Return the rows of a ring from the oldest to the latest."""
    numbers = np.arange(pending.ends[0], pending.ends[1]) % len(pending.time)
    rows = {name: getattr(pending, name)[numbers] for name in pending._fields[:6]}
    return pending._replace(**rows)


def ringed(rows: ring.Pending, columns: int) -> ring.Pending:
    """Return rows in order as a ring again."""
    room = 64
    while room < len(rows.time):
        room *= 2
    numbers = np.arange(rows.ends[0], rows.ends[1]) % room
    pending = ring.empty(room, columns, 0)
    copy(pending[:6], numbers, rows[:6])
    return pending._replace(ends=rows.ends, latest=rows.latest)


def moved_rates(kept: rates.Rates, room: int) -> rates.Rates:
    """Return the same with a ring of another length."""
    numbers = np.arange(kept.ends[0], kept.ends[1])
    new = rates.blank(len(kept.cells), room, 0)
    copy(new[2:7], numbers % room, kept[2:7], numbers % len(kept.time))
    return new._replace(cells=kept.cells, all=kept.all, ends=kept.ends, latest=kept.latest)


def copy(
    targets: Sequence[NDArray[Any]], to: Any, sources: Sequence[NDArray[Any]], of: NDArray[Any] | slice = slice(None)
) -> None:
    """Copy rows of arrays to places in others."""
    for target, source in zip(targets, sources, strict=True):
        target[to] = source[of]
