"""RFC 3339 date-times, against Python's own reading of them."""

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.columnar.times import epoch, epochs, rfc3339


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("1970-01-01t00:00:00z", 0.0),
        ("1970-01-01 00:00:00Z", 0.0),
        ("1969-12-31T23:59:59Z", -1.0),
        ("2024-02-29T12:00:00+05:30", 1709188200.0),
        ("2024-02-29T12:00:00-00:30", 1709209800.0),
        ("2000-02-29T00:00:00Z", 951782400.0),
        ("0000-03-01T00:00:00Z", -62162035200.0),
        ("9999-12-31T23:59:59Z", 253402300799.0),
        ("1970-01-01T00:00:00.5Z", 0.5),
        ("1970-01-01T00:00:00.123456789123456789Z", 0.123456789123),
        ("2016-12-31T23:59:60Z", 1483228799.999999),
        ("2017-01-01T00:59:60+01:00", 1483228799.999999),
    ],
)
def test_valid(text: str, expected: float) -> None:
    assert epoch(text) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z",
        "2024-01-00T00:00:00Z",
        "2024-01-32T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:61Z",
        "2024-01-01T12:00:60Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.5",
        "2024-01-01T00:00:00+1:00",
        "2024-01-01T00:00:00+0100",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+00:60",
        "2024-01-01T00:00:00ZZ",
        "2024-01-01X00:00:00Z",
        "2024/01/01T00:00:00Z",
        "-024-01-01T00:00:00Z",
        "２024-01-01T00:00:00Z",
        " 2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        "\n",
        "\ud800",
    ],
)
def test_invalid(text: str) -> None:
    assert math.isnan(epoch(text))


def test_a_line_break_in_one_text_does_not_shift_the_others() -> None:
    found = epochs(["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z\n1970-01-01T00:00:03Z", "1970-01-01T00:00:04Z"])
    assert np.array_equal(found, [1.0, np.nan, 4.0], equal_nan=True)


def test_none() -> None:
    assert epochs([]).tolist() == []


zones = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.lists(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=zones), max_size=5))  # noqa: DTZ001
@settings(max_examples=200, deadline=None)
def test_as_python_reads_them(moments: list[datetime]) -> None:
    found = epochs([moment.isoformat() for moment in moments])
    assert found.tolist() == pytest.approx([moment.timestamp() for moment in moments], abs=1e-4)


@given(st.floats(-62_135_596_800, 253_402_300_799))
@settings(deadline=None)
def test_round_trip(seconds: float) -> None:
    assert epoch(rfc3339(seconds)) == pytest.approx(seconds, abs=5e-5)
    assert datetime.fromisoformat(rfc3339(seconds)).tzinfo == UTC


@pytest.mark.parametrize("seconds", [1e12, -1e12])
def test_out_of_range(seconds: float) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        rfc3339(seconds)


@given(st.text(max_size=40))
@settings(deadline=None)
def test_rubbish_is_no_time_or_a_finite_one(text: str) -> None:
    assert not math.isinf(epoch(text))
