"""The series index: numbers by order of appearance, never one for two keys, growth without pauses."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.arrays import Growing
from engine.columnar import table as kernels
from engine.columnar.hashing import blob, murmur
from engine.columnar.index import SeriesIndex

KEYS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=30)


@given(st.lists(st.lists(KEYS, max_size=20), max_size=10))
@settings(deadline=None)
def test_numbers_are_those_of_a_dict(batches: list[list[str]]) -> None:
    index, known = SeriesIndex(), dict[str, int]()
    for batch in batches:
        expected = [known.setdefault(key, len(known)) for key in batch]
        assert index.lookup(batch).tolist() == expected
    assert len(index) == len(known)
    assert [index.key(number) for number in range(len(index))] == list(known)
    assert all(index.find(key) == number for key, number in known.items())


def test_many_keys_survive_growth_and_a_round_trip() -> None:
    index, keys = SeriesIndex(), [f"account/{i}" for i in range(60_000)]
    for start in range(0, len(keys), 7_000):
        index.lookup(keys[start : start + 7_000])
    assert index.lookup(keys).tolist() == list(range(60_000))
    other = SeriesIndex()
    other.lookup(["something else"])
    other.load({name: array.copy() for name, array in index.state().items()})
    assert other.lookup(keys[::-1]).tolist() == list(range(59_999, -1, -1))
    assert all((other.state()[name] == array).all() for name, array in index.state().items())


def one_hash() -> tuple[SeriesIndex, list[str], np.uint64]:
    """Return an index of three thousand keys that were handed in with one hash, which is the last."""
    index = SeriesIndex()
    tag = np.uint64(0xDEADBEEF)
    keys = [f"device/{i:05d}" for i in range(3_000)]
    index._keys.reserve(100_000)
    index._places.reserve(3_000)
    index._fresh.reserve(3_000)
    index._slots.reserve(64)
    index._about.reserve(64)
    for key in keys:
        data = blob(key)
        assert kernels.find(index._table(), data, 0, data.size, tag) == -1
        kernels.append(index._table(), data, 0, data.size, tag)
    return index, keys, tag


def test_keys_of_one_hash_are_told_apart() -> None:
    """No segment can hold all of them, so they are chained."""
    index, keys, tag = one_hash()
    found = [kernels.find(index._table(), blob(key), 0, len(key), tag) for key in keys]
    assert found == list(range(3_000))
    assert index._table().chained.max() > 0


def test_a_chain_is_searched_to_its_end_after_keys_left_it() -> None:
    index, keys, tag = one_hash()
    slots = index._table().slots
    for number in (0, 1_023, 1_500, 2_999, 5):
        segment = next(each for each in range(len(slots)) if (slots[each] & np.uint64(0xFFFFFFFF) == number + 1).any())
        assert kernels._take(index._table(), segment, (tag << np.uint64(32)) | np.uint64(number + 1))
        kernels._refill(index._table(), segment)
        keys[number] = ""
    found = [kernels.find(index._table(), blob(key), 0, len(key), tag) for key in keys if key]
    assert found == [number for number, key in enumerate(keys) if key]


@given(st.lists(st.tuples(st.lists(KEYS, max_size=12), st.sets(st.integers(0, 30), max_size=5)), max_size=12))
@settings(deadline=None)
def test_keys_leave_and_come_back(steps: list[tuple[list[str], set[int]]]) -> None:
    """As a dict and a stack of free numbers do, before and after a round trip."""
    index, known, free, count = SeriesIndex(), dict[str, int](), list[int](), 0
    for keys, leaving in steps:
        for key in keys:
            if key not in known:
                known[key] = free.pop() if free else count
                count = max(count, known[key] + 1)
        assert index.lookup(keys).tolist() == [known[key] for key in keys]
        gone = [number for number in leaving if number in known.values()]
        index.remove(np.array(gone, np.int32))
        known = {key: number for key, number in known.items() if number not in gone}
        free += gone
        assert (len(index), index.live) == (count, len(known))
        assert index.numbers().tolist() == sorted(known.values())
        other = SeriesIndex()
        other.load({name: array.copy() for name, array in index.state().items()})
        assert {key: other.find(key) for key in known} == known
        assert [other.key(number) for number in known.values()] == list(known)
        index = other


def test_room_of_keys_that_left_is_given_back() -> None:
    index = SeriesIndex()
    for start in range(0, 400_000, 20_000):
        index.remove(index.lookup([f"account/{i:020d}" for i in range(start, start + 20_000)]))
    assert index.live == 0
    assert index.nbytes < 6 << 20
    with pytest.raises(IndexError, match="there is no series 7: there are 0"):
        index.key(7)


def test_a_line_break_in_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        SeriesIndex().lookup(["account/a", "account/b\naccount/c"])


def test_a_number_without_a_series_is_refused() -> None:
    with pytest.raises(IndexError, match="there is no series 0"):
        SeriesIndex().key(0)


def test_no_keys_have_no_numbers() -> None:
    assert SeriesIndex().lookup([]).shape == (0,)


def test_memory_is_bounded() -> None:
    index = SeriesIndex()
    index.lookup([f"account/{i:08d}" for i in range(200_000)])
    assert index.nbytes / len(index) <= 45


def test_a_segment_at_a_time_is_rehashed() -> None:
    """The work of the worst batch is bounded by its own size, not by the number of series."""
    index, worst = SeriesIndex(), 0
    for start in range(0, 200_000, 1_000):
        before = int(index._counts[1])
        index.lookup([f"account/{i:08d}" for i in range(start, start + 1_000)])
        worst = max(worst, int(index._counts[1]) - before)
    assert worst < 64


@pytest.mark.nightly
def test_a_new_series_costs_no_pause() -> None:
    index, pauses = SeriesIndex(), []
    index.lookup(["warm"])
    for start in range(0, 1_000_000, 1_000):
        keys = [f"account/{i:08d}" for i in range(start, start + 1_000)]
        begin = time.perf_counter()
        index.lookup(keys)
        pauses.append(time.perf_counter() - begin)
    assert max(pauses) < 0.02


def test_the_hash_is_murmur3() -> None:
    """Vectors of other implementations (Guava, mmh3)."""
    vectors = {
        "": "00000000000000000000000000000000",
        "hello": "cbd8a7b341bd9b025b1e906a48ae1d19",
        "hello, world": "342fac623a5ebc8e4cdcbc079642414d",
        "The quick brown fox jumps over the lazy dog.": "cd99481f9ee902c9695da1a38987b6e7",
    }
    for text, expected in vectors.items():
        data = blob(text)
        assert "{:016x}{:016x}".format(*murmur(data.ctypes.data, data.size)) == expected


def test_an_array_grows_while_a_view_of_it_is_held() -> None:
    rows = Growing(np.int64)
    rows.reserve(10)
    rows.array[:10] = 7
    held = rows.array[:10]
    rows.reserve(100_000)
    rows.array[0] = 8
    assert held.tolist() == [7] * 10
    assert rows.array[:10].tolist() == [8] + [7] * 9
    assert rows.array[99_999] == 0


def test_saved_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="another configuration"):
        Growing(np.float64, 3).fill(np.zeros((2, 4)))
