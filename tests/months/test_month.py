"""A month in a town in thirty zones: clocks change, providers break, people opt out, and a detector goes mad."""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from sqlmodel import Session, select

from engine.store.models import Approval, Intent
from engine.waves.approvals import dismissals, vote
from outreach.base import Message
from tests.months.auditor import faults
from tests.months.happened import MUST, happened
from tests.months.town import DAY, HOUR, START, ZONES, Town, finding, mail_of, town

ROOT = Path(__file__).parents[2]
DAYS = 31
STEP = 0.5 * HOUR
FOUND = ("raised", "cleared")
A_DAY = 0.03
"""Of each customer: how often something goes wrong."""
UNLUCKY = 40
"""So many times as often of every twentieth."""
RACES = 0.02
"""Of messages on their way: how often somebody opts out meanwhile."""
LEAST = 60
SHARE = 0.3
"""So many customers, or at least `LEAST`, may be told by one playbook before people are asked."""
FEW = 2 / 3
"""Of them: more than on any ordinary day, and not so many that people are asked."""


@dataclass(frozen=True, slots=True)
class Trip:
    """A detector finds something at all customers within a few minutes, or at a `few`."""

    at: float
    """Day and part of it."""
    said: Literal["refused", "approved", "expired"]
    """What people make of it who are asked: a false alarm, a true one, nothing."""
    lasts: float
    """Days."""
    few: bool = False


TRIPS = (
    Trip(9.4, "approved", 0.3, few=True),
    Trip(12.46, "refused", 0.5),
    Trip(19.9, "approved", 0.45),
    Trip(24.4, "expired", 0.8),
)
"""Some are told first, and watched; a bad release of a detector; an outage, while mail is down too and clocks
change in Europe; one on a free day."""
AWAKE = range(12, 18)
"""Places in `ZONES`, from Athens to London."""


@dataclass(frozen=True, slots=True, order=True)
class Plan:
    """Something that will happen."""

    at: float
    what: str
    number: int
    name: str = ""


def plans(count: int, draws: random.Random, often: Sequence[int]) -> Iterator[Plan]:
    """Yield everything that happens to `count` customers in a month."""
    for number in range(count):
        rate = A_DAY * (1 if number % 20 else UNLUCKY)
        for detector in ("api-errors", "storage-full"):
            at = START
            while (at := at + draws.expovariate(rate) * DAY) < START + (DAYS - 4) * DAY:
                lasts = draws.lognormvariate(8.5, 1.6)
                yield Plan(at, "raised", number, detector)
                yield Plan(at + lasts, "cleared" if draws.random() < 0.9 else "forgotten", number, detector)
                if draws.random() < 0.1:
                    yield Plan(at + draws.uniform(0.0, 6 * HOUR), "calls", number, detector)
                at += lasts
        if draws.random() < 0.05:
            yield Plan(START + draws.uniform(0.0, DAYS * DAY), "withdrawn", number)
        if draws.random() < 0.02:
            yield Plan(START + draws.uniform(0.0, DAYS * DAY), "granted", number)
    yield from _arranged(count, often)


def most_of(count: int) -> int:
    """Return how many of so many customers may be told by one playbook before people are asked."""
    return max(LEAST, int(SHARE * count))


def _arranged(count: int, often: Sequence[int]) -> Iterator[Plan]:
    """Yield what is not left to chance; for `often` the same goes wrong every other hour of one day."""
    for hour in range(8, 18, 2):
        for number in often:
            at = START + 3 * DAY + hour * HOUR
            yield Plan(at, "raised", number, "nightly-job")
            yield Plan(at + HOUR / 3, "cleared", number, "nightly-job")
    for trip in TRIPS:
        for number in range(0, count, int(count / (FEW * most_of(count))) if trip.few else 1):
            at = START + trip.at * DAY + number % 600
            yield Plan(at, "raised", number, "api-errors")
            yield Plan(at + trip.lasts * DAY, "cleared", number, "api-errors")


@dataclass(slots=True)
class Month:
    """A town, and what will happen in it."""

    town: Town
    coming: list[Plan]
    draws: random.Random
    count: int
    raced: dict[str, float] = field(default_factory=dict)
    """Who opted out while others' messages were on their way, and when."""
    wrong: list[tuple[float, str]] = field(default_factory=list)
    """When approvals are followed by the end of what they were about: a false alarm."""

    def run(self) -> None:
        """Let the month pass, half an hour at a time."""
        end = START + (DAYS + 3) * DAY
        at = START
        while at < end:
            at += STEP
            self._weather(at)
            for batch in self._until(at):
                self._happen(batch)
            self.town.clock.set(max(at, self.town.now))
            self.town.follow_up()
            self.town.work()
            self._answer()

    def _until(self, at: float) -> Iterator[list[Plan]]:
        """Yield what happens until then, findings of detectors that follow each other together."""
        batch: list[Plan] = []
        while self.coming and self.coming[0].at <= at:
            plan = heapq.heappop(self.coming)
            if batch and (plan.what not in FOUND or batch[-1].what not in FOUND):
                yield batch
                batch = []
            batch.append(plan)
        if batch:
            yield batch

    def _weather(self, at: float) -> None:
        """Providers break: mail for an afternoon, texts for a night, everything a little all the time."""
        mail, texts = self.town.providers["email"], self.town.providers["sms"]
        day = (at - START) / DAY
        mail.down = 5.5 < day < 5.8 or 19.92 < day < 20.02
        texts.down = 8.0 < day < 8.6
        mail.flaky = texts.flaky = 0.3 if 15.0 < day < 16.0 else 0.01

    def _happen(self, plans: list[Plan]) -> None:
        town, plan = self.town, plans[-1]
        town.clock.set(max(plan.at, town.now))
        match plan.what:
            case "raised" | "cleared":
                town.signal(*(finding(each.number, each.name, each.what, each.at - 60.0) for each in plans))
            case "calls":
                town.calls(plan.number, next(iter(town.issues_of(plan.number)), ""))
            case "withdrawn" | "granted":
                town.consent(plan.number, plan.what)
            case _:
                for issue in town.issues_of(plan.number):
                    town.dismiss(issue)

    def leaves(self, message: Message) -> None:
        """While a message is on its way somebody opts out: who is to be told next, or else who is told now."""
        if self.draws.random() >= RACES:
            return
        who = self.town.due(message.id) or f"contact/{self.draws.randrange(self.count)}"
        if who in self.town.zones:
            self.raced.setdefault(who, self.town.now)
            self.town.consent(int(who.removeprefix("contact/")), "withdrawn")

    def _answer(self) -> None:
        """Two people look at what they are asked within an hour; what was false is ended an hour later."""
        with self.town.database.transaction() as session:
            for asked in session.exec(select(Approval).where(Approval.state == "asked")).all():
                if self.town.now >= asked.asked_at + HOUR:
                    self._say(session, asked)
        due = [issue for at, issue in self.wrong if at <= self.town.now]
        self.wrong = [each for each in self.wrong if each[0] > self.town.now]
        for issue in due:
            self.town.dismiss(issue)

    def _say(self, session: Session, asked: Approval) -> None:
        about = (asked.asked_at - START) / DAY
        match next((trip.said for trip in TRIPS if trip.at <= about < trip.at + trip.lasts), "approved"):
            case "approved":
                for who in ("ann", "bob")[: asked.needed]:
                    vote(session, asked.id, who, self.town.now, agree=True)
            case "refused":
                row = vote(session, asked.id, "ann", self.town.now, agree=False, note="a bad release of the detector")
                ended = [str(data["issue"]) for _, data in dismissals(session, row, "ann", "")]
                self.wrong += [(self.town.now + HOUR, issue) for issue in ended]


def lived(folder: Path, count: int, seed: int) -> Month:
    """Return a town after its month."""
    draws = random.Random(seed)
    made = town(folder, ROOT, draws, most_of(count))
    made.settle(range(count), draws)
    for number in draws.sample(range(count), count // 15):
        made.providers["email"].dead.add(mail_of(number))
        made.consent(number, "granted", "sms")
    often = [number for number in range(count) if number % len(ZONES) in AWAKE and number not in made.texted][:6]
    coming = list(plans(count, draws, often))
    heapq.heapify(coming)
    month = Month(made, coming, draws, count)
    for provider in made.providers.values():
        provider.before = month.leaves
    month.run()
    return month


@pytest.mark.parametrize(
    ("count", "seed"), [(120, 1), pytest.param(10_000, 2, marks=pytest.mark.nightly)], ids=["120", "10000"]
)
def test_a_month_in_thirty_zones(tmp_path: Path, count: int, seed: int, record_property: Any) -> None:
    month = lived(tmp_path, count, seed)
    assert faults(month.town) == []
    seen = happened(month.town, month.raced)
    for what, number in seen.items():
        record_property(what, number)
    assert [what for what in MUST if not seen[what]] == [], seen
    assert seen["told"] > count
    with month.town.database.reading() as session:
        statuses = Counter(session.exec(select(Intent.status).where(Intent.kind == "message")).all())
    assert statuses["pending"] + statuses["claimed"] + statuses["sending"] + statuses["unknown"] == 0
    month.town.database.close()
