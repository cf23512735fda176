"""Many histories of a cluster in which things go wrong, each from its seed: all end as if nothing had.

`FOREWARN_SEED=123` runs the history of that seed alone; `FOREWARN_HISTORIES` says how many are run.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.app import decoder_of
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.events import Decoder, make_event
from engine.store import postgres
from engine.store.database import Database
from tests.faults.house import FILES, START, prepared
from tests.simulation.cluster import NAMES, WORKERS, Cluster, State
from tests.simulation.parts import UnsteadyDatabase
from tests.simulation.trouble import Trouble

MINUTE = 60.0
CHUNKS = 20
SEEDS = int(os.environ.get("FOREWARN_HISTORIES", "10000"))
ONE = os.environ.get("FOREWARN_SEED")
MAIN = "sender: {company: Acme}\nevents: {partitions: 2, known: ['app.*']}\n"
SILENT = """
name: silent
about: Silent
watch: {event: app.beat, by: subject, measure: {last: time}, every: 1m}
model: {kind: absence, after: 3m}
"""
ERRORS = FILES["config/detectors/errors.yaml"] + "raise: {for: 1 of 1, clear: 2m}\n"
PLAYBOOK = FILES["config/playbooks/errors.yaml"].replace("{detector: errors}", "{detector: [errors, silent]}")
ACCOUNTS = ("account/acme", "account/b")
"""Of different partitions."""


@dataclass
class Scene:
    """What all histories have in common."""

    config: Config
    decoder: Decoder
    folder: Path
    database: UnsteadyDatabase | None = None

    def cluster(self, trouble: Trouble) -> Cluster:
        """Return a cluster whose database is empty."""
        path, empty = self.folder / "forewarn.db", self.folder / "empty.db"
        self.database = UnsteadyDatabase.emptied(path, empty, self.database)
        return Cluster(self.config, self.decoder, self.database, trouble)


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
    yield made
    if made.database is not None:
        made.database.close()


@pytest.fixture(scope="module")
def expected(scene: Scene) -> State:
    """What there is when nothing goes wrong."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(postgres, "enter", lambda connection, *, shared: None)
        return history(0, scene, rate=0.0)[0]


@pytest.fixture(autouse=True)
def one_writer(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer at a time, whoever asks."""
    monkeypatch.setattr(postgres, "enter", lambda connection, *, shared: None)


class Act(NamedTuple):
    """Minutes in which things go wrong, and those after them in which all heals; of these several come at once."""

    trouble: list[tuple[float, bytes]]
    healing: list[tuple[float, bytes]]


def acts() -> list[Act]:
    """Return what comes: people, then trouble of two accounts, then its end.

    Each has ended when the next begins: nobody is told of what was over before they could be, or is not found who is
    made known in another partition while trouble begins.
    """
    people = [(START, b"\n".join(_people()))]
    return [
        Act([*people, *_minutes(range(2))], [*_minutes(range(2, 4), 1)]),
        Act([*_minutes(range(4, 10))], [*_minutes(range(10, 22), 3)]),
        Act([*_minutes(range(22, 28))], [*_minutes(range(28, 40), 3)]),
    ]


def _minutes(span: range, together: int = 1) -> Iterator[tuple[float, bytes]]:
    """Yield the events of minutes, so many of them together, with the time at which they are all there."""
    for first in span[::together]:
        minutes = range(first, first + together)
        lines = [line for minute in minutes for line in _events(minute, START + minute * MINUTE)]
        yield START + minutes.stop * MINUTE - 1.0, b"\n".join(lines)


def _people() -> Iterator[bytes]:
    for account in ACCOUNTS:
        name = account.partition("/")[2]
        yield _event("forewarn.entity", account, {"name": name}, START, f"is-{name}")
        contact = {"parent": account, "zone": "UTC", "addresses": [{"kind": "email", "value": f"{name}@example.com"}]}
        yield _event("forewarn.entity", f"contact/{name}", contact, START, f"person-{name}")


def _events(minute: int, now: float) -> Iterator[bytes]:
    for account in ACCOUNTS:
        failed = account == ACCOUNTS[0] and 5 <= minute < 22
        for nth in range(2):
            yield _event("app.call", account, {"failed": failed}, now + 5.0 * nth, f"call-{minute}-{nth}")
        if not (account == ACCOUNTS[1] and 4 <= minute < 22):
            yield _event("app.beat", account, {}, now + 30.0, f"beat-{minute}")
    yield _event("forewarn.tick", "engine/clock", {}, now + 59.0, f"tick-{minute}")


def _event(type_: str, subject: str, data: dict[str, object], at: float, id_: str) -> bytes:
    return make_event(type_, subject, data, id=f"{subject}-{id_}", source="test", time=at)


ACTS = acts()


def history(seed: int, scene: Scene, *, rate: float = 0.02) -> tuple[State, Trouble]:
    """Run one history; returns how things stand at its end, and what went wrong on the way."""
    trouble = Trouble(seed, rate=rate)
    cluster = scene.cluster(trouble)
    trouble.on = rate > 0
    for act in ACTS:
        for now, payload in act.trouble:
            cluster.clock.set(max(now, cluster.clock.time()))
            cluster.hand_in(payload)
            _disturb(cluster, trouble.dice)
        cluster.heal(act.healing)
    return cluster.state(), trouble


def _disturb(cluster: Cluster, dice: random.Random) -> None:
    """Let some processes have a turn, and something happen to them."""
    for _ in range(dice.randrange(1, 5)):
        cluster.turn(dice.choice(NAMES))
    happens = dice.randrange(12) if cluster.trouble.on else -1
    match happens:
        case 0:
            cluster.kill(dice.choice(NAMES))
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
def test_every_history_ends_as_if_nothing_had_gone_wrong(
    chunk: int, scene: Scene, expected: State, tmp_path: Path
) -> None:
    happened = Counter[str]()
    for seed in range(chunk, SEEDS, CHUNKS):
        state, trouble = history(seed, scene)
        happened += trouble.happened
        assert state == expected, f"FOREWARN_SEED={seed}"
    assert len(happened) > 15, happened


@pytest.mark.skipif(ONE is None, reason="FOREWARN_SEED names none")
def test_this_history(scene: Scene, expected: State) -> None:
    state, trouble = history(int(ONE or 0), scene)
    print(*sorted(trouble.happened.items()), sep="\n")
    assert state == expected


def test_something_happens_at_all(expected: State) -> None:
    assert len(expected["issues"]) == 2
    assert {status for _, status, *_ in expected["issues"]} == {"resolved"}
    assert set(expected["taken"].values()) == {1}
    assert len(expected["taken"]) == 4
    assert len(expected["tickets"]) == 2
