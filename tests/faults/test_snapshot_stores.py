"""Snapshots in every kind of store: full, damaged or away, and written by one that lost its partition."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
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
from engine.pipeline import Pipeline, Stores
from engine.serve import Runner
from engine.snapshots import Snapshots
from engine.storage import Storage
from engine.store.models import Issue
from engine.store.progress import Fenced
from outreach.base import Message, Outcome, Receipt
from outreach.channels.email import Email
from outreach.channels.memory import MemoryChannel
from outreach.registry import channel_class
from tests.brokers.postgres import Postgres
from tests.bucket import Bucket
from tests.faults.house import FILES, START, House, people, prepared
from tests.faults.test_storage_faults import PATIENCE, full_database, small_files, trouble

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
            url, server = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_server")
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
    return {name: np.array(array) for name, array in pipeline.memory.state().items()}


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


class Slow(Executor):
    """Does what it is given when it is told to."""

    def __init__(self) -> None:
        self.given: list[tuple[Callable[[], Any], Future[Any]]] = []

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> "Future[Any]":
        self.given.append((work, Future()))
        return self.given[-1][1]

    def finish(self) -> None:
        work, answer = self.given.pop()
        try:
            answer.set_result(work())
        except Retryable as error:
            answer.set_exception(error)


def due(house: House) -> None:
    """Let a snapshot come due, and the engine do what it can do now."""
    house.engine._want_snapshot(0.0)
    house.engine.step()


def test_while_a_slow_one_is_written_the_engine_goes_on(folder: Path) -> None:
    slow = Slow()
    with living(folder) as house:
        house.engine.write_aside(slow)
        house.hand_in(*people())
        due(house)
        then, offset = models(house.engine.pipelines[0]), house.engine.pipelines[0].offset
        house.trouble()
        assert [message.to for message in house.email.sent] == ["ann@example.com"]
        with capture_logs() as logs:
            due(house)
        assert [each["event"] for each in logs] == ["snapshots take longer than the time between them"]
        assert (len(slow.given), blobs(house).names()) == (1, [])
        slow.finish()
        house.engine.step()
        newest = kept(house).latest(0)
        assert newest is not None
        assert newest.offset == offset < house.engine.pipelines[0].offset
        same({name: np.array(array) for name, array in newest.arrays.items()}, then)
        due(house)
        slow.finish()
        assert kept(house).offsets(0) == [house.engine.pipelines[0].offset, offset]
        house.engine.step()


def test_one_written_beside_the_work_that_fails_is_said(folder: Path, kind: Kind) -> None:
    slow = Slow()
    with living(folder) as house:
        house.hand_in(*people())
        house.engine.snapshot()
        before = blobs(house).names()
        house.engine.write_aside(slow)
        house.calm()
        due(house)
        with kind.trouble(house):
            slow.finish()
        with capture_logs() as logs:
            house.engine.step()
        [said] = [each for each in logs if each["event"] == "snapshot not written"]
        assert said["partition"] == 0
        assert re.search(kind.cause, said["cause"])
        assert blobs(house).names() == before
        house.trouble()
        assert [message.to for message in house.email.sent] == ["ann@example.com"]
        due(house)
        slow.finish()
        house.engine.step()
        assert len(blobs(house).names()) == len(before) + 1


def test_one_under_way_is_waited_for_before_the_partition_is_given_back(folder: Path) -> None:
    with living(folder) as house, ThreadPoolExecutor(1) as threads:
        house.engine.write_aside(threads)
        house.hand_in(*people())
        due(house)
        house.calm()
        offset = house.engine.pipelines[0].offset
        house.engine._partitions._give_back([0])
        assert kept(house).offsets(0)[0] == offset
        assert len(kept(house).offsets(0)) == 2


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
        assert kept(house)._of(0)[0].epoch == other._ledger.epoch


def test_the_runner_writes_beside_the_work_and_stops_while_the_store_is_away(tmp_path: Path) -> None:
    Bucket.at(tmp_path.name)
    told = f"snapshots: {{url: 'bucket://{tmp_path.name}/forewarn'}}\nsnapshot_every: 1s\n"
    asked, sent, answers = threading.Event(), threading.Event(), threading.Event()

    def send(message: Message) -> Receipt:
        sent.set()
        return Receipt(Outcome.ACCEPTED, provider_id=message.id)

    def hangs(what: str) -> None:
        asked.set()
        assert answers.wait(PATIENCE)
        raise Away("timed out")

    channel = MemoryChannel.like(Email)(script=send)
    with living(prepared(tmp_path / "house", **{MAIN: FILES[MAIN] + told}), email=channel) as house:
        house.hand_in(*people())
        runner = Runner(house.engine)
        runner.start()
        with Bucket.troubled(hangs):
            try:
                house.engine._want_snapshot(0.0)
                assert asked.wait(PATIENCE)
                house.engine.intake.accept(trouble(house), "test")
                assert sent.wait(PATIENCE), "nobody waits for the store"
            finally:
                answers.set()
                runner.stop()
        assert runner.failure is None
        assert blobs(house).names() == []
