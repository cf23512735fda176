"""A database whose answer is lost after it did what was asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlmodel import select

from engine.errors import Retryable
from engine.store.database import Database
from engine.store.models import Intent


def losing(transaction: Callable[..., Any]) -> Callable[..., Any]:
    """Return a transaction whose answer is lost where it made messages ready to leave."""

    @contextmanager
    def lost(self: Database, **given: Any) -> Iterator[Any]:
        with transaction(self, **given) as session:
            yield session
            leaving = session.exec(select(Intent.id).where(Intent.status == "sending")).first()
        if leaving is not None:
            raise Retryable("the connection was lost", place="database", remedy="try again")

    return lost
