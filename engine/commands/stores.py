"""How commands open the data folder: safe beside a running engine."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlmodel import Session

from engine.commands.shared import CLOCK, Unusable
from engine.config.model import Config
from engine.errors import Permanent
from engine.logs import quiet
from engine.storage import Storage, open_database
from engine.store.database import Database


@contextmanager
def storage(config: Config) -> Iterator[Storage]:
    """Open the data folder; what is not there yet is made."""
    quiet()
    opened = Storage.embedded(config, CLOCK)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def database(config: Config) -> Iterator[Database]:
    """Open the database of an engine that has run. Raises ConfigError if there is none yet."""
    quiet()
    opened = open_database(config, create=False)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def writing(config: Config) -> Iterator[Session]:
    """Open the database of an engine that has run, for one thing that a command writes.

    Raises Unusable where that cannot be done however often it is tried, and ConfigError if there is no database yet.
    """
    try:
        with database(config) as opened, opened.transaction() as session:
            yield session
    except Permanent as error:
        raise Unusable(error.cause, place=error.place, remedy=error.remedy) from error
