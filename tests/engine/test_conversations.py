"""What answers cause, over a whole engine: at most two texts, then a person with the whole thread."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.app import services
from engine.conversations import book
from engine.conversations.listener import Heard, Listener, Spoken
from engine.conversations.people import correspondents
from engine.conversations.reactions import MOST, Reaction, State, react
from engine.events import make_event
from engine.issues.book import history
from engine.links import Claims
from engine.replay import drain
from engine.store.models import (
    Consent,
    Conversation,
    CustomerContact,
    DecisionRow,
    Intent,
    Issue,
    Label,
    Ticket,
    TicketNote,
    Turn,
)
from engine.web.server import create_app
from engine.wording import keys
from outreach.channels.memory import MemoryChannel
from outreach.channels.voice import Voice
from outreach.replies import KEYS, Meaning, Reading
from outreach.tickets.builtin import BuiltinDesk, MemoryTickets
from tests.engine.web.conftest import Server
from tests.faults.house import ROOT, START, House, opened, people, prepared

BOTH_STORES = True

ANN = "ann@example.com"


def furnished(folder: Path, **changed: str) -> Path:
    """Return a folder whose templates have the answers too."""
    prepared(folder, **changed)
    for name in ("_replies", "_parts"):
        shutil.copytree(ROOT / "templates" / name, folder / "templates" / name)
    return folder


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an engine that has told Ann of an issue."""
    with opened(furnished(tmp_path)) as made:
        made.hand_in(*people())
        made.trouble()
        assert len(made.email.sent) == 1
        yield made


def hear(house: House, text: str, *, way: Any = "later", key: str = "", **more: Any) -> Spoken:
    """Let Ann answer by e-mail, and let the engine do all it can do now."""
    engine = house.engine
    listener = Listener(engine.config, engine.storage.database, engine.intake, engine.links, house.clock)
    who = partial(correspondents, kind="email", sender=more.pop("sender", ANN), thread=more.pop("thread", ""))
    key = key or f"<{text}-{house.clock.time()}>"
    heard = Heard("imap/email", key, "email", who, text, way=way, channel="email", thread=key, **more)
    spoken = listener.hear(heard)
    house.clock.advance(1.0)
    drain(engine)
    return spoken


def tickets(house: House) -> list[Ticket]:
    """Return the tickets that conversations made, oldest first."""
    return [each for each in sorted(house.rows(Ticket), key=lambda row: row.number) if "conversation" in each.tags]


def answers(house: House) -> list[str]:
    """Return what was sent beside the opening message."""
    return [message.text for message in house.email.sent[1:]]


def issue(house: House) -> Issue:
    [found] = house.rows(Issue)
    return found


def told(house: House) -> str:
    """Return the history of the issue."""
    with house.engine.storage.database.reading() as session:
        return "\n".join(f"{each.what} {each.note}" for each in history(session, issue(house).id))


def test_two_plain_answers_and_then_a_person_has_the_whole_thread(house: House) -> None:
    for text in ("help", "I didn't notice", "fixed"):
        hear(house, text)
    assert len(answers(house)) == 2
    [ticket] = tickets(house)
    at = [ticket.body.index(part) for part in ("help", "You can answer", "I didn't notice", "whether we were", "fixed")]
    assert at == sorted(at), "every word of both sides, in order"
    hear(house, "help")
    assert len(answers(house)) == 2, "a person has it: no more texts"
    assert len(tickets(house)) == 1
    assert any("help" in note.text for note in house.rows(TicketNote))


def test_an_answer_goes_on_the_same_thread_in_the_persons_language(tmp_path: Path) -> None:
    with opened(furnished(tmp_path)) as made:
        made.hand_in(*people())
        ann = {"parent": "account/acme", "locale": "de-AT", "addresses": [{"kind": "email", "value": ANN}]}
        made.hand_in(make_event("forewarn.entity", "contact/ann", ann, id="de", source="t", time=START + 1))
        made.trouble()
        hear(made, "Hilfe", key="<their-id>")
        answer = made.email.sent[1]
        assert answer.thread == "<their-id>"
        assert answer.subject == "Re: trouble"
        assert "Sie können uns in Ihren eigenen Worten antworten" in answer.text
        assert "/m/" in answer.text, "with a link to the page"


def test_fixed_alone_resolves_nothing_that_the_detector_still_sees(house: House) -> None:
    hear(house, "It's working again, thanks!")
    assert issue(house).status == "open"
    assert "contact/ann says that it works again" in told(house)
    assert tickets(house) == []
    assert any("works again" in note.text for note in house.rows(TicketNote)), "who works on it reads it too"
    assert house.rows(CustomerContact) == [], "nobody had to do anything"


def test_fixed_ends_what_is_only_held_open_because_it_comes_and_goes(tmp_path: Path) -> None:
    flap = "reopen_within: 1h\nflap: 1 per 24h\n"
    with opened(furnished(tmp_path, **{"config/policy.yaml": flap})) as made:
        made.hand_in(*people())
        for _ in range(3):
            made.trouble()
            made.calm()
        assert (issue(made).status, issue(made).flapping) == ("open", True)
        hear(made, "fixed")
        assert issue(made).status == "resolved"
        assert "the customer says that it works again" in told(made)


def test_still_broken_goes_to_a_person_at_once(house: House) -> None:
    hear(house, "still broken")
    [ticket] = tickets(house)
    assert ticket.severity == issue(house).severity
    assert "One of our people has your message" in answers(house)[0]
    [contact] = house.rows(CustomerContact)
    assert contact.issue == issue(house).id


def test_still_broken_after_it_was_told_to_be_over_is_graver(house: House) -> None:
    house.calm()
    assert issue(house).status == "resolved"
    hear(house, "It still doesn't work")
    [ticket] = tickets(house)
    assert (issue(house).severity, ticket.severity) == ("low", "medium")
    assert "told that it is over" in ticket.subject
    assert issue(house).status == "resolved", "one customer's word opens it for nobody else"


def test_call_me_makes_a_ticket_with_number_and_hours(house: House) -> None:
    ann = {"parent": "account/acme", "zone": "Europe/Vienna"}
    ways = [{"kind": "email", "value": ANN}, {"kind": "phone", "value": "+43 664 1234567"}]
    told_at = house.clock.time()
    entity = make_event("forewarn.entity", "contact/ann", {**ann, "addresses": ways}, id="v", source="t", time=told_at)
    house.hand_in(entity)
    hear(house, "call me please")
    [ticket] = tickets(house)
    assert "+43 664 1234567, may be called 08:00 to 21:00 in Europe/Vienna" in ticket.body
    assert ticket.requester == ANN


@pytest.mark.parametrize("text", ["This is an emergency", "My lawyer will hear of it", "fixed, and I am furious"])
def test_distress_is_for_a_person_with_one_honest_sentence(house: House, text: str) -> None:
    hear(house, text)
    [ticket] = tickets(house)
    assert ticket.severity == "high"
    assert "read this at once" in ticket.subject
    [answer] = answers(house)
    assert "This is an automatic answer" in answer
    hear(house, "help")
    assert len(answers(house)) == 1


def test_anything_else_is_for_a_person(house: House) -> None:
    hear(house, "Since when do you watch our traffic?")
    [ticket] = tickets(house)
    assert "Since when do you watch" in ticket.body
    assert len(answers(house)) == 1


def test_thanks_bothers_nobody(house: House) -> None:
    hear(house, "Thank you!")
    assert (tickets(house), answers(house), house.rows(CustomerContact)) == ([], [], [])
    assert [turn.meaning for turn in house.rows(Turn)] == ["thanks"]


def test_not_mine_is_a_verdict_that_proves_nothing(house: House) -> None:
    hear(house, "not my account")
    [label] = house.rows(Label)
    assert (label.verdict, label.who, label.issue) == ("unclear", "contact/ann", issue(house).id)
    assert issue(house).status == "open"


def test_a_word_that_is_told_again_changes_nothing(house: House) -> None:
    for _ in range(3):
        hear(house, "call me", key="<1@x>")
    assert (len(tickets(house)), len(answers(house)), len(house.rows(Turn))) == (1, 1, 2)


def test_c17_a_conversation_with_a_person_keeps_messages_back(house: House) -> None:
    hear(house, "call me")
    [conversation] = house.rows(Conversation)
    found = issue(house)
    with house.engine.storage.database.reading() as session:
        later = house.clock.time() + 5 * 86400.0
        assert book.live(session, [found.id], later).get((found.id, found.account), "") == conversation.id
    [ticket] = tickets(house)
    house.engine.tickets.resolve(ticket.number, "jo", "unclear", "called", house.engine.intake)
    with house.engine.storage.database.reading() as session:
        assert book.live(session, [found.id], house.clock.time()) == {}
    hear(house, "call me")
    assert len(tickets(house)) == 2, "what comes after the ticket is resolved is another conversation"


def test_c02_a_stop_withdraws_and_is_confirmed_only_at_once(house: House) -> None:
    hear(house, "STOP")
    assert answers(house) == []
    [entry] = [each for each in house.rows(Consent) if each.state == "withdrawn"]
    assert (entry.entity, entry.purpose, entry.address) == ("contact/ann", "*", ANN)
    assert house.rows(CustomerContact) == []
    hear(house, "help")
    assert answers(house) == [], "who opted out gets no text, but a person"
    assert len(tickets(house)) == 1


def test_c02_what_may_be_an_opt_out_suspends_and_goes_to_a_person(house: House) -> None:
    hear(house, "please don't write to me any more")
    assert [each.state for each in house.rows(Consent)] == ["suspended"]
    [ticket] = tickets(house)
    assert "may be an opt-out" in ticket.subject
    assert answers(house) == []


def test_c02_what_may_be_an_opt_out_counts_however_long_it_is(house: House) -> None:
    hear(house, "please don't text me\n" + "x" * 50_000, key="<long>")
    consent = max(house.rows(Consent), key=lambda row: row.at)
    assert (consent.state, len(consent.wording), consent.wording[-1]) == ("suspended", 20_000, "…")
    assert [len(row.text) for row in house.rows(CustomerContact)] == [20_000]


def test_c03_an_opt_out_is_confirmed_once(house: House) -> None:
    first, second = (hear(house, "stop", way="at once") for _ in range(2))
    assert "You get no more messages" in first.text
    assert second.text == ""
    hear(house, "START", way="at once")
    assert "You get no more messages" in hear(house, "stop", way="at once").text


def test_c03_a_repeat_of_the_same_request_gets_the_same_confirmation(house: House) -> None:
    first, again = (hear(house, "stop", way="at once", key="SM1") for _ in range(2))
    assert first == again
    assert len([turn for turn in house.rows(Turn) if turn.way == "out"]) == 1


def test_c01_a_stranger_gets_no_text_but_a_person(house: House) -> None:
    hear(house, "help", sender="someone@else.example")
    assert answers(house) == []
    [ticket] = tickets(house)
    assert ticket.account == "email/someone@else.example"


def test_an_old_answer_is_not_sent_any_more(house: House) -> None:
    data = {"channel": "email", "meaning": "help", "conversation": "cnv_1", "answer": "Hello", "via": "email"}
    said = {**data, "address": ANN, "issue": issue(house).id, "account": "account/acme"}
    old = house.clock.time() - 3600.0
    house.hand_in(make_event("forewarn.reply", "contact/ann", said, id="r1", source="t", time=old))
    assert answers(house) == []
    assert len(house.rows(Turn)) == 2, "the thread has it all the same"


def test_a_replay_into_an_empty_store_rebuilds_the_conversation(house: House, tmp_path: Path) -> None:
    for text in ("help", "call me", "my lawyer"):
        hear(house, text)
    batches = house.engine.storage.log.read(0, 0, 10_000)
    lines = [line for batch in batches for line in batch.payload.split(b"\n")]
    with opened(furnished(tmp_path / "other"), clock=house.clock) as other:
        other.hand_in(*lines)
        for table in (Turn, Conversation, Consent, CustomerContact):
            assert sorted(map(repr, other.rows(table))) == sorted(map(repr, house.rows(table)))
        assert [each.subject for each in tickets(other)] == [each.subject for each in tickets(house)]


def test_without_words_for_it_an_answer_is_a_persons(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as made:
        made.hand_in(*people())
        made.trouble()
        hear(made, "help")
        assert answers(made) == []
        [ticket] = tickets(made)
        assert "help" in ticket.body, "and the ticket needs no template either"


def test_every_decision_about_an_answer_is_kept(house: House) -> None:
    hear(house, "help")
    [answer] = [each for each in house.rows(Intent) if each.occasion == "reply"]
    [decision] = [each for each in house.rows(DecisionRow) if each.intent == answer.id]
    assert (decision.verdict, decision.channel, answer.status) == ("send", "email", "sent")


PLAIN = [Meaning.FIXED, Meaning.HELP, Meaning.NOT_MINE, Meaning.START]


@pytest.mark.parametrize("meaning", PLAIN)
def test_the_third_plain_request_is_a_persons(meaning: Meaning) -> None:
    reactions = [react(Reading(meaning), State(answers=number), 2) for number in range(3)]
    assert [bool(each.answer) for each in reactions] == [True, True, False]
    assert [each.hand_over for each in reactions] == ["", "", "turns"]


@pytest.mark.parametrize("meaning", [Meaning.BROKEN, Meaning.CALL, Meaning.DISTRESS, Meaning.OTHER])
def test_what_needs_a_person_is_a_persons_at_once(meaning: Meaning) -> None:
    for state in (State(), State(answers=2), State(with_person=True)):
        assert react(Reading(meaning), state, 2).hand_over


def test_with_no_turns_at_all_a_person_answers_everything() -> None:
    assert react(Reading(Meaning.HELP), State(), 0) == Reaction("", "turns")


def test_a_flood_is_told_once() -> None:
    assert react(Reading(Meaning.HELP), State(lately=MOST), 2) == Reaction("", "flood")
    assert react(Reading(Meaning.STOP), State(lately=MOST), 2).answer == "stopped", "an opt-out is heard always"


def test_c04_a_stop_on_one_channel_stops_the_others_as_the_policy_says(tmp_path: Path) -> None:
    for scope, reached in (("all", 1), ("program", 2)):
        with opened(furnished(tmp_path / scope, **{"config/policy.yaml": f"revocation_scope: {scope}\n"})) as made:
            made.hand_in(*people())
            made.trouble()
            said = {"state": "withdrawn", "channel": "sms", "purpose": "*", "wording": "STOP"}
            made.hand_in(
                make_event("forewarn.consent", "contact/ann", said, id="c1", source="t", time=made.clock.time())
            )
            made.calm()
            assert len(made.email.sent) == reached, "the closing message is one more by e-mail, unless all was stopped"


def test_c11_an_objection_ends_messages_to_the_person(house: House) -> None:
    said = {"state": "objected", "channel": "*", "purpose": "*"}
    for subject in ("contact/ann", "account/acme"):
        house.hand_in(make_event("forewarn.consent", subject, said, id=subject, source="t", time=house.clock.time()))
    hear(house, "help")
    house.calm()
    assert answers(house) == []
    assert len(tickets(house)) == 1, "what they write is read by a person all the same"


def test_what_is_said_on_the_page_is_part_of_the_conversation(house: House) -> None:
    engine = house.engine
    [message] = [each for each in house.rows(Intent) if each.kind == "message"]
    claims = Claims("page", message.id, "contact/ann", ANN, "service", house.clock.time() + 60.0)
    path = "/" + "/".join(engine.links.url(claims).rsplit("/", 2)[1:])
    hear(house, "help")
    server = Server(create_app(services(engine, list)))
    assert server.post(path, data={"say": "call", "number": "+43 1 234"}).status_code == 303
    drain(engine)
    [ticket] = tickets(house)
    assert "+43 1 234" in ticket.body
    assert ticket.body.index("(email): help") < ticket.body.index("(page): call")
    assert "you asked us to call you" in server.get(path).text


def test_who_is_called_hears_which_keys_there_are() -> None:
    voice = Voice(account_sid="AC1", auth_token="x", from_="+15005550006")
    assert set(keys(voice, "opened", "de-AT")) == {"1", "3", "9"}
    assert set(keys(voice, "resolved", "en")) == {"2", "3", "9"}
    assert "drücken Sie die 3" in keys(voice, "opened", "de-AT")["3"]
    assert keys(MemoryChannel(), "opened", "en") == {}
    assert set(KEYS) >= {"1", "2", "3", "9"}


def test_conversations_go_to_the_desk_that_the_policy_names(tmp_path: Path) -> None:
    changed = {
        "config/desks.yaml": "care: {type: zendesk, url: https://a.zendesk.com, email: a@b.example, token: t}\n",
        "config/policy.yaml": "conversations: {desk: care, queue: customers}\n",
    }
    with opened(furnished(tmp_path, **changed)) as made:
        store = MemoryTickets(now=made.clock.time)
        made.engine.desks["care"] = BuiltinDesk(store=store)
        made.hand_in(*people())
        made.trouble()
        for text in ("call me", "and quickly please", "thanks"):
            hear(made, text)
        [draft] = store.drafts.values()
        assert (draft.queue, draft.tags) == ("customers", ("forewarn", "conversation", "call"))
        assert [note.partition("\n\nForewarn reference")[0] for note, _ in store.notes[1]] == [
            "contact/ann (email): and quickly please",
            "contact/ann (email): thanks",
        ]
        assert tickets(made) == [], "and not to our own"


def test_still_broken_makes_the_tickets_of_its_issue_graver(house: House) -> None:
    [before] = house.rows(Ticket)
    hear(house, "still broken")
    after = next(ticket for ticket in house.rows(Ticket) if ticket.id == before.id)
    assert (before.severity, after.severity) == ("low", "medium")
    assert any("still does not work" in note.text for note in house.rows(TicketNote) if note.ticket == before.id)
