"""The desk that comes with Forewarn. The tickets themselves are the engine's: it hands in where they are kept."""

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from outreach.base import Draft, Outcome, Receipt, TicketDesk


class TicketStore(Protocol):
    """Where the built-in desk keeps its tickets."""

    def add(self, draft: Draft) -> int:
        """Keep a ticket once for each `draft.id`; return its number, on a repeat the one it has."""

    def annotate(self, number: int, note: str) -> bool:
        """Add an internal note; False if there is no such ticket."""

    def number_of(self, draft_id: str) -> int | None:
        """Return the number of the ticket made from a draft; None if there is none."""


@dataclass(slots=True)
class MemoryTickets:
    """Tickets in memory: the store for tests, backtests and the demo.

    >>> desk = BuiltinDesk(store=MemoryTickets())
    >>> draft = Draft("int_1", "tier-2", "API errors", "What happened …", "high", "account/acme")
    >>> [desk.create(draft).provider_id, desk.create(draft).provider_id]
    ['1', '1']
    """

    drafts: dict[int, Draft] = field(default_factory=dict)
    notes: dict[int, list[str]] = field(default_factory=dict)

    def add(self, draft: Draft) -> int:
        """Keep a ticket."""
        known = self.number_of(draft.id)
        number = known or len(self.drafts) + 1
        self.drafts.setdefault(number, draft)
        return number

    def annotate(self, number: int, note: str) -> bool:
        """Add a note."""
        if number not in self.drafts:
            return False
        self.notes.setdefault(number, []).append(note)
        return True

    def number_of(self, draft_id: str) -> int | None:
        """Return the number of a draft's ticket."""
        return next((number for number, draft in self.drafts.items() if draft.id == draft_id), None)


class BuiltinDesk(TicketDesk):
    """A ticket desk on the engine's own tables. `claim`, `note` and `resolve` are done there."""

    kind: ClassVar[str] = "builtin"

    def __init__(self, *, store: TicketStore) -> None:
        self._store = store

    def create(self, draft: Draft) -> Receipt:
        """Make the ticket; a repeat finds the first one."""
        return Receipt(Outcome.ACCEPTED, provider_id=str(self._store.add(draft)))

    def annotate(self, ticket: str, note: str) -> Receipt:
        """Add an internal note."""
        if ticket.isascii() and ticket.isdigit() and self._store.annotate(int(ticket), note):
            return Receipt(Outcome.ACCEPTED, provider_id=ticket)
        return Receipt(Outcome.PERMANENT, f"there is no ticket {ticket!r}")

    def find(self, draft: Draft) -> Receipt:
        """Look a ticket up by its draft."""
        number = self._store.number_of(draft.id)
        if number is None:
            return Receipt(Outcome.RETRY, "no ticket was made of this draft")
        return Receipt(Outcome.ACCEPTED, provider_id=str(number))
