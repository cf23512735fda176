"""What is kept of series that are away: durable before it is needed, and turned back with the log."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cold import Away, ColdStore, Leaving, Torn
from engine.cold.file import FileStore
from engine.cold.table import Tables
from engine.columnar.filter import Filter
from engine.columnar.index import SeriesIndex
from engine.embedded import DiskFull
from engine.errors import ForewarnError, Retryable
from engine.store.database import Database
from engine.store.progress import PIPELINE, Fenced, take

BOTH_STORES = True

WATCH, OTHER = "calls by account", "logins by account"


def hashes(keys: list[str]) -> NDArray[np.uint64]:
    index = SeriesIndex()
    return index.hashes(index.lookup(keys))


def leave(store: ColdStore, offset: int, *keys: str, state: int = 1, watch: str = WATCH) -> None:
    """Let series leave, with their offset as the mark."""
    store.offset = offset
    store.put(watch, Leaving(keys, hashes(list(keys)), "layout", np.full((len(keys), 3), state, np.uint8), offset))


def come_back(store: ColdStore, offset: int, *keys: str) -> list[Away | None]:
    store.offset = offset
    return store.take(WATCH, keys)


def away(gone: int, state: int = 1) -> Away:
    return Away("layout", gone, bytes([state] * 3))


@pytest.fixture(params=["file", "table"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ColdStore]:
    made = opened(tmp_path, request.param)
    yield made
    made.close()


def opened(path: Path, kind: str) -> ColdStore:
    """Return a store of partition 3, which is taken for it."""
    if kind == "file":
        return FileStore(path / "cold.db", synchronous="OFF")
    database = Database.open(path / "forewarn.db", synchronous="OFF")
    made = Tables(database).of(3)
    made.epoch = partial(int, take(database, PIPELINE, 3, "a worker").epoch)
    return made


def again(store: ColdStore, path: Path) -> ColdStore:
    """Return the store as a process finds it that starts after this one died."""
    store.close()
    return opened(path, "file" if isinstance(store, FileStore) else "table")


def test_what_left_comes_back_once(store: ColdStore) -> None:
    leave(store, 10, "account/a", "account/ü")
    assert len(store) == 2
    assert store.holds(WATCH, "account/ü")
    assert come_back(store, 20, "account/ü", "account/c") == [away(10), None]
    assert come_back(store, 30, "account/ü") == [None]
    assert not store.holds(WATCH, "account/ü")
    assert len(store) == 1


def test_watches_do_not_mix(store: ColdStore) -> None:
    leave(store, 10, "account/a")
    leave(store, 10, "account/b", watch=OTHER)
    both = hashes(["account/a", "account/b"])
    assert store.may_hold(WATCH, both).tolist() == [True, False]
    assert store.may_hold(OTHER, both).tolist() == [False, True]
    assert store.may_hold("another", both).tolist() == [False, False]
    assert come_back(store, 20, "account/b") == [None]
    store.keep([WATCH])
    assert not store.holds(OTHER, "account/b")
    assert store.holds(WATCH, "account/a")


def test_what_left_is_there_after_a_crash(store: ColdStore, tmp_path: Path) -> None:
    leave(store, 10, "account/a")
    other = again(store, tmp_path)
    other.rewind(10)
    assert other.may_hold(WATCH, hashes(["account/a"])).all()
    assert come_back(other, 20, "account/a") == [away(10)]
    other.close()


@pytest.mark.parametrize("flushed", [True, False])
def test_what_came_back_after_the_snapshot_is_away_again(store: ColdStore, tmp_path: Path, flushed: bool) -> None:
    leave(store, 10, "account/a")
    come_back(store, 20, "account/a")
    if flushed:
        store.flush()
    other = again(store, tmp_path)
    other.rewind(15)
    assert come_back(other, 20, "account/a") == [away(10)]
    other.close()


def test_what_left_after_the_snapshot_is_not_away(store: ColdStore, tmp_path: Path) -> None:
    leave(store, 10, "account/a")
    come_back(store, 20, "account/a")
    leave(store, 30, "account/a", state=2)
    other = again(store, tmp_path)
    other.rewind(25)
    assert come_back(other, 26, "account/a") == [None]
    assert len(other) == 0
    other.close()


def test_it_leaves_again_as_it_is_then(store: ColdStore) -> None:
    leave(store, 10, "account/a")
    come_back(store, 20, "account/a")
    leave(store, 30, "account/a", state=2)
    assert store.least_mark(WATCH) == 30
    assert come_back(store, 40, "account/a") == [away(30, 2)]
    assert store.least_mark(WATCH) is None


def test_what_no_snapshot_needs_is_deleted(store: ColdStore) -> None:
    leave(store, 10, "account/a", "account/b")
    come_back(store, 20, "account/a")
    store.flush()
    store.purge(19)
    store.rewind(15)
    assert len(store) == 2
    come_back(store, 20, "account/a")
    store.flush()
    store.purge(20)
    store.rewind(15)
    assert not store.holds(WATCH, "account/a")
    assert store.holds(WATCH, "account/b")


def test_a_full_disk_keeps_nothing_by_halves(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "cold.db", synchronous="OFF")
    leave(store, 10, "account/a")
    come_back(store, 20, "account/a")
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    keys = [f"account/{number}" for number in range(5_000)]
    with pytest.raises(DiskFull):
        leave(store, 30, *keys)
    assert len(store) == 0
    assert not store.holds(WATCH, "account/1")
    store._connection.execute("PRAGMA max_page_count = 1000000")
    leave(store, 30, *keys)
    assert len(store) == 5_000


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cold.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ForewarnError, match="damaged"):
        FileStore(tmp_path / "cold.db")


def test_the_filter_misses_none_and_grows(store: ColdStore) -> None:
    keys = [f"account/{number}" for number in range(30_000)]
    for start in range(0, len(keys), 5_000):
        leave(store, 10, *keys[start : start + 5_000])
    assert store.may_hold(WATCH, hashes(keys)).all()
    strange = store.may_hold(WATCH, hashes([f"device/{number}" for number in range(30_000)]))
    assert strange.mean() < 0.01


def test_a_filter_errs_one_time_in_a_thousand() -> None:
    rng = np.random.default_rng(1)
    known = Filter(10_000)
    mine, others = (rng.integers(0, 2**64, 10_000, np.uint64) for _ in range(2))
    known.add(mine)
    assert known.may_hold(mine).all()
    assert known.may_hold(others).mean() < 0.003


def test_who_was_erased_is_not_kept(store: ColdStore) -> None:
    leave(store, 10, "account/a", "account/ab", "endpoint=/v1|account/a", "account/ü")
    come_back(store, 20, "account/ab")
    store.erase("account/a")
    assert come_back(store, 30, "account/a", "endpoint=/v1|account/a", "account/ü") == [None, None, away(10)]
    store.rewind(15)
    assert len(store) == 2
    assert store.holds(WATCH, "account/ab")


def test_a_partition_that_is_split_is_shared_out(store: ColdStore, tmp_path: Path) -> None:
    keys = [f"account/{number:04}" for number in range(2_500)]
    leave(store, 10, *keys, "account/\ud800")
    leave(store, 10, *keys[:5], watch=OTHER, state=2)
    come_back(store, 20, keys[0], "account/\ud800")
    other = FileStore(tmp_path / "other.db", synchronous="OFF")
    leave(other, 5, "account/before")
    other.inherit(store, lambda key: key < "account/2000")
    assert len(other) == 1_999 + 5
    assert not other.holds(WATCH, "account/before")
    assert other.take(OTHER, keys[4:6]) == [away(10, 2), None]
    other.rewind(0)
    store.retain(lambda key: key >= "account/2000")
    assert len(store) == 500
    assert store.may_hold(WATCH, hashes(keys[2_000:])).all()
    store.inherit(other, lambda _: True)
    assert len(store) == 2_004
    assert come_back(store, 30, keys[7], keys[2_300]) == [away(10), None]
    other.close()


def test_one_that_comes_back_and_leaves_within_a_batch_is_away_once(store: ColdStore) -> None:
    leave(store, 10, "account/a")
    come_back(store, 20, "account/a")
    leave(store, 20, "account/a", state=2)
    come_back(store, 20, "account/a")
    leave(store, 20, "account/a", state=3)
    assert len(store) == 1
    assert come_back(store, 30, "account/a") == [away(20, 3)]
    store.rewind(15)
    assert come_back(store, 20, "account/a") == [away(10)]


def test_whose_the_partition_was_can_no_longer_write(tmp_path: Path) -> None:
    old, new = opened(tmp_path, "table"), opened(tmp_path, "table")
    writes: Sequence[Callable[[], None]] = (
        lambda: leave(old, 10, "account/a"),
        lambda: old.rewind(0),
        lambda: old.purge(10),
        lambda: old.keep([WATCH]),
        lambda: old.erase("account/a"),
    )
    for write in writes:
        with pytest.raises(Fenced):
            write()
    leave(new, 10, "account/a")
    assert come_back(old, 20, "account/a") == [away(10)]
    with pytest.raises(Fenced):
        old.flush()
    assert new.holds(WATCH, "account/a")


def test_partitions_do_not_mix(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "forewarn.db", synchronous="OFF")
    first, second = (Tables(database).of(number) for number in (1, 2))
    for number, each in enumerate((first, second), 1):
        each.epoch = partial(int, take(database, PIPELINE, number, "a worker").epoch)
    leave(first, 10, "account/a")
    leave(second, 10, "account/a", "account/b", state=2)
    second.rewind(5)
    assert len(second) == 0
    assert not second.may_hold(WATCH, hashes(["account/a"])).any()
    assert come_back(first, 20, "account/a", "account/b") == [away(10), None]


def test_a_commit_whose_answer_was_lost_does_no_harm(tmp_path: Path) -> None:
    """The series was written down as away, nobody knows, and it stays in memory until it leaves again."""
    store = opened(tmp_path, "table")
    leave(store, 10, "account/a")
    leave(store, 20, "account/a", state=2)
    assert come_back(store, 30, "account/a") == [away(20, 2)]
    store.flush()
    assert len(store) == 0
    assert not store.holds(WATCH, "account/a")


def test_what_cannot_be_asked_in_the_middle_of_a_batch_tears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away_now(*_: object, **__: object) -> AbstractContextManager[None]:
        raise Retryable("no connection", place="the database")

    store = opened(tmp_path, "table")
    leave(store, 10, "account/a")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "reading", away_now)
        patch.setattr(Database, "transaction", away_now)
        with pytest.raises(Retryable):
            leave(store, 20, "account/b")
        for ask in (
            lambda: store.holds(WATCH, "account/a"),
            lambda: come_back(store, 20, "account/a"),
            lambda: store.may_hold(WATCH, hashes(["account/a"])),
            lambda: store.erase("account/a"),
        ):
            with pytest.raises(Torn, match="no connection; the partition starts again"):
                ask()
    assert come_back(store, 20, "account/a") == [away(10)]
