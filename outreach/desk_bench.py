"""A ticket desk and what is behind it, in a test's hand: what `outreach/desk_checks.py` works on."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from outreach.base import Draft, Outcome, Status, TicketDesk

PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
BODY = "Grüße, Łódź – 東京\n\n1 < 2 & <script>"


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket as the other side has it."""

    ticket: str
    """Its number, as `provider_id` has it."""
    subject: str
    text: str
    """All that is on it, notes too, as it would be read: without markup."""
    public: str
    """What of that the customer can see."""
    pictures: Sequence[bytes] = ()
    tags: Sequence[str] = ()
    priority: str = ""
    """In the desk's own words."""
    status: str = ""
    parent: str = ""
    requester: str = ""


class DeskBench(ABC):
    """A desk and the other side, in a test's hand."""

    desk: TicketDesk
    remote: bool = True
    """Whether there is a network between the two."""
    unknown: str = "99999"
    """A number no ticket has."""
    nonsense: Sequence[str] = ("", "../1", "1/2", "x y", "²", "1\r\nhost: b", "a" * 300)
    statuses: Sequence[Status] = (Status.PENDING, Status.SOLVED, Status.OPEN)
    """Those the desk can be given, in an order in which it can."""
    closes: bool = True
    """Whether CLOSED is something else there than SOLVED."""

    @abstractmethod
    def held(self) -> list[Held]:
        """Return the tickets there, in the order they were made."""

    @abstractmethod
    def says(self, ticket: str, verdict: str) -> None:
        """Let an agent say by a tag or field what is to be thought of it."""

    @abstractmethod
    def pass_time(self, seconds: float) -> None:
        """Let time pass on both sides."""

    @abstractmethod
    def time(self) -> float:
        """Return the time there, epoch seconds."""

    def swallow(self) -> None:
        """Make the other side take the next ticket or note and never answer."""

    @abstractmethod
    def unreachable(self) -> TicketDesk:
        """Return a desk of the same kind that finds nobody at the other side."""

    def uninvited(self) -> TicketDesk:
        """Return a desk of the same kind with wrong credentials."""
        raise NotImplementedError

    def draft(self, id_: str = "int_1") -> Draft:
        """Return a draft that the desk takes."""
        return Draft(id_, "tier-2", "API errors at Acme", BODY, "high", "account/acme", tags=("forewarn", "api-errors"))

    def made(self, id_: str = "int_1") -> str:
        """Make a ticket; return its number."""
        receipt = self.desk.create(self.draft(id_))
        assert receipt.outcome is Outcome.ACCEPTED, f"not made: {receipt}"
        assert receipt.provider_id
        return receipt.provider_id

    def the(self, ticket: str) -> Held:
        """Return the ticket of that number."""
        return next(one for one in self.held() if one.ticket == ticket)
