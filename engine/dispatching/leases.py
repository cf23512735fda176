"""For how long others have held what they took: by how long we have seen them hold it, not by what clocks say.

Each machine has a clock of its own, and any of them may be set forward by an hour while a message leaves. Who went by
the time at which something was taken would take a living dispatcher for dead, and its message would be sent twice.
"""

from collections.abc import Iterable

from engine.store.outbox import Held

LEASE = 600.0
"""Seconds after which what another dispatcher was sending counts as left behind by one that died."""


class Leases:
    """What this process saw others hold, and since when. It knows nothing of what was before it looked first."""

    def __init__(self) -> None:
        self._seen: dict[Held, float] = {}

    def over(self, held: Iterable[Held], now: float) -> list[Held]:
        """Look at all that is `held` now, by a clock that nobody sets; return what was held unchanged for too long.

        >>> leases, one = Leases(), Held("int_1", "a dispatcher", 5.0)
        >>> leases.over([one], 0.0)
        []
        >>> leases.over([one, Held("int_2", "a dispatcher", 600.0)], LEASE)
        [Held(id='int_1', by='a dispatcher', since=5.0)]
        """
        self._seen = {each: self._seen.get(each, now) for each in held}
        return [each for each, since in self._seen.items() if now - since >= LEASE]
