"""Finding a row by what people type: an id, the beginning of one, or something close to one."""

import difflib
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, select

from engine.errors import ForewarnError

Row = TypeVar("Row", bound=SQLModel)
_LISTS = {"decision": "explain", "issue": "issues list", "silence": "silences list", "intent": "outbox list"}
RECENT = 10_000
"""So many ids are looked through for one that is close."""


def found(session: Session, table: type[Row], key: str, what: str) -> Row:
    """Return the row with an id, or with the only id that begins so. Raises ForewarnError with the nearest id."""
    row = session.get(table, key)
    if row is not None:
        return row
    ids: Any = col(table.id)  # type: ignore[attr-defined]  # every table here has one
    begins = list(session.exec(select(ids).where(ids.startswith(key, autoescape=True)).limit(2)).all()) if key else []
    only = session.get(table, begins[0]) if len(begins) == 1 else None
    if only is not None:
        return only
    if begins:
        raise ForewarnError(f"several {what}s begin with {key!r}", remedy="write more of the id")
    raise _missing(key, what, list(session.exec(select(ids).limit(RECENT)).all()))


def _missing(key: str, what: str, known: list[str]) -> ForewarnError:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    remedy = f"did you mean {near[0]!r}?" if near else f"list them with `forewarn {_LISTS[what]}`"
    return ForewarnError(f"there is no {what} {key!r}", remedy=remedy)
