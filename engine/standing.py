"""How a process stands: which partitions it has and how far it is with each, who leads, what happened to it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from engine.cluster.roles import ALL, Role


@dataclass(frozen=True, slots=True)
class Held:
    """A partition that this process has."""

    partition: int
    offset: int
    """The next event to process."""
    behind: float
    """Seconds since it was last seen to be at the end of the log; while it is not, since its last event was written."""
    restored: float
    """Seconds that it took to come back from a snapshot."""
    passed_over: int
    """Snapshots that were newer than the one it came back from, and not whole."""
    saved_at: float | None
    """Epoch seconds of the last snapshot; None: there is none yet, or nothing says when it was made."""
    saving: float
    """Seconds that its writing took; 0: this process has not written one yet."""
    size: int
    """Its bytes."""
    unsaved: str = ""
    """Why the last one could not be written; empty: it was."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections to the database."""

    size: int
    used: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a process stands. What it counts, it counts from its start on."""

    roles: Collection[Role] = ALL
    leads: bool = True
    """Whether it does what is done once for all."""
    joined: bool = True
    """Whether the group has told it what it has, be that nothing."""
    restoring: int | None = None
    """The partition that is being brought back from its snapshot."""
    held: Sequence[Held] = ()
    fenced: int = 0
    """Times that something was not written because another process had taken the partition."""
    rebalances: int = 0
    """Times that the group shared the partitions out anew."""
    unsaved: int = 0
    """Snapshots that could not be written."""
    records: Mapping[str, int] = field(default_factory=dict)
    """Records read from the log, by the way they were decoded: `whole` batches in compiled code, or `object`s."""
    pool: Pool | None = None
