"""Tickets of one incident belong together, whichever of them is made first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config.model import PlaybookConfig
from engine.desks.known import made_by
from engine.replay import drain
from engine.store import outbox
from engine.store.models import Incident, Intent, Issue, Ticket, TicketNote
from engine.waves import incidents
from tests.engine.test_conversations import furnished, hear, issue, tickets
from tests.faults.house import House, opened, people

BOTH_STORES = True


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an engine that has told Ann of an issue."""
    with opened(furnished(tmp_path)) as made:
        made.hand_in(*people())
        made.trouble()
        yield made


def incident(house: House) -> None:
    """Let the issue be one of many with one cause, and their one ticket be planned."""
    now, playbook = house.clock.time(), next(iter(house.engine.config.playbooks.values()))
    with house.engine.storage.database.transaction() as session:
        outbox.add(session, [_declared(house, playbook, now)])
        session.add(_row(issue(house), now))
        session.flush()
        incidents.join(session, "inc_1", issue(house).id, now)


def _row(first: Issue, now: float) -> Incident:
    return Incident(
        id="inc_1",
        title="Errors",
        detector=first.detector,
        issue=first.id,
        wave="wav_1",
        opened_at=now,
        status="open",
    )


def _declared(house: House, playbook: PlaybookConfig, now: float) -> Intent:
    return incidents.one_ticket(_row(issue(house), now), issue(house), playbook, now)


def above(house: House) -> Ticket:
    made = made_by("inc_1")
    return next(row for row in house.rows(Ticket) if row.external == made)


def notes(house: House, ticket: Ticket) -> list[str]:
    return [row.text for row in house.rows(TicketNote) if row.ticket == ticket.id]


def test_a_ticket_made_while_its_incidents_exists_is_linked_as_it_is_made(house: House) -> None:
    incident(house)
    drain(house.engine)
    hear(house, "still broken")
    [ticket] = tickets(house)
    assert ticket.parent == above(house).number
    assert notes(house, ticket) == []


def test_one_that_was_there_before_is_linked_once_the_incidents_is_made(house: House) -> None:
    hear(house, "still broken")
    [ticket] = tickets(house)
    assert ticket.parent is None
    incident(house)
    drain(house.engine)
    [ticket] = tickets(house)
    assert ticket.parent == above(house).number
    assert "belongs to ticket" in "".join(notes(house, ticket))


def test_one_that_was_being_made_at_the_same_time_is_linked_when_it_is_there(house: House) -> None:
    hear(house, "still broken")
    incident(house)
    house.engine.dispatcher.run_once()
    [ticket] = tickets(house)
    with house.engine.storage.database.transaction() as session:
        row = session.get_one(Ticket, ticket.id)
        row.parent = None
        conversation = next(each for each in house.rows(Intent) if each.id == ticket.external)
        planned = {each.id for each in house.rows(Intent)}
        incidents.join_parent(session, conversation, str(ticket.number), house.clock.time())
    drain(house.engine)
    assert planned == {each.id for each in house.rows(Intent)}, "the note that links it is there already, and made once"


def test_a_ticket_of_an_incident_at_another_desk_is_none_of_its(house: House) -> None:
    incident(house)
    drain(house.engine)
    with house.engine.storage.database.reading() as session:
        assert incidents.parent(session, issue(house).id, "support") == ""
        assert incidents.parent(session, "iss_other", "builtin") == ""
        assert incidents.parent(session, issue(house).id, "builtin") == str(above(house).number)


def test_once_the_incidents_is_over_nothing_is_linked_to_it(house: House) -> None:
    incident(house)
    drain(house.engine)
    with house.engine.storage.database.transaction() as session:
        session.get_one(Ticket, above(house).id).status = "resolved"
    hear(house, "still broken")
    [ticket] = tickets(house)
    assert ticket.parent is None
