"""What happens in a town: accounts whose calls fail for a while, and what is made of that."""

from collections.abc import Iterator, Sequence
from itertools import count

from engine.intake import partition_of
from tests.faults.house import FILES, event

PARTITIONS = 4
START = 1_740_996_000.0
"""Monday 3 March 2025, 10:00 UTC: hours in which people are told."""
MINUTE, DAY = 60.0, 86400.0
DAYS = range(16)
"""Minutes of a day in which something happens: trouble until `CALM`, then none."""
CALM = 8
SLACK = "type: slack, token: xoxb-token, base_url: '{url}', timeout: 10"
MAIN = f"""sender: {{company: Acme}}
events: {{partitions: {PARTITIONS}, known: ['app.*'], idle: 900d}}
snapshot_every: 1m
"""
CONFIG = {
    "config/forewarn.yaml": MAIN,
    "config/channels.yaml": f"slack: {{{SLACK.format(url='http://127.0.0.1:9')}}}\n",
    "config/detectors/errors.yaml": FILES["config/detectors/errors.yaml"] + "raise: {for: 2 of 3, clear: 2m}\n",
    "config/detectors/slow.yaml": """
name: slow
about: Slow
watch: {event: app.call, by: account, measure: {mean: "ms"}, every: 1m}
model: {kind: seasonal, period: [1d]}
raise: {score: 0.9999999, for: 5 of 5, clear: 2m}
""",
    "config/playbooks/errors.yaml": """
name: errors
when: {detector: errors}
steps:
  - ticket: {queue: tier-2, template: all/agent}
  - message: {channels: [slack], template: all/notice}
  - message: {on: resolved, template: all/resolved}
limits: {blast_radius: {max: 100000}}
""",
    "templates/all/notice/en/slack.txt.j2": "Subject: trouble\n\n{{ issue.subject }} is in trouble.\n",
    "templates/all/resolved/en/slack.txt.j2": "Subject: over\n\n{{ issue.subject }} is well.\n",
    "templates/_common/correction/en/slack.txt.j2": "Subject: sorry\n\nFalse alarm.\n",
    "templates/_common/expired/en/slack.txt.j2": "Subject: expired\n\nWe stop watching.\n",
}


def accounts(name: str, each: int = 1) -> list[str]:
    """Return accounts of a day, so many `each` of every partition."""
    found: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
    for number in count():
        of = found[partition_of(f"account/{name}-{number}", PARTITIONS)]
        if len(of) < each:
            of.append(f"account/{name}-{number}")
        if all(len(of) == each for of in found.values()):
            return sorted(account for of in found.values() for account in of)
    raise AssertionError


def people(of: Sequence[str]) -> list[bytes]:
    """Return accounts, with a person each."""
    return [line for each in of for line in _person(each)]


def _person(account: str) -> Iterator[bytes]:
    yield event("forewarn.entity", account, {"name": account}, START, f"is-{account}")
    person = account.replace("account/", "contact/")
    address = {"kind": "slack", "value": f"C{_code(account)}"}
    contact = {"parent": account, "zone": "UTC", "addresses": [address]}
    yield event("forewarn.entity", person, contact, START, f"is-{person}")


def _code(account: str) -> str:
    return "".join(each for each in account.upper() if each.isalnum()).rjust(8, "0")[-20:]


def minutes(of: Sequence[str], span: range, *, failing: bool, day: int = 0) -> Iterator[tuple[float, list[bytes]]]:
    """Yield minutes of a day: when each is over, and the calls of accounts, of which every other may be `failing`."""
    for minute in span:
        begin = START + day * DAY + minute * MINUTE
        yield begin + MINUTE, list(_calls(of, minute, begin, failing=failing))


def _calls(of: Sequence[str], minute: int, begin: float, *, failing: bool) -> Iterator[bytes]:
    for number, account in enumerate(of):
        for nth in range(3):
            data = {"failed": failing and minute > 1 and number % 2 == 0, "ms": 100 + 7 * ((minute + nth + number) % 5)}
            at = begin + 10.0 * nth + number / len(of)
            yield event("app.call", account, data, at, f"{account}-{minute}-{nth}")
