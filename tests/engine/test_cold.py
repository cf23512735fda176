"""What is kept of series that are away: durable before it is needed, and turned back with the log."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.cold import Away, ColdStore, Leaving
from engine.columnar.filter import Filter
from engine.columnar.index import SeriesIndex
from engine.embedded import DiskFull
from engine.errors import ForewarnError

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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ColdStore]:
    made = ColdStore(tmp_path / "cold.db")
    yield made
    made.close()


def again(store: ColdStore, path: Path) -> ColdStore:
    """Return the store as a process finds it that starts after this one died."""
    store.close()
    return ColdStore(path / "cold.db")


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


def test_a_full_disk_keeps_nothing_by_halves(store: ColdStore) -> None:
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
        ColdStore(tmp_path / "cold.db")


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
