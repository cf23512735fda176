"""What every channel must do, whatever is behind it. A channel's tests give a `Bench` and run `checks()` on it.

>>> sorted(check.__name__ for check in checks())[0]
'check_address_refused_by_the_other_side'
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from outreach.base import ADDRESSES, Channel, Message, Outcome, Receipt


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as the other side got it."""

    id: str
    """What it is known by there, e.g. a Message-ID, a webhook-id, a sign in the text."""
    text: str
    thread: str = ""
    unsubscribe: str = ""


class Bench(ABC):
    """A channel and the other side, in a test's hand."""

    channel: Channel
    good: str
    """An address the other side takes."""
    refused: str
    """An address the other side refuses for good."""
    nonsense: Sequence[str] = ("", "\r\n", "a\r\nBcc: b", "\x00", "ü", "http://", "+", "@", "a" * 3000)
    threads: bool = True
    """Whether the channel carries threads and unsubscribe addresses."""
    named: bool = True
    """Whether the other side knows a message by an id; a call has none."""

    @abstractmethod
    def taken(self) -> list[Taken]:
        """Return what the other side took, in order."""

    @abstractmethod
    def swallow(self) -> None:
        """Make the other side take the next message and never answer."""

    @abstractmethod
    def unreachable(self) -> Channel:
        """Return a channel of the same kind that finds nobody at the other side."""

    def message(self, id_: str = "int_1", text: str = "Grüße, Łódź – 東京") -> Message:
        """Return a message that the other side takes."""
        return Message(id_, self.good, text, subject="Hello")


def check_sends_once(bench: Bench) -> None:
    """A message is taken once, whole, and has an id there."""
    receipt = bench.channel.send(bench.message())
    _is(receipt, Outcome.ACCEPTED)
    assert receipt.provider_id
    (taken,) = bench.taken()
    assert taken.text.startswith(bench.message().text), f"the text became {taken.text!r}"


def check_address_refused_by_the_other_side(bench: Bench) -> None:
    """A refusal is a receipt with a code and a detail."""
    receipt = bench.channel.send(replace(bench.message(), to=bench.refused))
    _is(receipt, Outcome.PERMANENT)
    assert receipt.code
    assert receipt.detail
    assert bench.taken() == []


def check_nonsense_is_a_receipt(bench: Bench) -> None:
    """An address that is none never raises, is never sent to, and says what is wrong."""
    for address in bench.nonsense:
        receipt = bench.channel.send(replace(bench.message(), to=address))
        _is(receipt, Outcome.PERMANENT)
        assert receipt.detail
    assert bench.taken() == []


def check_id_is_stable(bench: Bench) -> None:
    """Each attempt of a message is known by the same id, and no other message by it."""
    if not bench.named:
        return
    for id_ in ("int_1", "int_1", "int_2"):
        bench.channel.send(bench.message(id_))
    first, again, other = (taken.id for taken in bench.taken())
    assert first == again != other


def check_silence_is_unknown(bench: Bench) -> None:
    """A message that was taken without an answer is UNKNOWN, never RETRY."""
    bench.swallow()
    _is(bench.channel.send(bench.message()), Outcome.UNKNOWN)
    assert len(bench.taken()) == 1


def check_find_after_silence(bench: Bench) -> None:
    """Asked afterwards, the channel says it was taken, or that it cannot tell, or that a repeat is known as one."""
    bench.swallow()
    bench.channel.send(bench.message())
    found = bench.channel.find(bench.message())
    if found is not None and found.outcome is Outcome.RETRY:
        bench.channel.send(bench.message())
        assert len({taken.id for taken in bench.taken()}) == 1
    else:
        assert found is None or found.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)


def check_find_what_was_never_sent(bench: Bench) -> None:
    """A message that was never sent is not said to be taken, even if one with the same words was."""
    bench.channel.send(bench.message("int_1"))
    found = bench.channel.find(bench.message("int_2"))
    assert found is None or found.outcome in (Outcome.RETRY, Outcome.UNKNOWN)


def check_nobody_there(bench: Bench) -> None:
    """Where no connection comes about, the message was surely not taken."""
    channel = bench.unreachable()
    _is(channel.send(bench.message()), Outcome.RETRY)
    channel.close()


def check_thread(bench: Bench) -> None:
    """A message that follows another says so in the other side's terms."""
    if bench.threads:
        first = bench.channel.send(bench.message("int_1"))
        bench.channel.send(replace(bench.message("int_2"), thread=first.provider_id))
        assert [taken.thread for taken in bench.taken()] == ["", first.provider_id]


def check_unsubscribe(bench: Bench) -> None:
    """The opt-out address is there, uncut, if asked for, and only then."""
    if bench.threads:
        url = "https://example.org/u/" + "abcdefghij" * 30
        bench.channel.send(bench.message("int_1"))
        bench.channel.send(replace(bench.message("int_2"), unsubscribe_url=url))
        assert [taken.unsubscribe for taken in bench.taken()] == ["", url]


def check_close_and_go_on(bench: Bench) -> None:
    """Closing twice does no harm; a closed channel is not used again."""
    bench.channel.send(bench.message())
    bench.channel.close()
    bench.channel.close()


def check_says_what_it_is(bench: Bench) -> None:
    """A channel names its kind and the kind of address it sends to."""
    assert bench.channel.kind
    assert bench.channel.address in ADDRESSES


def checks() -> list[Callable[[Bench], None]]:
    """Return every check."""
    return [check for name, check in globals().items() if name.startswith("check_")]


def _is(receipt: Receipt, outcome: Outcome) -> None:
    assert receipt.outcome is outcome, f"expected {outcome}, got {receipt}"
