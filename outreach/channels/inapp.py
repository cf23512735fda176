"""Messages that are read inside the product: kept for the person or account, which fetches what is its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from outreach.address import FORMS
from outreach.base import Channel, Message, Outcome, Receipt

LONGEST = 20_000
"""Characters of a text that are kept."""


@dataclass(frozen=True, slots=True)
class Item:
    """A message as it is kept."""

    id: str
    entity: str
    subject: str
    text: str
    locale: str
    occasion: str = ""
    thread: str = ""


class FeedStore(Protocol):
    """Where an in-app channel keeps what is to be read.

    Each of these raises ConnectionError if surely nothing was done, TimeoutError if it may have been.
    """

    def put(self, item: Item) -> bool:
        """Keep an item once for each `id`; False if there is nobody of that name."""

    def has(self, id_: str) -> bool:
        """Return whether an item of this id is kept."""

    def recall(self, id_: str) -> bool:
        """Forget an item that nobody has read yet; False if it was read, or is not there."""


class MemoryFeed:
    """A feed in memory, for tests and rehearsals."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def put(self, item: Item) -> bool:
        """Keep an item."""
        self.items.setdefault(item.id, item)
        return True

    def has(self, id_: str) -> bool:
        """Return whether it is kept."""
        return id_ in self.items

    def recall(self, id_: str) -> bool:
        """Forget it."""
        return self.items.pop(id_, None) is not None


class InApp(Channel):
    """Keeps messages where the product's own pages show them. The address is the reader itself: `contact/ann`.

    `origins` are the websites whose pages may fetch it, as `https://app.example.com`. The provider's id of a message
    is our own, so a repeat is known as one, and what nobody has read yet can be taken back.

    >>> channel = InApp(keep=MemoryFeed)
    >>> channel.send(Message("int_1", "nobody", "Hello")).detail
    "'nobody' is no address for it: write a person or account as contact/ann"
    """

    kind: ClassVar[str] = "inapp"
    address: ClassVar[str] = "entity"

    def __init__(self, *, origins: Sequence[str] = (), keep: Callable[[], FeedStore] | None = None) -> None:
        """Raises ValueError for an origin that is none."""
        for origin in origins:
            _check(origin)
        self.origins = tuple(origins)
        self._store = keep() if keep else None

    def send(self, message: Message) -> Receipt:
        """Keep the message; a repeat finds the first one."""
        if not FORMS["entity"][0].fullmatch(message.to):
            wrong = f"{message.to[:80]!r} is no address for it"
            return Receipt(Outcome.PERMANENT, f"{wrong}: write {FORMS['entity'][1]}", code="address")
        item = Item(
            id=message.id,
            entity=message.to,
            subject=message.subject[:300],
            text=message.text[:LONGEST],
            locale=message.locale,
            occasion=str(message.data.get("occasion", "")),
            thread=message.thread,
        )
        return self._asked(lambda store: self._put(store, item))

    def find(self, message: Message) -> Receipt:
        """Look whether the message is kept."""
        return self._asked(lambda store: _kept(message.id) if store.has(message.id) else _absent())

    def recall(self, provider_id: str) -> Receipt:
        """Take a message back that nobody has read."""
        return self._asked(lambda store: _kept(provider_id) if store.recall(provider_id) else _read())

    @staticmethod
    def _put(store: FeedStore, item: Item) -> Receipt:
        if store.put(item):
            return _kept(item.id)
        return Receipt(Outcome.PERMANENT, f"there is no {item.entity} any more", code="gone")

    def _asked(self, what: Callable[[FeedStore], Receipt]) -> Receipt:
        if self._store is None:
            return Receipt(Outcome.RETRY, "nothing is kept here: this channel works inside an engine only")
        try:
            return what(self._store)
        except ConnectionError as error:
            return Receipt(Outcome.RETRY, str(error), code="store")
        except TimeoutError as error:
            return Receipt(Outcome.UNKNOWN, str(error), code="store")


def _check(origin: str) -> None:
    parts = urlsplit(origin)
    bare = f"{parts.scheme}://{parts.netloc}" == origin
    if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc or not bare:
        raise ValueError(f"origins: {origin!r} is no origin; write https://app.example.com, without a path")


def _kept(id_: str) -> Receipt:
    return Receipt(Outcome.ACCEPTED, provider_id=id_)


def _absent() -> Receipt:
    return Receipt(Outcome.RETRY, "no such message was kept")


def _read() -> Receipt:
    return Receipt(Outcome.PERMANENT, "it was read already, or is not there")
