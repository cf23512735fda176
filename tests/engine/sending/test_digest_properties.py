"""Whatever order claims, crashes and ends come in: nothing is told twice, and nothing that is open is forgotten."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.store import digests, outbox
from engine.store.models import DecisionRow, Intent, Issue
from outreach.base import Message, Outcome, Receipt
from tests.engine.sending.bench import Bench, channel
from tests.engine.sending.digest_bench import WAIT, by_mail, gathering, wrong

MAY_HAVE_GONE = {"sending", "sent", "unknown"}
MODES = ("takes", "refuses", "takes and does not say", "takes and does not say", "does not say")
number = st.integers(0, 100)
events = st.one_of(
    st.tuples(st.just("goes_wrong"), st.sampled_from(["ann", "bob"]), st.sampled_from(["high", "high", "critical"])),
    st.tuples(st.just("goes_wrong"), st.just("ann"), st.just("low")),
    st.tuples(st.just("ends"), number),
    st.tuples(st.just("ends"), number, st.integers(1, 3)),
    st.tuples(st.just("the_provider"), st.sampled_from(MODES)),
    st.tuples(st.just("time_passes"), st.sampled_from([10.0, 31.0, 31.0])),
    st.tuples(st.just("time_passes"), st.just(31.0)),
    st.tuples(st.just("is_asked")),
    st.tuples(st.just("dies"), number, st.booleans()),
    st.tuples(st.just("dies_before_it_decides")),
)


class Run:
    """Two people for whom things go wrong, a provider that breaks, and dispatchers that die."""

    def __init__(self, at: Bench, provider: "Provider") -> None:
        self.at, self.provider = at, provider
        self.count = 0
        for name in ("ann", "bob"):
            wrong(at, name)
            by_mail(at, name)
        for _ in range(3):
            self.goes_wrong("ann", "high")

    def openings(self) -> list[Intent]:
        return [row for row in self.at.rows(Intent, occasion="opened") if row.issue.startswith("iss_n")]

    def goes_wrong(self, name: str, severity: str) -> None:
        self.count += 1
        wrong(self.at, name, f"n{self.count:03d}", severity=severity)

    def ends(self, which: int, more: int = 0) -> None:
        rows = self.openings()
        for n in range(which, which + more + 1):
            self.at.resolve(rows[n % len(rows)].issue.removeprefix("iss_"))

    def the_provider(self, mode: str) -> None:
        self.provider.mode = mode

    def time_passes(self, minutes: float) -> None:
        self.at.clock.advance(minutes * 60.0)
        self.at.run()

    def is_asked(self) -> None:
        self.at.dispatcher.reconcile()

    def dies(self, which: int, sends: bool) -> None:
        """A dispatcher dies once it has claimed, or once it has sent, before it wrote down what came of it."""
        due = [row.id for row in self.at.rows(Intent, status="pending") if row.due_at <= self.at.clock.time()]
        if due:
            prepared = self.at.dispatcher._prepare([due[which % len(due)]])
            if sends:
                self.at.dispatcher._sender.send(prepared.leaving)
            self.at.dispatcher.recover()

    def dies_before_it_decides(self) -> None:
        ids = [row.id for row in self.at.rows(Intent, status="pending")][:3]
        with self.at.database.transaction() as session:
            outbox.claim(session, ids, "dead", self.at.clock.time())
        self.at.dispatcher.recover()

    def holds(self) -> None:
        """Nothing is told twice, no end either, and what was told counts as told."""
        told, ended = self.provider.told(), self.provider.ended()
        assert [issue for issue, count in (*told.items(), *ended.items()) if count > 1] == []
        assert ended.keys() <= told.keys()
        rows = {row.issue: row for row in self.openings()}
        assert {rows[issue].status for issue in told} <= MAY_HAVE_GONE
        for row in rows.values():
            if row.status in MAY_HAVE_GONE and row.provider_id:
                same = [each for each in rows.values() if each.provider_id == row.provider_id]
                assert {digests.first(each) for each in same} == {digests.first(row)}

    def all_is_well(self) -> None:
        """Everything is told, or there is a decision that says why not."""
        self.provider.mode = "takes"
        for _ in range(30):
            self.at.clock.advance(WAIT)
            self.at.dispatcher.reconcile()
            self.at.run()
        self.holds()
        told = self.provider.told()
        skipped = {row.intent for row in self.at.rows(DecisionRow, verdict="skip")}
        for row in self.openings():
            assert (row.status, told[row.issue]) in {("sent", 1), ("skipped", 0)}, row
            assert row.status == "sent" or row.id in skipped
        over = {row.id for row in self.at.rows(Issue, status="resolved")}
        assert self.provider.ended().keys() == told.keys() & over
        assert {row.status for row in self.at.rows(Intent)} <= {"sent", "skipped"}


class Provider:
    """Takes messages, or does not, and says so, or does not."""

    def __init__(self) -> None:
        self.mode = "takes"
        self.taken: list[Message] = []
        self.asked_for: list[Message] = []

    def send(self, message: Message) -> Receipt:
        if self.mode in ("takes", "takes and does not say"):
            self.taken.append(message)
        if self.mode == "takes":
            return Receipt(Outcome.ACCEPTED, provider_id=f"p-{len(self.taken)}")
        return Receipt(Outcome.RETRY if self.mode == "refuses" else Outcome.UNKNOWN, self.mode)

    def find(self, message: Message) -> Receipt:
        self.asked_for.append(message)
        there = [n for n, each in enumerate(self.taken, 1) if (each.id, each.text) == (message.id, message.text)]
        return Receipt(Outcome.ACCEPTED, provider_id=f"p-{there[0]}") if there else Receipt(Outcome.RETRY, "not here")

    def told(self) -> Counter[str]:
        """Return how often the beginning of each issue was told."""
        return Counter(issue for each in self.taken if each.data["occasion"] == "opened" for issue in issues(each))

    def ended(self) -> Counter[str]:
        """Return how often the end of each issue was told."""
        return Counter(issue for each in self.taken if each.data["occasion"] == "resolved" for issue in issues(each))


def issues(message: Message) -> list[str]:
    found: Any = message.data.get("issues", [message.data.get("issue")])
    return [each["id"] for each in found]


@contextmanager
def running() -> Iterator[Run]:
    provider = Provider()
    mail = channel("email", provider.send)
    mail.find = provider.find  # type: ignore[method-assign]  # what the provider says when asked
    texts = channel("sms")
    with (
        tempfile.TemporaryDirectory() as folder,
        gathering(Path(folder), channels={"email": mail, "sms": texts}) as at,
    ):
        yield Run(at, provider)


def test_nothing_is_told_twice_and_nothing_is_lost() -> None:
    happened: Counter[str] = Counter()

    @settings(max_examples=16, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(events, min_size=8, max_size=24))
    def live(listed: Sequence[tuple[Any, ...]]) -> None:
        with running() as run:
            for name, *given_ in listed:
                step: Callable[..., None] = getattr(run, name)
                step(*given_)
                run.holds()
                unknown = run.at.rows(Intent, status="unknown")
                happened["unknown together"] += any(digests.headline(row) for row in unknown)
            run.all_is_well()
            several = [each.data["occasion"] for each in run.provider.taken if "issues" in each.data]
            happened["together"] += several.count("opened")
            happened["ended together"] += several.count("resolved")
            happened["asked for"] += sum("things" in message.text for message in run.provider.asked_for)

    live()
    assert min(happened[each] for each in ("together", "ended together", "asked for", "unknown together")) > 0, happened
