"""What is done to a ticket that is there: a note, a change, a parent; each so that it can be tried again."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from outreach.base import Change, Outcome, Receipt, Status, TicketDesk


def change(said: Mapping[str, Any]) -> Change | None:
    """Return what an intent says is to be different about a ticket; None: nothing."""
    status = Status(said["status"]) if said.get("status") else None
    return Change(status, said.get("severity")) if said else None


def linked(desk: TicketDesk, ticket: str, parent: str) -> Receipt | None:
    """Make a ticket one of `parent`'s, if there is one; None: go on, as where the desk has no such link."""
    made = desk.link(ticket, parent) if parent else None
    again = made is not None and made.outcome in (Outcome.RETRY, Outcome.UNKNOWN)
    return replace(made, outcome=Outcome.RETRY) if made and again else None


def noted(desk: TicketDesk, ticket: str, note: str, shown: bytes, wanted: Change | None) -> Receipt:
    """Change a ticket and write a note on it.

    The change comes first, as it can be made again: where it fails nothing was written, and both are tried again. What
    the desk refuses for good is told with the note.
    """
    changed = desk.update(ticket, wanted) if wanted else Receipt(Outcome.ACCEPTED)
    if changed.outcome in (Outcome.RETRY, Outcome.UNKNOWN):
        return replace(changed, outcome=Outcome.RETRY)
    written = desk.annotate(ticket, note, shown)
    if changed.outcome is Outcome.ACCEPTED:
        return written
    return replace(written, detail="; ".join(filter(None, [written.detail, f"not changed: {changed.detail}"])))
