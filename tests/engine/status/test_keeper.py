"""Maintenance by the clock, and what calendars hear of it."""

from dataclasses import replace
from typing import Any, cast

import numpy as np

from engine.columnar.times import epoch
from engine.config.model import CalendarConfig
from engine.events import ChangeEvent, Decoder, Schema
from engine.scoring.changes import Changes, Easing
from engine.status import book
from engine.status.book import Window

NOW = 1_795_352_700.0


def maintain(page: Any, start: float, end: float, components: list[str] | None = None) -> str:
    named = ["api"] if components is None else components
    with page.database.transaction() as session:
        return book.maintain(
            session,
            key="m",
            title="New disks",
            components=named,
            window=Window(start, end),
            text="Calls may be slow.",
            now=page.clock.time(),
            who="ann",
        ).id


def state(page: Any) -> str:
    with page.database.reading() as session:
        return book.find(session, "m").state


def test_a_window_is_announced_begins_and_ends_by_the_clock(page: Any) -> None:
    page.subscribe("ann@example.com")
    maintain(page, NOW + 3600, NOW + 7200)
    states: list[str] = []
    for _ in range(4):
        assert len(page.tell()) == (1 if len(states) != 3 else 0)
        states.append(state(page))
        page.clock.advance(3600)
    assert states == ["scheduled", "in_progress", "completed", "completed"]
    first = page.mail.sent[0]
    assert "Planned maintenance" in first.text
    assert "The maintenance has begun." in page.mail.sent[1].text


def test_calendars_hear_of_it_once_when_it_begins(page: Any) -> None:
    id_ = maintain(page, NOW + 3600, NOW + 7200)
    page.tell()
    assert page.events() == []
    page.clock.advance(3700)
    page.tell()
    page.tell()
    (event,) = page.events()
    assert (event["type"], event["subject"], event["id"]) == ("forewarn.change", "fleet", id_)
    assert epoch(event["time"]) == NOW + 3600
    assert event["data"]["what"] == "maintenance"
    assert event["data"]["lasts"] == 3600.0
    assert event["data"]["detectors"] == ["api-errors"]


def test_the_event_is_one_that_detectors_understand(page: Any) -> None:
    maintain(page, NOW, NOW + 3600)
    page.tell()
    (batch,) = page.storage.log.read(0, 0, 10)
    (run,) = Decoder(Schema.build({}), future=300.0).decode(batch.payload, page.clock.time()).runs
    (event,) = cast("list[ChangeEvent]", run.content)
    assert isinstance(event, ChangeEvent)
    calendar = CalendarConfig("maintenance", changes=("maintenance",))
    changes = Changes([calendar])
    changes.apply(event)
    config = page.starter.detectors["api-errors"]
    eased = Easing(replace(config, calendars={"maintenance": "suspend"}), {"maintenance": calendar}, changes)
    times = np.array([NOW - 3600.0, NOW + 60.0, NOW + 7200.0])
    factors = eased(np.zeros(3, np.int64), times, lambda _: np.zeros(0, np.int64))
    assert factors is not None
    assert factors.tolist() == [1.0, float("inf"), 1.0]


def test_a_component_that_no_detector_watches_says_nothing_to_calendars(page: Any) -> None:
    maintain(page, NOW, NOW + 3600, components=[])
    page.tell()
    assert state(page) == "in_progress"
    assert page.events() == []


def test_what_was_cancelled_never_begins(page: Any) -> None:
    maintain(page, NOW + 60, NOW + 3600)
    page.update("m", state="cancelled", text="It is not needed.")
    page.clock.advance(120)
    page.tell()
    assert state(page) == "cancelled"
    assert page.events() == []


def test_one_that_was_missed_begins_and_ends_when_the_engine_is_back(page: Any) -> None:
    maintain(page, NOW + 60, NOW + 120)
    page.clock.advance(9999)
    page.tell()
    assert state(page) == "completed"
    assert [event["data"]["lasts"] for event in page.events()] == [60.0]
