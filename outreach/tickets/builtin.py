"""The desk that comes with Forewarn. The tickets themselves are the engine's: it hands in where they are kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol, TypeVar

from outreach import drafts
from outreach.base import Change, Draft, Outcome, Receipt, Status, TicketDesk, TicketState

_Said = TypeVar("_Said")


class TicketStore(Protocol):
    """Where the built-in desk keeps its tickets.

    Each call may be repeated: what it did before it does not do again. Where it cannot be reached now, it raises
    ConnectionError.
    """

    def add(self, draft: Draft) -> int:
        """Keep a ticket once for each `draft.id`; return its number, on a repeat the one it has."""

    def annotate(self, number: int, note: str, picture: bytes = b"") -> bool:
        """Add an internal note, with an SVG picture, once; False if there is no such ticket."""

    def noted(self, number: int, words: str) -> bool:
        """Say whether a ticket has a note with these words."""

    def link(self, number: int, parent: int) -> bool:
        """Make a ticket one of a parent; False if there is no such ticket or parent."""

    def update(self, number: int, change: Change) -> bool:
        """Change a ticket; False if there is no such one."""

    def changed(self, since: float) -> Sequence[TicketState]:
        """Return the tickets that changed since (epoch seconds), oldest first."""

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

    now: Callable[[], float] = time.time
    drafts: dict[int, Draft] = field(default_factory=dict)
    notes: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict)
    states: dict[int, TicketState] = field(default_factory=dict)

    def add(self, draft: Draft) -> int:
        """Keep a ticket."""
        known = self.number_of(draft.id)
        number = known or len(self.drafts) + 1
        if known is None:
            self.drafts[number] = draft
            self.states[number] = TicketState(str(number), Status.OPEN, self.now())
        return number

    def annotate(self, number: int, note: str, picture: bytes = b"") -> bool:
        """Add a note."""
        if number not in self.drafts:
            return False
        if all(text != note for text, _ in self.notes.get(number, ())):
            self.notes.setdefault(number, []).append((note, picture))
            self._touch(number)
        return True

    def noted(self, number: int, words: str) -> bool:
        """Look for a note."""
        return any(words in text for text, _ in self.notes.get(number, ()))

    def link(self, number: int, parent: int) -> bool:
        """Note the parent."""
        if number not in self.drafts or parent not in self.drafts:
            return False
        self.drafts[number] = replace(self.drafts[number], parent=str(parent))
        self._touch(number)
        return True

    def update(self, number: int, change: Change) -> bool:
        """Change a ticket."""
        draft = self.drafts.get(number)
        if draft is None:
            return False
        tags = tuple(dict.fromkeys((*draft.tags, *change.tags)))
        self.drafts[number] = replace(draft, severity=change.severity or draft.severity, tags=tags)
        self.states[number] = replace(
            self.states[number],
            status=change.status or self.states[number].status,
            verdict=drafts.verdict(tags) or self.states[number].verdict,
        )
        self._touch(number)
        return True

    def changed(self, since: float) -> Sequence[TicketState]:
        """Return what changed."""
        return sorted((each for each in self.states.values() if each.updated >= since), key=lambda each: each.updated)

    def number_of(self, draft_id: str) -> int | None:
        """Return the number of a draft's ticket."""
        return next((number for number, draft in self.drafts.items() if draft.id == draft_id), None)

    def _touch(self, number: int) -> None:
        self.states[number] = replace(self.states[number], updated=self.now())


class BuiltinDesk(TicketDesk):
    """A ticket desk on the engine's own tables. `claim`, `note` and `resolve` are done there."""

    kind: ClassVar[str] = "builtin"

    def __init__(self, *, store: TicketStore) -> None:
        self._store = store

    def create(self, draft: Draft) -> Receipt:
        """Make the ticket; a repeat finds the first one."""
        plain = replace(draft, subject=drafts.subject(draft, 300))
        return _asked(lambda: Receipt(Outcome.ACCEPTED, provider_id=str(self._store.add(plain))))

    def annotate(self, ticket: str, note: str, picture: bytes = b"") -> Receipt:
        """Add an internal note."""
        return self._done(ticket, lambda number: self._store.annotate(number, note, picture))

    def link(self, ticket: str, parent: str) -> Receipt:
        """Make a ticket one of the incident's."""
        above = _number(parent)
        if above is None:
            return Receipt(Outcome.PERMANENT, f"there is no ticket {parent[:80]!r}")
        return self._done(ticket, lambda number: self._store.link(number, above), f" or no ticket {parent!r}")

    def update(self, ticket: str, change: Change) -> Receipt:
        """Change a ticket."""
        return self._done(ticket, lambda number: self._store.update(number, change))

    def states(self, since: float) -> Sequence[TicketState] | Receipt:
        """Return the tickets that changed since."""
        return _asked(lambda: self._store.changed(since))

    def find(self, draft: Draft) -> Receipt:
        """Look a ticket up by its draft."""
        return _asked(lambda: self._found(draft), Outcome.UNKNOWN)

    def _found(self, draft: Draft) -> Receipt:
        number = self._store.number_of(draft.id)
        if number is None:
            return Receipt(Outcome.RETRY, "no ticket was made of this draft")
        return Receipt(Outcome.ACCEPTED, provider_id=str(number))

    def noted(self, ticket: str, words: str) -> Receipt:
        """Look for a note: it was written, or surely was not."""
        return _asked(lambda: self._noted(ticket, words), Outcome.UNKNOWN)

    def _noted(self, ticket: str, words: str) -> Receipt:
        number = _number(ticket)
        if number is None:
            return Receipt(Outcome.PERMANENT, f"there is no ticket {ticket[:80]!r}")
        if self._store.noted(number, words):
            return Receipt(Outcome.ACCEPTED, provider_id=ticket)
        return Receipt(Outcome.RETRY, "the note is not there", provider_id=ticket)

    @staticmethod
    def _done(ticket: str, what: Callable[[int], bool], more: str = "") -> Receipt:
        number = _number(ticket)
        done, none = Receipt(Outcome.ACCEPTED, provider_id=ticket), f"there is no ticket {ticket[:80]!r}{more}"
        return _asked(lambda: done if number is not None and what(number) else Receipt(Outcome.PERMANENT, none))


def _asked(what: Callable[[], _Said], away: Outcome = Outcome.RETRY) -> _Said | Receipt:
    """Ask the store; where it cannot be reached, what was asked can be asked again."""
    try:
        return what()
    except ConnectionError as error:
        return Receipt(away, str(error), code="store")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
