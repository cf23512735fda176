"""A detector that trips for everyone at once: a handful hear of it, people are asked, and one ticket stands for all."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.desks.known import made_by
from engine.errors import Permanent
from engine.store.models import (
    Approval,
    DecisionRow,
    Incident,
    Intent,
    Issue,
    StatusEntry,
    Ticket,
    TicketNote,
    WaveRow,
)
from engine.waves.approvals import dismissals, vote
from engine.waves.incidents import members
from outreach.base import Message
from tests.faults.house import House, call, event, opened, people, prepared, tick

BOTH_STORES = True

PLAYBOOK = """
name: errors
when: {detector: errors}
steps:
  - ticket: {queue: tier-2, template: all/agent}
  - message: {channels: [email], template: all/notice}
  - message: {on: resolved, template: all/resolved}
limits: {blast_radius: {max: 40, canary: 10%, watch: 30m}}
"""
FILES = {
    "config/playbooks/errors.yaml": PLAYBOOK,
    "config/policy.yaml": 'hours: {from: "00:00", to: "24:00"}\napprovals: {to: on-call, expires: 6h}\n',
    "config/forewarn.yaml": "sender: {company: Acme}\nevents: {known: ['app.*']}\n"
    "escalations: {on-call: {channel: email, address: oc@example.com}}\n",
    "templates/_common/approval/en/email.txt.j2": "Subject: may we\n\n{{ approval.why }} {{ approval.link }}\n",
    "templates/_common/approval/sample.json": "{}",
    "config/status.yaml": "components: {api: {label: The API, detectors: [errors]}}\n",
}
CANARY = 4
"""10 % of the most."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(prepared(tmp_path, **FILES)) as found:
        yield found


def trip(house: House, count: int) -> None:
    """Let every call of so many accounts fail within the same minute, and let what comes of it happen."""
    now = house.clock.time()
    house.hand_in(*(line for n in range(count) for line in people(now, f"account/a{n}", f"p{n}")))
    house.hand_in(*(call(f"account/a{n}", now + m, f"{n}-{m}", failed=True) for n in range(count) for m in range(3)))
    house.clock.advance(180.0)
    house.hand_in(tick(house.clock.time()), call("account/other", house.clock.time(), "other"))


def told(house: House) -> list[Message]:
    return [each for each in house.email.attempts if each.to != "oc@example.com"]


def asked(house: House) -> list[Message]:
    return [each for each in house.email.attempts if each.to == "oc@example.com"]


def answer(house: House, who: str, *, agree: bool = True, note: str = "") -> Approval:
    (row,) = house.rows(Approval)
    with house.engine.storage.database.transaction() as session:
        found = vote(session, row.id, who, house.clock.time(), agree=agree, note=note)
    house.hand_in()
    return found


def reasons(house: House) -> Counter[str]:
    return Counter(row.reason for row in house.rows(DecisionRow))


def test_a_few_are_told_at_once(house: House) -> None:
    trip(house, CANARY)
    assert len(told(house)) == CANARY
    assert house.rows(WaveRow) == []


def test_more_than_usual_and_the_others_wait_until_the_first_were_watched(house: House) -> None:
    trip(house, 30)
    assert len(told(house)) == CANARY
    assert reasons(house)["blast_radius"] == 30 - CANARY
    house.pass_(29 * 60.0)
    assert len(told(house)) == CANARY
    house.pass_(2 * 60.0)
    assert len(told(house)) == 30
    assert len({message.to for message in told(house)}) == 30
    assert house.rows(Approval) == []


def test_who_opts_out_of_the_canary_stops_the_wave(house: House) -> None:
    trip(house, 30)
    now = house.clock.time()
    canary = [row.recipient for row in house.rows(Intent) if row.status == "sent" and row.kind == "message"]
    house.hand_in(
        *(event("forewarn.consent", who, {"state": "withdrawn"}, now, f"stop-{who}") for who in canary[:2]),
    )
    house.pass_(31 * 60.0, step=300.0)
    assert len(told(house)) == CANARY
    (row,) = house.rows(Approval)
    assert (row.needed, row.state) == (2, "asked")
    assert "2 opted out" in row.why
    assert row.id in asked(house)[0].text


def test_a_mass_trip_asks_two_people_and_makes_one_ticket(house: House) -> None:
    trip(house, 60)
    assert told(house) == []
    assert reasons(house)["awaiting_approval"] == 60
    (message,) = asked(house)
    assert "60 would be told, and the most is 40" in message.text
    (incident,) = house.rows(Incident)
    assert (incident.status, incident.title) == ("open", "Errors")
    assert reasons(house)["part_of_incident"] + len(house.rows(Ticket)) - 1 == 60


def test_two_different_people_must_agree(house: House) -> None:
    trip(house, 60)
    assert house.rows(StatusEntry) == [], "nothing is said in public before it is known to be real"
    assert answer(house, "ann").state == "asked"
    assert told(house) == []
    with pytest.raises(Permanent, match="ann has answered already"):
        answer(house, "ann")
    assert answer(house, "bob").state == "approved"
    house.pass_(60.0)
    assert len(told(house)) == 60
    with pytest.raises(Permanent, match="approved already"):
        answer(house, "carl")


def test_an_incident_has_one_entry_on_the_status_page_and_one_ticket_above_the_others(house: House) -> None:
    trip(house, 60)
    answer(house, "ann")
    answer(house, "bob")
    house.pass_(120.0)
    (entry,) = house.rows(StatusEntry)
    assert (entry.title, entry.state, entry.components) == ("Trouble with The API", "investigating", ["api"])
    (incident,) = house.rows(Incident)
    tickets = {row.external: row for row in house.rows(Ticket)}
    own = tickets.pop(made_by(incident.id))
    assert {row.parent for row in tickets.values()} <= {own.number}
    now = house.clock.time()
    with house.engine.storage.database.reading() as session:
        issues = [
            (row.subject, {"what": "resolve", "issue": row.id, "who": "ann"}) for row in members(session, incident.id)
        ]
    house.hand_in(*(event("forewarn.action", who, data, now, f"done-{data['issue']}") for who, data in issues))
    house.pass_(180.0)
    assert [row.status for row in house.rows(Incident)] == ["resolved"]
    assert [row.state for row in house.rows(StatusEntry)] == ["resolved"]
    notes = [row.text for row in house.rows(TicketNote) if row.ticket == own.id]
    assert len(notes) == 1
    assert notes[0].startswith("The incident is over")


def test_who_refuses_keeps_everyone_from_being_told(house: House) -> None:
    trip(house, 60)
    assert answer(house, "ann", agree=False, note="a release").state == "refused"
    house.pass_(3600.0 * 12, step=1800.0)
    assert told(house) == []
    refused = [row for row in house.rows(DecisionRow) if row.reason == "refused"]
    assert len(refused) == 60
    assert "ann refused" in refused[0].facts["decision"]["detail"]


def test_nobody_answers_and_nobody_is_told(house: House) -> None:
    trip(house, 60)
    house.pass_(6 * 3600.0 + 600.0, step=600.0)
    assert told(house) == []
    assert [row.state for row in house.rows(Approval)] == ["expired"]
    assert reasons(house)["unanswered"] == 60
    with pytest.raises(Permanent, match="expired"):
        answer(house, "ann")


def test_a_false_alarm_ends_the_issues_and_tells_the_canary(house: House) -> None:
    trip(house, 30)
    assert len(told(house)) == CANARY
    more = [
        call(f"account/b{n}", house.clock.time() + m, f"b{n}-{m}", failed=True) for n in range(30) for m in range(3)
    ]
    house.hand_in(*(line for n in range(30) for line in people(house.clock.time(), f"account/b{n}", f"q{n}")))
    house.hand_in(*more)
    house.clock.advance(180.0)
    house.hand_in(tick(house.clock.time()), call("account/other", house.clock.time(), "more"))
    row = answer(house, "ann", agree=False)
    now = house.clock.time()
    with house.engine.storage.database.reading() as session:
        wrong = dismissals(session, row, "ann", "")
    assert len(wrong) == 60
    house.hand_in(*(event("forewarn.action", who, data, now, f"no-{data['issue']}") for who, data in wrong))
    house.pass_(120.0)
    assert {issue.status for issue in house.rows(Issue) if issue.account != "account/other"} == {"dismissed"}
    corrected = [message for message in told(house) if message.subject == "sorry"]
    assert len(corrected) == CANARY
    assert [row.status for row in house.rows(Incident)] == ["dismissed"]


def test_what_is_left_of_a_wave_belongs_to_no_later_one(house: House) -> None:
    trip(house, 30)
    house.pass_(2 * 3600.0, step=600.0)
    (first,) = house.rows(WaveRow)
    now = house.clock.time()
    house.hand_in(*(call(f"account/a{n}", now + m, f"again{n}-{m}") for n in range(30) for m in range(3)))
    house.pass_(5 * 3600.0, step=600.0)
    house.hand_in(*people(house.clock.time(), "account/z", "z"))
    house.trouble("account/z")
    assert any(message.to == "z@example.com" for message in told(house))
    assert house.rows(WaveRow)[0].ended_at is not None
    assert first.id == house.rows(WaveRow)[0].id


NIGHTS = {
    **FILES,
    "config/policy.yaml": FILES["config/policy.yaml"].replace('"00:00", to: "24:00"', '"08:00", to: "21:00"'),
}


def test_what_people_agreed_to_in_the_evening_holds_in_the_morning(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **NIGHTS)) as house:
        house.clock.advance(12 * 3600.0)  # ten in the evening, and everyone sleeps
        trip(house, 60)
        answer(house, "ann")
        answer(house, "bob")
        house.pass_(9.5 * 3600.0, step=1800.0)
        assert told(house) == []
        house.pass_(1.5 * 3600.0, step=600.0)
        assert len(told(house)) == 60
        assert [row.state for row in house.rows(Approval)] == ["approved"], "nobody is asked twice"
        assert len(house.rows(WaveRow)) == 1


def test_what_people_refused_in_the_evening_is_refused_in_the_morning(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **NIGHTS)) as house:
        house.clock.advance(12 * 3600.0)
        trip(house, 60)
        answer(house, "ann", agree=False)
        house.pass_(11 * 3600.0, step=1800.0)
        assert told(house) == []
        assert reasons(house)["refused"] == 60
        assert [row.state for row in house.rows(Approval)] == ["refused"]


def test_an_ordinary_flow_is_no_wave_however_long_it_lasts(tmp_path: Path) -> None:
    """At any time somebody sleeps and waits: that alone makes no wave go on for ever, until it is one too many."""
    with opened(prepared(tmp_path, **NIGHTS)) as house:
        for hour in range(40):
            names = [f"{hour}-{n}" for n in range(2)]
            now = house.clock.time()
            house.hand_in(*(line for name in names for line in people(now, f"account/{name}", name)))
            house.hand_in(
                *(call(f"account/{name}", now + m, f"{name}-{m}", failed=True) for name in names for m in range(3))
            )
            house.clock.advance(180.0)
            house.hand_in(tick(house.clock.time()), call("account/other", house.clock.time(), f"other-{hour}"))
            house.pass_(3420.0, step=1140.0)
        assert house.rows(Approval) == []
        assert all(row.state in ("canary", "watching", "going") for row in house.rows(WaveRow))
        assert len(told(house)) == 2 * 40 - 2 * 5, "all but those who sleep"
