"""Who goes together: no decision of a batch sees another of it, so nothing that bears on another is in the same one."""

from collections.abc import Sequence

from engine.store.batches import Upcoming

LARGEST = 256
"""Intents in one batch at most."""
SHARE = 8
"""A batch is so great a part of what was found due: where that is little, little can be left unknown."""


def size(due: int) -> int:
    """Return how many intents are taken at once when `due` are.

    >>> [size(due) for due in (1, 9, 100, 100_000)]
    [1, 1, 12, 256]
    """
    return max(1, min(due // SHARE, LARGEST))


def together(due: Sequence[Upcoming], count: int) -> tuple[list[Upcoming], list[Upcoming]]:
    """Return up to `count` of `due` that do not bear on each other, and the others, both in their order.

    Two messages to one person do, by the caps and by what they were told; two tickets of one issue are one too many.
    What may be told together with another goes along with that one (`engine.dispatching.companions`).

    >>> due = [Upcoming(name, "message", "iss", who) for name, who in (("a", "ann"), ("b", "ann"), ("c", "bob"))]
    >>> [[each.id for each in part] for part in together(due, 2)]
    [['a', 'c'], ['b']]
    """
    taken: list[Upcoming] = []
    left: list[Upcoming] = []
    seen: set[tuple[str, str]] = set()
    for each in due:
        key = ("message", each.recipient) if each.kind == "message" else (each.kind, each.issue)
        if len(taken) < count and key not in seen:
            taken.append(each)
            seen.add(key)
        else:
            left.append(each)
    return taken, left
