import math
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from structlog.testing import capture_logs

from engine.errors import CorruptSnapshot, ForewarnError, Retryable
from engine.snapshots import Snapshot, Snapshots, copied, load

ROW = np.dtype([("level", "<f8"), ("seen", "<i4"), ("ring", "<f4", (3,)), ("on", "?")])
ALIGNED = np.dtype([("flag", "u1"), ("value", "<f8")], align=True)


def rows(count: int) -> NDArray[Any]:
    made = np.zeros(count, ROW)
    made["level"] = np.arange(count) / 3
    made["ring"] = np.arange(3 * count).reshape(count, 3)
    return made


def state(number: int) -> dict[str, NDArray[Any]]:
    return {"rows": rows(10), "index": np.full(100, number, np.uint64), "none": np.zeros((0, 4))}


def newest(snapshots: Snapshots) -> Snapshot:
    found = snapshots.latest(0)
    assert found is not None
    return found


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "snapshots")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_there_is_none_at_first(snapshots: Snapshots) -> None:
    assert snapshots.latest(0) is None


def test_everything_comes_back_bit_for_bit(snapshots: Snapshots) -> None:
    arrays = {
        "rows": rows(7),
        "aligned": np.array([(1, 2.5), (0, -0.0)], ALIGNED),
        "nan": np.array([math.nan, math.inf, -0.0]),
        "empty": np.zeros((3, 0), "<i2"),
        "scalar": np.array(5, np.int8),
        "square": np.arange(12).reshape(3, 4).T,
        "gaps": np.arange(20)[::3],
        "text": np.array(["grüß", ""]),
        "time": np.array(["2024-01-01"], "datetime64[s]"),
    }
    meta = {"watermark": 0.1 + 0.2, "low": -math.inf, "names": ["account/ä"], "nested": {"a": None}}
    snapshots.write(3, 10**15, arrays, meta)
    found = snapshots.latest(3)
    assert found is not None
    assert (found.partition, found.offset, found.meta, found.skipped) == (3, 10**15, meta, ())
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        got = found.arrays[name]
        assert (got.dtype, got.shape) == (array.dtype, array.shape)
        assert got.tobytes() == array.tobytes()
        assert got.flags.writeable


def test_no_arrays_are_a_snapshot_too(snapshots: Snapshots) -> None:
    snapshots.write(0, 1, {}, {"a": 1})
    found = newest(snapshots)
    assert (found.arrays, found.meta) == ({}, {"a": 1})


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.array([{}, None], object), "Python objects"),
        (np.zeros(2, [("a", "<f8"), ("b", object)]), "Python objects"),
        (np.zeros(2, ">f8"), "big-endian"),
        (np.zeros(2, [("a", "<f8"), ("b", ">i4")]), "big-endian"),
    ],
)
def test_what_could_not_come_back_is_refused(snapshots: Snapshots, array: NDArray[Any], why: str) -> None:
    with pytest.raises(ValueError, match=f"array 'x' .*{why}"):
        snapshots.write(0, 1, {"x": array}, {})
    assert snapshots.latest(0) is None


def test_the_offsets_of_those_that_are_kept_are_known(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, keep=2)
    assert snapshots.offsets(0) == []
    for offset in (5, 30, 20):
        snapshots.write(0, offset, state(1), {})
    assert snapshots.offsets(0) == [20, 30]
    assert snapshots.offsets(1) == []


def test_the_newest_few_are_kept_of_each_partition(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, keep=2)
    written = [snapshots.write(0, offset, state(offset), {}) for offset in (9, 10, 100)]
    other = snapshots.write(1, 5, state(5), {})
    assert sorted(tmp_path.iterdir()) == sorted([*written[1:], other])
    assert newest(snapshots).offset == 100


def test_the_one_written_last_is_the_newest_whatever_its_offset(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, keep=1)
    snapshots.write(0, 100, state(100), {})
    snapshots.write(0, 90, state(90), {})
    assert newest(snapshots).offset == 90


def test_at_least_one_must_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Snapshots(tmp_path, keep=0)


def test_copies_do_not_follow_the_original(snapshots: Snapshots) -> None:
    original = state(1)
    frozen = copied(original)
    original["index"][:] = 2
    assert_array_equal(frozen["index"], np.full(100, 1, np.uint64))
    snapshots.write(0, 1, original, {}, copy=True)
    assert_array_equal(newest(snapshots).arrays["index"], original["index"])


def test_a_damaged_newest_one_is_skipped_and_said(snapshots: Snapshots) -> None:
    snapshots.write(0, 1, state(1), {})
    path = snapshots.write(0, 2, state(2), {})
    path.write_bytes(path.read_bytes()[:-1])
    with capture_logs() as logs:
        found = newest(snapshots)
    assert found.offset == 1
    assert_array_equal(found.arrays["index"], state(1)["index"])
    (reason,) = found.skipped
    assert reason.startswith(f"{path}: ")
    assert "bytes instead of" in reason
    assert [(log["log_level"], log["path"]) for log in logs] == [("warning", str(path))]


def test_when_all_are_damaged_there_is_none_and_each_is_said(snapshots: Snapshots) -> None:
    for number in (1, 2):
        snapshots.write(0, number, state(number), {}).write_bytes(b"")
    with capture_logs() as logs:
        assert snapshots.latest(0) is None
    assert len(logs) == 2


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Snapshots(tmp_path_factory.mktemp("whole")).write(0, 7, state(7), {"watermark": 1.5})


@pytest.fixture(scope="module")
def whole(path: Path) -> bytes:
    return path.read_bytes()


def same_or_refused(path: Path) -> bool:
    """Return whether the file was refused; a difference in what it gives fails."""
    try:
        found = load(path)
    except CorruptSnapshot:
        return True
    assert (found.partition, found.offset, found.meta) == (0, 7, {"watermark": 1.5})
    for name, array in state(7).items():
        assert_array_equal(found.arrays[name], array)
    return False


def test_a_file_cut_off_anywhere_is_refused(path: Path, whole: bytes) -> None:
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert same_or_refused(path), length


def test_a_flipped_bit_anywhere_gives_the_same_or_is_refused(path: Path, whole: bytes) -> None:
    harmless = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        harmless += not same_or_refused(path)
    assert harmless < 64 * 3  # the bytes between the arrays


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_any_other_bytes_in_the_middle_are_refused(path: Path, whole: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(whole)))
    mixed = whole[:start] + data.draw(st.binary(max_size=200)) + whole[data.draw(st.integers(start, len(whole))) :]
    path.write_bytes(mixed)
    assert same_or_refused(path) or len(mixed) == len(whole)


def test_a_full_disk_is_retryable_and_leaves_the_older_ones(snapshots: Snapshots, tmp_path: Path) -> None:
    path = snapshots.write(0, 1, state(1), {})
    with largest_file(4096), pytest.raises(Retryable, match=r"snapshots: File too large; free some space"):
        snapshots.write(0, 2, {"large": np.ones(100_000)}, {})
    assert list(path.parent.iterdir()) == [path]
    assert newest(snapshots).offset == 1
    assert (snapshots.write(0, 3, state(3), {})).exists()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"")
    with pytest.raises(ForewarnError, match=r"file: File exists; check folder") as raised:
        Snapshots(place).write(0, 1, state(1), {})
    assert not isinstance(raised.value, Retryable)


def test_what_a_crash_left_half_written_is_neither_used_nor_kept(snapshots: Snapshots) -> None:
    path = snapshots.write(0, 1, state(1), {})
    half = path.with_name("p00000-0000000002-2.tmp")
    half.write_bytes(path.read_bytes()[:100])
    assert newest(snapshots).skipped == ()
    snapshots.write(0, 3, state(3), {})
    assert not half.exists()


def test_a_snapshot_is_an_ordinary_file(snapshots: Snapshots) -> None:
    assert stat.S_ISREG(snapshots.write(0, 1, {}, {}).stat().st_mode)


WRITER = """
import sys, numpy as np
from engine.snapshots import Snapshots
snapshots = Snapshots(sys.argv[1])
for number in range(1, 1_000_000):
    snapshots.write(0, number, {"x": np.full(50_000, number)}, {"number": number})
    print(number, flush=True)
"""


def test_a_writer_killed_anywhere_leaves_what_it_had_written(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(10)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout.read().split()]
    found = newest(Snapshots(tmp_path))
    assert found.offset in {told[-1], told[-1] + 1}
    assert found.skipped == ()
    assert_array_equal(found.arrays["x"], np.full(50_000, found.offset))
