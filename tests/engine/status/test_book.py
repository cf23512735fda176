"""What is said to the public: declared once, told of, ended; and nothing of a customer's."""

from typing import Any

import pytest
from sqlmodel import col, select

from engine.config.model.status import ComponentConfig, StatusConfig
from engine.errors import Permanent
from engine.status import book
from engine.status.board import board, concerned, known
from engine.status.book import Window
from engine.status.uptime import DAY
from engine.store.models import Address, Entity, StatusEntry, StatusUpdate

NOW = 1_795_352_700.0


def said(page: Any) -> list[tuple[str, str, str]]:
    with page.database.reading() as session:
        rows = session.exec(select(StatusUpdate).order_by(col(StatusUpdate.at))).all()
        return [(row.state, row.impact, row.text) for row in rows]


def test_the_same_key_is_declared_once(page: Any) -> None:
    first = page.declare()
    page.clock.advance(60)
    again = page.declare(title="Something else", impact="critical")
    assert (again.id, again.title, again.started_at) == (first.id, "Calls fail", NOW)
    assert page.declare("other").id != first.id
    assert len(said(page)) == 2


def test_an_incident_goes_from_state_to_state_and_ends_once(page: Any) -> None:
    entry = page.declare()
    for state in ("identified", "monitoring"):
        page.clock.advance(60)
        page.update(entry.id, state=state)
    page.clock.advance(60)
    with page.database.transaction() as session:
        ended = book.resolve(session, "k", text="All calls work again.", now=page.clock.time(), who="ann")
    assert (ended.state, ended.ended_at) == ("resolved", NOW + 180)
    with page.database.transaction() as session:
        book.resolve(session, entry.id, text="Again.", now=page.clock.time() + 1, who="ann")
    assert [state for state, *_ in said(page)] == ["investigating", "identified", "monitoring", "resolved"]


def test_what_has_ended_is_told_more_of_but_not_opened_again(page: Any) -> None:
    entry = page.declare()
    page.update(entry.id, state="resolved")
    page.clock.advance(DAY)
    after = page.update(entry.id, text="It was a full disk.")
    assert (after.state, after.ended_at) == ("resolved", NOW)
    with pytest.raises(Permanent, match="declare another"):
        page.update(entry.id, state="investigating")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"impact": "huge"}, "no impact 'huge'"),
        ({"title": " \n"}, "title is empty"),
        ({"text": ""}, "text is empty"),
        ({"text": "x" * 5001}, "5000 are the most"),
        ({"title": "x" * 201}, "200 are the most"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(page: Any, more: Any, words: str) -> None:
    with pytest.raises(Permanent, match=words):
        page.declare(**more)
    assert said(page) == []


def test_a_state_of_the_other_kind_and_an_entry_that_is_not_there_are_refused(page: Any) -> None:
    entry = page.declare()
    with pytest.raises(Permanent, match="never 'completed'"):
        page.update(entry.id, state="completed")
    with pytest.raises(Permanent, match="no entry 'ste_no'"):
        page.update("ste_no")


@pytest.mark.parametrize(
    "text",
    [
        "account/acme cannot log in.",
        "Write to ann@acme.test about it.",
        "Call +436641234567.",
        "Acme GmbH is worst hit.",
        "See device/d-17.",
    ],
)
def test_c11_nothing_of_a_customers_becomes_public(page: Any, text: str) -> None:
    page.add(
        Entity(id="account/acme", kind="account", name="Acme GmbH", updated_at=1.0),
        Entity(id="device/d-17", kind="asset", updated_at=1.0),
        Address(id="adr_1", entity="contact/ann", kind="email", value="ann@acme.test", updated_at=1.0),
        Address(id="adr_2", entity="contact/ann", kind="phone", value="+436641234567", updated_at=1.0),
    )
    with pytest.raises(Permanent, match="names a customer"):
        page.declare(text=text)
    with pytest.raises(Permanent, match="names a customer"):
        page.declare(title=text)
    entry = page.declare(text="The acme of speed is not reached; write to help@example.com or see and/or.")
    with pytest.raises(Permanent, match="names a customer"):
        page.update(entry.id, text=text)


def test_control_characters_are_left_out(page: Any) -> None:
    page.declare(title="Calls\r\nfail\x00", text="One\u202e\r\ntwo\x07")
    with page.database.reading() as session:
        assert session.exec(select(StatusEntry.title)).one() == "Calls fail"
    assert said(page)[0][2] == "One\ntwo"


@pytest.mark.parametrize("window", [Window(NOW + 9, NOW + 9), Window(NOW - 9, NOW), Window(NOW, NOW + 31 * DAY)])
def test_a_window_that_is_none_is_refused(page: Any, window: Window) -> None:
    with page.database.transaction() as session, pytest.raises(Permanent, match="maintenance"):
        book.maintain(
            session, key="m", title="Disks", components=[], window=window, text="New disks.", now=NOW, who="ann"
        )


def test_components_are_known_by_name() -> None:
    status = StatusConfig({"api": ComponentConfig("API")})
    assert known(status, ["api", "api"]) == ["api"]
    with pytest.raises(Permanent, match="there are api"):
        known(status, ["web"])
    with pytest.raises(Permanent, match="no status page"):
        known(None, [])


def test_issues_concern_components_by_detector_and_attribute() -> None:
    eu = ComponentConfig("EU", detectors=("api-*",), attributes={"region": ("eu", "uk")})
    status = StatusConfig({"eu": eu, "all": ComponentConfig("All", detectors=("*",)), "none": ComponentConfig("X")})
    assert concerned(status, "api-errors", {"region": "uk"}) == ["eu", "all"]
    assert concerned(status, "api-errors", {"region": "us"}) == ["all"]
    assert concerned(status, "api-errors", {}) == ["all"]


def test_the_board_shows_the_worst_and_how_each_stands(page: Any) -> None:
    page.declare("a", impact="minor")
    page.declare("b", impact="critical", components=["api", "webhooks"])
    with page.database.reading() as session:
        seen = board(session, page.status, NOW + 60)
    assert seen.worst == "major_outage"
    assert [(each.name, each.standing) for each in seen.components] == [
        ("api", "major_outage"),
        ("webhooks", "major_outage"),
    ]
    page.update("b", impact="none")
    with page.database.reading() as session:
        seen = board(session, page.status, NOW + 60)
    assert [each.standing for each in seen.components] == ["degraded_performance", "operational"]
