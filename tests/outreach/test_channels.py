"""The conformance checks of `outreach.checks`, over every channel."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from outreach.base import Channel, Message, Outcome, Receipt
from outreach.channels.email import Email
from outreach.channels.inapp import InApp, Item, MemoryFeed
from outreach.channels.memory import MemoryChannel
from outreach.channels.pagerduty import PagerDuty
from outreach.channels.slack import Slack
from outreach.channels.sms import Sms
from outreach.channels.teams import Teams
from outreach.channels.voice import Voice
from outreach.channels.webhook import Webhook
from outreach.channels.whatsapp import WhatsApp
from outreach.checks import Bench, Taken, checks
from tests.outreach.fakes import pagerduty, slack, twilio
from tests.outreach.fakes.mail import BreakingServer, MailServer
from tests.outreach.fakes.pagerduty import FakePagerDuty
from tests.outreach.fakes.slack import FakeSlack
from tests.outreach.fakes.twilio import FakeTwilio
from tests.outreach.fakes.web import Answer, Request, WebServer

NOBODY = 1
"""A port on which nothing listens."""
SECRET = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"


class MemoryBench(Bench):
    good, refused, nonsense = "ann@example.org", "gone@example.org", ()
    threads = True

    def __init__(self, _stack: ExitStack) -> None:
        self.channel = self._memory = MemoryChannel(script=self._answer)
        self._outcome = Outcome.ACCEPTED

    def _answer(self, message: Message) -> Receipt:
        if message.to == self.refused:
            return Receipt(Outcome.PERMANENT, "no such person", code="550")
        return Receipt(self._outcome, provider_id=message.id)

    def taken(self) -> list[Taken]:
        return [Taken(m.id, m.text, m.thread, m.unsubscribe_url) for m in self._memory.sent]

    def swallow(self) -> None:
        self._outcome = Outcome.UNKNOWN

    def unreachable(self) -> Channel:
        return MemoryChannel(script=[Receipt(Outcome.RETRY)])


class EmailBench(Bench):
    good, refused = "ann@example.org", "gone@example.org"

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._server = stack.enter_context(MailServer())
        self._server.answers["gone@example.org"] = "550 5.1.1 no such user"
        self._breaking: BreakingServer | None = None
        self.channel = _email(self._server.port)

    def taken(self) -> list[Taken]:
        if self._breaking:
            return [Taken("broken", raw.decode()) for raw in self._breaking.taken]
        return [self._taken(mail.parsed) for mail in self._server.mails]

    def _taken(self, mail: Any) -> Taken:
        text = mail.get_body(("plain",)).get_content()
        url = re.sub(r"^<|>$", "", mail.get("List-Unsubscribe", ""))
        return Taken(mail["Message-ID"], text, mail.get("References", ""), url)

    def swallow(self) -> None:
        self._breaking = self._stack.enter_context(BreakingServer("dot"))
        self.channel = _email(self._breaking.port)

    def unreachable(self) -> Channel:
        return _email(NOBODY)


def _email(port: int) -> Email:
    return Email(host="127.0.0.1", port=port, from_="Example <status@example.com>", timeout=5, now=lambda: 1e9)


class SmsBench(Bench):
    good, refused, threads = "+436641234567", twilio.NOT_MOBILE, False

    def __init__(self, stack: ExitStack) -> None:
        self._server = stack.enter_context(FakeTwilio())
        self.channel = self._sms(self._server.url)

    def _sms(self, url: str) -> Channel:
        return Sms(
            account_sid=twilio.ACCOUNT,
            auth_token=twilio.TOKEN,
            from_=twilio.FROM,
            base_url=url,
            timeout=0.5,
            now=lambda: 1795352700.0,
        )

    def taken(self) -> list[Taken]:
        return [Taken(one["body"].rsplit("#", 1)[1], one["body"]) for one in self._server.messages]

    def swallow(self) -> None:
        self._server.swallow()

    def unreachable(self) -> Channel:
        return self._sms(f"http://127.0.0.1:{NOBODY}")


class WhatsAppBench(SmsBench):
    refused = twilio.INVALID

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self._server.in_session = {f"whatsapp:{number}" for number in (self.good, self.refused)}
        self._server.opted_out = {f"whatsapp:{self.refused}"}

    def _sms(self, url: str) -> Channel:
        account: dict[str, Any] = {"account_sid": twilio.ACCOUNT, "auth_token": twilio.TOKEN, "from_": twilio.FROM}
        return WhatsApp(base_url=url, timeout=0.5, now=lambda: 1795352700.0, **account)

    def message(self, id_: str = "int_1", text: str = "Grüße, Łódź – 東京") -> Message:
        return replace(super().message(id_, text), session_until=1795352701.0)


class VoiceBench(SmsBench):
    refused, named = twilio.INVALID, False

    def _sms(self, url: str) -> Channel:
        return Voice(
            account_sid=twilio.ACCOUNT,
            auth_token=twilio.TOKEN,
            from_=twilio.FROM,
            base_url=url,
            timeout=0.5,
            now=lambda: 1795352700.0,
        )

    def taken(self) -> list[Taken]:
        spoken = (ET.fromstring(self._server.spoken[one["sid"]]).findtext("Say") for one in self._server.calls)
        return [Taken("", text or "") for text in spoken]


class WebhookBench(Bench):
    def __init__(self, stack: ExitStack) -> None:
        self._silent = False
        self._taken: list[Taken] = []
        self._server = stack.enter_context(WebServer(self._answer))
        self.good, self.refused = f"{self._server.url}/hook", f"{self._server.url}/gone"
        self.channel = self._webhook()

    def _webhook(self) -> Webhook:
        return Webhook(secret=SECRET, timeout=0.5, allow_internal=True)

    def _answer(self, request: Request) -> Answer:
        from standardwebhooks import Webhook as Verifier  # noqa: PLC0415 -- keeps it apart from the one under test

        if request.path == "/gone":
            return Answer(410, b"gone")
        data = Verifier(SECRET).verify(request.body, dict(request.headers))["data"]
        id_ = request.headers["webhook-id"]
        self._taken.append(Taken(id_, data["text"], data.get("thread", ""), data.get("unsubscribe_url", "")))
        silent, self._silent = self._silent, False
        return Answer(silent=silent)

    def taken(self) -> list[Taken]:
        return self._taken

    def swallow(self) -> None:
        self._silent = True

    def unreachable(self) -> Channel:
        self.good = f"http://127.0.0.1:{NOBODY}/"
        return self._webhook()


class SlackBench(Bench):
    good, refused, threads = "C0OPERATIONS", slack.ARCHIVED, False

    def __init__(self, stack: ExitStack) -> None:
        self._server = stack.enter_context(FakeSlack())
        self.channel = self._slack(self._server.url)

    def _slack(self, url: str) -> Slack:
        return Slack(token=slack.TOKEN, base_url=url, timeout=0.5, now=lambda: slack.NOW)

    def taken(self) -> list[Taken]:
        return [
            Taken(one["metadata"]["event_payload"]["id"], one["blocks"][1]["text"]["text"])
            for one in self._server.messages
        ]

    def swallow(self) -> None:
        self._server.swallow()

    def unreachable(self) -> Channel:
        return self._slack(f"http://127.0.0.1:{NOBODY}")


class PagerDutyBench(Bench):
    good, refused, threads = pagerduty.KEY, pagerduty.GONE, False

    def __init__(self, stack: ExitStack) -> None:
        self._server = stack.enter_context(FakePagerDuty())
        self.channel = PagerDuty(base_url=self._server.url, timeout=0.5)

    def taken(self) -> list[Taken]:
        events = self._server.events
        return [Taken(one["dedup_key"], one["payload"]["custom_details"]["text"]) for one in events]

    def swallow(self) -> None:
        self._server.swallow()

    def unreachable(self) -> Channel:
        return PagerDuty(base_url=f"http://127.0.0.1:{NOBODY}", timeout=0.5)


class TeamsBench(Bench):
    threads, named = False, False

    def __init__(self, stack: ExitStack) -> None:
        self._silent = False
        self._server = stack.enter_context(WebServer(self._answer))
        self.good, self.refused = f"{self._server.url}/workflow", f"{self._server.url}/gone"
        self.channel = Teams(timeout=0.5, allow_internal=True)
        self._taken: list[Taken] = []

    def _answer(self, request: Request) -> Answer:
        if request.path == "/gone":
            return Answer(404, b"workflow not found")
        body = json.loads(request.body)["attachments"][0]["content"]["body"]
        self._taken.append(Taken("", body[-1]["text"]))
        silent, self._silent = self._silent, False
        return Answer(202, silent=silent)

    def taken(self) -> list[Taken]:
        return self._taken

    def swallow(self) -> None:
        self._silent = True

    def unreachable(self) -> Channel:
        self.good = f"http://127.0.0.1:{NOBODY}/"
        return Teams(timeout=0.5, allow_internal=True)


class FeedOf(MemoryFeed):
    """A store that knows who is gone, and writes down each time that it is given something."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Item] = []

    def put(self, item: Item) -> bool:
        if item.entity == "contact/gone":
            return False
        self.given.append(item)
        return super().put(item)


class DumbFeed(FeedOf):
    """One that never says that it was done."""

    def put(self, item: Item) -> bool:
        super().put(item)
        raise TimeoutError("no answer")


class LockedFeed(FeedOf):
    def put(self, item: Item) -> bool:
        raise ConnectionError("locked")


class InAppBench(Bench):
    good, refused = "contact/ann", "contact/gone"
    nonsense = ("", "\r\n", "a\r\nBcc: b", "\x00", "ü", "http://", "+", "@", "a" * 3000, "contact/", "/x")
    threads = False

    def __init__(self, _stack: ExitStack) -> None:
        self._store = FeedOf()
        self.channel = InApp(keep=lambda: self._store)

    def taken(self) -> list[Taken]:
        return [Taken(item.id, item.text, item.thread) for item in self._store.given]

    def swallow(self) -> None:
        self._store = DumbFeed()
        self.channel = InApp(keep=lambda: self._store)

    def unreachable(self) -> Channel:
        return InApp(keep=LockedFeed)


BENCHES: list[Callable[[ExitStack], Bench]] = [
    MemoryBench, EmailBench, SmsBench, WhatsAppBench, VoiceBench, WebhookBench, SlackBench, PagerDutyBench, TeamsBench,
    InAppBench,
]  # fmt: skip


@pytest.fixture(params=BENCHES, ids=lambda bench: str(bench.__name__))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        made: Bench = request.param(stack)
        yield made
        made.channel.close()


@pytest.mark.parametrize("check", checks(), ids=lambda check: str(check.__name__))
def test_conforms(bench: Bench, check: Callable[[Bench], None]) -> None:
    check(bench)


def test_what_is_read_inside_the_product_follows_a_thread_and_can_be_taken_back_unread() -> None:
    store = MemoryFeed()
    channel = InApp(keep=lambda: store)
    first = channel.send(Message("int_1", "contact/ann", "It fails.", data={"occasion": "opened"}))
    channel.send(
        Message("int_2", "contact/ann", "It is over.", thread=first.provider_id, data={"occasion": "resolved"})
    )
    assert [(item.thread, item.occasion) for item in store.items.values()] == [
        ("", "opened"),
        ("int_1", "resolved"),
    ]
    assert channel.recall("int_1").outcome is Outcome.ACCEPTED
    assert channel.recall("int_1").outcome is Outcome.PERMANENT
    assert list(store.items) == ["int_2"]


def test_outside_of_an_engine_nothing_is_kept() -> None:
    assert InApp().send(Message("int_1", "contact/ann", "Hello")).outcome is Outcome.RETRY


@pytest.mark.parametrize(
    "origin", ["app.example.com", "https://app.example.com/", "ftp://x", "https://u@x", "*", "null"]
)
def test_an_origin_is_a_scheme_and_a_host(origin: str) -> None:
    with pytest.raises(ValueError, match="origins"):
        InApp(origins=[origin])
