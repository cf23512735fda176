"""What goes wrong in a simulated cluster, and when: all of it follows from one seed."""

import random
from collections import Counter

from engine.errors import Retryable


class Killed(BaseException):
    """A process ends here, without a word: nothing in it catches this."""


class Trouble:
    """Is told before and after everything that leaves a trace or crosses the network, and may make it go wrong."""

    def __init__(self, seed: int, *, rate: float) -> None:
        """`rate`: the share of such moments at which something goes wrong."""
        self.dice = random.Random(seed)
        self.on = False
        self.happened = Counter[str]()
        self._rate = rate

    def may(self, what: str) -> bool:
        """Return whether this goes wrong now."""
        if not self.on or self.dice.random() >= self._rate:
            return False
        self.happened[what] += 1
        return True

    def moment(self, what: str) -> None:
        """Let a moment pass, unless the process is killed or the connection lost at it."""
        if self.may(f"killed at {what}"):
            raise Killed
        if self.may(f"lost at {what}"):
            raise Retryable("the connection was lost", place=what, remedy="try again")
