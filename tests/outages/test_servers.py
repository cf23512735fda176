"""Broker and database are killed and started again under load, with all roles at work: all ends as without."""

import random

import pytest

from tests.outages.meanwhile import Meanwhile
from tests.outages.outages import restart_broker, restart_database
from tests.outages.twins import Twins

CROWD = 25
OFTEN = 6
"""So many times at most: then the town has to come to where it should."""
pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("seed", range(5))
def test_the_broker_is_killed_again_and_again(seed: int, twins: Twins) -> None:
    dice = random.Random(seed)
    trouble = Meanwhile(lambda: restart_broker(twins.town, dice), dice, (0.0, 8.0), most=OFTEN)
    twins.live(crowd=CROWD, meanwhile=trouble)
    assert trouble.times > 0


@pytest.mark.parametrize("seed", range(5))
def test_the_database_is_killed_again_and_again(seed: int, twins: Twins) -> None:
    dice = random.Random(seed)
    trouble = Meanwhile(lambda: restart_database(twins.town, dice), dice, (1.0, 6.0), most=OFTEN)
    twins.live(crowd=CROWD, meanwhile=trouble)
    assert trouble.times > 0
