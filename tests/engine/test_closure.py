"""C16: every outreach ends in exactly one closing message, on every path an issue and its messages can take."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.base import Signal
from engine.config.model import MessageStep, PlaybookConfig, When
from engine.entities import Person
from engine.issues import lifecycle
from engine.issues.findings import Finding
from engine.issues.view import IssueView, Moved, Rules
from engine.playbooks import CLOSING, open_outreach, plan
from engine.policy.decide import decide
from engine.policy.facts import ChannelFacts, Facts, IssueFacts, StepFacts
from engine.store.models import Intent

START = datetime(2025, 6, 11, 12, tzinfo=UTC).timestamp()
RULES = Rules(3600.0, 2, 86400.0)
BOOK = PlaybookConfig("api", When(("*",)), (MessageStep("api/notice"), MessageStep("api/more", on="resolved")))
OTHER = PlaybookConfig("other", When(("*",), ("high",)), (MessageStep("other/notice"),))
PEOPLE = [
    Person("contact/a", zone="Europe/Vienna", addresses=(("email", "a@x.test"),)),
    Person("contact/b", zone="America/New_York", addresses=(("email", "b@x.test"),)),
]


@dataclass
class World:
    """One issue, its outbox, and a dispatcher that claims what is due."""

    now: float = START
    issue: IssueView | None = None
    intents: dict[str, Intent] = field(default_factory=dict)

    def take(self, moved: Moved) -> None:
        self.issue = moved.issue
        for transition in moved.transitions:
            told = open_outreach(self.intents.values())
            for intent in plan(transition, [BOOK, OTHER], PEOPLE, told, self.now):
                self.intents.setdefault(intent.id, intent)

    def see(self, state: Any, severity: str) -> None:
        signal = Signal("api", "threshold", 0, state, self.now - 60, 60.0, 1.0, 1.0, 0.0, 0.0, 0.0)
        finding = Finding(signal, "account/x", "account/x", "account/x", severity)
        before = self.issue
        moved = lifecycle.advance(before, finding, RULES, self.now)
        if before is not None and moved.issue is not None and moved.issue.id != before.id:
            moved = Moved(before)
        self.take(moved)

    def act(self, what: str) -> None:
        if self.issue is None:
            return
        by_hand = {
            "acknowledge": lambda issue: lifecycle.acknowledge(issue, "ann", self.now),
            "resolve": lambda issue: lifecycle.resolve(issue, "ann", self.now),
            "dismiss": lambda issue: lifecycle.dismiss(issue, "ann", self.now),
            "expire": lambda issue: lifecycle.expire(issue, self.now),
            "settle": lambda issue: lifecycle.settle(issue, RULES, self.now),
        }
        self.take(by_hand[what](self.issue))

    def dispatch(self) -> None:
        for intent in sorted(self.intents.values(), key=lambda each: (each.due_at, each.id)):
            if intent.status == "pending" and intent.due_at <= self.now:
                self.claim(intent)

    def claim(self, intent: Intent) -> None:
        decision = decide(self.facts(intent))
        if decision.verdict == "send":
            intent.status, intent.channel, intent.address = "sent", decision.channel, decision.address
            intent.provider_id = f"<{intent.id}>"
        elif decision.verdict == "skip":
            intent.status, intent.detail = "skipped", decision.reason
        elif decision.until is not None:
            intent.due_at = decision.until

    def facts(self, intent: Intent) -> Facts:
        assert self.issue is not None
        told = open_outreach(self.intents.values(), but=intent.id)
        occasion: Any = intent.occasion
        return Facts(
            now=self.now,
            occasion=occasion,
            issue=IssueFacts(
                self.issue.id, self.issue.status, self.issue.severity, self.issue.reopened, self.issue.flapping
            ),
            step=StepFacts(intent.playbook, intent.episode, channels=tuple(intent.payload["channels"])),
            person=next(person for person in PEOPLE if person.id == intent.recipient),
            channels={"email": ChannelFacts("email", "email")},
            told=next((each for each in told if each.recipient == intent.recipient), None),
        )


steps = st.one_of(
    st.tuples(st.sampled_from(["raised", "ongoing", "cleared"]), st.sampled_from(["low", "high"])),
    st.tuples(st.sampled_from(["acknowledge", "resolve", "dismiss", "expire", "settle"]), st.just("")),
    st.tuples(st.just("dispatch"), st.just("")),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(steps, st.sampled_from([60.0, 900.0, 3000.0, 30_000.0])), max_size=25))
def test_c16_every_outreach_is_closed_once_whatever_happens(story: list[tuple[tuple[str, str], float]]) -> None:
    world = World()
    for (what, severity), wait in story:
        world.now += wait
        if what == "dispatch":
            world.dispatch()
        elif severity:
            world.see(what, severity)
        else:
            world.act(what)
        assert _in_turns(world)
    _let_it_end(world)
    assert open_outreach(world.intents.values()) == []
    assert _in_turns(world)
    assert all(intent.status in {"sent", "skipped"} for intent in world.intents.values())


def _let_it_end(world: World) -> None:
    world.act("resolve")
    for _ in range(3):
        world.now += 86400.0 / 2
        world.dispatch()


def _in_turns(world: World) -> bool:
    """Return whether each person heard openings and closings in turns, each closing on its opening's thread."""
    for person in PEOPLE:
        sent = [each for each in world.intents.values() if each.recipient == person.id and each.status == "sent"]
        sent.sort(key=lambda each: (each.episode, each.occasion in CLOSING))
        pairs = zip(sent[::2], sent[1::2], strict=False)
        if any(each.occasion != "opened" for each in sent[::2]):
            return False
        if any(one.provider_id != other.thread or other.occasion not in CLOSING for one, other in pairs):
            return False
    return True


def test_c16_the_walk_reaches_every_way_an_outreach_ends() -> None:
    ends = {"resolve": "resolved", "dismiss": "dismissed", "expire": "expired"}
    for act, occasion in ends.items():
        world = World()
        world.see("raised", "high")
        world.dispatch()
        world.now += 60
        world.act(act)
        world.dispatch()
        sent = [(each.recipient, each.occasion) for each in world.intents.values() if each.status == "sent"]
        assert sorted(sent) == sorted((person.id, each) for person in PEOPLE for each in ("opened", occasion))


def test_c16_the_walk_would_notice_an_outreach_left_open() -> None:
    world = World()
    world.see("raised", "high")
    world.dispatch()
    assert len(open_outreach(world.intents.values())) == len(PEOPLE)
    assert world.issue is not None
    world.issue = replace(world.issue, status="resolved")
    world.dispatch()
    assert len(open_outreach(world.intents.values())) == len(PEOPLE)
