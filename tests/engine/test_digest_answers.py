"""What people answer to a message that told of several things: it is asked once which they mean, then a person."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.app import services
from engine.conversations.people import correspondents, recipient
from engine.conversations.reactions import Reaction, State, react
from engine.issues.book import history
from engine.links import Claims
from engine.store import digests
from engine.store.models import Intent, Issue, Turn
from engine.web.server import create_app
from outreach.replies import Meaning, Reading
from tests.engine.test_conversations import answers, furnished, hear, tickets
from tests.engine.web.conftest import Server
from tests.faults.house import House, opened, people

OTHER = "iss_other"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an engine that has told Ann of two issues in one message."""
    with opened(furnished(tmp_path)) as made:
        made.hand_in(*people())
        made.trouble()
        _together(made)
        yield made


def _together(house: House) -> None:
    """Let the message that Ann got have told of another issue too."""
    with house.engine.storage.database.transaction() as session:
        [opening] = [row for row in house.rows(Intent) if row.kind == "message"]
        [issue] = house.rows(Issue)
        first = session.get_one(Intent, opening.id)
        second = Intent(**{**first.model_dump(), "id": "int_other", "issue": OTHER})
        ids = [first.id, second.id]
        first.payload = digests.mark(first.payload, ids, "some calls fail")
        second.payload = digests.mark(second.payload, ids, "your storage is full")
        session.add(second)
        session.add(Issue(**{**issue.model_dump(), "id": OTHER, "fingerprint": "other", "summary": "storage"}))


def first(house: House) -> Issue:
    return next(row for row in house.rows(Issue) if row.id != OTHER)


def notes(house: House, issue: str) -> str:
    with house.engine.storage.database.reading() as session:
        return "\n".join(each.note for each in history(session, issue))


def end(house: House, issue: str) -> None:
    with house.engine.storage.database.transaction() as session:
        session.get_one(Issue, issue).status = "resolved"


def test_a_bare_fixed_is_asked_once_which_of_them_it_means(house: House) -> None:
    hear(house, "fixed")
    [asked] = answers(house)
    assert "- some calls fail: http" in asked
    assert "- your storage is full: http" in asked
    assert tickets(house) == []
    assert "works again" not in notes(house, first(house).id) + notes(house, OTHER)


def test_then_it_is_a_persons_who_reads_of_all_of_them(house: House) -> None:
    hear(house, "fixed")
    hear(house, "fixed")
    [ticket] = tickets(house)
    assert "storage" in ticket.body
    assert "Ask them which of the things they were told of together they mean" in ticket.body
    assert len(answers(house)) == 2, "the question, and that a person reads it"
    assert [turn.hand_over for turn in house.rows(Turn) if turn.way == "in"] == ["", "which"]


def test_where_one_is_left_open_it_is_that_one(house: House) -> None:
    end(house, first(house).id)
    hear(house, "fixed")
    assert "works again" in notes(house, OTHER)
    assert "works again" not in notes(house, first(house).id)
    assert tickets(house) == []


def test_still_broken_is_a_persons_at_once_and_noted_on_each(house: House) -> None:
    hear(house, "still broken")
    [ticket] = tickets(house)
    assert "storage" in ticket.body
    for issue in (first(house).id, OTHER):
        assert "in answer to a message about 2 issues" in notes(house, issue)


def over(house: House) -> None:
    """Let what was told together have been that it is over."""
    for issue in (first(house).id, OTHER):
        end(house, issue)
    with house.engine.storage.database.transaction() as session:
        for row in house.rows(Intent):
            if row.payload.get("together"):
                session.get_one(Intent, row.id).occasion = "resolved"


def test_fixed_agrees_with_all_the_ends_that_were_told_together(house: House) -> None:
    over(house)
    hear(house, "fixed")
    for issue in (first(house).id, OTHER):
        assert "says that it works again" in notes(house, issue)
    assert tickets(house) == []


def test_still_broken_after_several_ends_is_a_persons_a_step_graver(house: House) -> None:
    over(house)
    hear(house, "still broken")
    [ticket] = tickets(house)
    assert "storage" in ticket.body
    assert [turn.hand_over for turn in house.rows(Turn) if turn.way == "in"] == ["broken_again"]
    for issue in (first(house).id, OTHER):
        assert "says that it still does not work" in notes(house, issue)


def test_on_a_page_it_is_known_which(house: House) -> None:
    with house.engine.storage.database.reading() as session:
        message = session.get_one(Intent, "int_other")
        meant = recipient(session, "contact/ann", "ann@example.com", message)
        assert (meant.issue, meant.others) == (OTHER, ())
        [answering] = correspondents(session, "email", "ann@example.com")
        assert [each[0] for each in answering.others] == [OTHER]


def test_each_has_a_page_of_its_own_that_mirrors_the_message(house: House) -> None:
    hear(house, "fixed")
    end(house, OTHER)
    server = Server(create_app(services(house.engine, list)))
    opening = next(
        row
        for row in house.rows(Intent)
        if row.occasion == "opened" and row.kind == "message" and row.id != "int_other"
    )
    for intent, state in ((opening.id, "We are still working on it."), ("int_other", "It is over, since")):
        claims = Claims("page", intent, "contact/ann", "ann@example.com", "service", house.clock.time() + 60.0)
        path = "/" + "/".join(house.engine.links.url(claims).rsplit("/", 2)[1:])
        page = server.get(path).text
        assert state in page
        assert str(opening.payload["text"]).strip().partition("\n")[0] in page
        assert ("If you meant this one, tell us here." in page) == (intent == opening.id), "it was said of the first"


@pytest.mark.parametrize("meaning", [Meaning.STOP, Meaning.THANKS, Meaning.HELP, Meaning.CALL, Meaning.DISTRESS])
def test_what_does_not_depend_on_which_is_answered_as_ever(meaning: Meaning) -> None:
    alone, several = State(), State(several=True)
    assert react(Reading(meaning), several, 2) == react(Reading(meaning), alone, 2)


def test_nothing_is_asked_where_no_text_may_be_sent() -> None:
    assert react(Reading(Meaning.FIXED), State(several=True), 0) == Reaction("", "which")
    assert react(Reading(Meaning.FIXED), State(several=True, with_person=True), 2) == Reaction("", "which")
