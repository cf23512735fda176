"""What a process does of all that there is to do."""

from enum import StrEnum


class Role(StrEnum):
    """One part of the work. `forewarn run` does all of it; of a cluster's processes each has one, in any number."""

    WORKER = "worker"
    """Takes partitions of the log, and brings their events to decisions that wait in the outbox."""
    DISPATCH = "dispatch"
    """Sends what is due in the outbox."""
    SCHEDULE = "schedule"
    """Does what is due by the clock, reads mailboxes, asks ticket desks: one of them leads, the others stand by."""
    WEB = "web"
    """Takes events, answers the API, shows the pages."""


ALL = frozenset(Role)
