"""Records that are no events, written straight into the topic: each is told of once, and all around them goes on."""

import random
from collections import Counter
from contextlib import closing

from engine.events.rejects import MALFORMED
from tests.outages.meanwhile import Meanwhile
from tests.outages.poison import Poisoner, damage_a_batch
from tests.outages.traps import Trap
from tests.outages.twins import Twins

REASONS = ["malformed", "oversized", "unknown-type"]


def test_poison_is_told_of_once_and_hides_nothing(twins: Twins) -> None:
    """A worker is killed meanwhile, and its successor reads some of it again."""
    town, dice = twins.town, random.Random(7)
    before = town.dead()
    with closing(Poisoner(town, dice)) as poisoner:
        trouble = Meanwhile(poisoner.give, dice, (0.5, 1.5), most=2)
        twins.live([Trap("worker", "commit, made", 3)], meanwhile=trouble, refused=REASONS)
    wanted = before + poisoner.expected
    town.until(lambda: town.dead() == wanted, lambda: f"{town.dead()} instead of {wanted}")


def test_a_batch_that_is_damaged_on_the_brokers_disk(twins: Twins) -> None:
    town = twins.town
    before = town.dead()
    damage_a_batch(town, partition=2)
    twins.live([Trap("worker", "commit, made", 2)], refused=[MALFORMED])
    wanted = before + Counter({MALFORMED: 3})
    town.until(lambda: town.dead() == wanted, lambda: f"{town.dead()} instead of {wanted}")
