"""Clocks that are wrong, and events that come again."""

from pathlib import Path

import pytest

from engine.clock import FakeClock
from engine.replay import drain
from engine.store.models import Entity, Issue, SignalRow
from tests.faults.house import START, House, call, event, opened, people, prepared, tick

YEAR = 365 * 86400.0


class Unsteady(FakeClock):
    """A clock that can be set back, as machines' are."""

    def set_back(self, seconds: float) -> None:
        """Step back."""
        self._time -= seconds


def counted(house: House) -> float:
    """Return how many calls of `account/acme` are in closed windows."""
    station = house.engine.pipelines[0].scorer.stations[0]
    return sum(value for _, value in station.meter.points(station.meter.index.find("account/acme")))


@pytest.fixture
def counting(tmp_path: Path) -> Path:
    """A folder whose detector counts calls."""
    detector = """
name: errors
about: Errors
watch: {event: app.call, by: account, measure: count, every: 1m}
model: {kind: threshold, above: 1000}
"""
    return prepared(tmp_path, **{"config/detectors/errors.yaml": detector})


def test_an_event_from_the_future_moves_no_time(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people(), call("account/acme", START, "now"))
        house.hand_in(call("account/acme", START + YEAR, "next-year"), call("account/acme", START + 299.0, "soon"))
        assert [letter.reason for letter in house.dead()] == ["future"]
        house.clock.advance(300.0)
        house.trouble()
        assert len(house.email.sent) == 1


def test_an_event_from_the_far_past_is_kept_as_late(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people(), call("account/acme", START, "now"))
        house.hand_in(call("account/acme", START - 30 * YEAR, "old"), call("account/acme", 0.0, "oldest"))
        assert [letter.reason for letter in house.dead()] == ["late", "late"]
        assert all("its window had closed at" in letter.detail for letter in house.dead())
        house.trouble()
        assert len(house.rows(Issue)) == 1


def test_the_machines_clock_steps_back(tmp_path: Path) -> None:
    clock = Unsteady(START)
    with opened(prepared(tmp_path), clock=clock) as house:
        house.hand_in(*people())
        house.trouble()
        assert len(house.email.sent) == 1
        clock.set_back(3600.0)
        house.hand_in(call("account/acme", START + 180.0, "by their clock"))
        assert [letter.reason for letter in house.dead()] == ["future"], (
            "an hour ahead of what we now take for the time"
        )
        house.engine.run_due()
        house.hand_in(tick(clock.time()))
        clock.advance(3900.0)
        house.engine.run_due()
        house.calm()
        assert [row.status for row in house.rows(Issue)] == ["resolved"]
        assert len(house.email.sent) == 2
        assert len({(row.state, row.at) for row in house.rows(SignalRow)}) == len(house.rows(SignalRow))


def test_the_same_event_twice_in_a_batch_and_in_another(counting: Path) -> None:
    with opened(counting) as house:
        one = call("account/acme", START, "one")
        other = one.replace(b'"source":"test"', b'"source":"another"')
        assert house.hand_in(one, one, other).accepted == 3
        assert house.hand_in(one).accepted == 1
        house.hand_in(call("account/acme", START + 300.0, "later"))
        assert counted(house) == 2, "an id of another source is another event"


def test_the_same_event_after_a_start_from_a_snapshot(counting: Path) -> None:
    with opened(counting) as house:
        house.hand_in(call("account/acme", START, "one"))
        house.engine.snapshot()
        house.hand_in(call("account/acme", START + 1.0, "two"))
        clock = house.clock
    with opened(counting, clock=clock) as house:
        house.hand_in(*(call("account/acme", START + n, name) for n, name in enumerate(("one", "two", "three"))))
        house.hand_in(call("account/acme", START + 300.0, "later"))
        assert counted(house) == 3


def test_a_reserved_event_twice_counts_once(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        first, again = ({"name": name} for name in ("Acme", "Not Acme"))
        house.hand_in(event("forewarn.entity", "account/acme", first, START, "same"))
        house.hand_in(event("forewarn.entity", "account/acme", again, START + 1.0, "same"))
        assert [row.name for row in house.rows(Entity)] == ["Acme"]


SILENT = """
name: silent
about: Nothing comes
watch: {event: app.call, by: account, measure: {last: time}, every: 1m}
model: {kind: absence, after: 5m}
severity: {medium: value > 300, high: value > 3600}
"""


@pytest.mark.parametrize("at_once", [False, True])
def test_what_lasts_gets_worse_however_often_it_is_looked_at(tmp_path: Path, *, at_once: bool) -> None:
    folder = prepared(tmp_path, **{"config/detectors/silent.yaml": SILENT})
    with opened(folder) as house:
        for minute in range(40):
            house.clock.set(START + 60.0 * minute)
            both = ("account/a", "account/b")
            house.hand_in(*(call(each, house.clock.time(), f"{each}-{minute}") for each in both))
        for minute in range(40, 240):
            house.clock.set(START + 60.0 * minute)
            coming = call("account/b", house.clock.time(), f"b-{minute}"), tick(house.clock.time())
            if at_once:
                house.engine.intake.accept(b"\n".join(coming), "test")
            else:
                house.hand_in(*coming)
        drain(house.engine)
        [issue] = house.rows(Issue)
        signals = sorted((each.value, each.state) for each in house.rows(SignalRow))
    assert (issue.detector, issue.severity) == ("silent", "high")
    assert len(signals) == 37, "told again each time that it has lasted a tenth longer"
