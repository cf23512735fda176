"""What happens in the histories: who takes part, and what comes when."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.events import make_event
from tests.faults.house import START
from tests.simulation.cluster import KEEPER, NAMES, WORKERS

MINUTE = 60.0
ACCOUNTS = ("account/acme", "account/b")
"""Of different partitions."""
SELDOM = {"account/c": (0, 1, 8), "account/d": (0, 6)}
"""Accounts that leave memory while they are quiet, and the minutes at which something comes of them."""


class Act(NamedTuple):
    """Minutes in which things go wrong, and those after them in which all heals; of these several come at once."""

    trouble: list[tuple[float, bytes]]
    healing: list[tuple[float, bytes]]


class Play(NamedTuple):
    """Who takes part, and what comes."""

    names: tuple[str, ...]
    acts: list[Act]
    quiet: bool = True
    """Whether series leave memory when they are quiet."""


def whole() -> Play:
    """Return a play of all: people, then trouble of two accounts, then its end.

    Each has ended when the next begins: nobody is told of what was over before they could be, or is not found who is
    made known in another partition while trouble begins. They last until what the dead had is free again.
    """
    acts = [
        Act([_all_people(), *_minutes(range(2))], [*_minutes(range(2, 4), 2)]),
        Act([*_minutes(range(4, 10), end=30)], [*_minutes(range(10, 30), 4, end=30)]),
        Act([*_minutes(range(30, 36), end=30)], [*_minutes(range(36, 64), 4, end=30)]),
    ]
    return Play(NAMES, acts)


def of_workers() -> Play:
    """Return a play of workers alone: from events to what is to be sent."""
    acts = [
        Act([_all_people()], [*_minutes(range(4), 2)]),
        Act([*_minutes(range(4, 12))], [*_minutes(range(12, 14), 2)]),
        Act([*_minutes(range(14, 22), 4), *_minutes(range(22, 28))], [*_minutes(range(28, 32), 4)]),
    ]
    return Play((*WORKERS, KEEPER), acts)


def brief() -> Play:
    """Return a play of workers while trouble begins: many orders of little, in a third of the time."""
    acts = [
        Act([_all_people()], [*_minutes(range(4), 4)]),
        Act([*_minutes(range(4, 9), end=14)], [*_minutes(range(9, 19), 5, end=14)]),
    ]
    return Play((*WORKERS, KEEPER), acts, quiet=False)


def _all_people() -> tuple[float, bytes]:
    return START, b"\n".join(_people())


def _minutes(span: range, together: int = 1, end: int = 22) -> Iterator[tuple[float, bytes]]:
    """Yield the events of minutes, so many of them together, with the time at which they are all there.

    `end`: the minute at which the trouble of both accounts is over.
    """
    for first in span[::together]:
        minutes = range(first, first + together)
        lines = [line for minute in minutes for line in _events(minute, START + minute * MINUTE, end)]
        yield START + minutes.stop * MINUTE - 1.0, b"\n".join(lines)


def _people() -> Iterator[bytes]:
    for account in ACCOUNTS:
        name = account.partition("/")[2]
        yield _event("forewarn.entity", account, {"name": name}, START, f"is-{name}")
        contact = {"parent": account, "zone": "UTC", "addresses": [{"kind": "email", "value": f"{name}@example.com"}]}
        yield _event("forewarn.entity", f"contact/{name}", contact, START, f"person-{name}")


def _events(minute: int, now: float, end: int) -> Iterator[bytes]:
    for account in ACCOUNTS:
        failed = account == ACCOUNTS[0] and 5 <= minute < end
        for nth in range(2):
            yield _event("app.call", account, {"failed": failed}, now + 5.0 * nth, f"call-{minute}-{nth}")
        if not (account == ACCOUNTS[1] and 4 <= minute < end):
            yield _event("app.beat", account, {}, now + 30.0, f"beat-{minute}")
    for account, minutes in SELDOM.items():
        if minute in minutes:
            yield _event("app.call", account, {"failed": False}, now + 10.0, f"call-{minute}")
    yield _event("forewarn.tick", "engine/clock", {}, now + 59.0, f"tick-{minute}")


def _event(type_: str, subject: str, data: Mapping[str, object], at: float, id_: str) -> bytes:
    return make_event(type_, subject, data, id=f"{subject}-{id_}", source="test", time=at)


PLAYS = {"brief": brief(), "workers": of_workers(), "whole": whole()}
SHARE = {"brief": 0.85, "workers": 0.12, "whole": 0.03}
"""Of all histories: a whole one takes four times the time of a brief one, one of workers three times."""
