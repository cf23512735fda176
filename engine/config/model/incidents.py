"""When issues of many customers are one incident: the values of `incidents:` in policy.yaml."""

from dataclasses import dataclass

from detectors.durations import Duration

MONTH = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class IncidentConfig:
    """`{dimensions: [region, version], within: 30m, at_least: 5}`: what many issues may have in common, and when."""

    dimensions: tuple[str, ...] = ()
    """Attributes of accounts or assets; none: only that more are affected at once than is usual."""
    within: Duration = Duration(1800.0)
    """Issues that were raised within it may have one cause."""
    at_least: int = 5
    """So many accounts are affected."""
    lift: float = 2.0
    """A cause is so many times as frequent among those affected as among all."""
    false_per_month: float = 0.1
    """How many incidents a month may be none: where detectors trip by chance, each by itself."""
