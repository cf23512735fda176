"""A month in a town in thirty zones: clocks change, providers break, people opt out, and a detector goes mad."""

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from engine.store.models import Approval, DecisionRow, Intent
from engine.waves.approvals import dismissals, vote
from outreach.base import Message
from tests.months.auditor import OURS, faults
from tests.months.town import DAY, HOUR, START, Town, finding, mail_of, town

ROOT = Path(__file__).parents[2]
DAYS = 31
STEP = 0.5 * HOUR
A_DAY = 0.03
"""Of each customer: how often something goes wrong."""
UNLUCKY = 40
"""So many times as often of every twentieth."""
LARGE = 1_000
"""From so many customers on a detector that trips for all is more than may be told."""
MAD = START + 12 * DAY + 11 * HOUR
"""When a detector trips for everyone."""


@dataclass(frozen=True, slots=True, order=True)
class Plan:
    """Something that will happen."""

    at: float
    what: str
    number: int
    name: str = ""


def plans(count: int, draws: random.Random) -> Iterator[Plan]:
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
    for number in range(count):
        yield Plan(MAD + number % 600, "raised", number, "api-errors")


@dataclass(slots=True)
class Month:
    """A town, and what will happen in it."""

    town: Town
    coming: list[Plan]
    draws: random.Random

    def run(self) -> None:
        """Let the month pass, half an hour at a time."""
        end = START + (DAYS + 3) * DAY
        at = START
        while at < end:
            at += STEP
            self._weather(at)
            while self.coming and self.coming[0].at <= at:
                self._happen(heapq.heappop(self.coming))
            self.town.clock.set(max(at, self.town.now))
            self.town.follow_up()
            self.town.work()
            self._answer()

    def _weather(self, at: float) -> None:
        """Providers break: mail for an afternoon, texts for a night, everything a little all the time."""
        mail, texts = self.town.providers["email"], self.town.providers["sms"]
        day = (at - START) / DAY
        mail.down = 5.5 < day < 5.8 or 20.0 < day < 20.1
        texts.down = 8.0 < day < 8.6
        mail.flaky = texts.flaky = 0.3 if 15.0 < day < 16.0 else 0.01

    def _happen(self, plan: Plan) -> None:
        town, number = self.town, plan.number
        town.clock.set(max(plan.at, town.now))
        match plan.what:
            case "raised" | "cleared":
                town.signal(finding(number, plan.name, plan.what, town.now - 60.0))
            case "calls":
                town.calls(number, next(iter(town.issues_of(number)), ""))
            case "withdrawn" | "granted":
                town.consent(number, plan.what)
            case _:
                for issue in town.issues_of(number):
                    town.dismiss(issue)

    def _answer(self) -> None:
        """Two people look at what they are asked within an hour: it was a false alarm."""
        with self.town.database.transaction() as session:
            asked = session.exec(select(Approval).where(Approval.state == "asked")).first()
            if asked is None or self.town.now < asked.asked_at + HOUR:
                return
            row = vote(session, asked.id, "ann", self.town.now, agree=False, note="a bad release of the detector")
            wrong = [str(data["issue"]) for _, data in dismissals(session, row, "ann", "")]
        for issue in wrong:
            self.town.dismiss(issue)


def lived(folder: Path, count: int, seed: int) -> Month:
    """Return a town after its month."""
    draws = random.Random(seed)
    made = town(folder, ROOT, draws)
    made.settle(range(count), draws)
    for number in draws.sample(range(count), count // 100):
        made.providers["email"].dead.add(mail_of(number))
    coming = list(plans(count, draws))
    heapq.heapify(coming)
    for provider in made.providers.values():
        provider.before = _leaves(made, draws, count)
    month = Month(made, coming, draws)
    month.run()
    return month


def _leaves(town: Town, draws: random.Random, count: int) -> Any:
    """Return what happens while messages are on their way: now and then somebody opts out at that very moment."""

    def happen(message: Message) -> None:
        if draws.random() < 0.005:
            town.consent(draws.randrange(count), "withdrawn")

    return happen


@pytest.mark.parametrize(
    ("count", "seed"), [(120, 1), pytest.param(10_000, 2, marks=pytest.mark.nightly)], ids=["120", "10000"]
)
def test_a_month_in_thirty_zones(tmp_path: Path, count: int, seed: int, record_property: Any) -> None:
    month = lived(tmp_path, count, seed)
    assert faults(month.town) == []
    with month.town.database.reading() as session:
        reasons = Counter(session.exec(select(DecisionRow.reason)).all())
        statuses = Counter(session.exec(select(Intent.status).where(Intent.kind == "message")).all())
        asked = session.exec(select(Approval)).all()
    told = [each for provider in month.town.providers.values() for each in provider.carried if each.message.to != OURS]
    record_property("told", len(told))
    assert len(told) > count, "it was not so that nothing happened"
    assert {"quiet_hours", "moot", "opted_out"} <= set(reasons)
    if count >= LARGE:
        assert {"capped", "per_customer", "refused", "part_of_incident"} <= set(reasons)
        assert {row.state for row in asked} == {"refused"}
    assert statuses["pending"] + statuses["claimed"] + statuses["sending"] + statuses["unknown"] == 0
    month.town.database.close()
