"""Recordings are read whole, in parts, whatever they are packed in; what is broken is told with its place."""

import gzip
import json
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError, ForewarnError
from engine.recordings.chunks import chunks
from engine.recordings.recording import LINES, LONGEST, Part, Recording, lines_of
from engine.recordings.tabular import Template, moment

CSV = "timestamp,account,status\n2025-01-01 00:00,acme,503\n"
MAPPED = {"type": Template.parse("api.request"), "subject": Template.parse("account/{account}")}


def parts(path: Path, **given: Any) -> list[Part]:
    return list(Recording(path, **given).parts(0.0))


def events(found: list[Part]) -> list[dict[str, Any]]:
    return [json.loads(line) for part in found for line in part.payload.split(b"\n") if line.strip()]


def saved(tmp_path: Path, content: bytes | str, name: str = "events") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("packed", [bytes, gzip.compress, zstandard.compress])
def test_what_a_file_is_packed_in_makes_no_difference(tmp_path: Path, packed: Any) -> None:
    lines = [json.dumps({"id": str(number)}) for number in range(25_000)]
    found = parts(saved(tmp_path, packed("\n".join(lines).encode())))
    assert [event["id"] for event in events(found)] == [str(number) for number in range(25_000)]
    assert [part.first for part in found] == [1, LINES + 1, 2 * LINES + 1]


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress])
def test_several_packed_pieces_in_a_row_are_one_file(tmp_path: Path, packed: Any) -> None:
    assert len(events(parts(saved(tmp_path, packed(b'{"id":"1"}\n') + packed(b'{"id":"2"}\n'))))) == 2


@pytest.mark.parametrize("packed", [gzip.compress, zstandard.compress])
def test_a_packed_file_that_breaks_off_is_told(tmp_path: Path, packed: Any) -> None:
    noise = random.Random(1)
    whole = packed("\n".join(json.dumps({"id": noise.random()}) for _ in range(1000)).encode())
    for cut in (len(whole) // 2, len(whole) - 1, 12):
        with pytest.raises(ForewarnError, match="broken"):
            parts(saved(tmp_path, whole[:cut]))


def test_a_damaged_packed_file_is_told(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(b"{}\n" * 1000))
    damaged[20] ^= 0xFF
    with pytest.raises(ForewarnError, match="the gzip file is broken"):
        parts(saved(tmp_path, bytes(damaged)))


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\x7fELF\x00\x01", "is no text: byte 4 is zero"), (b'[{"id": 1}]', "JSON array"), (b"  \n[1]", "JSON array")],
)
def test_what_is_no_recording_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(ForewarnError, match=told):
        parts(saved(tmp_path, content))


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ForewarnError, match="No such file"):
        parts(tmp_path / "nowhere")
    with pytest.raises(ForewarnError, match="directory"):
        parts(tmp_path)


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    assert events(parts(saved(tmp_path, ""))) == []


def test_a_line_without_end_is_cut() -> None:
    found = list(lines_of([b"x" * LONGEST] * 5 + [b"\nshort\n"]))
    assert [len(line) for line in found] == [LONGEST, 5]


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_how_blocks_are_cut(content: bytes, cuts: list[int]) -> None:
    ends = sorted({0, *cuts, len(content)})
    blocks = [content[start:end] for start, end in pairwise(ends)]
    lines = content.split(b"\n")
    assert list(lines_of(blocks)) == (lines if lines[-1] else lines[:-1])


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    [event] = events(parts(saved(tmp_path, CSV, "calls.csv"), mapping=MAPPED))
    assert event.pop("id").startswith("calls.csv:2:")
    assert event == {
        "source": "file/calls.csv",
        "type": "api.request",
        "time": "2025-01-01T00:00:00Z",
        "subject": "account/acme",
        "data": {"status": 503},
    }


def test_mapped_fields_are_the_only_ones_and_may_be_nested(tmp_path: Path) -> None:
    mapping = MAPPED | {"data.http.status": Template.parse("{status}")}
    [event] = events(parts(saved(tmp_path, CSV), mapping=mapping))
    assert event["data"] == {"http": {"status": "503"}}


def test_the_same_row_has_the_same_id_and_another_has_another(tmp_path: Path) -> None:
    both = [saved(tmp_path, CSV, "a.csv"), saved(tmp_path, CSV.replace("503", "504"), "a.csv")]
    first = events(list(Recording(saved(tmp_path, CSV, "a.csv"), "auto", MAPPED).parts(0.0)))
    again = events(list(Recording(saved(tmp_path, CSV, "a.csv"), "auto", MAPPED).parts(9.0)))
    other = events(list(Recording(saved(tmp_path, CSV.replace("503", "504"), "a.csv"), "auto", MAPPED).parts(0.0)))
    assert both[0] == both[1]
    assert first[0]["id"] == again[0]["id"] != other[0]["id"]


BAD = (
    "timestamp,account,status\n"
    "2025-01-01T00:00:00Z,acme,1\n"
    "yesterday,acme,2\n"
    '2025-01-01T00:00:00Z,"two\nlines",3\n'
    "\n"
    "2025-01-01T00:00:00Z,acme\n"
    "2025-01-01T00:00:00Z,acme,4\n"
)


def test_bad_rows_are_told_by_line_and_good_ones_keep_theirs(tmp_path: Path) -> None:
    mapping = {"type": Template.parse("t"), "subject": Template.column("account")}
    [part] = parts(saved(tmp_path, BAD, "b.csv"), mapping=mapping)
    assert [(letter.origin, letter.detail) for letter in part.bad] == [
        ("b.csv:3", "time: 'yesterday' is no time"),
        ("b.csv:7", "2 columns, the header has 3"),
    ]
    lines = part.payload.split(b"\n")
    placed = {part.first + place: json.loads(line)["data"]["status"] for place, line in enumerate(lines) if line}
    assert placed == {2: 1, 4: 3, 8: 4}


def test_bytes_that_are_no_text_are_a_bad_row(tmp_path: Path) -> None:
    [part] = parts(saved(tmp_path, CSV.encode() + b"2025-01-01,\xff\xfe,1\n"), mapping=MAPPED)
    assert [letter.detail for letter in part.bad] == ["no valid UTF-8"]


def test_a_quotation_mark_left_open_spoils_its_part_only(tmp_path: Path) -> None:
    rows = "2025-01-01,acme,1\n" * 20_000
    found = parts(saved(tmp_path, CSV + '2025-01-01,"acme,1\n' + rows), mapping=MAPPED)
    bad = [letter for part in found for letter in part.bad]
    assert "quotation mark" in bad[0].detail
    assert len(events(found)) > 5_000


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_seen(tmp_path: Path, delimiter: str) -> None:
    [event] = events(parts(saved(tmp_path, CSV.replace(",", delimiter)), mapping=MAPPED))
    assert event["subject"] == "account/acme"


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"time": Template.column("timestmp")}, "no column 'timestmp' for time; did you mean \"timestamp\""),
        ({"tiem": Template.column("status")}, "nothing of an event is called 'tiem'; did you mean \"time\""),
        ({"data.": Template.column("status")}, "nothing of an event is called"),
        ({}, "no column gives the type"),
        ({"type": Template.parse("t")}, "no column gives the subject"),
    ],
)
def test_a_mapping_that_does_not_fit_is_told(tmp_path: Path, mapping: dict[str, Template], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parts(saved(tmp_path, CSV), mapping=mapping)


@pytest.mark.parametrize(
    ("head", "told"), [("a,a\n1,2\n", "two columns are called 'a'"), ("\n1,2\n", "is empty"), ("", "is empty")]
)
def test_a_header_that_cannot_be_used_is_told(tmp_path: Path, head: str, told: str) -> None:
    with pytest.raises(ForewarnError, match=told):
        parts(saved(tmp_path, head), form="csv")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1970-01-01", 0.0),
        ("1970-01-01 00:00:00.5", 0.5),
        ("1e3", 1000.0),
        ("1700000000000", 1.7e9),
        ("1700000000000000", 1.7e9),
        ("1700000000000000000", 1.7e9),
    ],
)
def test_times_as_files_write_them(text: str, seconds: float) -> None:
    assert moment(text) == seconds


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e300", "-9e10", "2025-02-30", "12:00"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert math.isnan(moment(text))


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_is_none(text: str) -> None:
    assert isinstance(moment(text), float)


def test_a_date_that_is_far_off_does_not_cost_the_work_of_decades(tmp_path: Path) -> None:
    """Ordinary silence is gone through in full; of one of years, a piece is a small part of what came before it."""
    path = tmp_path / "e.ndjson"
    times = ["1970-01-01T00:00:00Z", "2025-03-03T08:00:00Z", "2025-03-03T18:00:00Z", "2125-01-01T00:00:00Z"]
    path.write_text("\n".join(json.dumps({"id": time, "time": time}) for time in times))
    pieces = list(chunks([path], 900.0))
    assert [json.loads(line)["id"] for piece in pieces for line in piece.payload.splitlines()] == times
    assert len(pieces) < 12_000
    day = [piece.until for piece in pieces if 1_740_988_800.0 < piece.until <= 1_741_024_800.0]
    assert len(day) == 40, "ten hours are forty quarters of an hour"
    assert all(piece.until % 900.0 == 0.0 for piece in pieces[:-1])
