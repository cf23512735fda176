"""Events that come again, by other producers and in other records, and out of order: all ends as if each came once."""

import random

import pytest

from tests.outages.deliveries import again, out_of_order
from tests.outages.traps import Trap
from tests.outages.twins import Twins


def killed() -> list[Trap]:
    return [Trap("worker", "commit, made", 4), Trap("web", "produce, answered", 5)]


def test_all_comes_again_and_late(twins: Twins) -> None:
    twins.live(way=again(random.Random(7)))
    twins.live(way=out_of_order(random.Random(7)))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
def test_all_comes_again_by_others(seed: int, twins: Twins) -> None:
    twins.live(killed(), crowd=4, way=again(random.Random(seed)))


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
def test_all_comes_out_of_order(seed: int, twins: Twins) -> None:
    twins.live(killed(), crowd=4, way=out_of_order(random.Random(seed)))
