"""A town of customers for simulated months: who lives there, what happens to them, and the providers that carry mail.

Nothing here knows how the engine decides: hours, caps and consent are looked at with plain code of its own in
`tests.months.auditor`.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from sqlmodel import col, select

from detectors.base import Signal
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.dispatching import Dispatcher
from engine.issues.book import IssueBook, active_issues
from engine.issues.findings import Finding
from engine.letters import Outside
from engine.links import Links
from engine.planning import Planner
from engine.policy.stops import thrown
from engine.store import outbox
from engine.store.database import Database, insert_all
from engine.store.models import Address, Consent, CustomerContact, Entity, Intent, Stop
from engine.tickets import Tickets
from engine.wording import Speaker
from outreach.base import Channel, Delivery, Message, Outcome, Receipt
from outreach.render import Templates
from outreach.tickets.builtin import BuiltinDesk

ZONES = (
    "Pacific/Kiritimati", "Pacific/Auckland", "Australia/Sydney", "Australia/Adelaide", "Asia/Tokyo", "Asia/Shanghai",
    "Asia/Kathmandu", "Asia/Kolkata", "Asia/Tehran", "Asia/Dubai", "Europe/Moscow", "Europe/Istanbul", "Europe/Athens",
    "Africa/Cairo", "Africa/Johannesburg", "Europe/Vienna", "Europe/Berlin", "Europe/London", "Atlantic/Azores",
    "America/Sao_Paulo", "America/St_Johns", "America/Halifax", "America/New_York", "America/Chicago",
    "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
    "Pacific/Pago_Pago",
)  # fmt: skip
"""Thirty zones: both hemispheres, halves and quarters of hours, some that change their clocks within the month."""
START = datetime(2025, 3, 10, tzinfo=UTC).timestamp()
"""Summer time begins in Europe and ends in the south within the next four weeks; in North America it just began."""
DAY, HOUR = 86400.0, 3600.0
NAMES = ("email", "sms")


@dataclass(frozen=True, slots=True)
class Carried:
    """A message that a provider took, and when."""

    message: Message
    channel: str
    at: float


class Provider(Channel):
    """A provider that breaks: it refuses for a while, takes and does not say so, or takes nothing and does not say so.

    It keeps what it took. What happens next is drawn from a seeded source.
    """

    kind: ClassVar[str] = "memory"
    address: ClassVar[str] = "email"
    name: str

    def __init__(self, name: str, clock: FakeClock, draws: random.Random) -> None:
        self.name, self._clock, self._draws = name, clock, draws
        self.carried: list[Carried] = []
        self.attempts = 0
        self.down = False
        self.flaky = 0.0
        """How often an attempt has an unknown outcome."""
        self.dead: set[str] = set()
        """Addresses there are not."""
        self.refused = 0
        """Attempts while it was down."""
        self.cut: dict[str, bool] = {}
        """Messages after which the connection was cut, and whether they were taken all the same."""
        self.before: Callable[[Message], None] = lambda _: None
        """Called while a message is on its way."""

    def send(self, message: Message) -> Receipt:
        """Carry a message, or do not."""
        self.attempts += 1
        self.before(message)
        if self.down:
            self.refused += 1
            return Receipt(Outcome.RETRY, "503", code="503")
        if message.to in self.dead:
            return Receipt(Outcome.PERMANENT, "550 no such user", code="550", suppress=True)
        if self._draws.random() < self.flaky:
            taken = self.cut[message.id] = self._draws.random() < 0.5
            if taken:
                self._take(message)
            return Receipt(Outcome.UNKNOWN, "the connection was cut")
        self._take(message)
        return Receipt(Outcome.ACCEPTED, provider_id=f"{self.name}-{message.id}")

    def find(self, message: Message) -> Receipt | None:
        """Tell the truth, as soon as it is up again."""
        if self.down:
            return None
        taken = any(each.message.id == message.id for each in self.carried)
        return Receipt(Outcome.ACCEPTED if taken else Outcome.RETRY, provider_id=f"{self.name}-{message.id}")

    def _take(self, message: Message) -> None:
        self.carried.append(Carried(message, self.name, self._clock.time()))


class Mail(Provider):
    """Carries e-mail."""

    kind = "email"
    address = "email"


class Texts(Provider):
    """Carries text messages."""

    kind = "sms"
    address = "phone"
    plain = True


@dataclass(slots=True)
class Town:
    """Customers, what is wrong for them, and an engine's outbox; time moves when it is told to."""

    config: Config
    database: Database
    clock: FakeClock
    providers: dict[str, Provider]
    dispatcher: Dispatcher
    book: IssueBook
    planner: Planner
    zones: dict[str, str] = field(default_factory=dict)
    """Person → zone."""
    texted: set[int] = field(default_factory=set)
    """Numbers of those who allowed text messages when they moved in."""

    @property
    def now(self) -> float:
        """The time."""
        return self.clock.time()

    def settle(self, numbers: range, draws: random.Random) -> None:
        """Let people move in: one for each account, each in a zone; about half allow text messages."""
        entities, addresses, consents = [], [], []
        for number in numbers:
            account, who, zone = f"account/{number}", f"contact/{number}", ZONES[number % len(ZONES)]
            self.zones[who] = zone
            german = number % 4 == 0
            entities.append(Entity(id=account, kind="account", name=f"Firm {number}", updated_at=self.now))
            entities.append(
                Entity(
                    id=who,
                    kind="contact",
                    parent=account,
                    name=f"Jo {number}",
                    zone=zone,
                    locale="de" if german else "en",
                    prefers=["sms"] if draws.random() < 0.3 else [],
                    updated_at=self.now,
                )
            )
            for kind, value in (("email", mail_of(number)), ("phone", phone_of(number))):
                addresses.append(Address(id=f"{who}{kind}", entity=who, kind=kind, value=value, updated_at=self.now))
            if draws.random() < 0.5:
                consents.append(_granted(number, self.now))
                self.texted.add(number)
        with self.database.transaction() as session:
            insert_all(session, Entity, entities)
            insert_all(session, Address, addresses)
            insert_all(session, Consent, consents)

    def signal(self, *findings: Finding) -> None:
        """Let detectors find something, and playbooks answer."""
        with self.database.transaction() as session:
            transitions = self.book.apply_all(session, findings, self.now)
            self.planner.plan(session, transitions, self.now)

    def dismiss(self, issue: str) -> None:
        """Let somebody find that an issue was a false alarm."""
        with self.database.transaction() as session:
            transitions = self.book.dismiss(session, issue, "ann", self.now)
            self.planner.plan(session, transitions, self.now)

    def consent(self, number: int, state: str, channel: str = "*") -> None:
        """Let a person opt out, or in again."""
        who = f"contact/{number}"
        given: dict[str, Any] = {"at": self.now, "entity": who, "channel": channel, "purpose": "*", "state": state}
        row = Consent(id=f"{who}-{state}-{channel}-{self.now}", **given)
        with self.database.transaction() as session:
            session.merge(row)

    def calls(self, number: int, issue: str) -> None:
        """Let a customer contact us about an issue."""
        row = CustomerContact(
            id=f"call-{number}-{self.now}", at=self.now, subject=f"contact/{number}", account=f"account/{number}",
            channel="phone", issue=issue,
        )  # fmt: skip
        with self.database.transaction() as session:
            session.merge(row)

    def told(self, provider_id: str, state: Delivery) -> None:
        """Let a provider say what became of a message."""
        with self.database.transaction() as session:
            row = session.exec(select(Intent).where(Intent.provider_id == provider_id)).first()
            if row is not None:
                row.delivery = state.value

    def due(self, but: str) -> str:
        """Return whose message is due at this moment, other than that of the intent `but`; empty if nobody's is."""
        found = select(Intent.recipient).where(
            Intent.kind == "message", Intent.status == "pending", col(Intent.due_at) <= self.now, Intent.id != but
        )
        with self.database.reading() as session:
            return session.exec(found.order_by(col(Intent.due_at).desc()).limit(1)).first() or ""

    def active(self) -> list[str]:
        """Return the issues that are open, in a fixed order."""
        with self.database.reading() as session:
            return [issue.id for issue in active_issues(session)]

    def issues_of(self, number: int) -> list[str]:
        """Return a customer's open issues."""
        with self.database.reading() as session:
            return [issue.id for issue in active_issues(session, f"account/{number}")]

    def stopped(self) -> list[Stop]:
        """Return the kill switches that are on."""
        with self.database.reading() as session:
            return [row for row in thrown(session) if row.ended_at is None]

    def work(self) -> None:
        """Do all that is due."""
        self.dispatcher.reconcile(500)
        while self.dispatcher.run_once():
            pass

    def follow_up(self) -> None:
        """End what lasted too long or was held open."""
        with self.database.transaction() as session:
            transitions = self.book.settle(session, self.now)
            self.planner.plan(session, transitions, self.now)

    def crash(self) -> None:
        """Let the dispatcher die in the middle of things, and another take its place."""
        with self.database.transaction() as session:
            outbox.release_stale(session, float("inf"))


def town(folder: Path, root: Path, draws: random.Random, most: int = 60) -> Town:
    """Return an empty town under the configuration of `tests/months/config`, where `most` may be told unasked."""
    config = _for(most, load_or_raise(root / "tests" / "months" / "config", {"SID": "AC1", "TOKEN": "t"}))
    clock = FakeClock(START)
    database = Database.open(folder / "forewarn.db", synchronous="OFF")
    mail, texts = Mail("email", clock, draws), Texts("sms", clock, draws)
    providers: dict[str, Provider] = {"email": mail, "sms": texts}
    tickets = BuiltinDesk(store=Tickets(database, clock))
    speaker = Speaker(config, Links("https://example.com", b"s" * 32))
    templates = config.templates or Templates(config.templates_dir)
    outside = Outside(channels=dict(providers), desks={"builtin": tickets}, templates=templates, speaker=speaker)
    dispatcher = Dispatcher(config, database, outside, clock, concurrent=False)
    return Town(config, database, clock, providers, dispatcher, IssueBook(config.policy), Planner(config))


def _for(most: int, config: Config) -> Config:
    """Return a configuration in which every playbook asks people before it tells more than `most`."""
    books = {
        name: replace(book, limits=replace(book.limits, blast_radius=replace(book.limits.blast_radius, max=most)))
        for name, book in config.playbooks.items()
    }
    return replace(config, playbooks=books)


def finding(number: int, detector: str, state: Any, at: float, severity: str = "medium") -> Finding:
    """Return what a detector found about an account."""
    subject = f"account/{number}"
    signal = Signal(
        detector=detector, series=0, time=at, step=60.0, state=state, kind="threshold", score=0.9999,
        value=0.2, expected=0.01, low=0.0, high=0.05, explanation="20 % of the calls failed; 1 % was expected.",
    )  # fmt: skip
    return Finding(signal, subject, subject, subject, severity)


def mail_of(number: int) -> str:
    """Return a person's e-mail address."""
    return f"jo{number}@example.com"


def phone_of(number: int) -> str:
    """Return a person's number."""
    return f"+4366410{number:06d}"


def _granted(number: int, at: float) -> Consent:
    who = f"contact/{number}"
    return Consent(
        id=f"{who}-sms", at=at, entity=who, address=phone_of(number), channel="sms", purpose="service", state="granted",
        written=True, source="sign-up", wording="Text me about problems.",
    )  # fmt: skip


def steps(until: float, step: float) -> Iterator[float]:
    """Yield the moments from the start of the month on."""
    at = START
    while at < until:
        at += step
        yield at
