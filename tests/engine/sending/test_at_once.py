"""A channel that sends several messages at once: each has its receipt, and none is sent twice."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from engine.clock import FakeClock
from engine.config.model import Sending
from engine.dispatching.sending import Leaving, Sender
from engine.letters import Letter
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.channels.memory import MemoryChannel
from tests.engine.sending.test_batches import leaving


class Several(MemoryChannel):
    """Sends what it is given at once, and is wrong about one."""

    kind = "sms"

    def __init__(self, wrong: int) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.wrong = wrong

    def send_all(self, messages: Iterable[Message]) -> Iterator[Receipt]:
        given = list(messages)
        self.calls.append(len(given))
        for message in given:
            if message.id == f"sms{self.wrong}":
                raise ZeroDivisionError
            yield self.send(message)


def several(count: int, by: Channel) -> list[Leaving]:
    batch = [leaving("sms", n, lambda: Receipt(Outcome.PERMANENT, "not this way")) for n in range(count)]
    messages = [Message(each.intent.id, "+436641234567", "Hello") for each in batch]
    return [replace(each, letter=Letter.of(by, said, {})) for each, said in zip(batch, messages, strict=True)]


def test_a_channel_is_given_what_it_can_send_at_once() -> None:
    channel_ = Several(wrong=-1)
    sender = Sender(lambda _: Sending(connections=2), FakeClock(0.0), concurrent=False)
    back = sender.send(several(7, channel_))
    assert [each.receipt.outcome for each in back if each.receipt] == [Outcome.ACCEPTED] * 7
    assert channel_.calls == [4, 3]


@pytest.mark.parametrize("wrong", [0, 3, 6])
def test_c18_what_breaks_amid_several_breaks_one_and_none_is_sent_twice(wrong: int) -> None:
    channel_ = Several(wrong)
    sender = Sender(lambda _: Sending(connections=1), FakeClock(0.0), concurrent=False)
    back = sender.send(several(7, channel_))
    assert [each.receipt is None for each in back] == [n == wrong for n in range(7)]
    assert isinstance(sender.broken, ZeroDivisionError)
    assert [message.id for message in channel_.sent] == [f"sms{n}" for n in range(7) if n != wrong]


def test_c18_a_channel_that_owes_a_receipt_is_not_asked_for_that_message_again() -> None:
    class Short(MemoryChannel):
        kind = "sms"

        def send_all(self, messages: Iterable[Message]) -> Iterator[Receipt]:
            return iter([self.send(next(iter(messages)))])

    channel_ = Short()
    sender = Sender(lambda _: Sending(connections=1), FakeClock(0.0), concurrent=False)
    back = sender.send(several(5, channel_))
    assert [each.receipt is not None for each in back] == [True, False, True, False, True]
    assert len({message.id for message in channel_.sent}) == len(channel_.sent)
