"""Issues of many customers with one cause: one incident with its cause in words, one ticket, one message a customer."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.desks.known import made_by
from engine.store.models import Incident, IncidentMember, Intent, Issue, Ticket, TicketNote
from tests.engine.incidents.scene import calls, eu, made, reasons, settle
from tests.faults.house import House, opened

BOTH_STORES = True


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(made(tmp_path)) as found:
        settle(found)
        yield found


def test_a_cause_that_many_share_is_one_incident_with_one_ticket(house: House) -> None:
    calls(house, eu(), [])
    (incident,) = house.rows(Incident)
    assert incident.cause["values"] == {"region": "eu-west"}
    assert incident.cause["words"].startswith("region eu-west: ")
    assert len(house.rows(IncidentMember)) == len(house.rows(Issue)) == 20
    own = [row for row in house.rows(Ticket) if row.external == made_by(incident.id)]
    assert len(own) == 1
    assert "region eu-west" in own[0].body


def test_its_words_follow_as_more_are_affected(house: House) -> None:
    calls(house, [*eu()[:13], 1], [])
    calls(house, [*eu(), 1], [])
    (incident,) = house.rows(Incident)
    assert incident.cause["words"] == "region eu-west: 17 of 18 affected accounts, where 20 of all 60 are"
    assert {row.issue for row in house.rows(IncidentMember)} == {
        row.id for row in house.rows(Issue) if row.account != "account/a1"
    }


def test_a_customer_is_told_of_one_incident_once_and_hears_the_end_of_what_was_told(house: House) -> None:
    calls(house, eu(), [])
    assert len(house.email.attempts) == 20
    calls(house, eu(), eu())
    assert len(house.rows(Incident)) == 1, "the second detector sees the same cause"
    assert len(house.rows(IncidentMember)) == 40
    assert reasons(house)["told_of_incident"] == len(house.email.attempts) == 20
    notes = [row.text for row in house.rows(TicketNote) if "too: " in row.text]
    assert len(notes) == 20
    assert "is not told again" in notes[0]
    house.pass_(1200.0)
    calls(house, [], [])
    house.pass_(1200.0)
    calls(house, [], [])
    over = Counter(row.recipient for row in house.rows(Intent) if row.occasion == "resolved" and row.status == "sent")
    assert over == Counter({f"contact/p{n}": 1 for n in eu()})
    house.pass_(120.0)
    assert [row.status for row in house.rows(Incident)] == ["resolved"]


def test_who_was_told_that_it_is_over_is_told_again(house: House) -> None:
    calls(house, eu(), [])
    for _ in range(6):
        calls(house, eu()[1:], [])
    ended = [row for row in house.rows(Issue) if row.status == "resolved"]
    assert [row.account for row in ended] == ["account/a0"]
    calls(house, eu()[1:], eu())
    again = [row for row in house.rows(Intent) if row.recipient == "contact/p0" and row.occasion == "opened"]
    assert [row.status for row in again if row.kind == "message"] == ["sent", "sent"]


def test_what_shows_by_chance_is_no_incident(house: House) -> None:
    for first in range(0, 12, 3):
        calls(house, [first, first + 1, first + 2], [])
    assert house.rows(Incident) == []
