"""Workers join and leave each two seconds for a minute, in good order or not: all ends as if none had."""

import random
import time

import pytest

from tests.outages.meanwhile import Meanwhile
from tests.outages.process import Process
from tests.outages.twins import Twins

STORM = 60.0
EACH = 2.0
"""Seconds."""
pytestmark = pytest.mark.nightly


def join_or_leave(worker: Process, dice: random.Random) -> None:
    """Let a worker come that is not there, and one that is go."""
    if not worker.wanted:
        worker.wanted = True
    elif dice.random() < 0.5:
        worker.ask_to_stop()
    else:
        worker.wanted = False
        worker.kill("a storm")


@pytest.mark.parametrize("seed", range(3))
def test_workers_come_and_go(seed: int, twins: Twins) -> None:
    dice, workers = random.Random(seed), twins.town.of("worker")
    storm = Meanwhile(lambda: join_or_leave(dice.choice(workers[1:]), dice), dice, (EACH, EACH))
    over = time.monotonic() + STORM
    with storm:
        while time.monotonic() < over:
            twins.live(crowd=5)
    twins.town.settle()
    twins.live()
    assert storm.times > STORM / EACH / 2
