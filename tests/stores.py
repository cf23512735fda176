"""The databases that tests run on: SQLite, and PostgreSQL where there is one (`tests/brokers/postgres.py`).

`FOREWARN_TEST_STORE=postgres` runs every test on PostgreSQL. Without it those do whose module says
`BOTH_STORES = True`, or that ask for the fixture `postgres` themselves; all others run on SQLite only.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from engine.errors import ConfigError
from engine.store.database import Database
from tests.brokers.postgres import Postgres

EVERYWHERE = os.environ.get("FOREWARN_TEST_STORE") == "postgres"
open_anywhere: Callable[..., Database] = Database.open


def text(url: URL) -> str:
    """Return a URL to hand to `Database.open`."""
    return url.render_as_string(hide_password=False)


class Instead:
    """Opens a database of a PostgreSQL where a test names a file: the same one for the same file."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server, self._template = server, template
        self.made: dict[Path, URL] = {}
        self._opened: list[Database] = []

    def open(self, where: str | Path, **options: Any) -> Database:
        """Open what a test asks for."""
        if isinstance(where, str) and "://" in where:
            return open_anywhere(where, **options)
        path = Path(where).resolve()
        if path not in self.made:
            if not options.get("create", True):
                raise ConfigError(
                    "there is no database", place=str(path), remedy="run `forewarn db upgrade` to make one"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            self.made[path] = self._server.create(self._template)
        options.pop("synchronous", None)
        self._opened.append(open_anywhere(text(self.made[path]), **options))
        return self._opened[-1]

    def drop(self) -> None:
        """Drop all that was made, and close what a test left open."""
        for database in self._opened:
            database.close()
        for url in self.made.values():
            self._server.drop(url)


def install(instead: Instead, patch: pytest.MonkeyPatch) -> None:
    """Let `Database.open` open what `instead` has."""
    patch.setattr(Database, "open", instead.open)


def migrated(server: Postgres) -> str:
    """Return the name of a database with all tables, to copy."""
    url = server.create()
    open_anywhere(text(url)).close()
    assert url.database is not None
    return url.database
