"""Whatever order claims, crashes and ends come in: nothing is told twice, and nothing that is open is forgotten."""

import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.store import digests, outbox
from engine.store.models import DecisionRow, Intent
from outreach.base import Message, Outcome, Receipt
from tests.engine.sending.bench import Bench, channel
from tests.engine.sending.digest_bench import WAIT, by_mail, gathering, wrong

people = st.sampled_from(["ann", "bob"])
MAY_HAVE_GONE = {"sending", "sent", "unknown"}


class Gathering(RuleBasedStateMachine):
    """Two people for whom things go wrong, a provider that breaks, and dispatchers that die."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.stack = ExitStack()
        self.mode = "takes"
        self.taken: list[Message] = []
        self.mail = channel("email", self._answer)
        self.mail.find = self._find  # type: ignore[method-assign]  # what the provider says when asked
        self.at: Bench = self.stack.enter_context(
            gathering(self.folder, channels={"email": self.mail, "sms": channel("sms")})
        )
        for name in ("ann", "bob"):
            wrong(self.at, name)
            by_mail(self.at, name)
        self.count = 0

    def teardown(self) -> None:
        self._let_all_be_well()
        self.stack.close()
        shutil.rmtree(self.folder)

    def _answer(self, message: Message) -> Receipt:
        if self.mode in ("takes", "takes and does not say"):
            self.taken.append(message)
        if self.mode == "takes":
            return Receipt(Outcome.ACCEPTED, provider_id=f"p-{len(self.taken)}")
        return Receipt(Outcome.RETRY if self.mode == "refuses" else Outcome.UNKNOWN, self.mode)

    def _find(self, message: Message) -> Receipt:
        there = [n for n, each in enumerate(self.taken, 1) if (each.id, each.text) == (message.id, message.text)]
        return Receipt(Outcome.ACCEPTED, provider_id=f"p-{there[0]}") if there else Receipt(Outcome.RETRY, "not here")

    @rule(name=people, severity=st.sampled_from(["low", "high", "critical"]), count=st.integers(1, 3))
    def goes_wrong(self, name: str, severity: str, count: int) -> None:
        names = [f"n{self.count + n:03d}" for n in range(count)]
        self.count += count
        wrong(self.at, name, *names, severity=severity)

    @rule(draw=st.randoms(use_true_random=False))
    def ends(self, draw: Any) -> None:
        told = [row for row in self.at.rows(Intent, occasion="opened") if row.issue.startswith("iss_n")]
        if told:
            self.at.resolve(draw.choice(told).issue.removeprefix("iss_"))

    @rule(mode=st.sampled_from(["takes", "takes", "refuses", "takes and does not say", "does not say"]))
    def the_provider_changes(self, mode: str) -> None:
        self.mode = mode

    @rule(minutes=st.sampled_from([1.0, 10.0, 31.0]))
    def time_passes(self, minutes: float) -> None:
        self.at.clock.advance(minutes * 60.0)
        self.at.run()

    @rule()
    def is_asked(self) -> None:
        self.at.dispatcher.reconcile()

    @rule(draw=st.randoms(use_true_random=False), sends=st.booleans())
    def dies(self, draw: Any, sends: bool) -> None:
        """A dispatcher dies once it has claimed, or once it has sent, before it wrote down what came of it."""
        due = [row.id for row in self.at.rows(Intent, status="pending") if row.due_at <= self.at.clock.time()]
        if due:
            prepared = self.at.dispatcher._prepare([draw.choice(due)])
            if sends:
                self.at.dispatcher._sender.send(prepared.leaving)
            self.at.dispatcher.recover()

    @rule()
    def dies_before_it_decides(self) -> None:
        with self.at.database.transaction() as session:
            due = [row.id for row in self.at.rows(Intent, status="pending")][:3]
            outbox.claim(session, due, "dead", self.at.clock.time())
        self.at.dispatcher.recover()

    @invariant()
    def nothing_is_told_twice(self) -> None:
        told = Counter(issue for each in self.taken for issue in _opened(each))
        assert [issue for issue, count in told.items() if count > 1] == []

    @invariant()
    def what_was_told_counts_as_told(self) -> None:
        rows = {row.issue: row for row in self.at.rows(Intent, occasion="opened")}
        told = {issue for each in self.taken for issue in _opened(each)}
        assert {rows[issue].status for issue in told} <= MAY_HAVE_GONE
        for row in rows.values():
            if row.status in MAY_HAVE_GONE and row.provider_id:
                same = [each for each in rows.values() if each.provider_id == row.provider_id]
                assert {digests.first(each) for each in same} == {digests.first(row)}

    def _let_all_be_well(self) -> None:
        """Everything is told, or there is a decision that says why not."""
        self.mode = "takes"
        for _ in range(30):
            self.at.clock.advance(max(WAIT, 400.0))
            self.at.dispatcher.reconcile()
            self.at.run()
        told = Counter(issue for each in self.taken for issue in _opened(each))
        skipped = {row.intent for row in self.at.rows(DecisionRow, verdict="skip")}
        for row in self.at.rows(Intent, occasion="opened"):
            if row.issue.startswith("iss_n"):
                assert (row.status, told[row.issue]) in {("sent", 1), ("skipped", 0)}, row
                assert row.status == "sent" or row.id in skipped
        assert {row.status for row in self.at.rows(Intent)} <= {"sent", "skipped"}


def _opened(message: Message) -> list[str]:
    """Return the issues that a message tells of for the first time."""
    if message.data["occasion"] != "opened":
        return []
    found: Any = message.data.get("issues", [message.data.get("issue")])
    return [each["id"] for each in found]


Gathering.TestCase.settings = settings(
    max_examples=20, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestGathering = Gathering.TestCase
