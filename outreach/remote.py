"""The order of things that all desks behind HTTP share: look up, make, complete; a failure is a receipt."""

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from outreach.base import Change, Draft, Outcome, Receipt, TicketDesk, TicketState
from outreach.inbound import Answer, Request, Ticketed, UnreadableError
from outreach.rest import Api, Failed

PAGES = 10
"""Pages read at one polling; what changed after the last ticket on them comes next time."""
RESERVE = 20
"""Requests of the vendor's window that polling leaves to those who make tickets."""


@dataclass(frozen=True, slots=True)
class Made:
    """A ticket that is there."""

    ticket: str
    detail: str = ""
    """How people at the desk call it."""
    whole: bool = True
    """Whether everything was done that follows its creation."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a desk lists of the tickets that changed, oldest first."""

    states: Sequence[TicketState]
    """Ours."""
    last: float
    """When the last one on it changed, whosever it is."""
    more: bool
    """Whether there is another one to be read now."""


class RemoteDesk(TicketDesk):
    """A desk of a vendor. What fails on the way is `Failed`, and becomes a receipt here.

    `create` looks for the draft, makes the ticket where there is none, and does what follows (notes, pictures, links),
    the mark of a whole ticket last. An attempt that breaks off in between is RETRY, and the next one goes on with the
    ticket there is. What the desk refuses for good after it made the ticket is told in `detail`.
    """

    number: ClassVar[re.Pattern[str]]
    """What the desk's numbers look like: nothing else gets into a path."""
    vendor: ClassVar[str]
    """Whose words its webhooks are."""
    _api: Api

    # -- what a vendor's file says

    @abstractmethod
    def _search(self, id_: str) -> Made | None:
        """Return the ticket of a draft."""

    @abstractmethod
    def _make(self, draft: Draft) -> Made:
        """Make the ticket."""

    @abstractmethod
    def _note(self, ticket: str, note: str, picture: bytes) -> None:
        """Write an internal note."""

    @abstractmethod
    def _notes(self, ticket: str, page: int) -> tuple[Sequence[str], bool]:
        """Return a page, counted from 1, of the notes on a ticket, and whether there is another."""

    @abstractmethod
    def _link(self, ticket: str, parent: str) -> None:
        """Make a ticket one of a parent."""

    @abstractmethod
    def _change(self, ticket: str, change: Change) -> None:
        """Change a ticket."""

    @abstractmethod
    def _changed(self, since: float) -> Iterator[TicketState]:
        """Yield our tickets that changed, oldest first."""

    @abstractmethod
    def _account(self) -> str:
        """Return what is wrong with who we are at the desk, after asking it; else nothing."""

    @abstractmethod
    def _verify(self, request: Request) -> None:
        """Raise ForgedError where a request is not the vendor's."""

    @abstractmethod
    def _told(self, said: Mapping[str, Any]) -> TicketState | None:
        """Return what a webhook says of a ticket; None: nothing."""

    def _rest(self, ticket: str, draft: Draft) -> Iterable[Callable[[], object]]:
        """Return what follows the creation, in order."""
        return ()

    # -- the contract

    def create(self, draft: Draft) -> Receipt:
        """Make the ticket, or go on with the one there is."""
        try:
            made = self._known(draft.id) or self._make(draft)
        except Failed as failed:
            return failed.receipt
        done = Receipt(Outcome.ACCEPTED, made.detail, provider_id=made.ticket)
        return done if made.whole else self._complete(done, draft)

    def _known(self, id_: str) -> Made | None:
        """Return a draft's ticket. Nothing was made where the look-up fails, whatever the reason: RETRY."""
        try:
            return self._search(id_)
        except Failed as failed:
            told = f"could not be looked up: {failed.receipt.detail}"
            raise Failed(replace(failed.receipt, outcome=Outcome.RETRY, detail=told)) from failed

    def _complete(self, made: Receipt, draft: Draft) -> Receipt:
        refused: list[str] = []
        for step in self._rest(made.provider_id, draft):
            try:
                step()
            except Failed as failed:
                if failed.receipt.outcome is not Outcome.PERMANENT:
                    told = f"ticket {made.provider_id} was made, not completed: {failed.receipt.detail}"
                    return replace(failed.receipt, outcome=Outcome.RETRY, detail=told, provider_id=made.provider_id)
                refused.append(failed.receipt.detail)
        return replace(made, detail="; refused: ".join([made.detail, *refused]))

    def find(self, draft: Draft) -> Receipt:
        """Look a draft's ticket up. One that was not completed is RETRY: creating it again completes it."""
        try:
            made = self._search(draft.id)
        except Failed as failed:
            return replace(failed.receipt, outcome=Outcome.UNKNOWN, detail=f"not looked up: {failed.receipt.detail}")
        if made is None:
            return Receipt(Outcome.RETRY, "no ticket was made of this draft")
        if not made.whole:
            return Receipt(Outcome.RETRY, f"ticket {made.ticket} is to be completed", provider_id=made.ticket)
        return Receipt(Outcome.ACCEPTED, made.detail, provider_id=made.ticket)

    def annotate(self, ticket: str, note: str, picture: bytes = b"") -> Receipt:
        """Add an internal note."""
        return self._do(ticket, lambda: self._note(ticket, note, picture))

    def noted(self, ticket: str, words: str) -> Receipt:
        """Look for a note. RETRY: surely it is not there."""
        if not self.number.fullmatch(ticket):
            return Receipt(Outcome.PERMANENT, f"there is no ticket {ticket[:80]!r}")
        try:
            return self._looked(ticket, words)
        except Failed as failed:
            return replace(failed.receipt, outcome=Outcome.UNKNOWN, detail=f"not looked up: {failed.receipt.detail}")
        except UnreadableError as error:
            return Receipt(Outcome.UNKNOWN, f"the desk's answer cannot be read: {error}")

    def _looked(self, ticket: str, words: str) -> Receipt:
        for page in range(1, PAGES + 1):
            notes, more = self._notes(ticket, page)
            if any(words in note for note in notes):
                return Receipt(Outcome.ACCEPTED, provider_id=ticket)
            if not more:
                return Receipt(Outcome.RETRY, "the note is not there", provider_id=ticket)
        return Receipt(Outcome.UNKNOWN, "there are too many notes to look through", provider_id=ticket)

    def link(self, ticket: str, parent: str) -> Receipt:
        """Make a ticket one of the incident's `parent`."""
        return self._do(ticket, lambda: self._link(ticket, parent), parent)

    def update(self, ticket: str, change: Change) -> Receipt:
        """Change a ticket."""
        return self._do(ticket, lambda: self._change(ticket, change))

    def _do(self, ticket: str, what: Callable[[], None], *others: str) -> Receipt:
        for number in (ticket, *others):
            if not self.number.fullmatch(number):
                return Receipt(Outcome.PERMANENT, f"there is no ticket {number[:80]!r}")
        try:
            what()
        except Failed as failed:
            return failed.receipt
        return Receipt(Outcome.ACCEPTED, provider_id=ticket)

    def states(self, since: float) -> Sequence[TicketState] | Receipt:
        """Return our tickets that changed since. What a vendor's index may show late is asked for again.

        Where reading breaks off, what was read is returned: it is the oldest, so the next polling goes on from there.
        """
        read: list[TicketState] = []
        try:
            for state in self._changed(since):
                read.append(state)  # noqa: PERF402 -- kept where the next one fails
        except Failed as failed:
            if not read:
                return failed.receipt
        except UnreadableError as error:
            return Receipt(Outcome.RETRY, f"the desk's answer cannot be read: {error}")
        latest = {state.ticket: state for state in sorted(read, key=lambda state: state.updated)}
        return sorted(latest.values(), key=lambda state: state.updated)

    def check(self) -> str:
        """Ask who we are and look for a draft that never was."""
        try:
            return self._account() or self._lookable()
        except Failed as failed:
            return failed.receipt.detail

    def _lookable(self) -> str:
        return "a look-up finds a ticket that was never made" if self._search("int_none") else ""

    def receive(self, request: Request) -> Answer:
        """Turn a webhook into what it says. Raises ForgedError and UnreadableError."""
        self._verify(request)
        try:
            said = json.loads(request.body)
        except ValueError as error:
            raise UnreadableError(f"the body is no JSON: {error}") from error
        if not isinstance(said, dict):
            raise UnreadableError("the body is no JSON object")
        try:
            state = self._told(said)
        except Failed as failed:  # the vendor may tell it again; polling will see it anyway
            return Answer(body=failed.receipt.detail, status=503)
        return Answer((Ticketed(state),) if state else ())

    def reply(self, text: str, locale: str = "en") -> Answer | None:
        """Return nothing: a desk's webhook carries no words back."""
        return None

    def close(self) -> None:
        """Let go of connections."""
        self._api.close()


def walk(since: float, read: Callable[[float, int], Page]) -> Iterator[TicketState]:
    """Yield what is on the pages of a list that changes while it is read; `read` gets a time and a page from then on.

    The next page begins at the time at which the one before ended: counted on from the first, it would leave out as
    many as moved to the end meanwhile. Only where a page holds a single moment is the next one counted.
    """
    number = 1
    for _ in range(PAGES):
        page = read(since, number)
        yield from page.states
        if not page.more:
            return
        since, number = (page.last, 1) if page.last > since else (since, number + 1)
