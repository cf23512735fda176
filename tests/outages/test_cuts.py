"""A worker is cut off for longer than its session, another takes its partitions, and it comes back: a zombie."""

import random
from collections.abc import Callable

import pytest

from tests.outages.outages import CutOff, frozen, no_broker, no_network
from tests.outages.process import Process
from tests.outages.twins import Twins

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cut", [no_broker, no_network, frozen])
def test_a_zombie_writes_nothing_that_counts(cut: Callable[[Process], None], seed: int, twins: Twins) -> None:
    after = random.Random(seed).uniform(0.0, 2.0)
    twins.live(crowd=10, meanwhile=CutOff(twins.town, twins.town.of("worker")[seed % 2], cut, after))
