"""An outbox, people, and a dispatcher with channels held in the hand."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlmodel import SQLModel, col, select

from engine import deliveries
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config, MessageStep
from engine.dispatching import Dispatcher
from engine.events import DeliveryEvent
from engine.issues.book import IssueBook
from engine.letters import Outside
from engine.links import Links
from engine.planning import Planner
from engine.playbooks import message_payload
from engine.store.database import Database
from engine.store.models import Address, Consent, DecisionRow, Duty, Entity, Intent, Issue, ReceiptRow
from engine.wording import Speaker
from outreach.base import Channel, Message, Outcome, Receipt
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from outreach.render import Templates

ROOT = Path(__file__).parents[3]
NOON = 1_741_003_200.0
"""Monday 3 March 2025, 12:00 UTC."""
FILES = {
    "forewarn.yaml": "sender: {company: Acme}\nevents: {known: ['app.*']}\n"
    "escalations: {on-call: {channel: email, address: call@example.com}}\n",
    "policy.yaml": "reopen_within: 1h\n",
    "detectors/errors.yaml": """
name: errors
about: Errors
watch: {event: app.call, by: account, measure: {ratio: "failed"}, every: 1m}
model: {kind: threshold, above: 0.5}
""",
    "playbooks/errors.yaml": """
name: errors
when: {detector: errors}
steps:
  - message: {channels: [sms, email], template: all/notice}
  - message: {on: resolved, template: all/resolved}
limits: {blast_radius: {max: 1000000, canary: 100%}}
""",
}
CHANNELS = """
sms: {{type: sms, account_sid: AC{zeros}, auth_token: secret, from: "+15005550006"{sms}}}
email: {{type: email, host: 127.0.0.1, from: a@example.com, tls: none{email}}}
"""
TEXTS = {
    "all/notice/en/email.txt.j2": "Subject: trouble\n\n{{ issue.subject }} is in trouble.\n",
    "all/notice/en/sms.txt.j2": "{{ issue.subject }} is in trouble.\n",
    "all/resolved/en/email.txt.j2": "Subject: over\n\n{{ issue.subject }} is well.\n",
    "all/resolved/en/sms.txt.j2": "{{ issue.subject }} is well.\n",
    "_common/escalation/en/email.txt.j2": "Subject: act\n\n{{ issue.subject }}\n",
}
Row = TypeVar("Row", bound=SQLModel)
Script = Any


def answers(*script: Receipt | Outcome) -> list[Receipt]:
    """Return receipts, of bare outcomes too."""
    return [each if isinstance(each, Receipt) else Receipt(each, "as scripted") for each in script]


def channel(kind: str, script: Script = ()) -> MemoryChannel:
    """Return a channel of a kind that keeps what it is given."""
    return MemoryChannel.like(channel_class(kind))(script=script)


@dataclass
class Bench:
    """What a test holds in the hand."""

    config: Config
    database: Database
    clock: FakeClock
    channels: Mapping[str, Channel]
    dispatcher: Dispatcher
    people: list[str] = field(default_factory=list)

    def tell(self, *names: str, severity: str = "high", addresses: Sequence[tuple[str, str]] = (), **more: Any) -> None:
        """Let each of `names` have an account, an open issue, consent, and a message that is due."""
        with self.database.transaction() as session:
            for name in names:
                given = addresses or (("phone", _number(len(self.people))), ("email", f"{name}@example.com"))
                session.add_all(_rows(name, given, severity, self.clock.time()))
                session.add(self.intent(name, **more))
                self.people.append(name)

    def intent(self, name: str, id_: str = "", **more: Any) -> Intent:
        """Return a message to a person that is due now."""
        step = next(each for each in self.config.playbooks["errors"].steps if isinstance(each, MessageStep))
        payload = {**message_payload(step), **more.pop("payload", {})}
        fixed: dict[str, Any] = {"kind": "message", "issue": f"iss_{name}", "playbook": "errors", "step": "0:message"}
        times = {"due_at": self.clock.time(), "created_at": self.clock.time()}
        about: dict[str, Any] = {"account": f"account/{name}", "recipient": f"contact/{name}", "occasion": "opened"}
        return Intent(id=id_ or f"int_{name}", payload=payload, **fixed | times | about | {"status": "pending"} | more)

    def run(self) -> None:
        """Do all that is due now."""
        while self.dispatcher.run_once():
            pass

    def pass_(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, doing what is due every `step` seconds."""
        end = self.clock.time() + seconds
        while self.clock.time() < end:
            self.clock.set(min(self.clock.time() + step, end))
            self.run()

    def resolve(self, name: str) -> None:
        """Let the issue of a person end, and what follows from that be planned."""
        with self.database.transaction() as session:
            moved = IssueBook(self.config.policy).resolve(session, f"iss_{name}", "ann", self.clock.time())
            Planner(self.config).plan(session, moved, self.clock.time())

    def stop(self, name: str) -> None:
        """Let a person say stop."""
        with self.database.transaction() as session:
            session.add(_consent(name, "withdrawn", self.clock.time()))

    def delivered(self, provider_id: str, state: str, **more: Any) -> None:
        """Let a provider say what became of a message."""
        at = self.clock.time()
        key, given = f"{provider_id}:{state}", {"state": state, "provider_id": provider_id, **more}
        with self.database.transaction() as session:
            event = DeliveryEvent(id=key, source="t", subject=f"message/{provider_id}", time=at, line=0, **given)
            deliveries.take(session, event, at)

    def rows(self, table: type[Row], **where: Any) -> list[Row]:
        """Return rows by columns, in the order of their ids."""
        with self.database.reading() as session:
            query = select(table)
            for name, value in where.items():
                query = query.where(col(getattr(table, name)) == value)
            return sorted(session.exec(query).all(), key=lambda row: getattr(row, "id", ""))

    def message(self, name: str = "ann") -> Intent:
        """Return a person's opening message."""
        (found,) = self.rows(Intent, id=f"int_{name}")
        return found

    def reasons(self, name: str = "ann") -> list[str]:
        """Return why it was decided as it was, in order."""
        rows = self.rows(DecisionRow, intent=f"int_{name}")
        return [row.reason for row in sorted(rows, key=lambda row: row.at)]

    def tries(self, name: str = "ann") -> list[tuple[str, str, str]]:
        """Return channel, address and outcome of each attempt."""
        rows = self.rows(ReceiptRow, intent=f"int_{name}", kind="attempt")
        return [(row.channel, row.address, row.outcome) for row in sorted(rows, key=lambda row: (row.at, row.channel))]

    def statuses(self) -> dict[str, int]:
        """Return how many messages there are by status."""
        found = [row.status for row in self.rows(Intent)]
        return {status: found.count(status) for status in sorted(set(found))}

    def on_duty(self, agents: int, lasts: float) -> None:
        """Say how many answer."""
        from engine.traffic import roster  # noqa: PLC0415 -- beside its use

        with self.database.transaction() as session:
            roster.say(session, agents, self.clock.time() + lasts, "ann", self.clock.time())
        assert self.rows(Duty)


@contextmanager
def bench(
    folder: Path,
    *,
    sms: str = "",
    email: str = "",
    policy: str = "",
    channels: Mapping[str, Channel] | None = None,
    concurrent: bool = False,
) -> Iterator[Bench]:
    """Yield a bench; `sms` and `email` are more keys of channels.yaml, `policy` more lines of policy.yaml."""
    config = _configured(folder, sms, email, policy)
    database = Database.open(folder / "forewarn.db", synchronous="OFF")
    given = channels or {"sms": channel("sms"), "email": channel("email")}
    outside = Outside(
        channels=given,
        desks={},
        templates=Templates(folder / "templates"),
        speaker=Speaker(config, Links("http://127.0.0.1", b"k" * 32)),
    )
    clock = FakeClock(NOON)
    try:
        dispatcher = Dispatcher(config, database, outside, clock, concurrent=concurrent)
        yield Bench(config, database, clock, given, dispatcher)
    finally:
        database.close()


def _configured(folder: Path, sms: str, email: str, policy: str) -> Config:
    channels = CHANNELS.format(zeros="0" * 32, sms=sms and f", {sms}", email=email and f", {email}")
    files = {**FILES, "channels.yaml": channels, "policy.yaml": FILES["policy.yaml"] + policy}
    named = {f"config/{name}": text for name, text in files.items()}
    for name, text in {**named, **{f"templates/{name}": text for name, text in TEXTS.items()}}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if not (folder / "templates" / "_layouts").exists():
        shutil.copytree(ROOT / "templates" / "_layouts", folder / "templates" / "_layouts")
    return load_or_raise(folder / "config", {})


def _number(n: int) -> str:
    return f"+1202555{n:04d}"


def _rows(name: str, addresses: Sequence[tuple[str, str]], severity: str, now: float) -> list[SQLModel]:
    account, contact = f"account/{name}", f"contact/{name}"
    issue: dict[str, Any] = {"detector": "errors", "series": account, "subject": account, "account": account}
    issue |= {"opened_at": now, "noticed_at": now, "updated_at": now}
    return [
        Entity(id=account, kind="account", name=name, zone="UTC", updated_at=now),
        Entity(id=contact, kind="contact", parent=account, name=name, zone="UTC", updated_at=now),
        *(
            Address(id=f"adr{n}_{name}", entity=contact, kind=kind, value=value, updated_at=now)
            for n, (kind, value) in enumerate(addresses)
        ),
        Issue(id=f"iss_{name}", fingerprint=name, severity=severity, status="open", summary="trouble", **issue),
        _consent(name, "granted", now - 60.0),
    ]


def _consent(name: str, state: str, at: float) -> Consent:
    who = f"contact/{name}"
    return Consent(id=f"con_{name}_{state}", at=at, entity=who, channel="*", purpose="service", state=state)


def by_address(script: Mapping[str, Receipt], otherwise: Outcome = Outcome.ACCEPTED) -> Script:
    """Return a script that answers by whom a message goes to."""

    def answer(message: Message) -> Receipt:
        return script.get(message.to, Receipt(otherwise, provider_id=f"memory-{message.id}"))

    return answer
