"""Processes of every role are killed at moments that a seed chooses: all ends as if none had been.

`FOREWARN_SEED=123` runs the day of that seed alone; `FOREWARN_KILLS` says how many are run at night.
"""

import os

import pytest

from tests.outages.traps import MOMENTS, traps
from tests.outages.twins import Twins

ONE = os.environ.get("FOREWARN_SEED")
NIGHT = [int(ONE)] if ONE else range(int(os.environ.get("FOREWARN_KILLS", "200")))


def day(seed: int, twins: Twins) -> None:
    chosen = traps(seed)
    try:
        twins.live(chosen)
    except AssertionError as error:
        raise AssertionError(f"FOREWARN_SEED={seed}: {chosen}\n{error}") from error


@pytest.mark.nightly
@pytest.mark.parametrize("seed", NIGHT)
def test_killed_at_any_moment(seed: int, twins: Twins) -> None:
    day(seed, twins)


def test_each_role_and_each_moment_comes_at_night() -> None:
    found = {(trap.role, trap.what) for seed in range(200) for trap in traps(seed)}
    assert found >= {(role, what) for role, moments in MOMENTS.items() for what in moments}
    assert max(len(traps(seed)) for seed in range(200)) == 3
