"""Which channel has worked for a person, for people like them, and for everyone.

A message worked if it arrived, and the person within a day neither opted out nor contacted us about the issue all the
same. What became of a message is known only then, so only older ones count. Each cohort (country, else language) has a
bandit of River's; a person's own experience is weighed against that of the cohort, and the cohort's against everyone's.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy import select as sql_select
from sqlalchemy.sql.expression import SQLColumnExpression
from sqlmodel import Session, col

from engine.entities import Person
from engine.policy.choice import Belief
from engine.store.database import unindexed
from engine.store.digests import counted
from engine.store.models import Consent, CustomerContact, Entity, Intent

if TYPE_CHECKING:
    from river.bandit import ThompsonSampling

KNOWN_AFTER = 86400.0
"""Seconds after which it is known whether a message worked."""
LOOK_BACK = 90 * 86400.0
FRESH = 600.0
"""Seconds for which it stays as it is."""
WEIGHT = 10.0
"""Messages that a wider circle's experience counts like in a narrower one."""
EVERYONE = "*"


class Outcome(NamedTuple):
    """What became of one message."""

    cohort: str
    channel: str
    worked: bool


class Experience:
    """Learns from the outbox, a little at a time. It holds two numbers a cohort and channel, and nothing a person."""

    def __init__(self, playbooks: Sequence[str]) -> None:
        self._playbooks = tuple(playbooks)
        self._bandits: dict[str, ThompsonSampling] = {}
        self._until = float("-inf")
        """Messages sent up to then are learned from."""

    def learn(self, session: Session, now: float) -> None:
        """Learn from messages of which it has become known what they did."""
        known = now - KNOWN_AFTER
        if known - self._until < FRESH:
            return
        since = max(self._until, known - LOOK_BACK)
        for outcome in _outcomes(session, self._playbooks, since, known):
            for cohort in {EVERYONE, outcome.cohort}:
                self._bandit(cohort).update(outcome.channel, outcome.worked)  # type: ignore[no-untyped-call]
        self._until = known

    def beliefs(
        self, session: Session, asked: Mapping[Person, Sequence[str]], now: float
    ) -> dict[Person, dict[str, Belief]]:
        """Return how often each of those channels works for each person, as far as is known at `now`."""
        self.learn(session, now)
        own = _own(session, [person.id for person in asked], now)
        return {
            person: {name: self._belief(person, name).updated(*own[person.id, name]) for name in channels}
            for person, channels in asked.items()
        }

    def _belief(self, person: Person, channel: str) -> Belief:
        everyone = self._learned(EVERYONE, channel, Belief())
        return self._learned(cohort_of(person.country, person.locale), channel, everyone.as_prior(WEIGHT)).as_prior(
            WEIGHT
        )

    def _learned(self, cohort: str, channel: str, prior: Belief) -> Belief:
        """Return what a cohort's bandit knows of a channel, on top of `prior`."""
        bandit = self._bandits.get(cohort)
        if bandit is None:
            return prior
        reward: Any = bandit._rewards[channel]  # noqa: SLF001 -- River's bandits show it by no other name
        return prior.updated(reward.alpha - 1, reward.alpha + reward.beta - 2)

    def _bandit(self, cohort: str) -> "ThompsonSampling":
        from river import bandit, proba  # noqa: PLC0415 -- heavy: only where channels are chosen

        if cohort not in self._bandits:
            self._bandits[cohort] = bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=0)
        return self._bandits[cohort]


def cohort_of(country: str, locale: str) -> str:
    """Return whom someone is like, as far as channels go.

    >>> cohort_of("AT", "de-AT"), cohort_of("", "de-AT"), cohort_of("", "")
    ('AT', 'de', '*')
    """
    return country or locale.replace("_", "-").partition("-")[0] or EVERYONE


def _outcomes(session: Session, playbooks: Sequence[str], since: float, until: float) -> Iterator[Outcome]:
    """Yield what became of messages sent after `since` and up to `until`, in their order."""
    found = (
        sql_select(col(Entity.country), col(Entity.locale), col(Intent.channel), _worked())
        .join(Entity, col(Entity.id) == Intent.recipient)
        .where(*_sent(col(Intent.status)), col(Intent.playbook).in_(playbooks), _between(since, until))
        .order_by(col(Intent.claimed_at), col(Intent.id))
    )
    for country, locale, channel, worked in session.execute(found):
        yield Outcome(cohort_of(country, locale), channel, bool(worked))


def _own(session: Session, persons: Sequence[str], now: float) -> Mapping[tuple[str, str], tuple[int, int]]:
    """Return, by person and channel, how many of their messages worked, and of how many."""
    found = sql_select(col(Intent.recipient), col(Intent.channel), _worked()).where(
        *_sent(unindexed(Intent.status)),
        col(Intent.recipient).in_(persons),
        _between(now - LOOK_BACK, now - KNOWN_AFTER),
    )
    counted: dict[tuple[str, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for person, channel, worked in session.execute(found).all():
        fine, of = counted[person, channel]
        counted[person, channel] = (fine + bool(worked), of + 1)
    return counted


def _between(since: float, until: float) -> ColumnElement[bool]:
    return and_(col(Intent.claimed_at) > since, col(Intent.claimed_at) <= until)


def _sent(status: SQLColumnExpression[str]) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Intent.kind) == "message",
        col(Intent.occasion) == "opened",
        status.in_(("sent", "failed")),
        col(Intent.channel) != "",
        counted(),
    )


def _worked() -> ColumnElement[bool]:
    soon = col(Intent.claimed_at) + KNOWN_AFTER
    left = exists().where(
        col(Consent.entity) == Intent.recipient,
        col(Consent.state).in_(("withdrawn", "objected", "suspended")),
        and_(col(Consent.at) >= Intent.claimed_at, col(Consent.at) <= soon),
    )
    called = exists().where(
        col(CustomerContact.issue) == Intent.issue,
        col(CustomerContact.account) == Intent.account,
        and_(col(CustomerContact.at) >= Intent.claimed_at, col(CustomerContact.at) <= soon),
    )
    lost = or_(col(Intent.status) == "failed", col(Intent.delivery).in_(("bounced", "failed", "complained")))
    return ~or_(lost, left, called)
