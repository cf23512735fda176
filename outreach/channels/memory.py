"""A channel that keeps what it is given: for tests, backtests and the demo."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from outreach.base import Channel, Message, Outcome, Receipt


class MemoryChannel(Channel):
    """Takes every message at once and remembers it, unless its script says otherwise.

    A scripted UNKNOWN is the worst case: the message was taken, and no answer came.

    >>> channel = MemoryChannel(script=[Receipt(Outcome.RETRY)])
    >>> [channel.send(Message("int_1", "a@example.org", "Hello")).outcome.value for _ in range(2)]
    ['retry', 'accepted']
    >>> [message.text for message in channel.sent]
    ['Hello']
    """

    kind: ClassVar[str] = "memory"
    address: ClassVar[str] = "email"

    def __init__(self, *, script: Callable[[Message], Receipt] | Iterable[Receipt] = ()) -> None:
        """`script`: the receipts to give first, one an attempt, or a function that gives every one."""
        self.sent: list[Message] = []
        """What was taken, in order."""
        self.attempts: list[Message] = []
        """Every attempt, taken or not."""
        self._script = script if callable(script) else _one_by_one(iter(script))

    @classmethod
    def like(cls, channel: type[Channel]) -> type["MemoryChannel"]:
        """Return a class that stands in for another channel: same kind, address and plainness.

        >>> from outreach.registry import channel_class
        >>> MemoryChannel.like(channel_class("sms")).plain
        True
        """
        facts = {"kind": channel.kind, "address": channel.address, "plain": channel.plain, "session": channel.session}
        return type(f"Memory{channel.__name__}", (cls,), facts)

    def send(self, message: Message) -> Receipt:
        """Take the message, or do as scripted."""
        self.attempts.append(message)
        receipt = self._script(message)
        if receipt.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
            self.sent.append(message)
        return receipt

    def find(self, message: Message) -> Receipt:
        """Tell whether a message with this id was taken."""
        taken = any(message.id == other.id for other in self.sent)
        return _accepted(message) if taken else Receipt(Outcome.RETRY, "never taken")

    def to(self, address: str) -> list[Message]:
        """Return what was taken for one address."""
        return [message for message in self.sent if message.to == address]


def _accepted(message: Message) -> Receipt:
    return Receipt(Outcome.ACCEPTED, provider_id=f"memory-{message.id}")


def _one_by_one(receipts: "Iterable[Receipt]") -> Callable[[Message], Receipt]:
    left = iter(receipts)
    return lambda message: next(left, None) or _accepted(message)
