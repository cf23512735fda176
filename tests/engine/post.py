"""A small post office for tests: a configuration, a database, channels that keep what they are given, a clock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel, select

from engine.clock import FakeClock
from engine.config.check import checked
from engine.config.model import Config, MessageStep
from engine.dispatching import Dispatcher
from engine.letters import Outside
from engine.links import Links
from engine.playbooks import message_payload
from engine.store.database import Database
from engine.store.models import Address, Consent, DecisionRow, Entity, Intent, Issue
from engine.wording import Speaker
from outreach.base import Channel, Message, Receipt
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from outreach.render import Templates
from tests.engine.config.conftest import WHOLE

NOON = 1_700_042_400.0
"""2023-11-15T10:00:00Z, a Wednesday."""


def configured(folder: Path, changes: Mapping[str, str]) -> Config:
    """Write the whole small configuration with changes, and read it: it has no error."""
    for name, content in {**WHOLE, **changes}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    config, problems = checked(folder, {})
    assert config is not None, "\n".join(map(str, problems))
    return config


@dataclass
class Post:
    """One dispatcher and what is around it."""

    folder: Path
    changes: dict[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = ("email",)
    """Of the channels, which are called by their kind, and tried in this order."""
    script: Callable[[Message], Receipt] | Iterable[Receipt] = ()

    def __post_init__(self) -> None:
        listed = ", ".join(self.kinds)
        plain = {
            "forewarn.yaml": "sender: {company: Example, postal_address: 1 Street}\ntemplates: templates\n",
            "channels.yaml": "".join(f"{kind}: {{type: memory}}\n" for kind in self.kinds),
            "playbooks/errors.yaml": WHOLE["playbooks/errors.yaml"].replace("channels: mail", f"channels: [{listed}]"),
        }
        self.config = configured(self.folder, plain | self.changes)
        self.database = Database.open(self.folder / "post.db", synchronous="OFF")
        self.clock = FakeClock(NOON)
        self.channels = {kind: MemoryChannel.like(channel_class(kind))(script=self.script) for kind in self.kinds}
        self.dispatcher = self.another("dispatcher")

    def another(self, name: str) -> Dispatcher:
        """Return a dispatcher on the same database."""
        return Dispatcher(self.config, self.database, self.outside(), self.clock, name=name)

    def outside(self) -> Outside:
        """Return what speaks to the world."""
        templates = self.config.templates or Templates(self.config.templates_dir)
        channels: dict[str, Channel] = {**self.channels}
        return Outside(channels, {}, templates, Speaker(self.config, Links("https://x.example", b"k" * 32)))

    def add(self, *rows: SQLModel) -> None:
        with self.database.transaction() as session:
            for row in rows:
                session.merge(row)

    def account(self, name: str = "acme", *people: str) -> str:
        """Make an account with people, `ann` if none are named, who agreed to everything; return its id."""
        account = f"account/{name}"
        self.add(Entity(id=account, kind="account", name=name.title(), zone="UTC", updated_at=0.0))
        for person in people or ("ann",):
            self.person(account, f"{person}-{name}")
        return account

    def person(self, account: str, name: str, **addresses: str) -> str:
        id_ = f"contact/{name}"
        known = addresses or {"email": f"{name}@x.example", "phone": "+436641234567"}
        self.add(Entity(id=id_, kind="contact", parent=account, name=name, locale="en", zone="UTC", updated_at=0.0))
        self.add(Consent(id=f"con-{name}", at=1.0, entity=id_, channel="*", purpose="service", state="granted"))
        for kind, value in known.items():
            self.add(Address(id=f"adr-{name}-{kind}", entity=id_, kind=kind, value=value, updated_at=0.0))
        return id_

    def issue(self, account: str, id_: str = "iss_1", **more: Any) -> Issue:
        given: dict[str, Any] = {"severity": "low", "status": "open", "detector": "errors", **more}
        times: dict[str, Any] = dict.fromkeys(("opened_at", "noticed_at", "updated_at"), NOON - 60)
        row = Issue(id=id_, fingerprint=id_, series=account, subject=account, account=account, **times, **given)
        self.add(row)
        return row

    def tell(self, recipient: str, issue: Issue, id_: str = "", **payload: Any) -> str:
        """Plan the first message step for one person; return the intent's id."""
        step = next(each for each in self.config.playbooks["errors"].steps if isinstance(each, MessageStep))
        intent = id_ or f"int_{issue.id}_{recipient}"
        self.add(
            Intent(
                id=intent, kind="message", issue=issue.id, account=issue.account, playbook="errors", step="0:message",
                occasion="opened", recipient=recipient, status="pending", due_at=NOON, created_at=NOON,
                payload=message_payload(step) | payload,
            )
        )  # fmt: skip
        return intent

    def close(self, recipient: str, issue: Issue, follows: str, **payload: Any) -> str:
        """Plan the closing message that follows another; return the intent's id."""
        with self.database.transaction() as session:
            row = session.get(Issue, issue.id)
            assert row is not None
            row.status = "resolved"
            session.add(row)
            opening = session.get(Intent, follows)
            assert opening is not None
        said = {"template": "errors/resolved", "channels": [opening.channel], "follows": follows, **payload}
        self.add(
            Intent(
                id=f"{follows}_end", kind="message", issue=issue.id, account=issue.account, playbook="errors",
                step="1:message", occasion="resolved", recipient=recipient, channel=opening.channel,
                address=opening.address, status="pending", due_at=NOON, created_at=self.clock.time(), payload=said,
            )
        )  # fmt: skip
        return f"{follows}_end"

    def run(self) -> None:
        while self.dispatcher.run_once():
            pass

    def sent(self, kind: str = "email") -> list[Message]:
        return list(self.channels[kind].sent)

    def intent(self, id_: str) -> Intent:
        with self.database.reading() as session:
            found = session.get(Intent, id_)
        assert found is not None
        return found

    def decision(self, intent: str) -> DecisionRow:
        with self.database.reading() as session:
            return session.exec(select(DecisionRow).where(DecisionRow.intent == intent)).one()

    def rows(self, table: type[SQLModel]) -> list[Any]:
        with self.database.reading() as session:
            return list(session.exec(select(table)).all())
