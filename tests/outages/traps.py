"""Where processes are killed: the moments, and a choice of them by a seed."""

import random
import threading

MOMENTS = {
    "worker": {
        "commit, asked": 24,
        "commit, made": 24,
        "fetch, answered": 60,
        "offsets, asked": 12,
        "offsets, answered": 12,
        "join, answered": 1,
        "snapshot, begun": 10,
        "snapshot, written": 10,
    },
    "dispatch": {"commit, asked": 24, "commit, made": 24, "message, asked": 4, "message, taken": 4},
    "schedule": {"commit, asked": 30, "commit, made": 30, "produce, asked": 8, "produce, answered": 8},
    "web": {"produce, asked": 24, "produce, answered": 24},
}
"""Of each role: what leaves a trace or is heard of, and about how often on an ordinary day."""
WHILE = "a while"
LONGEST = 4.0
"""Seconds after which a process is killed that is killed at no moment of its own."""


class Trap:
    """The `nth` time that `what` happens to a process of `role`, that process is to be killed."""

    def __init__(self, role: str, what: str, nth: int) -> None:
        self.role, self.what, self.nth = role, what, nth
        self._left, self._lock = nth, threading.Lock()

    def springs(self, what: str) -> bool:
        """Take note that something happens; returns whether this is the moment."""
        if what != self.what:
            return False
        with self._lock:
            self._left -= 1
            return self._left == 0

    @property
    def sprung(self) -> bool:
        """Whether the moment has come."""
        return self._left <= 0

    def __repr__(self) -> str:
        return f"{self.role}: {self.what} ({self.nth})"


def traps(seed: int) -> list[Trap]:
    """Return one to three traps; each role comes as often as any other, and each of its moments."""
    dice = random.Random(seed)
    roles = [list(MOMENTS)[seed % len(MOMENTS)], *dice.choices(list(MOMENTS), k=dice.choice((0, 0, 1, 2)))]
    return [_trap(role, dice) for role in roles]


def _trap(role: str, dice: random.Random) -> Trap:
    moments = MOMENTS[role]
    what = dice.choice([*moments, WHILE])
    return Trap(role, what, dice.randint(1, moments.get(what, 1)))
