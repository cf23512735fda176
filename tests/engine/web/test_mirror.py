"""The page of a message: the evidence in plain words, what allowed it, and what a person can say there."""

import dataclasses
from typing import Any

import pytest
from sqlmodel import select

from detectors.threshold import Threshold
from engine.config.model import DetectorConfig, Measure, Watch
from engine.expressions import Expression
from engine.store.models import Consent, Turn
from engine.web.customers.evidence import form_of
from engine.web.customers.words import words

NOW = 1_700_000_000.0
ABOUT = "An account's API calls fail more often than is normal."


def detector(measure: Measure) -> DetectorConfig:
    return DetectorConfig("api-errors", ABOUT, Watch("api.request", ("account",), measure), Threshold(above=0.5))


@pytest.fixture
def full(desk: Any) -> Any:
    """Return a desk where a message was sent about an issue of a detector that measures a share."""
    desk.add(*desk.everything())
    ratio = detector(Measure("ratio", Expression.parse("status >= 500")))
    desk.config = dataclasses.replace(desk.config, detectors={"api-errors": ratio})
    return desk


def turns(desk: Any) -> list[Turn]:
    with desk.database.reading() as session:
        return list(session.exec(select(Turn)).all())


def test_the_evidence_is_told_in_plain_words(full: Any, server: Any) -> None:
    page = server.get(full.link("page")).text
    for sentence in ("21% was measured last.", "Usual for you: 0% to 5%.", "Most likely would have been 1%."):
        assert sentence in page
    assert "We see it since 14 November 2023" in page or "We see it since November 14, 2023" in page
    assert ABOUT.replace("'", "&#39;") in page


def test_the_picture_says_the_same_to_who_cannot_see_it(full: Any, server: Any) -> None:
    with full.database.transaction() as session:
        issue = session.get_one(type(full.issue()), "iss_1")
        issue.evidence = {**issue.evidence, "points": [[NOW - 120, 0.1], [NOW - 60, 0.2]]}
    page = server.get(full.link("page")).text
    assert 'src="data:image/svg+xml;base64,' in page
    assert 'alt="The measurements before it, in time. 21% was measured last.' in page


def test_evidence_speaks_the_readers_language(desk: Any, server: Any) -> None:
    desk.add(desk.issue(evidence={"value": 1234.5, "high": 1000.0}), desk.intent(), *desk.ann(locale="de-AT"))
    page = server.get(desk.link("page")).text
    assert "Zuletzt gemessen: 1.234,5." in page or "Zuletzt gemessen: 1\u00a0234,5." in page
    assert "höchstens 1.000" in page or "höchstens 1\u00a0000" in page


@pytest.mark.parametrize(("measure", "form"), [("ratio", "share"), ("gap", "length"), ("count", "number")])
def test_numbers_are_told_as_what_they_are(measure: Any, form: str) -> None:
    assert form_of(detector(Measure(measure))) == form
    assert form_of(None) == "number"


@pytest.mark.parametrize("measure", ["ratio", "gap", "count"])
def test_what_nobody_would_write_out_is_told_all_the_same(desk: Any, server: Any, measure: Any) -> None:
    desk.config = dataclasses.replace(desk.config, detectors={"api-errors": detector(Measure(measure))})
    desk.add(desk.issue(evidence={"value": 1e300, "low": None, "high": "x"}), desk.intent(), *desk.ann())
    assert "1e+300 was measured last" in server.get(desk.link("page")).text


def test_what_allowed_it_is_an_entry_of_the_ledger(desk: Any, server: Any) -> None:
    given: dict[str, Any] = {"entity": "contact/ann", "channel": "email", "purpose": "service", "state": "granted"}
    desk.add(*desk.everything())
    desk.add(Consent(id="con_1", at=NOW - 9e6, wording="Tell me", source="sign-up form", **given))
    desk.add(Consent(id="con_2", at=NOW + 9e6, wording="Later", **given))
    page = server.get(desk.link("page")).text
    assert "in “sign-up form”: “Tell me”" in page
    assert "Later" not in page, "what was said after it was sent allowed nothing"


def test_where_no_consent_was_needed_it_says_so(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    assert "no consent is needed on this channel" in server.get(desk.link("page")).text


@pytest.mark.parametrize("said", ["fixed", "not_mine", "call"])
def test_what_a_person_says_is_an_event_and_shown_to_them(full: Any, server: Any, said: str) -> None:
    answer = server.post(full.link("page"), data={"say": said, "after": ""})
    assert answer.status_code == 303
    [reply] = full.of_type("forewarn.reply")
    assert (reply["subject"], reply["data"]["meaning"], reply["data"]["channel"]) == ("contact/ann", said, "page")
    assert (reply["data"]["issue"], reply["source"]) == ("iss_1", "forewarn/page")
    page = server.get(answer.headers["location"].partition("#")[0]).text
    assert words("en")[f"said_{said}"].partition("} ")[2].partition(".")[0] in page


def test_not_about_me_is_a_verdict_that_proves_nothing(full: Any, server: Any) -> None:
    server.post(full.link("page"), data={"say": "not_mine"})
    [verdict] = full.of_type("forewarn.verdict")
    assert (verdict["data"]["verdict"], verdict["data"]["issue"]) == ("unclear", "iss_1")
    assert verdict["data"]["who"] == "contact/ann"


def test_call_me_carries_the_number_and_goes_to_a_person(full: Any, server: Any) -> None:
    server.post(full.link("page"), data={"say": "call", "number": " +43 1 234 "})
    [reply] = full.of_type("forewarn.reply")
    assert (reply["data"]["number"], reply["data"]["hand_over"]) == ("+43 1 234", "call")
    assert len(full.of_type("forewarn.contact")) == 1


def test_a_double_click_says_it_once_and_a_fresh_page_again(full: Any, server: Any) -> None:
    for _ in range(3):
        server.post(full.link("page"), data={"say": "call", "after": ""})
        full.clock.advance(1)
    [first] = turns(full)
    assert len(full.of_type("forewarn.reply")) == 1
    server.post(full.link("page"), data={"say": "call", "after": first.id})
    assert len(full.of_type("forewarn.reply")) == 2


def test_once_it_is_over_one_can_say_that_it_is_not(desk: Any, server: Any) -> None:
    desk.add(desk.issue(status="resolved", resolved_at=NOW), desk.intent(occasion="resolved"), *desk.ann())
    page = server.get(desk.link("page")).text
    assert 'value="broken"' in page
    assert 'value="fixed"' not in page
    server.post(desk.link("page"), data={"say": "broken"})
    [reply] = desk.of_type("forewarn.reply")
    assert reply["data"]["hand_over"] == "broken_again"


@pytest.mark.parametrize("data", [{}, {"say": "stop"}, {"say": "<script>"}, {"say": "distress"}])
def test_nothing_else_can_be_said(full: Any, server: Any, data: dict[str, str]) -> None:
    assert server.post(full.link("page"), data=data).status_code == 422
    assert full.events() == []


def test_a_forged_link_says_nothing(full: Any, server: Any) -> None:
    assert server.post("/m/forged.forged", data={"say": "fixed"}).status_code == 404
    assert server.post(full.link("preferences").replace("/p/", "/m/"), data={"say": "fixed"}).status_code == 404
    assert full.events() == []


def test_c08_opening_the_page_says_nothing(full: Any, server: Any) -> None:
    for method in ("GET", "HEAD"):
        server(method, full.link("page") + "?say=call")
    assert full.events() == []
    assert turns(full) == []


def test_a_flood_of_answers_is_told_once_and_ends(full: Any, server: Any) -> None:
    for number in range(40):
        server.post(full.link("page"), data={"say": "call", "after": str(number)})
    replies = full.of_type("forewarn.reply")
    assert len(replies) == 31
    assert replies[-1]["data"]["hand_over"] == "flood"
