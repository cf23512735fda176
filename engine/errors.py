"""Errors, named for the reaction they call for. Each message says place, cause and remedy."""

from collections.abc import Iterator
from contextlib import contextmanager


class ForewarnError(Exception):
    """What the command line shows as one line instead of a traceback."""

    def __init__(self, cause: str, *, place: str = "", remedy: str = "") -> None:
        self.cause, self.place, self.remedy = cause, place, remedy
        super().__init__(self.line())

    def line(self) -> str:
        """Return ``place: cause; remedy``, leaving out what is not known.

        >>> ForewarnError("no space left", place="var/log.db", remedy="free some and start again").line()
        'var/log.db: no space left; free some and start again'
        """
        head = f"{self.place}: {self.cause}" if self.place else self.cause
        return f"{head}; {self.remedy}" if self.remedy else head


class InvalidEvent(ForewarnError):
    """An event that can never be processed as it stands: it goes to the dead letters."""


class ConfigError(ForewarnError):
    """The configuration cannot be used; whatever ran before goes on running."""


class Retryable(ForewarnError):
    """The same call may succeed later: back off and try again."""


class Permanent(ForewarnError):
    """The same call can never succeed: give up and say so."""


class Overloaded(Retryable):
    """More is coming in than can be taken now: the sender is told to wait."""

    def __init__(self, cause: str, *, retry_after: float, place: str = "") -> None:
        super().__init__(cause, place=place, remedy=f"try again in {retry_after:.0f} s")
        self.retry_after = retry_after


class CorruptSnapshot(ForewarnError):
    """A snapshot's bytes are not what its manifest says: the one before is used."""


@contextmanager
def told_to_connectors() -> Iterator[None]:
    """Tell a connector what passes as it is told of a network that fails: of our errors it knows none.

    >>> with told_to_connectors():
    ...     raise Retryable("locked by another process")
    Traceback (most recent call last):
    ConnectionError: locked by another process
    """
    try:
        yield
    except Retryable as error:
        raise ConnectionError(str(error)) from error
