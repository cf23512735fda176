"""A version and the one before side by side: processes of both at one topic, one outbox and one store of snapshots."""

import gc
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.brokers.broker import Missing, named
from tests.outages.before import BEFORE, before
from tests.outages.meanwhile import Meanwhile
from tests.outages.process import Process
from tests.outages.state import nearly
from tests.outages.stem import ROOT, Stem
from tests.outages.town import upgrade
from tests.outages.traps import Trap
from tests.outages.twins import Twins
from tests.ran import ran

pytestmark = pytest.mark.nightly
ONE_BY_ONE = ("web-0", "dispatch-0", "dispatch-1", "schedule-0", "schedule-1", "worker-0", "worker-1")
"""As the notes on upgrades have it."""


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """A town whose processes are all of the version before, with its schema."""
    if named() is not None:
        pytest.skip("the broker that is named is not ours to kill")
    try:
        with Twins(tmp_path_factory.mktemp("versions"), before=before(), alike=nearly) as made:
            ran(f"Forewarn {BEFORE:.7}, as the version before")
            yield made
    except Missing as error:
        pytest.skip(f"nothing to run side by side: {error}")
    gc.collect()


def newest_revision(code: Path) -> str:
    """Return the number of the newest schema that a version knows."""
    return max(path.name[1:5] for path in (code / "engine/store/migrations/versions").glob("r*.py"))


def exchange(twins: Twins, names: Sequence[str], stem: Stem) -> None:
    """Stop processes in good order, one after the other, and start each again from `stem`."""
    town = twins.town
    for each in (town.processes[name] for name in names):
        each.ask_to_stop()
        town.until(lambda each=each: not each.pid, f"{each.name} does not stop")  # type: ignore[misc]
        each.stem, each.wanted = stem, True
        town.until(lambda each=each: each.address() is not None, f"{each.name} does not start")  # type: ignore[misc]


def change_version(process: Process, twins: Twins, dice: random.Random) -> None:
    """Let a process be of the other version when it is there again; it is stopped in good order, or not."""
    town = twins.town
    process.stem = town.first if process.stem is town.now else town.now
    if dice.random() < 0.5:
        process.ask_to_stop()
        process.wanted = True
    else:
        process.kill("another version")


def test_each_role_is_brought_to_a_new_version_and_back(twins: Twins) -> None:
    town = twins.town
    twins.live()
    assert town.database.revision() == newest_revision(before())
    upgrade(ROOT, town.processes["web-0"])
    assert town.database.revision() == newest_revision(ROOT)
    twins.live([Trap("worker", "commit, made", 3), Trap("dispatch", "message, taken", 1)])
    for name in ONE_BY_ONE:
        exchange(twins, [name], town.now)
        twins.live()
    exchange(twins, ["worker-0", "dispatch-0", "schedule-0", "web-0"], town.first)
    twins.live([Trap("worker", "commit, made", 3), Trap("dispatch", "message, taken", 1)])
    exchange(twins, ["worker-0", "dispatch-0", "schedule-0", "web-0"], town.now)
    twins.live([Trap("worker", "commit, made", 3)])


@pytest.mark.parametrize("seed", range(3))
def test_processes_change_between_versions_while_all_goes_on(seed: int, twins: Twins) -> None:
    town, dice = twins.town, random.Random(seed)
    upgrade(ROOT, town.processes["web-0"])
    running = [each for each in town.processes.values() if each.wanted]
    for _ in range(2):
        trouble = Meanwhile(lambda: change_version(dice.choice(running), twins, dice), dice, (1.0, 3.0), most=10)
        twins.live(crowd=5, meanwhile=trouble)
