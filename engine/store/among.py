"""`column IN (…)` for many texts as one parameter: the statement is the same for any number of them.

So it is made once and kept, as to make one takes longer than to run it.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import col


class _Listed(FunctionElement[str]):
    """The texts of a parameter that is a JSON list, as rows."""

    inherit_cache = True
    name = "listed"


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Return whether a column is one of the texts that the parameter of this name has: see `listed`."""
    found: ColumnElement[bool] = col(column).op("IN", is_comparison=True)(_Listed(bindparam(name, type_=Text)))
    return found


def listed(texts: Collection[str]) -> str:
    """Return texts as such a parameter takes them.

    >>> listed({"b", "a"})
    '["a","b"]'
    """
    return msgspec.json.encode(sorted(texts)).decode()


@compiles(_Listed, "sqlite")
def _on_sqlite(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"  # noqa: S608 -- a placeholder


@compiles(_Listed, "postgresql")
def _on_postgresql(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"(SELECT jsonb_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS jsonb)))"
