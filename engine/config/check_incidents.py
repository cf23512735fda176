"""What is said of incidents: when issues of many customers have one cause."""

from collections.abc import Iterator

from engine.config.load import POLICY
from engine.config.loaded import Loaded
from engine.config.model.incidents import IncidentConfig

FEWEST, MOST_DIMENSIONS = 3, 8
"""Accounts of an incident, and dimensions: partitions tell of each combination of their values."""
SHORTEST, LONGEST = 60.0, 86400.0
Wrong = tuple[tuple[str | int, ...], str, str]
"""Where, what, and what to do about it."""


def check_incidents(loaded: Loaded) -> None:
    """Note what is wrong with `incidents` in policy.yaml."""
    rules = loaded.policy.incidents
    if rules is None or POLICY not in loaded.roots:
        return
    start = loaded.roots[POLICY].place
    for path, what, remedy in (*_dimensions(rules), *_numbers(rules)):
        loaded.problems.error(loaded.where(start, "incidents", *path), what, remedy)
    if not rules.dimensions:
        what = "without dimensions no cause is found, only that more are affected than is usual"
        remedy = "name attributes of accounts or assets: dimensions: [region, version]"
        loaded.problems.warning(loaded.key(start, "incidents"), what, remedy)


def _dimensions(rules: IncidentConfig) -> Iterator[Wrong]:
    for place, name in enumerate(rules.dimensions):
        if not name.strip():
            yield ("dimensions", place), "an attribute has a name", "write region, say"
        elif name in rules.dimensions[:place]:
            yield ("dimensions", place), f'"{name}" stands here twice', "once is enough"
    if len(rules.dimensions) > MOST_DIMENSIONS:
        what = f"{len(rules.dimensions)} dimensions"
        yield ("dimensions",), what, f"name {MOST_DIMENSIONS} at most: each makes every other harder to find"


def _numbers(rules: IncidentConfig) -> Iterator[Wrong]:
    if rules.at_least < FEWEST:
        yield ("at_least",), f"{rules.at_least} accounts are no incident", f"write {FEWEST} or more; 5 is usual"
    if not SHORTEST <= rules.within <= LONGEST:
        yield ("within",), "no span in which one cause shows", "write 1m to 24h; 30m is usual"
    if not rules.lift > 1.0:
        yield (
            ("lift",),
            f"a cause that is {rules.lift:g} times as frequent as usual is none",
            "write more than 1, say 2",
        )
    if not 0.0 < rules.false_per_month <= 100.0:
        yield ("false_per_month",), "no rate of false incidents", "write 0.1 for one in ten months"
