"""`column IN (…)` for many texts as one parameter: the statement is the same for any number of them.

So it is made once and kept, as to make one takes longer than to run it. SQLite takes the texts as a JSON list,
PostgreSQL as an array.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Dialect, Text, TypeDecorator, bindparam, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _Texts(TypeDecorator[Collection[str]]):
    """Many texts as the database takes them."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text))

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> Any:
        texts = sorted(value or ())
        return msgspec.json.encode(texts).decode() if dialect.name == "sqlite" else texts


class _Among(FunctionElement[bool]):
    """Whether a column is one of the texts of a parameter."""

    inherit_cache = True
    name = "among"


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Return whether a column is one of the texts that the parameter of this name has, a collection of them."""
    return _Among(column, bindparam(name, type_=_Texts()))


def one_of(column: Any, texts: Collection[str]) -> ColumnElement[bool]:
    """Return whether a column is one of a few texts that are always the same.

    As `IN`, but a statement with `IN` is made anew each time it is executed.
    """
    return or_(*(column == text for text in texts))


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} IN (SELECT value FROM json_each({texts})))"  # noqa: S608 -- a placeholder


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(each, **options) for each in element.clauses)
    return f"({column} = ANY ({texts}))"
