"""No more people are told in an hour than those on duty can talk to: of those who are told some call.

A message counts as much as a call is likely after it, so of messages after which every third person calls three take
the room of one call. There is room for agents x contacts_per_agent in any such time, and no more: one call an agent at
once, the rest spread evenly.
"""

from sqlmodel import Session

from engine.config.model import SEVERITIES, Pace
from engine.policy.facts import Gate
from engine.policy.reasons import Reason
from engine.traffic.bucket import Bucket
from engine.traffic.callers import Callers
from engine.traffic.common import Common
from engine.traffic.roster import rostered, said

GUESS = 0.3
"""How likely a call is taken to be where the playbook has no `worth`: its default."""


class Pacer:
    """Gives messages their turns. Kept in memory: a new process begins as if nobody had been told."""

    def __init__(self, pace: Pace, now: float) -> None:
        self._pace = pace
        self._callers = Callers()
        self._agents = 0
        self._basis = ""
        self._bucket = Bucket(0.0, 0.0, now)
        self.common = Common("agents", self._bucket)

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return self._bucket.waiting

    @property
    def agents(self) -> int:
        """How many agents were on duty when it was last asked."""
        return self._agents

    def look(self, session: Session, now: float) -> None:
        """See who is on duty."""
        duty = said(session, now)
        self._agents = duty.agents if duty else rostered(self._pace, now)
        self._basis = f"as {duty.who} said" if duty else "by the roster"
        count, seconds = self._pace.contacts_per_agent.count, self._pace.contacts_per_agent.seconds
        at_once = self._agents * min(1.0, count / 2)
        self._bucket.refit((self._agents * count - at_once) / seconds, at_once, now)

    def likely(self, session: Session, detector: str, guess: float | None, now: float) -> float:
        """Return how likely a message of a detector makes somebody call."""
        return self._callers.likely(session, detector, GUESS if guess is None else guess, now)

    def ask(self, key: str, likely: float, severity: str, now: float) -> Gate | None:
        """Return what keeps a message back; None: `spend` its room, and it may go."""
        at = self._bucket.turn(key, now, likely, SEVERITIES.index(severity) if severity in SEVERITIES else 0)
        if at <= now:
            return None
        per = self._pace.contacts_per_agent
        detail = f"{self._agents} on duty, {self._basis}, for {per.count} contacts each per {per.seconds:g} s; "
        return Gate(Reason.PACED, at, f"{detail}{likely:.0%} of those who are told call.")

    def spend(self, likely: float, now: float) -> None:
        """Take the room of a message that goes."""
        self.common.take(now, likely)
