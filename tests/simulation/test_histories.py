"""Many histories of a cluster in which things go wrong, each from its seed: all end as if nothing had.

`FOREWARN_SEED=123` runs the history of that seed alone; `FOREWARN_HISTORIES` says how many are run.
"""

import gc
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.app import decoder_of
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.events import Decoder
from engine.store import postgres
from engine.store.database import Database
from outreach.base import Outcome, Receipt
from tests.faults.house import FILES, prepared
from tests.simulation.cluster import WORKERS, Cluster, State
from tests.simulation.parts import UnsteadyDatabase, UnsteadyProvider
from tests.simulation.play import PLAYS, SELDOM, SHARE, Play
from tests.simulation.trouble import Trouble

CHUNKS = 20
SEEDS = int(os.environ.get("FOREWARN_HISTORIES", "1000"))
ONE = os.environ.get("FOREWARN_SEED")
MAIN = "sender: {company: Acme}\nevents: {partitions: 2, idle: 2m, known: ['app.*']}\n"
SILENT = """
name: silent
about: Silent
watch: {event: app.beat, by: subject, measure: {last: time}, every: 1m}
model: {kind: absence, after: 3m}
"""
ERRORS = FILES["config/detectors/errors.yaml"] + "raise: {for: 1 of 1, clear: 2m}\n"
PLAYBOOK = FILES["config/playbooks/errors.yaml"].replace("{detector: errors}", "{detector: [errors, silent]}")


@dataclass
class Scene:
    """What all histories have in common."""

    config: Config
    decoder: Decoder
    folder: Path
    database: UnsteadyDatabase | None = None

    def cluster(self, trouble: Trouble, play: Play) -> Cluster:
        """Return a cluster whose database is empty."""
        path, empty = self.folder / "forewarn.db", self.folder / "empty.db"
        self.database = UnsteadyDatabase.emptied(path, empty, self.database)
        return Cluster(self.config, self.decoder, self.database, trouble, quiet=play.quiet)


def set_up(folder: Path) -> Scene:
    """Write a configuration into a folder, and an empty database."""
    silent = {"config/detectors/silent.yaml": SILENT, "config/detectors/errors.yaml": ERRORS}
    prepared(folder, **silent, **{"config/forewarn.yaml": MAIN, "config/playbooks/errors.yaml": PLAYBOOK})
    config = load_or_raise(folder / "config", {})
    Database.open(folder / "empty.db", synchronous="OFF").close()
    return Scene(config, decoder_of(config), folder)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = set_up(tmp_path_factory.mktemp("scene"))
    gc.freeze()  # what all histories have in common is not looked through again and again
    yield made
    gc.unfreeze()
    if made.database is not None:
        made.database.close()


@pytest.fixture(scope="module")
def expected(scene: Scene) -> Mapping[str, State]:
    """What there is when nothing goes wrong, of each play."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "enter", lambda connection, *, shared: None)
        return {name: history(0, scene, play, rate=0.0)[0] for name, play in PLAYS.items()}


@pytest.fixture(autouse=True)
def one_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time, whoever asks."""
    monkeypatch.setattr(postgres, "enter", lambda connection, *, shared: None)


def history(seed: int, scene: Scene, play: Play, *, rate: float = 0.02) -> tuple[State, Trouble]:
    """Run one history; returns how things stand at its end, and what went wrong on the way."""
    trouble = Trouble(seed, rate=rate)
    cluster = scene.cluster(trouble, play)
    trouble.on = rate > 0
    for act in play.acts:
        for now, payload in act.trouble:
            cluster.clock.set(max(now, cluster.clock.time()))
            cluster.hand_in(payload)
            _disturb(cluster, trouble.dice, play.names)
        cluster.heal(act.healing, play.names)
    trouble.on = False
    if play.quiet:
        cluster.confirm()
    return cluster.state(), trouble


def _disturb(cluster: Cluster, dice: random.Random, names: Sequence[str]) -> None:
    """Let some processes have a turn, and something happen to them."""
    for _ in range(dice.randrange(1, 5)):
        cluster.turn(dice.choice(names))
    happens = dice.randrange(12) if cluster.trouble.on else -1
    match happens:
        case 0:
            cluster.kill(dice.choice(names))
        case 1 | 2:
            cluster.share_out()
        case 3:
            cluster.cut_off(dice.choice(WORKERS))
        case 4:
            cluster.reconnect()
        case 5 | 6:
            cluster.snapshot(dice.choice(WORKERS))
        case 7:
            cluster.damage()
        case _:
            pass


@pytest.mark.skipif(ONE is not None, reason="FOREWARN_SEED names one history")
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("play", PLAYS)
def test_every_history_ends_as_if_nothing_had_gone_wrong(
    play: str, chunk: int, scene: Scene, expected: Mapping[str, State]
) -> None:
    for seed in range(chunk, round(SEEDS * SHARE[play]), CHUNKS):
        state, trouble = history(seed, scene, PLAYS[play])
        assert state == expected[play], f"FOREWARN_SEED={seed}: {trouble.happened}"


def test_much_goes_wrong(scene: Scene) -> None:
    happened = Counter[str]()
    for seed in range(20):
        happened += history(seed, scene, PLAYS["whole"])[1].happened
    assert len(happened) > 20, happened


@pytest.mark.skipif(ONE is None, reason="FOREWARN_SEED names none")
@pytest.mark.parametrize("play", PLAYS)
def test_this_history(play: str, scene: Scene, expected: Mapping[str, State]) -> None:
    state, trouble = history(int(ONE or 0), scene, PLAYS[play])
    assert state == expected[play], trouble.happened


def test_something_happens_at_all(expected: Mapping[str, State]) -> None:
    for name, state in expected.items():
        assert {status for _, status, *_ in state["issues"]} == {"resolved"}
        assert len(state["issues"]) == 2
        assert {key for _, key in state["away"]} == {each.encode() for each in SELDOM if PLAYS[name].quiet}
    assert set(expected["whole"]["taken"].values()) == {1}
    assert len(expected["whole"]["taken"]) == 4
    assert len(expected["whole"]["tickets"]) == 2


def test_a_provider_that_denies_what_it_took_is_found_out(
    scene: Scene, expected: Mapping[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The histories would notice: where what was taken is sent again, some end otherwise."""
    monkeypatch.setattr(UnsteadyProvider, "find", lambda self, message: Receipt(Outcome.RETRY, "never taken"))
    assert any(history(seed, scene, PLAYS["whole"])[0] != expected["whole"] for seed in range(100))
