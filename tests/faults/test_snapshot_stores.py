"""Snapshots in every kind of store: full, damaged or away, and written by one that lost its partition."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from engine.app import Engine
from engine.blobs.base import Blobs
from engine.blobs.table import Table
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.errors import Retryable
from engine.pipeline import Fenced, Pipeline, Stores
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.models import Issue
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from tests.brokers.postgres import Postgres
from tests.bucket import Bucket
from tests.faults.house import FILES, START, House, people, prepared
from tests.faults.test_storage_faults import full_database, small_files

MAIN = "config/forewarn.yaml"


@dataclass(frozen=True)
class Kind:
    """A kind of store, and what can happen to it."""

    told: str
    """In forewarn.yaml."""
    trouble: Callable[[House], AbstractContextManager[None]]
    """No snapshot can be written for as long as it lasts."""
    cause: str
    """As it is said then."""


class Away(Exception):
    """What a store's library raises."""


def away(what: str) -> None:
    """No request is answered."""
    raise Away("timed out")


@contextmanager
def cut(server: Postgres, url: str) -> Iterator[None]:
    """Cut each write in its midst, as a server does that goes down."""
    write = Table.write

    def cut_off(self: Table, name: str, parts: Iterator[bytes | memoryview]) -> None:
        def cutting() -> Iterator[bytes | memoryview]:
            yield from parts
            server.cut(make_url(url))

        write(self, name, cutting())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "write", cut_off)
        yield


def full(house: House) -> AbstractContextManager[None]:
    """Let the file of the database not grow."""
    if house.engine.storage.database.several:
        pytest.skip("everything runs on PostgreSQL")
    return full_database(house)


@pytest.fixture(params=["folder", "bucket", "sqlite", "postgres"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Kind:
    match request.param:
        case "folder":
            url = (tmp_path / "elsewhere").as_uri()
            return Kind(f"snapshots: {{url: '{url}'}}", lambda _: small_files(1000), "File too large; free some space")
        case "bucket":
            Bucket.at(tmp_path.name)
            url = f"bucket://{tmp_path.name}/forewarn"
            return Kind(f"snapshots: {{url: '{url}'}}", lambda _: Bucket.troubled(away), "Away: timed out; try again")
        case "sqlite":
            return Kind("snapshots: {url: database}", full, "no space left to write; free some space")
        case _:
            url, server = request.getfixturevalue("postgres"), request.getfixturevalue("server")
            told = f"snapshots: {{url: database}}\nstore: {{url: '{url}'}}"
            return Kind(told, lambda _: cut(server, url), "try again")


@pytest.fixture
def folder(tmp_path: Path, kind: Kind) -> Path:
    return prepared(tmp_path / "house", **{MAIN: f"{FILES[MAIN]}{kind.told}\n"})


@contextmanager
def living(folder: Path, clock: FakeClock | None = None, email: MemoryChannel | None = None) -> Iterator[House]:
    """Yield an engine that keeps its snapshots where its configuration says."""
    clock = clock or FakeClock(START)
    channel = email or MemoryChannel.like(channel_class("email"))()
    config = load_or_raise(folder / "config", {})
    storage = replace(Storage.embedded(config, clock, synchronous="OFF"), cold=None)  # as where partitions move
    engine = Engine(config, clock, storage, {"email": channel})
    try:
        engine.restore()
        yield House(engine, clock, channel)
    finally:
        engine.close()


def kept(house: House) -> Snapshots:
    assert house.engine.storage.snapshots is not None
    return house.engine.storage.snapshots


def blobs(house: House) -> Blobs:
    return kept(house)._blobs


def models(pipeline: Pipeline) -> dict[str, Any]:
    return {name: np.array(array) for name, array in pipeline._state().items()}


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


def successor(house: House) -> Pipeline:
    """Return the partition's pipeline in another process that has just taken it."""
    storage = house.engine.storage
    made = Pipeline(
        house.engine.config, 0, Stores(storage.database, storage.dead_letters, storage.snapshots), house.clock
    )
    made.claim("successor")
    made.restore()
    return made


def test_full_or_away_the_engine_goes_on_and_says_so(folder: Path, kind: Kind) -> None:
    with living(folder) as house:
        house.hand_in(*people())
        house.engine.snapshot()
        before = blobs(house).names()
        house.calm()
        with capture_logs() as logs, kind.trouble(house), pytest.raises(Retryable, match=kind.cause):
            house.engine.snapshot()
        said = [(each["log_level"], each["partition"]) for each in logs if each["event"] == "snapshot not written"]
        assert said == [("warning", 0)]
        assert blobs(house).names() == before, "nothing by halves"
        house.trouble()
        assert [row.subject for row in house.rows(Issue)] == ["account/acme"]
        assert [message.to for message in house.email.sent] == ["ann@example.com"]
        whole, clock, email = models(house.engine.pipelines[0]), house.clock, house.email
    with living(folder, clock, email) as house:
        house.hand_in()
        same(models(house.engine.pipelines[0]), whole)
        assert len(email.attempts) == 1
        house.engine.snapshot()
        assert len(blobs(house).names()) == len(before) + 1


def test_given_back_while_the_store_is_away_it_is_replayed_from_the_one_before(folder: Path, kind: Kind) -> None:
    with living(folder) as house:
        house.hand_in(*people())
        house.engine.snapshot()
        house.calm()
        held = house.engine.pipelines[0]
        with capture_logs() as logs, kind.trouble(house):
            house.engine._partitions._give_back([0])
        assert [each["partition"] for each in logs if each["event"] == "partition given back as it is"] == [0]
        other = successor(house)
        assert 0 < other.offset < held.offset
        other.process(house.engine.storage.log.read(0, other.offset, 1000))
        same(models(other), models(held))


def test_a_damaged_newest_one_is_passed_over(folder: Path) -> None:
    with living(folder) as house:
        house.hand_in(*people())
        for _ in range(2):
            house.trouble()
            house.engine.snapshot()
        name = blobs(house).names()[-1]
        with blobs(house).open(name) as file:
            data = file.read()
        blobs(house).delete(name)
        blobs(house).write(name, [data[:-64], bytes(64)])
        whole, clock, place = models(house.engine.pipelines[0]), house.clock, blobs(house).place(name)
    with living(folder, clock) as house:
        [said] = house.engine.pipelines[0].restore()
        assert said.startswith(f"{place}: wrong checksum of array")
        house.hand_in()
        same(models(house.engine.pipelines[0]), whole)
        assert house.email.attempts == []


def test_one_that_lost_its_partition_writes_no_snapshot_and_lets_go(folder: Path) -> None:
    with living(folder) as house:
        house.hand_in(*people())
        house.engine.snapshot()
        zombie = house.engine.pipelines[0]
        other = successor(house)
        names = blobs(house).names()
        with pytest.raises(Fenced):
            zombie.snapshot()
        with capture_logs() as logs:
            house.engine.snapshot()
        assert [each["partition"] for each in logs if each["event"] == "partition taken away"] == [0]
        assert house.engine.pipelines == []
        assert blobs(house).names() == names
        other.snapshot()
        assert len(blobs(house).names()) == len(names) + 1


def test_what_it_wrote_before_it_knew_hides_nothing_of_its_successor(folder: Path, monkeypatch: Any) -> None:
    """It finds that the partition is its own, stops for a while there, and writes when it is not any more."""
    with living(folder) as house:
        house.hand_in(*people())
        zombie = house.engine.pipelines[0]
        write, others = Snapshots.write, list[Pipeline]()

        def late(self: Snapshots, *args: Any, **options: Any) -> str:
            if not others:
                others.append(successor(house))
                others[0].process(house.engine.storage.log.read(0, 0, 1000))
                others[0].snapshot()
            return write(self, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Snapshots, "write", late)
            zombie.snapshot()
        assert len(blobs(house).names()) == 2
        newest = kept(house).latest(0)
        assert newest is not None
        [other] = others
        other.process([])
        same({name: np.array(array) for name, array in newest.arrays.items()}, models(other))
        assert kept(house)._of(0)[0].epoch == other._epoch
