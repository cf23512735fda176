import json
import math
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from structlog.testing import capture_logs

from engine import archive
from engine.archive import NewerFormat, Snapshot, copied, load, save
from engine.blobs.base import Blobs
from engine.blobs.folder import LEFT_OVER, Folder
from engine.blobs.table import Table
from engine.errors import CorruptSnapshot, ForewarnError, Retryable
from engine.snapshots import Snapshots
from engine.store.database import Database
from tests.bucket import Bucket

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
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture(params=["folder", "bucket", "sqlite", "postgres"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> Iterator[Blobs]:
    """Every kind of store."""
    with ExitStack() as stack:
        match request.param:
            case "folder":
                yield Folder(folder)
            case "bucket":
                yield Bucket.at(tmp_path.name)
            case kind:
                url = request.getfixturevalue("postgres") if kind == "postgres" else str(tmp_path / "forewarn.db")
                yield Table(stack.enter_context(closing(Database.open(url))), "snapshots/")


@pytest.fixture
def snapshots(blobs: Blobs) -> Snapshots:
    return Snapshots(blobs)


def damaged(blobs: Blobs, name: str, data: bytes) -> None:
    """Put other bytes in place of a blob's."""
    blobs.delete(name)
    blobs.write(name, [data])


def content(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as file:
        return file.read()


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


def test_the_offsets_of_those_that_are_kept_are_known(blobs: Blobs) -> None:
    snapshots = Snapshots(blobs, keep=2)
    assert snapshots.offsets(0) == []
    for offset in (5, 30, 20):
        snapshots.write(0, offset, state(1), {})
    assert snapshots.offsets(0) == [20, 30]
    assert snapshots.offsets(1) == []


def test_the_newest_few_are_kept_of_each_partition(blobs: Blobs) -> None:
    snapshots = Snapshots(blobs, keep=2)
    written = [snapshots.write(0, offset, state(offset), {}) for offset in (9, 10, 100)]
    other = snapshots.write(1, 5, state(5), {})
    assert blobs.names() == sorted([*written[1:], other])
    assert newest(snapshots).offset == 100


def test_the_one_written_last_is_the_newest_whatever_its_offset(blobs: Blobs) -> None:
    snapshots = Snapshots(blobs, keep=1)
    snapshots.write(0, 100, state(100), {})
    snapshots.write(0, 90, state(90), {})
    assert newest(snapshots).offset == 90


def test_at_least_one_must_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Snapshots(Folder(tmp_path), keep=0)


def test_one_that_lost_the_partition_hides_nothing_of_its_successor(blobs: Blobs) -> None:
    """Both write as if the other were not there, the successor under a later epoch."""
    zombie, successor = Snapshots(blobs, keep=2), Snapshots(blobs, keep=2)
    zombie.write(0, 10, state(1), {}, epoch=1)
    successor.write(0, 20, state(2), {}, epoch=2)
    zombie.write(0, 90, state(3), {}, epoch=1)
    assert newest(successor).offset == 20
    successor.write(0, 30, state(4), {}, epoch=2)
    for offset in (91, 92, 93):
        zombie.write(0, offset, state(3), {}, epoch=1)
    assert successor.offsets(0) == [30, 20]
    assert newest(Snapshots(blobs)).offset == 30


def test_both_may_write_the_same_offset_under_the_same_number(blobs: Blobs) -> None:
    names = {Snapshots(blobs).write(0, 20, state(epoch), {}, epoch=epoch) for epoch in (10, 9)}
    assert len(names) == 2
    assert_array_equal(newest(Snapshots(blobs)).arrays["index"], state(10)["index"])


def test_one_of_an_engine_without_epochs_is_older_than_any_with(blobs: Blobs) -> None:
    snapshots = Snapshots(blobs)
    name = snapshots.write(0, 7, state(1), {})
    assert name == "p00000-0000000001-7.snapshot"
    assert newest(snapshots).offset == 7
    snapshots.write(0, 5, state(2), {}, epoch=1)
    assert snapshots.offsets(0) == [5, 7]


def test_what_else_lies_there_is_left_alone(blobs: Blobs) -> None:
    for name in ("p00000-note.txt", "p00000-0000000009-9.snapshot.old"):
        blobs.write(name, [b""])
    Snapshots(blobs, keep=1).write(0, 1, state(1), {})
    assert newest(Snapshots(blobs)).skipped == ()
    assert len(blobs.names()) == 3


def formatted(patch: pytest.MonkeyPatch, number: int | None) -> None:
    """Let manifests be written with another format, or as the first engines did, with none."""
    dumps = json.dumps

    def other(head: dict[str, Any]) -> str:
        kept = {key: value for key, value in head.items() if key != "format"}
        return dumps(kept if number is None else kept | {"format": number})

    patch.setattr(json, "dumps", other)


def test_a_manifest_without_a_format_is_read(snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        formatted(patch, None)
        snapshots.write(0, 1, state(1), {})
    assert newest(snapshots).offset == 1


def test_a_newer_format_than_ours_is_refused_and_nothing_older_is_used(
    snapshots: Snapshots, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.write(0, 1, state(1), {})
    with monkeypatch.context() as patch:
        formatted(patch, 2)
        name = snapshots.write(0, 2, state(2), {})
    with pytest.raises(NewerFormat) as raised:
        snapshots.latest(0)
    assert raised.value.place == blobs.place(name)
    assert raised.value.cause == "its format (2) is newer than this version knows (1)"
    assert raised.value.remedy == "install the version that wrote it, or a later one"


def test_one_that_goes_while_it_is_looked_for_is_passed_over(
    snapshots: Snapshots, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.write(0, 1, state(1), {})
    gone = snapshots.write(0, 2, state(2), {})
    names = blobs.names("p00000-")
    blobs.delete(gone)
    monkeypatch.setattr(blobs, "names", lambda prefix: names)
    assert (newest(snapshots).offset, newest(snapshots).skipped) == (1, ())


def test_an_old_one_that_cannot_be_deleted_is_said_and_goes_with_the_next(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(blobs, keep=1)
    first = snapshots.write(0, 1, state(1), {})

    def away(name: str) -> None:
        raise Retryable("away", place=name)

    with monkeypatch.context() as patch, capture_logs() as logs:
        patch.setattr(blobs, "delete", away)
        snapshots.write(0, 2, state(2), {})
    assert [(log["log_level"], log["path"], log["cause"]) for log in logs] == [("warning", first, "away")]
    assert snapshots.offsets(0) == [2, 1]
    snapshots.write(0, 3, state(3), {})
    assert snapshots.offsets(0) == [3]


def test_copies_do_not_follow_the_original(snapshots: Snapshots) -> None:
    original = state(1)
    frozen = copied(original)
    original["index"][:] = 2
    assert_array_equal(frozen["index"], np.full(100, 1, np.uint64))
    snapshots.write(0, 1, original, {}, copy=True)
    assert_array_equal(newest(snapshots).arrays["index"], original["index"])


def test_a_damaged_newest_one_is_skipped_and_said(snapshots: Snapshots, blobs: Blobs) -> None:
    snapshots.write(0, 1, state(1), {})
    name = snapshots.write(0, 2, state(2), {})
    damaged(blobs, name, content(blobs, name)[:-1])
    with capture_logs() as logs:
        found = newest(snapshots)
    assert found.offset == 1
    assert_array_equal(found.arrays["index"], state(1)["index"])
    (reason,) = found.skipped
    assert reason.startswith(f"{blobs.place(name)}: ")
    assert "bytes instead of" in reason
    assert [(log["log_level"], log["path"]) for log in logs] == [("warning", blobs.place(name))]


def test_when_all_are_damaged_there_is_none_and_each_is_said(snapshots: Snapshots, blobs: Blobs) -> None:
    for number in (1, 2):
        damaged(blobs, snapshots.write(0, number, state(number), {}), b"")
    with capture_logs() as logs:
        assert snapshots.latest(0) is None
    assert len(logs) == 2


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    return folder / Snapshots(Folder(folder)).write(0, 7, state(7), {"watermark": 1.5})


@pytest.fixture(scope="module")
def whole(path: Path) -> bytes:
    return path.read_bytes()


def same_or_refused(path: Path) -> bool:
    """Return whether the file was refused; a difference in what it gives fails."""
    try:
        found = load(Folder(path.parent), path.name)
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


def test_a_full_disk_is_retryable_and_leaves_the_older_ones(folder: Path) -> None:
    snapshots = Snapshots(Folder(folder))
    name = snapshots.write(0, 1, state(1), {})
    with largest_file(4096), pytest.raises(Retryable, match=r"snapshots: File too large; free some space"):
        snapshots.write(0, 2, {"large": np.ones(100_000)}, {})
    assert [path.name for path in folder.iterdir()] == [name]
    assert newest(snapshots).offset == 1
    assert (folder / snapshots.write(0, 3, state(3), {})).exists()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"")
    with pytest.raises(ForewarnError, match=r"file: Not a directory; check folder") as raised:
        Snapshots(Folder(place)).write(0, 1, state(1), {})
    assert not isinstance(raised.value, Retryable)


def test_what_a_crash_left_half_written_is_not_used_and_in_time_not_kept(folder: Path) -> None:
    snapshots = Snapshots(Folder(folder))
    name = snapshots.write(0, 1, state(1), {})
    half = folder / "p00000-0000000002-2.tmp"
    half.write_bytes((folder / name).read_bytes()[:100])
    assert newest(snapshots).skipped == ()
    snapshots.write(0, 3, state(3), {})
    assert half.exists(), "it may be another's that is being written"
    old = half.stat().st_mtime - LEFT_OVER - 60
    os.utime(half, (old, old))
    snapshots.write(0, 4, state(4), {})
    assert not half.exists()


def test_a_snapshot_is_an_ordinary_file(folder: Path) -> None:
    assert stat.S_ISREG((folder / Snapshots(Folder(folder)).write(0, 1, {}, {})).stat().st_mode)


def test_an_archive_says_what_is_in_it(blobs: Blobs) -> None:
    save(blobs, "a", 3, 9, state(1), {"at": 1.5})
    assert archive.describe(blobs, "a") == (3, 9, {"at": 1.5}, len(content(blobs, "a")))


WRITER = """
import sys, numpy as np
from engine.blobs.folder import Folder
from engine.snapshots import Snapshots
snapshots = Snapshots(Folder(sys.argv[1]))
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
    found = newest(Snapshots(Folder(tmp_path)))
    assert found.offset in {told[-1], told[-1] + 1}
    assert found.skipped == ()
    assert_array_equal(found.arrays["x"], np.full(50_000, found.offset))
