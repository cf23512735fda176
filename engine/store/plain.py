"""Rows to be read only, as fast as the driver gives them.

SQLAlchemy looks at each value of each row, and the ORM makes an object of it that it looks after: that takes many times
as long as SQLite takes to read them. Here a row is a plain value with the columns as its attributes; what is JSON is
decoded, and that is all. What is changed on one is not written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import JSON, Boolean
from sqlalchemy.dialects import sqlite
from sqlmodel import Session

_DIALECT = sqlite.dialect()
_DECODED: Sequence[tuple[type[Any], Callable[[Any], Any]]] = ((JSON, msgspec.json.decode), (Boolean, bool))
"""Types whose values the driver does not give as they are."""


class _Reading(NamedTuple):
    """A statement as SQLite takes it."""

    text: str
    names: Sequence[str]
    """Of its parameters, in order."""
    fixed: Mapping[str, Any]
    """Those that have a value already."""
    given: Mapping[str, Callable[[Any], Any]]
    """How to make what the driver takes of parameters that are not plain."""
    decoded: Sequence[tuple[int, Callable[[Any], Any]]]
    """Places of a row, and how to read what stands there."""


def rows(session: Session, statement: Any, parameters: Mapping[str, Any]) -> list[Any]:
    """Return the rows of a statement that is kept: it is compiled once. What the session holds back is written before.

    It has no `IN` with a list of values (`engine.store.among` has what serves instead).

    >>> from sqlalchemy import create_engine, literal, select
    >>> one_and_two = select(literal(1).label("one"), literal("b").label("two"))
    >>> with Session(create_engine("sqlite://")) as session:
    ...     [(row.one, row.two) for row in rows(session, one_and_two, {})]
    [(1, 'b')]
    """
    session.flush()
    connection = session.connection()
    kind = _kind(statement)
    if connection.dialect.name != "sqlite":
        return [kind(*row) for row in connection.execute(statement, parameters)]
    reading = _reading(statement)
    found = connection.exec_driver_sql(reading.text, tuple(_values(reading, parameters))).all()
    return [kind(*row) for row in (_decode(found, reading) if reading.decoded else found)]


def _values(reading: _Reading, parameters: Mapping[str, Any]) -> Iterator[Any]:
    for name in reading.names:
        value = parameters[name] if name in parameters else reading.fixed[name]
        yield reading.given[name](value) if name in reading.given else value


def _decode(found: Sequence[Any], reading: _Reading) -> Iterator[list[Any]]:
    for row in map(list, found):
        for place, decode in reading.decoded:
            if row[place] is not None:
                row[place] = decode(row[place])
        yield row


@cache
def _kind(statement: Any) -> Callable[..., Any]:
    """Return what makes a row's value of its columns."""
    return msgspec.defstruct("Row", [(column.key, Any) for column in _columns(statement)], gc=False)


def _columns(statement: Any) -> Sequence[Any]:
    return list(statement.exported_columns)


@cache
def _reading(statement: Any) -> _Reading:
    compiled = statement.compile(dialect=_DIALECT)
    names = compiled.positiontup
    types = {name: compiled.binds[name].type.dialect_impl(_DIALECT) for name in names}
    given = {name: made for name, type_ in types.items() if (made := type_.bind_processor(_DIALECT))}
    read = [(at, _decoder(column.type)) for at, column in enumerate(_columns(statement))]
    decoded = [(at, decode) for at, decode in read if decode is not None]
    return _Reading(str(compiled), names, dict(compiled.params), given, decoded)


def _decoder(type_: object) -> Callable[[Any], Any] | None:
    return next((decode for kind, decode in _DECODED if isinstance(type_, kind)), None)
