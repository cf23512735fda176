"""Reading what a desk says: a number, a list, a time, a word for a status; and what it means where there is none."""

from collections.abc import Mapping
from typing import Any

from outreach.base import Outcome, Receipt, Status
from outreach.inbound import UnreadableError
from outreach.rest import Failed, moment


def get(said: Any, *path: str | int) -> Any:
    """Return what stands under `path`; UnreadableError names it where nothing can.

    >>> get({"ticket": {"id": 7}}, "ticket", "id")
    7
    >>> get({"ticket": []}, "ticket", "id")
    Traceback (most recent call last):
    outreach.inbound.UnreadableError: there is no ticket.id
    """
    found = said
    for part in path:
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError) as error:
            raise UnreadableError(f"there is no {'.'.join(map(str, path))}") from error
    return found


def answered(said: Any, *path: str | int, repeatable: bool = False) -> str:
    """Return the number or text a desk answered with. Failed where there is none: it may have done it all the same."""
    try:
        found = get(said, *path)
    except UnreadableError as error:
        outcome = Outcome.RETRY if repeatable else Outcome.UNKNOWN
        raise Failed(Receipt(outcome, f"the desk said yes, and {error}")) from error
    if found in (None, "") or not isinstance(found, str | int):
        outcome = Outcome.RETRY if repeatable else Outcome.UNKNOWN
        raise Failed(Receipt(outcome, f"the desk said yes, and {'.'.join(map(str, path))} is {found!r}"))
    return str(found)


def rows(said: Any, *path: str | int) -> list[Any]:
    """Return a list a desk answered with. Failed where there is none: nothing was done by asking."""
    try:
        found = get(said, *path)
    except UnreadableError as error:
        raise Failed(Receipt(Outcome.RETRY, f"the desk's answer cannot be read: {error}")) from error
    if not isinstance(found, list):
        raise Failed(Receipt(Outcome.RETRY, "the desk's answer cannot be read: it is no list"))
    return found


def when(said: Any, *path: str | int) -> float:
    """Return a time as epoch seconds; UnreadableError where there is none."""
    told = get(said, *path)
    try:
        return moment(str(told))
    except ValueError as error:
        raise UnreadableError(f"{'.'.join(map(str, path))} is no time: {told!r}") from error


def word(table: Mapping[str, Status], told: object) -> Status:
    """Return what a vendor's word for a status means; UnreadableError for one that is not in the table."""
    found = table.get(str(told).strip().lower())
    if found is None:
        raise UnreadableError(f"the status is {told!r}, none of {', '.join(table)}")
    return found


def words(known: Mapping[str, Status], more: Mapping[str, str] | None) -> Mapping[str, Status]:
    """Return a desk's table of statuses with those its administrator added. ValueError: there is no such status.

    >>> words({"new": Status.OPEN}, {"Waiting for vendor": "pending"})["waiting for vendor"].value
    'pending'
    """
    for told, status in (more or {}).items():
        if status not in list(Status):
            raise ValueError(f"statuses: {told} is {status!r}, none of {', '.join(Status)}")
    return dict(known) | {told.strip().lower(): Status(status) for told, status in (more or {}).items()}


def stands(table: Mapping[str, Status], told: object) -> Status:
    """Return what a word means where administrators may add some: one that is not in the table is still OPEN.

    >>> stands({"closed": Status.SOLVED}, "Waiting").value
    'open'
    """
    return table.get(str(told).strip().lower(), Status.OPEN)
