"""Twelve customers of one cohort in four partitions, of which none has enough: they are told of each other."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from engine.intake import partition_of
from engine.store.models import Issue
from tests.faults.house import START, House, event, opened, prepared

PEERS = """
name: peers
about: An account departs from those like it
watch: {event: app.used, by: account, measure: {sum: units}, every: 1m}
model: {kind: peer, cohort: [plan], members: 5, warmup: 20, memory: 2h, adopt: 6h, direction: down}
raise: {score: 0.999, for: 2 of 3, clear: 10m}
"""
MAIN = "sender: {{company: Acme}}\nevents: {{known: ['app.*'], lateness: 10s, partitions: {}}}\n"
MINUTES, ILL_FROM, ILL = 150, 120, "account/m7"
ACCOUNTS = [f"account/m{n}" for n in range(12)]


@contextmanager
def fleet(folder: Path, partitions: int) -> Iterator[House]:
    files = {"config/detectors/peers.yaml": PEERS, "config/forewarn.yaml": MAIN.format(partitions)}
    with opened(prepared(folder, **files)) as house:
        plan = {"attributes": {"plan": "pro"}}
        house.hand_in(*(event("forewarn.entity", each, plan, START, each) for each in ACCOUNTS))
        yield house


def minute(house: House, number: int) -> None:
    """Let everyone use what the rhythm, their size and chance make of it; and one much less, from some time on."""
    rng = np.random.default_rng(number)
    at = START + 60.0 * number
    rhythm = 2.0 + math.sin(number / 20.0)
    noise = rng.lognormal(0.0, 0.1, len(ACCOUNTS))
    lines = []
    for place, (each, luck) in enumerate(zip(ACCOUNTS, noise.tolist(), strict=True)):
        share = 0.3 if each == ILL and number >= ILL_FROM else 1.0
        units = 2.0**place * rhythm * luck * share
        lines.append(event("app.used", each, {"units": units}, at + 1.0, f"{each}-{number}"))
    house.clock.set(at + 30.0)
    house.hand_in(*lines)


def found(folder: Path, partitions: int) -> dict[str, float]:
    """Return who was found, and how many minutes after it began."""
    with fleet(folder, partitions) as house:
        for number in range(MINUTES):
            minute(house, number)
        assert house.dead() == []
        return {row.subject: (row.opened_at - START) / 60.0 - ILL_FROM for row in house.rows(Issue)}


def test_who_departs_is_found_as_in_one_partition(tmp_path: Path) -> None:
    """After two hours, within two windows; the less was seen, the later, as each partition learns tails by itself."""
    shared = Counter(partition_of(each, 4) for each in ACCOUNTS)
    assert len(shared) > 1
    assert max(shared.values()) < 5, "no partition has a cohort of its own"
    one, four = found(tmp_path / "one", 1), found(tmp_path / "four", 4)
    assert set(one) == set(four) == {ILL}
    assert 0 <= four[ILL] - one[ILL] <= 2
