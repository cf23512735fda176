"""A fleet whose detectors trip by chance, each account by itself, and what is planted among it."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.config.model.incidents import IncidentConfig
from engine.incidents.cases import Grown, Raised
from engine.incidents.causes import Affected
from engine.incidents.former import Former
from engine.incidents.population import Values

DIMENSIONS = ("region", "version", "service")
DAY = 86400.0
WINDOW = 1800.0


@dataclass
class World:
    """Accounts with values, and signals of detectors at rates a window."""

    accounts: int
    rates: Sequence[float]
    seed: int
    days: float
    planted: Sequence[Raised] = ()
    values: dict[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = random.Random(f"values {self.seed}")
        for number in range(self.accounts):
            region, version = rng.choice(("eu", "us", "ap", "af")), rng.choice("123")
            self.values[f"account/{number}"] = (region, version, rng.choice("abcdefghijklmnop"))

    def raised(self, detector: str, account: str, at: float) -> Raised:
        """Return a signal of an account."""
        return Raised(f"{detector}-{account}-{at}", detector, at, Affected(account, account, self.values[account]))

    def where(self, wanted: Mapping[int, str]) -> list[str]:
        """Return the accounts with these values."""
        return [name for name, values in self.values.items() if all(values[at] == each for at, each in wanted.items())]

    def signals(self) -> Iterator[Raised]:
        """Yield all there are, in order of time."""
        rng = random.Random(f"signals {self.seed}")
        names, found = list(self.values), list(self.planted)
        for number, rate in enumerate(self.rates):
            at = rng.expovariate(rate / WINDOW)
            while at < self.days * DAY:
                found.append(self.raised(f"d{number}", rng.choice(names), at))
                at += rng.expovariate(rate / WINDOW)
        yield from sorted(found, key=lambda each: each.time)

    def former(self, **rules: float) -> Former:
        """Return a former that knows the fleet from the beginning."""
        former = Former(IncidentConfig(DIMENSIONS, **rules), len(self.rates))  # type: ignore[arg-type]
        counts = Counter(("account", values) for values in self.values.values())
        former.fleet.hear(0, [(kind, values, count) for (kind, values), count in counts.items()])
        former.pass_(0.0)
        return former


def formed(former: Former, signals: Iterator[Raised] | Sequence[Raised]) -> list[Grown]:
    """Return the incidents that come of signals, each when it began."""
    seen: dict[str, Grown] = {}
    for each in signals:
        grown = former.take(each)
        if grown is not None:
            seen.setdefault(grown.case.id, grown)
    return list(seen.values())
