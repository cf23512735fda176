"""A little of everything in one town: processes, broker and database are killed, and a worker becomes a zombie."""

import random

import pytest

from tests.outages.meanwhile import Meanwhile
from tests.outages.outages import CutOff, frozen, restart_broker, restart_database
from tests.outages.traps import Trap
from tests.outages.twins import Twins


@pytest.mark.nightly
def test_a_town_survives(twins: Twins) -> None:
    town, dice = twins.town, random.Random(7)
    twins.live([Trap("worker", "commit, made", 2), Trap("dispatch", "message, taken", 1)])
    twins.live([Trap("schedule", "commit, made", 5), Trap("web", "produce, answered", 5)])
    twins.live(meanwhile=CutOff(town, town.of("worker")[0], frozen, 0.5))
    twins.live(meanwhile=Meanwhile(lambda: restart_database(town, dice), dice, (1.0, 2.0)))
    twins.live(meanwhile=Meanwhile(lambda: restart_broker(town, dice), dice, (1.0, 15.0)))
    assert {role for role, *_ in town.deaths()} == {"worker", "dispatch", "schedule", "web"}
