"""The built-in desk makes one ticket of one draft."""

from dataclasses import replace

from outreach.base import Draft, Outcome
from outreach.tickets.builtin import BuiltinDesk, MemoryTickets

DRAFT = Draft("int_1", "tier-2", "API errors at Acme", "What happened …", "high", "account/acme")


def test_a_draft_becomes_one_ticket() -> None:
    store = MemoryTickets()
    desk = BuiltinDesk(store=store)
    assert desk.find(DRAFT).outcome is Outcome.RETRY
    first, again = desk.create(DRAFT), desk.create(replace(DRAFT, body="other words"))
    other = desk.create(replace(DRAFT, id="int_2"))
    assert (first.provider_id, again.provider_id, other.provider_id) == ("1", "1", "2")
    assert store.drafts[1] == DRAFT
    assert desk.find(DRAFT).provider_id == "1"


def test_notes_need_a_ticket() -> None:
    store = MemoryTickets()
    desk = BuiltinDesk(store=store)
    number = desk.create(DRAFT).provider_id
    assert desk.annotate(number, "again").outcome is Outcome.ACCEPTED
    assert store.notes == {1: [("again", b"")]}
    for wrong in ("2", "", "x", "-1", "²"):
        assert desk.annotate(wrong, "lost").outcome is Outcome.PERMANENT
