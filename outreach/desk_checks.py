"""What every ticket desk must do, whatever is behind it. A desk's tests give a `DeskBench` and run `checks()` on it.

>>> len(checks()) > 15
True
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from outreach.base import Change, Outcome, Receipt, Status, TicketState
from outreach.desk_bench import BODY, PICTURE, DeskBench
from outreach.drafts import reference


def check_a_draft_becomes_a_ticket(bench: DeskBench) -> None:
    """Its subject, words, tags and severity arrive whole, markup in it is none, and the customer sees no evidence."""
    number = bench.made()
    (held,) = bench.held()
    assert held.ticket == number
    assert held.subject.startswith("API errors at Acme")
    assert BODY.split("\n\n")[1] in held.text, f"the text became {held.text!r}"
    assert {"forewarn", "api-errors"} <= set(held.tags)
    other = replace(bench.draft("int_2"), severity="low")
    bench.desk.create(other)
    assert held.priority != bench.held()[1].priority, "severity is not told"


def check_a_draft_becomes_one_ticket(bench: DeskBench) -> None:
    """The same draft again finds the ticket, with whatever words; another makes another."""
    first = bench.made("int_1")
    bench.pass_time(3 * 3600)
    again = bench.desk.create(replace(bench.draft("int_1"), body="other words"))
    _is(again, Outcome.ACCEPTED)
    other = bench.made("int_2")
    assert again.provider_id == first != other
    assert len(bench.held()) == 2


def check_the_picture_is_attached(bench: DeskBench) -> None:
    """The evidence's picture is on the ticket."""
    _is(bench.desk.create(replace(bench.draft(), picture=PICTURE)), Outcome.ACCEPTED)
    assert list(bench.held()[0].pictures) == [PICTURE]


def check_the_requester_is_the_customer(bench: DeskBench) -> None:
    """A ticket is the customer's, where one is named; what agents need to know is not shown to them."""
    _is(bench.desk.create(replace(bench.draft(), requester="ann@acme.example")), Outcome.ACCEPTED)
    (held,) = bench.held()
    assert held.requester == "ann@acme.example"
    assert "東京" in held.text
    assert "東京" not in held.public, "the customer is shown the agent's text"


def check_a_subject_has_one_line(bench: DeskBench) -> None:
    """Line ends and excess in a subject are taken out, not sent."""
    _is(bench.desk.create(replace(bench.draft(), subject="a\r\nb " + "x" * 400, body="y" * 100_000)), Outcome.ACCEPTED)
    (held,) = bench.held()
    assert "\n" not in held.subject


def check_silence_is_unknown(bench: DeskBench) -> None:
    """A ticket that was taken without an answer is UNKNOWN, never RETRY (C18)."""
    if bench.remote:
        bench.swallow()
        _is(bench.desk.create(bench.draft()), Outcome.UNKNOWN)
        assert len(bench.held()) == 1


def check_find_after_silence(bench: DeskBench) -> None:
    """Asked afterwards, the desk finds the ticket, or says that creating it again completes it; there is one."""
    if bench.remote:
        bench.swallow()
        bench.desk.create(bench.draft())
    else:
        bench.made()
    found = bench.desk.find(bench.draft())
    assert found is not None
    if found.outcome is Outcome.RETRY:
        _is(bench.desk.create(bench.draft()), Outcome.ACCEPTED)
        found = bench.desk.find(bench.draft())
        assert found is not None
    _is(found, Outcome.ACCEPTED)
    (held,) = bench.held()
    assert found.provider_id == held.ticket
    assert "東京" in held.text


def check_find_what_was_never_made(bench: DeskBench) -> None:
    """A draft of which nothing was made is RETRY, even if there is one with the same words and nearly its id."""
    bench.made("int_12")
    found = bench.desk.find(bench.draft("int_1"))
    assert found is not None
    _is(found, Outcome.RETRY)


def check_a_note_is_internal(bench: DeskBench) -> None:
    """A note is on the ticket with its picture, and the customer does not see it."""
    number = bench.made()
    receipt = bench.desk.annotate(number, "seen again <b>now</b>", PICTURE)
    _is(receipt, Outcome.ACCEPTED)
    assert receipt.provider_id == number
    held = bench.the(number)
    assert "seen again <b>now</b>" in held.text
    assert "seen again" not in held.public
    assert list(held.pictures) == [PICTURE]


def check_a_note_is_found_again(bench: DeskBench) -> None:
    """A note is found by its reference, one that was not written is not, and one that may be there is UNKNOWN."""
    number, words = bench.made(), reference("int_7")
    _is(bench.desk.annotate(number, f"seen <again>\n\n{reference('int_8')}"), Outcome.ACCEPTED)
    _is(bench.desk.noted(number, words), Outcome.RETRY)
    bench.swallow()
    bench.desk.annotate(number, f"and again\n\n{words}", PICTURE)
    _is(bench.desk.noted(number, words), Outcome.ACCEPTED)
    for unknown in (bench.unknown, *bench.nonsense):
        assert bench.desk.noted(unknown, words).outcome is not Outcome.ACCEPTED
    if bench.remote:
        _is(bench.unreachable().noted(number, words), Outcome.UNKNOWN)


def check_a_ticket_has_a_page(bench: DeskBench) -> None:
    """Where it is read behind HTTP has its number in the address."""
    number = bench.made()
    if bench.remote:
        page = bench.desk.page(number)
        assert page.startswith("http")
        assert number in page


def check_a_note_taken_in_silence_is_unknown(bench: DeskBench) -> None:
    """A note that may have been taken is not simply written again."""
    if bench.remote:
        number = bench.made()
        bench.swallow()
        _is(bench.desk.annotate(number, "seen again"), Outcome.UNKNOWN)


def check_no_such_ticket(bench: DeskBench) -> None:
    """What is done to a ticket that is not there is refused, and says so."""
    number = bench.made()
    for receipt in (
        bench.desk.annotate(bench.unknown, "lost"),
        bench.desk.update(bench.unknown, Change(status=Status.SOLVED)),
        bench.desk.link(bench.unknown, number),
        bench.desk.link(number, bench.unknown),
    ):
        _is(receipt, Outcome.PERMANENT)
        assert receipt.detail


def check_nonsense_is_a_receipt(bench: DeskBench) -> None:
    """A number that is none never raises, and is never asked for."""
    for number in bench.nonsense:
        _is(bench.desk.annotate(number, "lost"), Outcome.PERMANENT)
        _is(bench.desk.update(number, Change(tags=("a",))), Outcome.PERMANENT)
        _is(bench.desk.link(number, number), Outcome.PERMANENT)
    assert bench.held() == []


def check_link(bench: DeskBench) -> None:
    """A ticket becomes one of its incident's, and doing so twice does no harm."""
    parent, child = bench.made("int_1"), bench.made("int_2")
    _is(bench.desk.link(child, parent), Outcome.ACCEPTED)
    _is(bench.desk.link(child, parent), Outcome.ACCEPTED)
    assert bench.the(child).parent == parent
    assert bench.the(parent).parent == ""


def check_a_draft_with_a_parent(bench: DeskBench) -> None:
    """A ticket can be made as one of its incident's; a parent that is gone does not keep it from being made."""
    parent = bench.made("int_1")
    receipt = bench.desk.create(replace(bench.draft("int_2"), parent=parent))
    _is(receipt, Outcome.ACCEPTED)
    assert bench.the(receipt.provider_id).parent == parent
    _is(bench.desk.create(replace(bench.draft("int_3"), parent=bench.unknown)), Outcome.ACCEPTED)


def check_update(bench: DeskBench) -> None:
    """Severity changes, tags are added to those there are, what is not given stays."""
    number = bench.made()
    before = bench.the(number)
    _is(bench.desk.update(number, Change(severity="low", tags=("spread out",))), Outcome.ACCEPTED)
    after = bench.the(number)
    assert (after.status, after.priority == before.priority) == (before.status, False)
    assert len(after.tags) == len(before.tags) + 1
    _is(bench.desk.update(number, Change()), Outcome.ACCEPTED)
    assert bench.the(number) == after


def check_every_status(bench: DeskBench) -> None:
    """A status given is the status read."""
    number = bench.made()
    for status in bench.statuses:
        _is(bench.desk.update(number, Change(status=status)), Outcome.ACCEPTED)
        assert _state(bench, number).status is status
    if bench.closes:
        _is(bench.desk.update(number, Change(status=Status.CLOSED)), Outcome.ACCEPTED)
        assert _state(bench, number).status is Status.CLOSED


def check_states_since(bench: DeskBench) -> None:
    """What changed since is told oldest first, and what did so long before is not."""
    numbers = []
    for id_ in ("int_1", "int_2", "int_3"):
        numbers.append(bench.made(id_))
        bench.pass_time(7200)
    bench.desk.update(numbers[0], Change(severity="low"))
    states = _read(bench, bench.time() - 3 * 3600 + 60)
    assert [state.ticket for state in states] == [numbers[2], numbers[0]]
    assert abs(states[-1].updated - bench.time()) < 120
    assert [state.verdict for state in states] == ["", ""]


def check_many_states(bench: DeskBench) -> None:
    """More than a page of them are all told, each once."""
    numbers = {bench.made(f"int_{count}") for count in range(130)}
    states = _read(bench, bench.time() - 3600)
    assert {state.ticket for state in states} == numbers
    assert len(states) == 130


def check_verdict(bench: DeskBench) -> None:
    """What an agent says by a tag or field is read back."""
    for verdict in ("true", "false", "unclear"):
        number = bench.made(f"int_{verdict}")
        bench.says(number, verdict)
        assert _state(bench, number).verdict == verdict


def check_nobody_there(bench: DeskBench) -> None:
    """Where no connection comes about nothing was done, and nothing can be known."""
    desk, number = bench.unreachable(), bench.made()
    _is(desk.create(bench.draft()), Outcome.RETRY)
    _is(desk.annotate(number, "x"), Outcome.RETRY)
    _is(desk.update(number, Change(severity="low")), Outcome.RETRY)
    _is(_receipt(desk.states(0.0)), Outcome.RETRY)
    _is(desk.find(bench.draft()), Outcome.UNKNOWN)
    _is(desk.noted(number, reference("int_1")), Outcome.UNKNOWN)
    if bench.remote:
        assert desk.check()
    desk.close()


def check_wrong_credentials_lose_nothing(bench: DeskBench) -> None:
    """An operator can put them right: nothing fails for good, and `check` says what to look at."""
    if bench.remote:
        desk = bench.uninvited()
        _is(desk.create(bench.draft()), Outcome.RETRY)
        _is(_receipt(desk.states(0.0)), Outcome.RETRY)
        assert "credentials" in desk.check()
        assert bench.held() == []
        desk.close()


def check_in_order(bench: DeskBench) -> None:
    """A desk that can be reached has nothing to say, and asking makes nothing."""
    assert bench.desk.check() == ""
    assert bench.held() == []


def check_close_twice(bench: DeskBench) -> None:
    """Closing twice does no harm."""
    bench.made()
    bench.desk.close()
    bench.desk.close()


def checks() -> list[Callable[[DeskBench], None]]:
    """Return every check."""
    return [check for name, check in globals().items() if name.startswith("check_")]


def _read(bench: DeskBench, since: float) -> Sequence[TicketState]:
    states = bench.desk.states(since)
    assert not isinstance(states, Receipt), f"not read: {states}"
    return states


def _state(bench: DeskBench, number: str) -> TicketState:
    return next(state for state in _read(bench, bench.time() - 60) if state.ticket == number)


def _receipt(said: Sequence[TicketState] | Receipt) -> Receipt:
    assert isinstance(said, Receipt), f"expected a receipt, got {said}"
    return said


def _is(receipt: Receipt | None, outcome: Outcome) -> None:
    assert receipt is not None
    assert receipt.outcome is outcome, f"expected {outcome}, got {receipt}"
