"""WhatsApp outside of a conversation: only what was approved, each value by itself, or the next way (C12)."""

from pathlib import Path
from typing import Any

import pytest

from engine.playbooks import REPLY
from engine.policy.reasons import Reason
from engine.store.models import Conversation, CustomerContact, Entity, Issue, Turn
from outreach.base import Message, Outcome, Receipt
from tests.engine.config.conftest import SAMPLE
from tests.engine.post import NOON, Post

SID = "HXb5b62575e6e4ff6129ad7c8efe1f983e"
APPROVED = f"""
content: {SID}
body: "{{{{1}}}}: calls fail since {{{{2}}}}. You need not do anything."
variables: {{"1": "{{{{ customer.name }}}}", "2": "{{{{ issue.opened_at | clock }}}}"}}
"""
NOTICE, RESOLVED = (f"templates/errors/{name}/en/whatsapp.yaml" for name in ("notice", "resolved"))
SEEN = SAMPLE.replace('"links"', '"issue": {"opened_at": 1795351800}, "person": {"name": "Ann"}, "links"')
SAMPLES = {"templates/errors/notice/sample.json": SEEN, "templates/errors/resolved/sample.json": SEEN}


def post(tmp_path: Path, *kinds: str, approved: str = "") -> Post:
    words = {NOTICE: approved, RESOLVED: approved} if approved else {}
    return Post(tmp_path, SAMPLES | words, kinds or ("whatsapp",))


def wrote(office: Post, at: float, channel: str = "whatsapp") -> None:
    who = {"subject": "contact/ann-acme", "account": "account/acme", "channel": channel}
    office.add(CustomerContact(id=f"cct_{at}_{channel}", at=at, **who))


def told(office: Post) -> str:
    intent = office.tell("contact/ann-acme", office.issue(office.account()))
    office.run()
    return intent


def test_c12_outside_of_the_session_the_approved_template_goes_with_its_values(tmp_path: Path) -> None:
    office = post(tmp_path, approved=APPROVED)
    intent = told(office)
    (message,) = office.sent("whatsapp")
    assert (message.content, message.variables) == (SID, {"1": "Acme", "2": "09:59 UTC"})
    assert office.intent(intent).payload["text"] == "Acme: calls fail since 09:59 UTC. You need not do anything."


def test_c12_within_the_session_free_words_go(tmp_path: Path) -> None:
    office = post(tmp_path, approved=APPROVED)
    wrote(office, NOON - 3600.0)
    told(office)
    (message,) = office.sent("whatsapp")
    assert (message.content, message.session_until) == ("", NOON - 3600.0 + 86400.0)
    assert message.text.startswith("Something is wrong.")


@pytest.mark.parametrize(("age", "channel"), [(86400.0, "whatsapp"), (60.0, "sms")])
def test_c12_without_session_and_template_it_is_not_sent_and_the_reason_is_told(
    tmp_path: Path, age: float, channel: str
) -> None:
    office = post(tmp_path)
    wrote(office, NOON - age, channel)
    row = office.decision(told(office))
    assert (row.verdict, row.reason) == ("skip", Reason.NO_SESSION)
    assert "whatsapp: no_session" in row.facts["decision"]["detail"]
    assert office.channels["whatsapp"].attempts == []


def answered(office: Post, at: float, channel: str = "whatsapp") -> None:
    """Let Ann have answered something, which no person had to read."""
    said = {"channel": channel, "address": "+436641234567", "text": "thanks", "meaning": "thanks"}
    office.add(Conversation(id="cnv_1", person="contact/ann-acme", account="account/acme", issue="iss_1", began_at=at))
    office.add(Turn(id="trn_1", conversation="cnv_1", at=at, way="in", **said))
    office.add(Turn(id="trn_2", conversation="cnv_1", at=NOON - 1.0, way="out", **said))


@pytest.mark.parametrize(
    ("age", "channel", "content"),
    [(3600.0, "whatsapp", ""), (86400.0, "whatsapp", SID), (3600.0, "sms", SID)],
)
def test_c12_an_answer_opens_the_session_on_its_channel_and_what_we_say_does_not(
    tmp_path: Path, age: float, channel: str, content: str
) -> None:
    office = post(tmp_path, approved=APPROVED)
    answered(office, NOON - age, channel)
    told(office)
    assert [message.content for message in office.sent("whatsapp")] == [content]


@pytest.mark.parametrize(("age", "status"), [(60.0, "sent"), (86400.0, "skipped")])
def test_c12_what_answers_a_customer_goes_within_the_session_only(tmp_path: Path, age: float, status: str) -> None:
    office = post(tmp_path)
    issue = office.issue(office.account())
    answered(office, NOON - age)
    said: dict[str, Any] = {
        "template": "",
        "channels": ["whatsapp"],
        "address": "+436641234567",
        "text": "We look.",
        "answers": "",
    }
    intent = office.tell("contact/ann-acme", issue, **said)
    office.add(office.intent(intent).model_copy(update={"occasion": REPLY, "address": "+436641234567"}))
    office.run()
    assert office.intent(intent).status == status
    assert [each.session_until for each in office.sent("whatsapp")] == ([NOON + 86340.0] if status == "sent" else [])


def test_c18_an_approved_template_without_an_answer_is_looked_for_as_such(tmp_path: Path) -> None:
    """Its words carry no sign of ours: whether it was sent cannot be told from the words, so it is not sent again."""
    office = post(tmp_path, approved=APPROVED)
    channel = office.channels["whatsapp"]
    looked_for: list[Message] = []

    def find(message: Message) -> Receipt:
        looked_for.append(message)
        return Receipt(Outcome.UNKNOWN)

    channel.send = lambda message: Receipt(Outcome.UNKNOWN)  # type: ignore[method-assign]  # no answer comes
    channel.find = find  # type: ignore[method-assign]
    intent = told(office)
    office.clock.set(NOON + 3600.0)
    office.dispatcher.reconcile()
    assert [message.content for message in looked_for] == [SID]
    assert office.intent(intent).status == "unknown"


def test_c12_the_next_way_is_tried(tmp_path: Path) -> None:
    office = post(tmp_path, "whatsapp", "email")
    told(office)
    assert len(office.sent("email")) == 1
    assert office.channels["whatsapp"].attempts == []


def test_c12_who_was_told_by_an_approved_template_hears_the_end_by_one(tmp_path: Path) -> None:
    office = post(tmp_path, approved=APPROVED)
    intent = told(office)
    (issue,) = office.rows(Issue)
    office.close("contact/ann-acme", issue, intent)
    office.run()
    assert [message.content for message in office.sent("whatsapp")] == [SID, SID]


def test_c12_a_value_that_would_be_blank_is_an_error_and_no_message(tmp_path: Path) -> None:
    office = post(tmp_path, approved=APPROVED.replace("customer.name", "person.name"))
    account = office.account()
    row = office.person(account, "nameless", phone="+436641234567")
    office.add(Entity(id=row, kind="contact", parent=account, zone="UTC", updated_at=1.0))
    intent = office.tell(row, office.issue(account))
    office.run()
    assert office.intent(intent).status == "failed"
    assert "the value of 1 is blank" in office.intent(intent).detail
