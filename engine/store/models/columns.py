"""Columns that hold plain JSON."""

from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field


def json_column() -> Any:
    """Return a column of a JSON object, {} at first."""
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


def json_list() -> Any:
    """Return a column of a JSON array, [] at first."""
    return Field(default_factory=list, sa_column=Column(JSON, nullable=False))
