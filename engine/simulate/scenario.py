"""What a scenario file says: a fleet of customers, how they behave, what goes wrong, and who would have called.

The dataclasses are the schema; `read_scenario` fills them and tells every mistake with its place. Shares are written as
`0.2` or `20%`, spans as `90m` or `2d`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from detectors.durations import Duration
from engine.config.model import NOWHERE, Place
from engine.config.problems import Problems, errors
from engine.config.reader import Reader
from engine.config.yamlsource import read_file
from engine.errors import ConfigError

What = Literal["api-errors", "webhooks-refused", "device-offline", "storage-filling", "job-missed", "card-expiring"]
Span = tuple[Duration, ...]
"""One span, or the shortest and the longest: `[1h, 6h]`."""
Levels = tuple[float, ...]
"""One number, or the lowest and the highest."""


@dataclass(frozen=True, slots=True)
class Home:
    """A region that accounts are in."""

    name: str
    share: float
    """Of all accounts; the shares of all homes are made to add up to one."""
    zone: str
    country: str
    locale: str
    region: str = ""
    """ISO 3166-2 subdivision, where contact hours differ by it."""
    phone: str = ""
    """Telephone numbers of its people, each `#` a digit; empty: they gave none."""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class People:
    """Who can be told at an account: one technical and admin person, and one for billing."""

    sms_consent: float = 0.2
    """Share of those with a telephone number who allowed text messages."""
    sms_preferred: float = 0.5
    """Share of these who prefer them to e-mail."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Events that come all day: API calls, webhook deliveries."""

    share: float
    """Of the accounts that have it."""
    per_day: float
    """Events a day of the median account."""
    spread: float = 0.7
    """Standard deviation of the logarithm of an account's level."""
    errors: float = 0.01
    """Usual share of failures."""
    noise: float = 0.25
    """Relative standard deviation of the traffic from one five minutes to the next, beside that of chance."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How traffic follows the customers' day and week."""

    peak: float = 13.5
    """Local hour of the most traffic; each account's own differs by an hour or two."""
    night: float = 0.15
    """Traffic in the deepest night as a share of that at the peak."""
    weekend: float = 0.4
    """Traffic at weekends as a share of that on weekdays."""
    drift: float = 0.05
    """Standard deviation of an account's growth a week."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Things in the field that report."""

    share: float
    each: float = 1.8
    """Devices of an account on average; at least one."""
    every: Duration = Duration(600.0)
    lost: float = 0.01
    """Share of reports that never arrive."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Disk space that is reported every hour."""

    share: float
    used: Levels = (20.0, 70.0)
    """Per cent at the start."""
    growth: Levels = (0.0, 0.5)
    """Points a day."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """A job that ends every night."""

    share: float
    starts: Duration = Duration(7200.0)
    """After midnight UTC."""
    takes: Duration = Duration(1500.0)
    """In the median; an account's own and each night's differ from it."""
    spread: float = 0.25
    """Standard deviation of the logarithm of it, from night to night."""


@dataclass(frozen=True, slots=True)
class Cards:
    """Payment cards, looked at once a day."""

    share: float
    expire: Span = (Duration("60d"), Duration("900d"))
    """In so long, counted from the start."""


@dataclass(frozen=True, slots=True)
class Noisy:
    """Customers who are always in some trouble of their own: nothing to write to them about."""

    share: float = 0.0
    errors: float = 0.06
    """Their usual share of failures, going up and down from hour to hour."""
    noise: float = 1.0
    """Relative standard deviation of their traffic."""
    lost: float = 0.05
    """Share of their devices' reports that never arrive."""


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day on which a country works less."""

    country: str
    on: str
    traffic: float = 0.3
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Calls:
    """Who would have contacted support about an incident, had nobody told them, and when."""

    share: float
    """Of the accounts affected."""
    after: Duration = Duration(7200.0)
    """Median time until a customer notices and calls, from when it hurts (`Wave.hurts`)."""
    spread: float = 0.8
    """Standard deviation of the logarithm of that time."""


@dataclass(frozen=True, slots=True)
class Wave:
    """Incidents of one sort."""

    name: str
    what: What
    detectors: tuple[str, ...]
    """The detectors of which any would be right to speak of it: names or globs."""
    lasts: Span
    count: int = 1
    accounts: int = 1
    """How many accounts each hits at once."""
    home: str = ""
    """Where these accounts are; empty: anywhere."""
    starts: Span = (Duration("3d"), Duration("12d"))
    """After the scenario's start."""
    ramp: Span = (Duration(0.0),)
    """How long it takes to come to its full; 0: sudden."""
    peak: Levels = (0.4, 0.9)
    """Share of failures at its full; for storage per cent used."""
    hurts: float = 1.0
    """Share of the ramp after which customers begin to notice."""
    calls: Calls = Calls(0.0)
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole scenario."""

    name: str
    start: str
    """The first day, from midnight UTC: `2026-03-02`."""
    days: int
    accounts: int
    homes: tuple[Home, ...]
    api: Traffic
    webhooks: Traffic
    devices: Devices
    storage: Storage
    jobs: Jobs
    cards: Cards
    waves: tuple[Wave, ...]
    about: str = ""
    chunk: Duration = Duration(900.0)
    """Length of the pieces in which events arrive."""
    people: People = People()
    rhythm: Rhythm = Rhythm()
    noisy: Noisy = Noisy()
    holidays: tuple[Holiday, ...] = ()
    plans: Mapping[str, float] = field(default_factory=lambda: {"standard": 1.0})
    """Attribute `plan` of accounts, with the weight of each."""
    place: Place = NOWHERE

    @property
    def starts_at(self) -> float:
        """Epoch second of the first event."""
        day = date.fromisoformat(self.start)
        return (day.toordinal() - date(1970, 1, 1).toordinal()) * 86400.0

    @property
    def ends_at(self) -> float:
        """Epoch second after the last event."""
        return self.starts_at + self.days * 86400.0


def read_scenario(path: Path) -> Scenario:
    """Return the scenario in `path`; raises ConfigError that lists everything wrong with it."""
    problems = Problems()
    nodes = read_file(path, path.name, problems)
    scenario = Reader(problems).record(Scenario, nodes[0]) if nodes else None
    if isinstance(scenario, Scenario):
        for place, what, hint in _mistakes(scenario):
            problems.error(place, what, hint)
    found = errors(problems.sorted())
    if found or not isinstance(scenario, Scenario):
        listed = "\n".join(f"  {problem}" for problem in found) or "  it is empty"
        raise ConfigError(f"the scenario cannot be used\n{listed}", place=str(path))
    return scenario


def _mistakes(scenario: Scenario) -> Iterator[tuple[Place, str, str]]:
    if not _is_day(scenario.start):
        yield scenario.place, f'start: "{scenario.start}" is no day', "write 2026-03-02"
    sizes = {"days": scenario.days, "accounts": scenario.accounts, "homes": len(scenario.homes)}
    for name, size in sizes.items():
        if size < 1:
            yield scenario.place, f"{name} must be at least one", ""
    if not 60 <= scenario.chunk <= 21600 or 86400 % scenario.chunk:
        yield scenario.place, "chunk must divide a day", "write 15m"
    for home in scenario.homes:
        if home.zone not in available_timezones():
            yield home.place, f'no zone "{home.zone}"', "write one as in Europe/Vienna"
    for holiday in scenario.holidays:
        if not _is_day(holiday.on):
            yield holiday.place, f'on: "{holiday.on}" is no day', "write 2026-03-17"
    for wave in scenario.waves:
        yield from _mistakes_of(wave, {home.name for home in scenario.homes})


def _mistakes_of(wave: Wave, homes: set[str]) -> Iterator[tuple[Place, str, str]]:
    if wave.home and wave.home not in homes:
        yield wave.place, f'no home "{wave.home}"', f"there are {', '.join(sorted(homes))}"
    ranges = {"lasts": wave.lasts, "starts": wave.starts, "ramp": wave.ramp, "peak": wave.peak}
    for name, pair in ranges.items():
        if not 1 <= len(pair) <= 2 or pair[0] > pair[-1]:
            yield wave.place, f"{name} is one value, or the least and the most", "write [1h, 6h]"
    if not wave.detectors:
        yield wave.place, "detectors is empty", "name those that would be right to speak of it"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
