"""Cards for Microsoft Teams: what is posted to a workflow, and what its answers mean."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from outreach.base import Message, Outcome
from outreach.channels.teams import MAX_BODY, Teams, card
from tests.outreach.fakes.web import Answer, Request, WebServer

MESSAGE = Message("int_1", "", "12 of 20 calls fail.", subject="API errors at Acme")


class Workflow:
    """The other side: takes cards."""

    def __init__(self) -> None:
        self.next = Answer(202)
        self.server = WebServer(self._answer)

    def _answer(self, _: Request) -> Answer:
        return self.next

    @property
    def cards(self) -> list[dict[str, object]]:
        """What was posted."""
        return [json.loads(request.body) for request in self.server.requests]


@pytest.fixture
def workflow() -> Iterator[Workflow]:
    made = Workflow()
    with made.server:
        yield made


def send(workflow: Workflow, message: Message = MESSAGE) -> Outcome:
    channel = Teams(timeout=0.5, allow_internal=True)
    receipt = channel.send(replace(message, to=f"{workflow.server.url}/workflows/1?sig=secret"))
    channel.close()
    return receipt.outcome


def test_a_card_is_posted(workflow: Workflow) -> None:
    assert send(workflow) is Outcome.ACCEPTED
    assert workflow.cards == [card(MESSAGE)]
    (attachment,) = card(MESSAGE)["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [one["text"] for one in attachment["content"]["body"]] == [MESSAGE.subject, MESSAGE.text]


def test_words_of_events_are_no_markup() -> None:
    body = card(replace(MESSAGE, text="[our page](https://evil.example) <at>all</at>"))["attachments"][0]["content"]
    assert body["body"][1]["text"] == "\\[our page\\](https://evil.example) &lt;at&gt;all&lt;/at&gt;"


def test_a_card_is_never_larger_than_teams_takes() -> None:
    assert len(json.dumps(card(replace(MESSAGE, text="ü" * 30_000)), ensure_ascii=False).encode()) < MAX_BODY


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(200, b"1"), Outcome.ACCEPTED),
        (Answer(200, b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"),
         Outcome.RETRY),
        (Answer(429), Outcome.RETRY),
        (Answer(404), Outcome.PERMANENT),
        (Answer(502), Outcome.UNKNOWN),
        (Answer(302, headers={"location": "http://127.0.0.1/"}), Outcome.PERMANENT),
        (Answer(silent=True), Outcome.UNKNOWN),
    ],
)  # fmt: skip
def test_what_an_answer_means(workflow: Workflow, answer: Answer, outcome: Outcome) -> None:
    workflow.next = answer
    assert send(workflow) is outcome


def test_an_address_inside_our_network_is_refused() -> None:
    for url in ("https://teams.example/hook", "http://teams.example/hook"):
        receipt = Teams(resolve=lambda *_: ["10.0.0.7"]).send(replace(MESSAGE, to=url))
        assert receipt.outcome is Outcome.PERMANENT
