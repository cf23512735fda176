"""Rows go on lanes and back as they are, however many there are."""

from typing import Any

import numpy as np
import pytest

from detectors.compiled import compiled
from detectors.crossing import crossing
from detectors.lanes import LANES

FIELDS = tuple(f"field{number}" for number in range(13))
KEPT = (*FIELDS[:12], "four")
ROW = np.dtype([("time", "f8"), *((name, "f4") for name in FIELDS[:12]), ("four", "f4", 4), ("rest", "u1", 3)])
LEAN = np.dtype([("own", "f4", LANES), *((name, "f4", LANES) for name in FIELDS[:12]), ("four", "f4", (4, LANES))])
WIDE = np.dtype([("series", "i8", LANES)])
take_out, put_back, take_one, put_one = crossing(ROW, LEAN, KEPT)


@compiled
def there(state: Any, work: Any, memory: Any, count: int, *, alone: bool) -> None:
    """Put rows on lanes."""
    rows, wide, lean = state.view(ROW), work.view(WIDE)[0], memory.view(LEAN)[0]
    if alone:
        take_one(rows, wide.series, count, lean)
    else:
        take_out(rows, wide.series, count, lean)


@compiled
def back(state: Any, work: Any, memory: Any, count: int, *, alone: bool) -> None:
    """Write lanes to rows."""
    rows, wide, lean = state.view(ROW), work.view(WIDE)[0], memory.view(LEAN)[0]
    if alone:
        put_one(rows, wide.series, count, lean)
    else:
        put_back(rows, wide.series, count, lean)


def filled(seed: int) -> tuple[Any, Any, Any]:
    """Return rows of random bytes, the series in the lanes, and lanes."""
    rng = np.random.default_rng(seed)
    rows = np.frombuffer(rng.bytes(100 * ROW.itemsize), np.uint8).copy()
    wide = np.zeros(1, WIDE)
    wide["series"][0] = rng.permutation(100)[:LANES]
    return rows, wide.view(np.uint8), np.zeros(LEAN.itemsize, np.uint8)


def bits(rows: Any, name: str) -> Any:
    """Return a field as bits, as any are kept."""
    return np.ascontiguousarray(rows[name]).view(np.uint32)


@pytest.mark.parametrize("count", [1, 7, 8, 13, LANES])
def test_lanes_hold_what_rows_hold(count: int) -> None:
    rows, wide, lean = filled(count)
    there(rows, wide, lean, count, alone=False)
    series = wide.view(WIDE)["series"][0][:count]
    for name in FIELDS[:12]:
        assert (bits(lean.view(LEAN), name)[0, :count] == bits(rows.view(ROW), name)[series]).all()
    assert (bits(rows.view(ROW), "four")[series] == bits(lean.view(LEAN), "four")[0, :, :count].T).all()


@pytest.mark.parametrize("count", [1, 7, 8, 13, LANES])
def test_what_is_put_back_is_written_to_its_rows_only(count: int) -> None:
    rows, wide, lean = filled(count)
    before, series = rows.copy(), wide.view(WIDE)["series"][0]
    there(rows, wide, lean, LANES, alone=False)
    rows.view(ROW)["field3"] = rows.view(ROW)["four"] = 0.0
    back(rows, wide, lean, count, alone=False)
    same = (rows.reshape(100, -1) == before.reshape(100, -1)).all(axis=1)
    assert same[series[:count]].all()
    assert not same[np.setdiff1d(np.arange(100), series[:count])].any()


def test_a_lane_alone_goes_there_and_back() -> None:
    rows, wide, lean = filled(3)
    before, series = rows.copy(), wide.view(WIDE)["series"][0]
    there(rows, wide, lean, 5, alone=True)
    rows.view(ROW)["field1"] = 0.0
    back(rows, wide, lean, 5, alone=True)
    same = (rows.reshape(100, -1) == before.reshape(100, -1)).all(axis=1)
    assert same.nonzero()[0].tolist() == [series[5]]


@pytest.mark.parametrize(("fields", "words"), [(("field1", "field0"), "follow"), (KEPT[:9], "multiple of 8")])
def test_fields_that_are_not_side_by_side_are_refused(fields: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        crossing(ROW, LEAN, fields)
