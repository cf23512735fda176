"""What those make of it who were told first, and whether that speaks against telling others."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from engine.config.model import BlastRadius

SURE = 0.05
"""How unlikely what was seen must be, if the share were within its limit, to speak against going on."""


@dataclass(frozen=True, slots=True)
class Reactions:
    """Of those told, how many did what."""

    told: int = 0
    opt_outs: int = 0
    complaints: int = 0
    bounces: int = 0
    replies: int = 0
    wrong: int = 0


def objection(reactions: Reactions, radius: BlastRadius) -> str:
    """Return what speaks against going on, or nothing.

    >>> objection(Reactions(told=10, opt_outs=1), BlastRadius())
    ''
    >>> objection(Reactions(told=10, opt_outs=3), BlastRadius())
    '3 opted out (2% allowed)'
    """
    return ", ".join(_objections(reactions, radius))


def _objections(reactions: Reactions, radius: BlastRadius) -> Iterator[str]:
    for name, text in _WORDS.items():
        count, limit = getattr(reactions, name), getattr(radius, name)
        if count and chance(count, reactions.told, limit) < SURE:
            yield f"{text.format(count)} ({limit * 100.0:.3g}% allowed)"


_WORDS = {
    "opt_outs": "{} opted out",
    "complaints": "{} complained",
    "bounces": "{} bounced or failed",
    "replies": "{} contacted us",
    "wrong": "{} were found to be false alarms",
}


def chance(count: int, of: int, share: float) -> float:
    """Return how likely it is that `count` or more of `of` do what each does with probability `share`.

    >>> round(chance(1, 10, 0.02), 3), chance(0, 10, 0.02), chance(1, 10, 0.0)
    (0.183, 1.0, 0.0)
    """
    if count <= 0:
        return 1.0
    if share <= 0.0 or count > of:
        return 0.0
    if share >= 1.0:
        return 1.0
    below = math.fsum(math.exp(_log_term(k, of, share)) for k in range(count))
    return max(0.0, 1.0 - below)


def _log_term(k: int, n: int, share: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(share) + (n - k) * math.log1p(-share)
