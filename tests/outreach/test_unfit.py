"""Addresses that people are not written to at: emergency and premium numbers, roles, homographs, oversized ones."""

import pytest

from outreach import guard
from outreach.address import unfit
from outreach.confusables import disguised, disguised_host

UNFIT = {
    ("phone", "+43112"): "is an emergency number",
    ("phone", "+44999"): "is an emergency number",
    ("phone", "+1911"): "is an emergency number",
    ("phone", "+49110"): "is an emergency number",
    ("phone", "+19005551234"): "costs its owner or us extra",
    ("phone", "+43900123456"): "costs its owner or us extra",
    ("phone", "+491371234567"): "costs its owner or us extra",
    ("phone", "+448451234567"): "costs its owner or us extra",
    ("phone", "112"): "is no E.164 number",
    ("phone", "+1" * 30): "is longer than 20 characters",
    ("email", "abuse@example.com"): "is a role's mailbox",
    ("email", "Postmaster@example.com"): "is a role's mailbox",
    ("email", "noc+alerts@example.com"): "is a role's mailbox",
    ("email", "no-reply@example.com"): "is a role's mailbox",
    ("email", "ann@pаypal.com"): "mixes letters of CYRILLIC and LATIN",
    ("email", "ann@xn--pypal-4ve.com"): "mixes letters of CYRILLIC and LATIN",
    ("email", "аnn@example.com"): "mixes letters of CYRILLIC and LATIN",
    ("email", "ann@аррӏе.com"): "looks Latin and is CYRILLIC",
    ("email", "a" * 250 + "@x.example"): "is longer than 254 characters",
    ("url", "https://exаmple.com/hook"): "mixes letters of CYRILLIC and LATIN",
    ("url", "https://x.example/" + "a" * 2048): "is longer than 2048 characters",
}
FIT = [
    ("phone", "+436641234567"),
    ("phone", "+14155550123"),
    ("email", "ann@example.com"),
    ("email", "abuser@example.com"),
    ("email", "jörg@münchen.example"),
    ("email", "почта@пример.example"),
    ("email", "田中@例え.example"),
    ("email", "support1@テストtest.example"),
    ("url", "https://münchen.example/hook"),
    ("slack", "C0123ABCD"),
]


@pytest.mark.parametrize(("kind", "value"), UNFIT)
def test_who_is_not_written_to_and_why(kind: str, value: str) -> None:
    assert UNFIT[kind, value] in unfit(kind, value)


@pytest.mark.parametrize(("kind", "value"), FIT)
def test_who_is(kind: str, value: str) -> None:
    assert unfit(kind, value) == ""


@pytest.mark.parametrize("given", ["abuse", "ABUSE", "abuse@example.com"])
def test_a_role_that_is_given_is_written_to(given: str) -> None:
    assert unfit("email", "abuse@example.com", (given,)) == ""
    assert unfit("email", "postmaster@example.com", (given,))
    assert unfit("email", "abuse@other.example", ("abuse@example.com",))


@pytest.mark.parametrize("name", ["mail", "über", "αθήνα", "москва", "東京タワー", "서울seoul", "a1-b2", "", "123"])
def test_names_of_one_script_or_an_allowed_mixture_are_no_disguise(name: str) -> None:
    assert disguised(name) == ""


@pytest.mark.parametrize("name", ["gооgle", "ѕсоре", "miсrosoft", "ｐаypal", "Αpple", "москвa"])
def test_mixtures_and_look_alikes_are(name: str) -> None:
    assert disguised(name)


def test_a_label_that_is_no_punycode_is_looked_at_as_it_is() -> None:
    assert disguised_host("xn--99999999999.com") == ""


def test_a_request_to_a_disguised_host_is_refused_before_it_is_looked_up() -> None:
    def lookup(host: str, port: int) -> list[str]:
        raise AssertionError(host)

    with pytest.raises(ValueError, match="mixes letters"):
        guard.target("https://hооks.example.com", allow_internal=False, lookup=lookup)
