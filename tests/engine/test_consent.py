"""What a consent ledger allows (C1, C2, C4, C11)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy.consent import ALLOWED, Entry, Standing, Use, required, standing
from engine.store.models import Consent

SMS = Use("+431", "sms", "service")
MAIL = Use("a@x.test", "email", "service")
ADVERT = Use("a@x.test", "email", "marketing")


def test_c01_of_two_grants_only_one_after_the_withdrawal_counts() -> None:
    written = Entry(1.0, "granted", "email", "marketing", written=True)
    out = Entry(2.0, "withdrawn", "email", "marketing")
    spoken = Entry(3.0, "granted", "email", "marketing")
    assert standing([written, out, spoken], ADVERT, "program") is Standing.UNWRITTEN
    assert standing([out, spoken, written], ADVERT, "program") is Standing.UNWRITTEN
    assert standing([written, spoken], ADVERT, "program") is Standing.GRANTED


@pytest.mark.parametrize(
    ("use", "configured", "needed"),
    [
        (MAIL, {}, False),
        (ADVERT, {"email": "implied"}, True),
        (SMS, {"sms": "implied", "sms/service": "implied"}, True),
        (MAIL, {"email": "required"}, True),
        (MAIL, {"email": "required", "email/service": "implied"}, False),
    ],
)
def test_c01_where_consent_is_needed(use: Use, configured: dict[str, str], needed: bool) -> None:
    assert required(use, configured) is needed


def test_c04_a_program_revocation_stops_only_what_it_names() -> None:
    out = Entry(5.0, "withdrawn", "sms", "service", "+431")
    granted = Entry(1.0, "granted")
    assert standing([granted, out], SMS, "program") is Standing.WITHDRAWN
    assert standing([granted, out], MAIL, "program") is Standing.GRANTED
    assert standing([granted, out], MAIL, "all") is Standing.WITHDRAWN


def test_c11_the_gravest_word_is_the_one_told() -> None:
    words = [Entry(1.0, "suspended"), Entry(2.0, "withdrawn"), Entry(1.5, "objected")]
    assert standing(words, MAIL, "all") is Standing.OBJECTED


def test_c14_an_entry_is_taken_from_the_ledger_as_it_stands() -> None:
    row = Consent(
        id="1", at=3.0, entity="contact/a", address="+431", channel="sms", purpose="*", state="granted", written=True
    )
    assert Entry.of(row) == Entry(3.0, "granted", "sms", "*", "+431", written=True)


entries = st.builds(
    Entry,
    at=st.integers(0, 6).map(float),
    state=st.sampled_from(["granted", "withdrawn", "suspended", "objected"]),
    channel=st.sampled_from(["*", "email", "sms"]),
    purpose=st.sampled_from(["*", "service", "marketing"]),
    address=st.sampled_from(["", "a@x.test", "+431"]),
    written=st.booleans(),
)
uses = st.sampled_from([SMS, MAIL, ADVERT])


@given(st.lists(entries, max_size=6), uses, st.sampled_from(["program", "all"]))
def test_c14_the_order_in_which_a_ledger_is_read_does_not_matter(ledger: list[Entry], use: Use, scope: Any) -> None:
    assert standing(ledger, use, scope) is standing(ledger[::-1], use, scope)


@given(st.lists(entries, max_size=6), uses)
def test_c04_the_wider_scope_never_allows_more(ledger: list[Entry], use: Use) -> None:
    if standing(ledger, use, "all") in ALLOWED:
        assert standing(ledger, use, "program") in ALLOWED


@given(st.lists(entries, max_size=6), uses, st.sampled_from(["withdrawn", "suspended", "objected"]))
def test_c02_the_last_word_stops(ledger: list[Entry], use: Use, state: str) -> None:
    assert standing([*ledger, Entry(7.0, state)], use, "program") not in ALLOWED
