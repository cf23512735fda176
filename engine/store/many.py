"""One statement for many rows, as fast as the driver takes them.

SQLAlchemy prepares the values of every row one by one, which takes longer than SQLite takes to write them. Here they
are put into the order of the statement's places, what is JSON is encoded, and that is all.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import JSON, Executable
from sqlalchemy.dialects import sqlite
from sqlmodel import Session

Row = Mapping[str, Any]
Encode = Callable[[object], str]


def execute_many(session: Session, statement: Executable, rows: Sequence[Row], encode: Encode) -> int:
    """Execute a statement for every row, all with the same keys: its parameters; return how many rows were changed.

    What the session holds back is written before. `encode` makes JSON. Keep the statement: it is compiled once.
    """
    session.flush()
    connection = session.connection()
    plain = _compiled(statement, tuple(rows[0])) if connection.dialect.name == "sqlite" else None
    if plain is None:
        result: Any = connection.execute(statement, rows, execution_options={"preserve_rowcount": True})
        return int(result.rowcount)
    text, names, fixed, encoded = plain
    values = [[fixed[name] if name in fixed else row[name] for name in names] for row in rows]
    for place in encoded:
        for each in values:
            each[place] = encode(each[place])
    return int(connection.exec_driver_sql(text, [tuple(each) for each in values]).rowcount)


@cache
def _compiled(statement: Any, keys: tuple[str, ...]) -> tuple[str, Sequence[str], Row, Sequence[int]] | None:
    """Return a statement's text, its parameters in order, those that have a value already, and which are JSON.

    None where it has columns whose default is made for each row.
    """
    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=keys)
    if compiled.insert_prefetch or compiled.update_prefetch:
        return None
    names = compiled.positiontup
    fixed = {name: compiled.params[name] for name in names if name not in keys}
    return str(compiled), names, fixed, [at for at, name in enumerate(names) if _is_json(compiled.binds[name].type)]


def _is_json(type_: object) -> bool:
    return isinstance(type_, JSON)
