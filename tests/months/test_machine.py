"""Whatever people, providers and detectors do: nobody is told at night, twice, too often, or after an opt-out."""

import random
import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.policy import stops
from tests.months.auditor import faults
from tests.months.town import HOUR, Town, finding, mail_of, phone_of, town

ROOT = Path(__file__).parents[2]
PEOPLE = 8
people = st.integers(0, PEOPLE - 1)
detectors = st.sampled_from(["api-errors", "storage-full", "nightly-job"])


class Outreach(RuleBasedStateMachine):
    """A small town on which anything may fall."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.town: Town = town(self.folder, ROOT, random.Random(1))
        self.town.settle(range(PEOPLE), random.Random(2))
        self.open: dict[tuple[int, str], str] = {}

    def teardown(self) -> None:
        self.town.database.close()
        shutil.rmtree(self.folder)

    @rule(number=people, detector=detectors, high=st.booleans())
    def goes_wrong(self, number: int, detector: str, high: bool) -> None:
        self.town.clock.advance(1.0)
        self.town.signal(finding(number, detector, "raised", self.town.now - 60.0, "high" if high else "medium"))

    @rule(number=people)
    def goes_wrong_twice(self, number: int) -> None:
        """Where both are told by e-mail, they are told in one message."""
        for detector in ("api-errors", "storage-full"):
            self.goes_wrong(number, detector, high=False)

    @rule(number=people, detector=detectors)
    def comes_right(self, number: int, detector: str) -> None:
        self.town.clock.advance(1.0)
        self.town.signal(finding(number, detector, "cleared", self.town.now - 60.0))

    @rule(draw=st.randoms(use_true_random=False))
    def is_dismissed(self, draw: random.Random) -> None:
        active = self.town.active()
        if active:
            self.town.dismiss(draw.choice(active))

    @rule(number=people, state=st.sampled_from(["withdrawn", "granted", "suspended"]))
    def says(self, number: int, state: str) -> None:
        self.town.clock.advance(1.0)
        self.town.consent(number, state)

    @rule(number=people, state=st.sampled_from(["withdrawn", "granted"]))
    def says_while_a_message_is_on_its_way(self, number: int, state: str) -> None:
        """The next message that is sent finds this having happened just now."""
        for provider in self.town.providers.values():
            provider.before = self._once(number, state)

    def _once(self, number: int, state: str):  # type: ignore[no-untyped-def]
        def happen(message: object) -> None:
            for provider in self.town.providers.values():
                provider.before = lambda _: None
            self.town.consent(number, state)

        return happen

    @rule(hours=st.sampled_from([0.1, 0.5, 1.0, 3.0, 8.0, 13.0, 24.0]))
    def time_passes(self, hours: float) -> None:
        self.town.clock.advance(hours * HOUR)
        self.town.follow_up()
        self.town.work()

    @rule(name=st.sampled_from(["email", "sms"]), down=st.booleans(), flaky=st.sampled_from([0.0, 0.5, 1.0]))
    def a_provider_changes(self, name: str, down: bool, flaky: float) -> None:
        self.town.providers[name].down, self.town.providers[name].flaky = down, flaky

    @rule(number=people)
    def an_address_dies(self, number: int) -> None:
        self.town.providers["email"].dead.add(mail_of(number))

    @rule(number=people)
    def a_number_dies(self, number: int) -> None:
        self.town.providers["sms"].dead.add(phone_of(number))

    @rule()
    def works(self) -> None:
        self.town.work()

    @rule()
    def crashes(self) -> None:
        self.town.crash()

    @precondition(lambda self: not self.town.stopped())
    @rule(scope=st.sampled_from([("all", ""), ("playbook", "api-errors"), ("channel", "email")]))
    def is_stopped(self, scope: tuple[str, str]) -> None:
        self.town.clock.advance(1.0)
        with self.town.database.transaction() as session:
            stops.throw(session, *scope, "ann", "wrong texts", self.town.now)

    @precondition(lambda self: self.town.stopped())
    @rule()
    def goes_on(self) -> None:
        with self.town.database.transaction() as session:
            for row in self.town.stopped():
                stops.take_back(session, row.id, "ann", self.town.now)

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert faults(self.town) == []


Outreach.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOutreach = Outreach.TestCase
