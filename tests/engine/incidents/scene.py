"""A fleet of three regions, each account with one person, and what is configured of its incidents."""

from collections import Counter
from pathlib import Path

from engine.store.models import DecisionRow
from tests.faults.house import House, call, event, prepared, tick

REGIONS = ("eu-west", "us-east", "ap-south")
FILES = {
    "config/policy.yaml": 'hours: {from: "00:00", to: "24:00"}\n'
    "incidents: {dimensions: [region, version], within: 30m, at_least: 5, false_per_month: 1}\n",
    "config/playbooks/errors.yaml": """
name: errors
when: {detector: [errors, slow]}
steps:
  - ticket: {queue: tier-2, template: all/agent}
  - message: {channels: [email], template: all/notice}
  - message: {on: resolved, template: all/resolved}
limits: {blast_radius: {max: 1000, canary: 100%}}
""",
    "config/detectors/slow.yaml": """
name: slow
about: Slowness
watch: {event: app.call, by: account, measure: {mean: "seconds"}, every: 1m}
model: {kind: threshold, above: 5}
""",
    "templates/_common/incident/en/ticket.txt.j2": "Subject: incident\n\n{{ incident.cause }}\n",
}
FLEET = 60


def made(folder: Path, **changed: str) -> Path:
    """Write the configuration, and return its folder."""
    return prepared(folder, **{**FILES, **changed})


def region(number: int) -> str:
    return REGIONS[number % 3]


def settle(house: House) -> None:
    """Make a fleet known, a third of it in each region, each with one person."""
    now = house.clock.time()
    lines = []
    for n in range(FLEET):
        account = {"name": f"a{n}", "attributes": {"region": region(n), "version": str(n % 2)}}
        contact = {"parent": f"account/a{n}", "zone": "UTC", "addresses": [{"kind": "email", "value": f"p{n}@x.test"}]}
        lines.append(event("forewarn.entity", f"account/a{n}", account, now, f"a{n}"))
        lines.append(event("forewarn.entity", f"contact/p{n}", contact, now, f"p{n}"))
    house.hand_in(*lines)
    calls(house, [], [])


def calls(house: House, failing: list[int], slow: list[int]) -> None:
    """Let everyone call for a minute, of whom some fail or are slow, and let the minute pass."""
    now = house.clock.time()
    house.hand_in(*(line(n, now + m, failed=n in failing, slow=n in slow) for n in range(FLEET) for m in range(3)))
    house.clock.advance(180.0)
    house.hand_in(tick(house.clock.time()), call("account/other", house.clock.time(), f"o{now}"))


def line(n: int, at: float, *, failed: bool, slow: bool) -> bytes:
    data = {"failed": failed, "seconds": 9.0 if slow else 1.0}
    return event("app.call", f"account/a{n}", data, at, f"{n}-{at}")


def eu() -> list[int]:
    return [n for n in range(FLEET) if region(n) == "eu-west"]


def reasons(house: House) -> Counter[str]:
    return Counter(row.reason for row in house.rows(DecisionRow))
