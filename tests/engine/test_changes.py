"""Declared changes through a whole engine: suspended, widened, reset; and models that are kept and taken back."""

from pathlib import Path
from typing import Any

import pytest

from engine.clock import FakeClock
from engine.events import make_event
from engine.store.models import DeclaredChange, Issue
from tests.faults.house import FILES, House, call, opened, people, prepared, tick, write

DETECTOR = "config/detectors/errors.yaml"
CALENDARS = "config/calendars.yaml"
RELEASES = "releases: {changes: deployment, lasts: 30m}\n"
SUSPENDED = {DETECTOR: FILES[DETECTOR] + "calendars: {releases: suspend}\n", CALENDARS: RELEASES}


def declare(house: House, what: str, subject: str = "fleet", **data: object) -> None:
    now = house.clock.time()
    event = make_event("forewarn.change", subject, {"what": what, **data}, id=f"{what}{now}", source="t", time=now)
    assert house.hand_in(event).rejects == []


def model(house: House, what: str, version: str, **data: object) -> None:
    now = house.clock.time()
    given = {"what": what, "version": version, **data}
    assert (
        house.hand_in(make_event("forewarn.model", "fleet", given, id=f"{what}{now}", source="t", time=now)).rejects
        == []
    )


def statuses(house: House) -> list[str]:
    return sorted(f"{row.subject} {row.status}" for row in house.rows(Issue))


def test_while_a_release_goes_out_nothing_is_judged(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **SUSPENDED)) as house:
        house.hand_in(*people())
        declare(house, "deployment")
        house.trouble()
        assert statuses(house) == []
        house.clock.advance(1800.0)
        house.trouble()
        assert statuses(house) == ["account/acme open"]
        [change] = house.rows(DeclaredChange)
        assert (change.what, change.subject, change.detectors) == ("deployment", "fleet", [])


def test_a_change_of_one_account_concerns_no_other(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **SUSPENDED)) as house:
        house.hand_in(*people())
        house.calm("account/acme")
        house.calm("account/b")
        declare(house, "deployment", "account/acme")
        house.trouble("account/acme")
        house.trouble("account/b")
        assert statuses(house) == ["account/b open"]


@pytest.mark.parametrize(
    ("what", "data"),
    [("migration", {}), ("deployment", {"detectors": ["slow-*"]}), ("deployment", {"lasts": 1.0})],
)
def test_a_change_that_no_calendar_names_or_that_is_over_eases_nothing(
    what: str, data: dict[str, Any], tmp_path: Path
) -> None:
    with opened(prepared(tmp_path, **SUSPENDED)) as house:
        house.hand_in(*people())
        declare(house, what, **data)
        house.clock.advance(60.0)
        house.trouble()
        assert statuses(house) == ["account/acme open"]


def test_widened_asks_for_more_evidence(tmp_path: Path) -> None:
    widened = {DETECTOR: FILES[DETECTOR] + "calendars: {releases: {widen: 4}}\n", CALENDARS: RELEASES}
    with opened(prepared(tmp_path, **widened)) as house:
        house.hand_in(*people())
        declare(house, "deployment")
        house.trouble()  # a ratio of 1 against a limit of 0.5 has six decades, a quarter of which is no breach
        assert statuses(house) == []
        house.clock.advance(1800.0)
        house.trouble()
        assert statuses(house) == ["account/acme open"]


def test_after_a_declared_change_a_series_is_learned_anew(tmp_path: Path) -> None:
    resetting = {DETECTOR: FILES[DETECTOR] + "grace: 1h\nreset_on: [migration]\n"}
    with opened(prepared(tmp_path, **resetting)) as house:
        house.hand_in(*people())
        house.calm("account/acme")
        house.clock.advance(3600.0)
        declare(house, "migration", "account/acme")
        house.trouble("account/acme")
        house.clock.advance(1800.0)
        house.trouble("account/acme")
        assert statuses(house) == [], "it has its grace again"
        house.clock.advance(3600.0)
        house.trouble("account/acme")
        assert statuses(house) == ["account/acme open"]


def test_what_was_raised_stays_open_until_it_is_judged_again(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.trouble("account/acme")
        declare(house, "anything", "account/acme", reset=True, detectors=["err*"])
        assert statuses(house) == ["account/acme open"]
        house.calm("account/acme")
        assert statuses(house) == ["account/acme resolved"]


def test_what_is_felt_survives_a_restart(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **SUSPENDED)) as house:
        house.hand_in(*people())
        declare(house, "deployment")
        house.engine.snapshot()
        now = house.clock.time()
    with opened(tmp_path, clock=FakeClock(now)) as house:
        house.trouble()
        assert statuses(house) == []


def learned(house: House) -> bytes:
    station = house.engine.pipelines[0].scorer.stations[0]
    return b"".join(array.tobytes() for array in station.monitors["errors"].detector.state().values())


SEASONAL = {DETECTOR: FILES[DETECTOR].replace("{kind: threshold, above: 0.5}", "{kind: seasonal}")}


def minutes(house: House, count: int, *, failed: bool = False) -> None:
    for _ in range(count):
        now = house.clock.time()
        house.hand_in(call("account/acme", now, f"m{now}", failed=failed))
        house.clock.advance(60.0)
    house.hand_in(tick(house.clock.time()))


def test_a_model_is_taken_back_to_a_version(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **SEASONAL)) as house:
        minutes(house, 30)
        model(house, "keep", "good")
        before = learned(house)
        minutes(house, 30, failed=True)
        assert learned(house) != before
        model(house, "revert", "good", detectors=["errors"])
        assert learned(house) == before
        assert house.dead() == []
        assert [row.what for row in house.rows(DeclaredChange)] == ["keep good", "revert good"]


def test_what_cannot_be_taken_back_is_a_dead_letter_that_says_why(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **SEASONAL)) as house:
        minutes(house, 3)
        model(house, "keep", "good")
        model(house, "revert", "bad", detectors=["errors"])
        [letter] = house.dead()
        assert (letter.reason, letter.detail) == ("unapplied", "errors has no version 'bad'; it has good")
        write(tmp_path, {DETECTOR: FILES[DETECTOR]})
        house.engine.reload()
        house.hand_in()
        house.clock.advance(1.0)
        model(house, "revert", "good", detectors=["errors"])
        assert "watches or judges otherwise than then" in house.dead()[-1].detail


def test_a_version_is_kept_every_day_and_old_ones_go(tmp_path: Path) -> None:
    keeps = {"config/forewarn.yaml": FILES["config/forewarn.yaml"] + "retention: {models: 2}\n"}
    with opened(prepared(tmp_path, **SEASONAL, **keeps)) as house:
        minutes(house, 3)
        for _ in range(4):
            house.pass_(86400.0, step=3600.0)
        assert house.engine.storage.versions is not None
        versions = [each.version for each in house.engine.storage.versions.listing()]
        assert len(versions) in (2, 3), versions
        assert versions == sorted(versions, reverse=True)


def test_a_version_survives_a_replay_bit_for_bit(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **SEASONAL)) as house:
        minutes(house, 10)
        model(house, "keep", "good")
        minutes(house, 5, failed=True)
        model(house, "revert", "good", detectors=["errors"])
        minutes(house, 5)
        after, now = learned(house), house.clock.time()
    with opened(tmp_path, clock=FakeClock(now)) as house:
        house.hand_in()
        assert learned(house) == after
