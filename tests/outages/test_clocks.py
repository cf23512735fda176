"""Clocks that are set wrong, a database that is slow, tables that are changed: all while a town is at work."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.outages.meanwhile import Meanwhile
from tests.outages.outages import change_schema, damage_snapshots
from tests.outages.town import Town
from tests.outages.traps import Trap
from tests.outages.twins import Twins

HOUR = 3600.0
pytestmark = pytest.mark.nightly


def set_wrong(town: Town, dice: random.Random) -> None:
    town.clock.set_wrong(dice.choice([-HOUR, 0.0, HOUR]))


@contextmanager
def slow(town: Town, *, query: float = 0.0, message: float = 0.0) -> Iterator[None]:
    """Let each query and each message take so many seconds longer."""
    for each in town.processes.values():
        each.postgres.delay = query
    town.provider.slow = message
    try:
        yield
    finally:
        town.provider.slow = 0.0
        for each in town.processes.values():
            each.postgres.delay = 0.0


@pytest.mark.parametrize("seed", range(3))
def test_clocks_are_set_by_an_hour_to_and_fro(seed: int, twins: Twins) -> None:
    """A message is longer under way than it takes to see who else is sending: nobody is taken for dead by that.

    Where ours is an hour behind, events are refused as of the future, until the sender hands them in again.
    """
    dice = random.Random(seed)
    trouble = Meanwhile(lambda: set_wrong(twins.town, dice), dice, (0.5, 2.0))
    with slow(twins.town, message=3.0):
        twins.live(meanwhile=trouble, refused=["future"])
    twins.town.clock.set_wrong(0.0)


def test_each_query_takes_a_fifth_of_a_second_longer(twins: Twins) -> None:
    with slow(twins.town, query=0.2):
        twins.live()


@pytest.mark.parametrize("seed", range(3))
def test_the_newest_snapshots_are_damaged(seed: int, twins: Twins) -> None:
    dice = random.Random(seed)
    damage = Meanwhile(lambda: damage_snapshots(twins.town), dice, (5.0, 10.0))
    twins.live(crowd=5, meanwhile=damage)
    assert damage.times > 0


def test_tables_are_changed_under_engines_of_the_version_before(twins: Twins) -> None:
    """They go on, and may be killed and started again on the newer tables, as revisions only add to them."""
    change_schema(twins.town)
    twins.live([Trap(role, "commit, made", 3) for role in ("worker", "dispatch", "schedule")], crowd=5)
    twins.live([Trap(role, "commit, asked", 3) for role in ("worker", "dispatch", "schedule")])
