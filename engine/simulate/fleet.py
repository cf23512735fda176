"""The customers of a scenario: accounts, people, devices, and what each of them uses."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.events import make_event
from engine.simulate.names import company, person
from engine.simulate.scenario import Home, Levels, Scenario, Span

SOURCE = "fleet"
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class User:
    """The accounts that use one thing, and how much."""

    accounts: Ints
    level: Floats
    """Of each of `accounts`: events a day, per cent used, seconds until a card expires."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet; arrays have an entry for each account unless they say otherwise."""

    scenario: Scenario
    home: Ints
    plan: Ints
    noisy: NDArray[np.bool_]
    phase: Floats
    """Hours by which an account's day is shifted."""
    growth: Floats
    """Of its traffic a week."""
    api: User
    webhooks: User
    storage: User
    filling: Floats
    """Points a day by which each user of storage fills it."""
    jobs: User
    cards: User
    device_of: Ints
    """The account of each device."""
    sms: NDArray[np.int8]
    """Of the technical person: 0 no consent to text messages, 1 consent, 2 prefers them."""

    @property
    def subjects(self) -> list[str]:
        """Subjects: first the accounts, then the devices."""
        accounts = [account_id(number) for number in range(len(self.home))]
        return accounts + [f"device/d-{number:05d}" for number in range(len(self.device_of))]

    def home_of(self, account: int) -> Home:
        """Return where an account is."""
        return self.scenario.homes[int(self.home[account])]


def account_id(number: int) -> str:
    """Return the subject of account `number`.

    >>> account_id(7)
    'account/a-00007'
    """
    return f"account/a-{number:05d}"


def contact_id(account: int, place: int) -> str:
    """Return the subject of a person of an account: 0 is the technical one, 1 the one for billing."""
    return f"contact/c-{account:05d}-{place}"


def generator(seed: int, *purpose: int) -> np.random.Generator:
    """Return a source of chance for one purpose, independent of all others."""
    return np.random.default_rng(np.random.SeedSequence([seed, *purpose]))


def between(rng: np.random.Generator, ends: Levels | Span, size: int) -> Floats:
    """Return `size` numbers evenly between the two ends."""
    return rng.uniform(float(ends[0]), float(ends[-1]), size)


def build(scenario: Scenario, seed: int) -> Fleet:
    """Return the fleet of a scenario: the same for the same seed."""
    rng, count = generator(seed, 1), scenario.accounts
    storage = _user(rng, count, scenario.storage.share, scenario.storage.used)
    shares = np.array([home.share for home in scenario.homes])
    plans = np.array(list(scenario.plans.values()))
    return Fleet(
        scenario=scenario,
        home=rng.choice(len(shares), count, p=shares / shares.sum()),
        plan=rng.choice(len(plans), count, p=plans / plans.sum()),
        noisy=rng.random(count) < scenario.noisy.share,
        phase=rng.normal(0.0, 1.2, count),
        growth=rng.normal(0.0, scenario.rhythm.drift, count),
        api=_traffic(rng, count, scenario.api.share, scenario.api.per_day, scenario.api.spread),
        webhooks=_traffic(rng, count, scenario.webhooks.share, scenario.webhooks.per_day, scenario.webhooks.spread),
        storage=storage,
        filling=between(rng, scenario.storage.growth, len(storage.accounts)),
        jobs=_traffic(rng, count, scenario.jobs.share, float(scenario.jobs.takes), 0.2),
        cards=_user(rng, count, scenario.cards.share, scenario.cards.expire),
        device_of=_devices(rng, scenario),
        sms=_sms(rng, scenario),
    )


def _some(rng: np.random.Generator, count: int, share: float) -> Ints:
    return np.flatnonzero(rng.random(count) < share).astype(np.int64)


def _user(rng: np.random.Generator, count: int, share: float, level: Levels | Span) -> User:
    accounts = _some(rng, count, share)
    return User(accounts, between(rng, level, len(accounts)))


def _traffic(rng: np.random.Generator, count: int, share: float, per_day: float, spread: float) -> User:
    accounts = _some(rng, count, share)
    return User(accounts, per_day * np.exp(rng.normal(0.0, spread, len(accounts))))


def _devices(rng: np.random.Generator, scenario: Scenario) -> Ints:
    accounts = _some(rng, scenario.accounts, scenario.devices.share)
    return np.repeat(accounts, 1 + rng.poisson(max(scenario.devices.each - 1.0, 0.0), len(accounts)))


def _sms(rng: np.random.Generator, scenario: Scenario) -> NDArray[np.int8]:
    people, draw = scenario.people, rng.random((2, scenario.accounts))
    consents = draw[0] < people.sms_consent
    prefers = consents & (draw[1] < people.sms_preferred)
    chosen: NDArray[np.int8] = np.add(consents, prefers, dtype=np.int8)
    return chosen


def introductions(fleet: Fleet) -> Iterator[bytes]:
    """Yield the events that tell who there is: accounts, people with their consents, devices."""
    at = fleet.scenario.starts_at
    for number, (type_, subject, data) in enumerate(_known(fleet)):
        yield make_event(type_, subject, data, id=f"known-{number}", source=SOURCE, time=at)


def _known(fleet: Fleet) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for account in range(fleet.scenario.accounts):
        yield "forewarn.entity", account_id(account), _account(fleet, account)
        yield from _people(fleet, account)
    said = {"state": "granted", "channel": "sms", "source": "sign-up form", "wording": "Text me about outages."}
    for account in range(fleet.scenario.accounts):
        if _texts(fleet, account):
            yield "forewarn.consent", contact_id(account, 0), said
    for device, account in enumerate(fleet.device_of.tolist()):
        data = {"parent": account_id(account), "name": f"{company(account)} unit {device}"}
        yield "forewarn.entity", f"device/d-{device:05d}", data


def _account(fleet: Fleet, account: int) -> dict[str, Any]:
    home = fleet.home_of(account)
    plan = list(fleet.scenario.plans)[int(fleet.plan[account])]
    where = {"locale": home.locale, "zone": home.zone, "country": home.country, "region": home.region}
    return {"name": company(account), "attributes": {"plan": plan, "region": home.name}} | where


def _people(fleet: Fleet, account: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    home, texts = fleet.home_of(account), _texts(fleet, account)
    for place, roles in enumerate((["technical", "admin"], ["billing"])):
        first, last = person(home.locale, account * 2 + place)
        addresses = [{"kind": "email", "value": f"{first}.{last}@a{account:05d}.example".lower()}]
        if texts and place == 0:
            addresses.append({"kind": "phone", "value": _digits(home.phone, account)})
        prefers = ["sms"] if texts and fleet.sms[account] == 2 and place == 0 else ["email"]
        data = {"name": f"{first} {last}", "parent": account_id(account), "roles": roles, "addresses": addresses}
        where = {"locale": home.locale, "zone": home.zone, "country": home.country, "region": home.region}
        yield "forewarn.entity", contact_id(account, place), data | {"prefers": prefers} | where


def _texts(fleet: Fleet, account: int) -> bool:
    """Whether the account's technical person has a telephone number and allowed text messages."""
    return bool(fleet.sms[account] and fleet.home_of(account).phone)


def _digits(pattern: str, number: int) -> str:
    blanks = pattern.count("#")
    digits = iter(f"{number % 10**blanks:0{blanks}d}" if blanks else "")
    return "".join(next(digits) if sign == "#" else sign for sign in pattern)
