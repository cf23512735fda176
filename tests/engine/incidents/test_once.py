"""An incident is formed once: whatever fails, whoever reads, and whoever else has noticed it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.desks.known import made_by
from engine.errors import Retryable
from engine.incidents.consumer import GROUP, Incidents
from engine.privacy import erase, export
from engine.replay import drain
from engine.store.database import Database
from engine.store.models import Approval, Incident, IncidentMember, Issue, Progress, StatusEntry, Ticket, WaveRow
from engine.waves.approvals import vote
from tests.engine.incidents.scene import FLEET, calls, eu, made, region, settle
from tests.faults.house import House, call, event, opened, tick

BOTH_STORES = True
ASKING = {
    "config/playbooks/errors.yaml": """
name: errors
when: {detector: errors}
steps:
  - ticket: {queue: tier-2, template: all/agent}
  - message: {channels: [email], template: all/notice}
  - message: {on: resolved, template: all/resolved}
limits: {blast_radius: {max: 10, canary: 10%}}
""",
    "config/forewarn.yaml": "sender: {company: Acme}\nevents: {known: ['app.*']}\n"
    "escalations: {on-call: {channel: email, address: oc@example.com}}\n",
    "config/policy.yaml": 'hours: {from: "00:00", to: "24:00"}\napprovals: {to: on-call, expires: 6h}\n'
    "incidents: {dimensions: [region, version], within: 30m, at_least: 5, false_per_month: 1}\n",
    "templates/_common/approval/en/email.txt.j2": "Subject: may we\n\n{{ approval.why }} {{ approval.link }}\n",
    "templates/_common/approval/sample.json": "{}",
    "config/status.yaml": "components: {api: {label: The API, detectors: [errors]}}\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(made(tmp_path)) as found:
        settle(found)
        yield found


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[House]:
    with opened(made(tmp_path, **ASKING)) as found:
        settle(found)
        yield found


def fail(house: House) -> list[bytes]:
    """Return calls of a minute in which those in one region fail, and what makes the minute pass."""
    now = house.clock.time()
    house.clock.advance(180.0)
    later = house.clock.time()
    failing = set(eu())
    lines = [
        event("app.call", f"account/a{n}", {"failed": n in failing, "seconds": 1.0}, now + m, f"{n}-{now}-{m}")
        for n in range(FLEET)
        for m in range(3)
    ]
    return [*lines, tick(later), call("account/other", later, f"o{now}")]


def accept(house: House) -> None:
    """Hand them in without letting the engine work."""
    house.engine.intake.accept(b"\n".join(fail(house)), "test")


def members(house: House) -> set[str]:
    return {row.issue for row in house.rows(IncidentMember)}


def whole(house: House) -> bool:
    """Return whether there is one incident with one ticket, of which every issue is."""
    (incident,) = house.rows(Incident)
    one = [row for row in house.rows(Ticket) if row.external == made_by(incident.id)]
    return len(one) == 1 and members(house) == {row.id for row in house.rows(Issue)} and len(members(house)) == 20


def offset(house: House) -> int:
    return next(row.offset for row in house.rows(Progress) if row.group == GROUP)


def told(house: House) -> bytes:
    signals = house.engine.storage.signals
    assert signals is not None
    return b"\n".join(batch.payload for batch in signals.read(signals.begin(), 100_000))


def once(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return what fails the first time that it is called, before anything is written."""
    calls_: list[int] = []

    def failing(self: Database, *given: Any, **options: Any) -> Any:
        calls_.append(1)
        if len(calls_) == 1:
            raise Retryable("away", place="database")
        return real(self, *given, **options)

    return failing


def test_what_is_told_before_its_issue_is_written_waits_for_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    before = offset(house)
    accept(house)
    monkeypatch.setattr(Database, "repeat", once(Database.repeat))
    with pytest.raises(Retryable):
        house.engine.step()
    assert told(house).count(b'"forewarn.signal"') == 20
    assert house.engine.form() > 0
    assert house.rows(Issue) == []
    assert house.rows(Incident) == []
    assert offset(house) < before + 20, "read again after a crash"
    drain(house.engine)
    assert told(house).count(b'"forewarn.signal"') == 40, "the same were told again"
    assert whole(house)


def test_an_incident_goes_on_after_a_restart(tmp_path: Path) -> None:
    folder = made(tmp_path)
    with opened(folder) as first:
        settle(first)
        calls(first, eu()[:14], [])
        (incident,) = first.rows(Incident)
        before = members(first)
        clock = first.clock
    with opened(folder, clock=clock) as second:
        drain(second.engine)
        assert (members(second), [row.id for row in second.rows(Incident)]) == (before, [incident.id])
        calls(second, eu(), [])
        assert whole(second)


def test_two_that_read_form_it_once(house: House) -> None:
    engine = house.engine
    other = Incidents(engine.config, engine.storage, house.clock, "other")
    accept(house)
    while engine.step():
        other.run_once()
        engine.form()
    for _ in range(3):
        engine.form()
        other.run_once()
    drain(engine)
    assert whole(house)


def test_who_was_cut_off_writes_nothing(house: House) -> None:
    engine = house.engine
    accept(house)
    while engine.step():
        pass
    Incidents(engine.config, engine.storage, house.clock, "other").run_once()
    found = house.rows(Incident)
    assert len(found) == 1
    engine.form()
    assert [(row.id, row.cause) for row in house.rows(Incident)] == [(row.id, row.cause) for row in found]


def test_a_wave_and_a_cause_are_one_incident(asking: House) -> None:
    asking.hand_in(*fail(asking))
    asking.pass_(60.0)
    assert whole(asking)
    (incident,), (wave,) = asking.rows(Incident), asking.rows(WaveRow)
    assert (incident.wave, incident.cause["values"]) == (wave.id, {"region": "eu-west"})
    assert asking.rows(StatusEntry) == [], "nothing is said in public before people agreed"
    (row,) = asking.rows(Approval)
    for who in ("ann", "bob"):
        with asking.engine.storage.database.transaction() as session:
            vote(session, row.id, who, asking.clock.time(), agree=True)
    asking.pass_(120.0)
    assert [each.key for each in asking.rows(StatusEntry)] == [incident.id]


def test_what_a_wave_has_noticed_first_gets_the_cause(asking: House) -> None:
    accept(asking)
    while asking.engine.step():
        pass
    while asking.engine.dispatch():
        pass
    (noticed,) = asking.rows(Incident)
    assert noticed.cause == {}
    drain(asking.engine)
    (incident,) = asking.rows(Incident)
    assert (incident.id, incident.cause["values"]) == (noticed.id, {"region": "eu-west"})
    assert whole(asking)


def test_tickets_that_were_made_before_belong_under_the_one(house: House) -> None:
    accept(house)
    while house.engine.step():
        pass
    while house.engine.dispatch():
        pass
    assert len(house.rows(Ticket)) == 20
    drain(house.engine)
    assert whole(house)
    (incident,) = house.rows(Incident)
    (one,) = [row for row in house.rows(Ticket) if row.external == made_by(incident.id)]
    assert {row.parent for row in house.rows(Ticket) if row.external != one.external} == {one.number}


def test_c11_what_partitions_told_of_somebody_is_exported_and_erased(house: House) -> None:
    calls(house, eu(), [])
    storage = house.engine.storage
    assert storage.signals is not None
    who, given = "account/a0", (storage.log, storage.dead_letters)
    with storage.database.transaction() as session:
        found = export(session, *given, who, house.clock.time(), storage.signals.log)
        assert any(each["type"] == "forewarn.signal" for each in found["events"])
        erase(session, *given, who, house.clock.time(), storage.signals.log)
    assert b'"account/a0"' not in told(house)
    assert b'"account/a3"' in told(house)
    drain(house.engine)
    assert len(members(house)) == 19


def test_regions_are_dealt_out_evenly() -> None:
    assert sorted(map(region, range(FLEET))).count("eu-west") == len(eu()) == 20
