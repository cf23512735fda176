"""The web part over real stores: SQLite files, a clock that moves only when told, a server without a network."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from engine.clock import FakeClock
from engine.config.model import Config, EventRules, Listen, MainConfig, PolicyConfig, Sender
from engine.config.problems import Problem
from engine.eventlog.deadletters import SqliteDeadLetters
from engine.eventlog.sqlite import SqliteLog
from engine.events import Decoder, Kind, Schema
from engine.intake import Intake
from engine.links import Claims, Links
from engine.standing import Held, Standing
from engine.store.database import Database
from engine.store.models import Address, Change, DecisionRow, Entity, Intent, Issue
from engine.tickets import Tickets
from engine.web.server import create_app
from engine.web.services import Services
from outreach.base import Channel, Draft
from outreach.channels.memory import MemoryChannel
from outreach.channels.slack import Slack
from outreach.channels.sms import Sms
from outreach.registry import channel_class

NOW = 1_700_000_000.0
PUBLIC = "https://status.example.com"
LOCAL = "http://127.0.0.1:8321"
HELD = Held(0, 100, behind=0.0, restored=0.5, passed_over=0, saved_at=NOW - 30, saving=0.0, size=0)
STANDING = Standing(held=(HELD,))
TWILIO_TOKEN = "twilio-auth-token"
SLACK_SECRET = "slack-signing-secret"


class Server:
    """Sends requests to the application, one at a time, as a client on this machine would."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        return asyncio.run(self._send(method, path, **more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self("POST", path, **more)

    def form(self, path: str, fields: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """Send a form as our own page does."""
        return self.post(path, data=dict(fields or {}), headers={"Sec-Fetch-Site": "same-origin"}, **more)

    async def _send(self, method: str, path: str, *, raises: bool = True, **more: Any) -> httpx.Response:
        cookies = more.pop("cookies", None)
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=raises)
        async with httpx.AsyncClient(transport=transport, base_url=LOCAL, cookies=cookies) as client:
            return await client.request(method, path, **more)


def config(**listen: Any) -> Config:
    main = MainConfig(
        Sender("Example <Cloud>", "1 Example Street", "https://help.example.com"),
        listen=Listen(**{"public_url": LOCAL, **listen}),
        events=EventRules(known=("app.*",)),
    )
    return Config(Path("config"), main, PolicyConfig(), {}, {}, {})


def event(id_: str = "1", **more: Any) -> dict[str, Any]:
    return {"id": id_, "source": "test", "type": "api.request", "subject": "account/acme", "data": {}, **more}


def issue(id_: str = "iss_1", **more: Any) -> Issue:
    given: dict[str, Any] = {
        "fingerprint": f"fp-{id_}",
        "detector": "api-errors",
        "series": "account/acme",
        "subject": "account/acme",
        "account": "account/acme",
        "severity": "high",
        "status": "open",
        "opened_at": NOW - 600,
        "noticed_at": NOW - 540,
        "updated_at": NOW - 540,
        "summary": "21% of API calls fail",
        "evidence": {
            "value": 0.21,
            "low": 0.0,
            "expected": 0.01,
            "high": 0.05,
            "points": [[NOW - 60, 0.2]],
            "track": {},
        },
    }
    return Issue(id=id_, **{**given, **more})


def intent(id_: str = "int_1", **more: Any) -> Intent:
    given: dict[str, Any] = {
        "kind": "message",
        "issue": "iss_1",
        "account": "account/acme",
        "playbook": "api-errors",
        "step": "1",
        "occasion": "opened",
        "recipient": "contact/ann",
        "channel": "email",
        "address": "ann@example.com",
        "status": "sent",
        "due_at": NOW - 500,
        "created_at": NOW - 500,
        "sent_at": NOW - 490,
        "payload": {"subject": "API errors", "text": "Hello Ann,\nsome calls fail.", "html": "<p>Hello <b>Ann</b></p>"},
    }
    return Intent(id=id_, **{**given, **more})


def decision(id_: str = "dec_1", **more: Any) -> DecisionRow:
    said = {
        "verdict": "hold",
        "reason": "quiet_hours",
        "detail": "By the person's zone.",
        "trail": [
            {"rule": "recipient", "passed": True, "detail": ""},
            {"rule": "timely", "passed": False, "detail": "By zone."},
        ],
    }
    given: dict[str, Any] = {
        "at": NOW - 400,
        "issue": "iss_1",
        "intent": "int_1",
        "playbook": "api-errors",
        "step": "1",
        "recipient": "contact/ann",
        "verdict": "hold",
        "reason": "quiet_hours",
        "until": NOW + 3600,
        "facts": {"facts": {"now": NOW, "person": {"zone": "Europe/Vienna"}}, "decision": said},
    }
    return DecisionRow(id=id_, **{**given, **more})


def ann(**more: Any) -> list[Any]:
    """Return a person with two addresses."""
    person = Entity(id="contact/ann", kind="contact", parent="account/acme", name="Ann", updated_at=NOW, **more)
    email = Address(id="adr_1", entity=person.id, kind="email", value="ann@example.com", updated_at=NOW)
    phone = Address(id="adr_2", entity=person.id, kind="phone", value="+43 664 1234567", updated_at=NOW)
    account = Entity(id="account/acme", kind="account", name="Acme", updated_at=NOW)
    return [account, person, email, phone]


def everything() -> list[Any]:
    """Return one of each row."""
    change = Change(id="chg_1", of="iss_1", at=NOW - 600, who="engine", what="opened", after="high")
    return [issue(), intent(), decision(), change, *ann()]


def draft(id_: str = "int_2", **more: Any) -> Draft:
    said = {"queue": "tier-2", "subject": "API errors", "body": "It began at nine.", "severity": "high"}
    return Draft(id_, **{**said, "account": "account/acme", "evidence": {"issue": "iss_1"}, **more})


def channels() -> dict[str, Channel]:
    return {
        "email": MemoryChannel.like(channel_class("email"))(),
        "sms": Sms(account_sid="AC1", auth_token=TWILIO_TOKEN, from_="+15005550006"),
        "slack": Slack(token="xoxb-1", signing_secret=SLACK_SECRET),
    }


@dataclass
class Desk:
    """The services and what a test changes of them."""

    services: Services
    clock: FakeClock
    database: Database
    wrong: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    config: Config = field(default_factory=config)

    issue = staticmethod(issue)
    intent = staticmethod(intent)
    decision = staticmethod(decision)
    event = staticmethod(event)
    draft = staticmethod(draft)
    ann = staticmethod(ann)
    everything = staticmethod(everything)

    def listen(self, **listen: Any) -> None:
        """Change where the server listens."""
        self.config = config(**listen)

    def server(self) -> Server:
        return Server(create_app(self.services))

    def events(self) -> list[dict[str, Any]]:
        """Return everything in the log."""
        batches = self.services.log.read(0, 0, 10_000)
        return [msgspec.json.decode(line) for batch in batches for line in batch.payload.split(b"\n")]

    def of_type(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in self.events() if event["type"] == type_]

    def add(self, *rows: Any) -> None:
        with self.database.transaction() as session:
            for row in rows:
                session.add(row)

    def link(self, use: str, **more: Any) -> str:
        """Return the path of a signed link."""
        said = {"intent": "int_1", "person": "contact/ann", "address": "ann@example.com", "purpose": "service"}
        claims = Claims(use, **{**said, "expires": NOW + 1000.0, **more})
        return self.services.links.url(claims).removeprefix(PUBLIC)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = FakeClock(NOW)
    database = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    log = SqliteLog(tmp_path / "log.db", partitions=1, clock=clock)
    dead = SqliteDeadLetters(tmp_path / "dead.db")
    decoder = Decoder(Schema.build({"api.request": {"status": Kind.NUMBER}}, ("app.*",)), future=300.0)
    wrong: list[str] = []
    problems: list[Problem] = []
    intake = Intake(log, dead, decoder, clock)
    made: dict[str, Desk] = {}
    services = Services(
        config=lambda: made["desk"].config,
        clock=clock,
        database=database,
        log=log,
        dead_letters=dead,
        intake=intake,
        tickets=Tickets(database, clock),
        links=Links(PUBLIC, b"k" * 32),
        channels=channels(),
        unready=lambda: wrong,
        lags=lambda: {0: 7},
        reload=lambda: problems,
        standing=lambda: STANDING,
    )
    made["desk"] = Desk(services, clock, database, wrong, problems)
    yield made["desk"]
    log.close()
    dead.close()
    database.close()


@pytest.fixture
def server(desk: Desk) -> Server:
    return desk.server()
