"""The scanner reads what msgspec would have read, and leaves the rest over."""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.columnar.columns import Values
from engine.columnar.texts import Texts
from engine.events import Control, Decoded, Decoder, Kind, Run, Schema, Telemetry
from engine.events.scanner import Scanner
from tests.engine import sample_events
from tests.engine.sample_events import GOOD, NOW

LONG = "a-name-that-is-longer-than-sixteen-bytes"
FIELDS = {**sample_events.FIELDS, LONG: Kind.NUMBER}
SCHEMA = Schema.build({"api.request": FIELDS, "job.done": {"status": Kind.ANY}, "x": {}}, ["app.*"])
PLAIN = {
    **GOOD,
    "specversion": "1.0",
    "time": "2023-11-14T22:13:19.5Z",
    "data": {"status": 2.5, "path": "/é", "failed": True, "user": "u", "http": {"size": 1, "peer": {"name": "n"}}},
}


def both(payload: bytes) -> tuple[Decoded, Decoded]:
    """Return what the decoder makes of a payload, and what one makes of it whose scanner knows no type."""
    slow = Decoder(SCHEMA, future=300.0)
    slow._scanner = Scanner([])
    return Decoder(SCHEMA, future=300.0).decode(payload, NOW), slow.decode(payload, NOW)


def shown(decoded: Decoded) -> object:
    """Return all that was decoded as plain values."""
    return decoded.n, decoded.tidy, decoded.rejects, [_run(run) for run in decoded.runs]


def _run(run: Run) -> object:
    return run.identities.tolist(), _content(run.content)


def _content(content: Telemetry | list[Control]) -> object:
    if isinstance(content, list):
        return content
    parts = {
        part.type: (
            part.n,
            part.line.tolist(),
            part.time.tolist(),
            part.subject.tolist(),
            {name: _column(column) for name, column in part.fields.items()},
            content.line[rows].tolist(),
        )
        for part, rows in content.parts()
    }
    return content.line.tolist(), content.time.tolist(), list(parts.items())


def _column(column: Values) -> tuple[str, list[object]]:
    kind = "texts" if isinstance(column, Texts) else column.dtype.kind
    return kind, [_value(value) for value in column.tolist()]


def _value(value: object) -> object:
    """A float is told by its bits: −0 is not 0, and NaN is itself."""
    return (float, struct.pack("<d", value)) if isinstance(value, float) else (type(value), value)


def _line(event: Mapping[str, Any], style: int = 0) -> bytes:
    separators = [(",", ":"), (", ", ": "), (" ,\t", "\r: ")][style % 3]
    return json.dumps(event, separators=separators, ensure_ascii=style >= 3).encode()


def _is_scanned(line: bytes) -> bool:
    return not Scanner(list(SCHEMA.types.values())).scan(line, NOW, 300.0, 262_144).left


@pytest.mark.parametrize("style", range(3))
def test_plain_events_are_scanned(style: int) -> None:
    late = {key: PLAIN[key] for key in sorted(PLAIN)}  # data comes before the type
    ignored = {**PLAIN, "more": {"a": [1, {"b": [True, None, 'x\\n"', -0.5e3]}], "c": {}, "d": []}, "n": 10**30}
    empty = dict(GOOD)
    null = {**GOOD, "time": None, "datacontenttype": "application/json; charset=utf-8", "data": {"http": None}}
    for event in (PLAIN, late, ignored, empty, null, {**GOOD, "data": dict.fromkeys(FIELDS.keys() - {"http.size"})}):
        line = _line(event, style)
        assert _is_scanned(line), line
        fast, slow = both(line)
        assert shown(fast) == shown(slow)
        assert fast.n == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": "a\\b"},
        {"id": ""},
        {"source": "\u0085"},
        {"subject": "\x7f"},
        {"type": "forewarn.tick"},
        {"type": "y"},
        {"time": "yesterday"},
        {"time": "2023-11-14T22:18:21Z"},
        {"specversion": "0.3"},
        {"datacontenttype": "text/json"},
        {"data_base64": None},
        {"data": None},
        {"data": []},
        {"data": {"status": "1"}},
        {"data": {"status": True}},
        {"data": {"path": 1}},
        {"data": {"failed": 0}},
        {"data": {"user": []}},
        {"data": {"http": 1}},
        {"data": {"path": "\n"}},
        {"data": {"status": 123456789012345678901}},
        {"id": "x" * 2_000},
    ],
)
def test_unusual_events_are_left_over(change: Mapping[str, Any]) -> None:
    line = _line({**PLAIN, **change})
    assert not _is_scanned(line)
    fast, slow = both(b"\n".join([_line(PLAIN), line, _line(PLAIN)]))
    assert shown(fast) == shown(slow)


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":"1","id":"2","source":"gw","type":"x","subject":"a"}',
        _line(PLAIN)[:-2] + b',"status":1}}',
        _line(PLAIN)[:-2] + b',"http":{}}}',
        _line(PLAIN) + b"}",
        _line(PLAIN) + b"{}",
        _line(PLAIN)[:-1] + b",}",
        _line(GOOD)[:-1] + b',"d":[1,]}',
        _line(GOOD)[:-1] + b',"d":{"a":1,}}',
        _line(GOOD)[:-1] + b',"d":[}]}',
        _line(GOOD)[:-1] + b',"d":01}',
        _line(GOOD)[:-1] + b',"d":1.}',
        _line(GOOD)[:-1] + b',"d":-}',
        _line(GOOD)[:-1] + b',"d":1e}',
        _line(GOOD)[:-1] + b',"d":tru}',
        _line(GOOD)[:-1] + b',"d":"\xc0\x80"}',
        _line(GOOD)[:-1] + b',"d":"\xed\xa0\x80"}',
        _line(GOOD)[:-1] + b',"d":"\xf4\x90\x80\x80"}',
        _line(GOOD)[:-1] + b',"d":"\xe2\x82"}',
        _line(GOOD)[:-1] + b',"\xff":1}',
        _line(GOOD)[:-1] + b',"d":"\\x"}',
        _line(GOOD)[:-1] + b',"d":"\x00"}',
        _line(GOOD)[:-1] + b',"d":' + b"[" * 70 + b"]" * 70 + b"}",
    ],
)
def test_lines_that_are_no_plain_json_are_left_over(line: bytes) -> None:
    assert not _is_scanned(line)
    fast, slow = both(b"\n".join([_line(PLAIN), line, _line(PLAIN)]))
    assert shown(fast) == shown(slow)


def test_a_payload_may_end_anywhere() -> None:
    payload = b"\n".join([_line(PLAIN), _line(GOOD, 1), _line({**PLAIN, "d": ["é", "\\"]}, 2)])
    for end in range(len(payload) + 1):
        fast, slow = both(payload[:end])
        assert shown(fast) == shown(slow)


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.tuples(st.integers(-(10**20), 10**20), st.integers(-40, 40)).map(lambda pair: f"{pair[0]}e{pair[1]}"),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)


@given(st.lists(numbers, min_size=1, max_size=20))
@settings(max_examples=300, deadline=None)
@example(["-0", "-0.0", "0e5", "-0e-0", "9007199254740993", "9007199254740992.5", "1e23", "8.5e22", "5e-324"])
def test_numbers_are_rounded_as_python_does(texts: list[str]) -> None:
    lines = [_line(GOOD)[:-1] + f',"data":{{"status":{text},"user":{text}}}}}'.encode() for text in texts]
    fast, slow = both(b"\n".join(lines))
    assert shown(fast) == shown(slow)
    for run in fast.runs:
        assert isinstance(run.content, Telemetry)
        [columns] = run.content.columns
        values = np.asarray(columns.fields["status"]).tolist()
        assert values == [float(texts[line]) for line in columns.line.tolist()]


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "status": st.integers(0, 599) | st.floats(0, 1e6) | scalars,
        "path": st.text(max_size=20) | scalars,
        "failed": st.booleans() | scalars,
        "user": scalars,
        "http": st.fixed_dictionaries({}, optional={"size": scalars, "peer": st.just({"name": "n"}) | json_values}),
        LONG: scalars,
        LONG.upper(): scalars,
    },
)
events = st.builds(
    lambda changes, data, order: dict(
        order.sample([*{**PLAIN, "data": data, **changes}.items()], len({**PLAIN, **changes}))
    ),
    st.dictionaries(st.sampled_from([*PLAIN, "datacontenttype", "data_base64", "x"]), json_values, max_size=1)
    | st.fixed_dictionaries({}, optional={"type": st.sampled_from(["x", "job.done", "app.a", "forewarn.tick", "y"])}),
    fields,
    st.randoms(use_true_random=False),
)
lines = st.builds(_line, events, st.integers(0, 5))


def _mutated(line: bytes, place: int, change: bytes, size: int) -> bytes:
    place %= len(line) + 1
    return line[:place] + change + line[place + size :]


pieces = st.one_of(
    lines,
    lines,
    lines,
    st.builds(_mutated, lines, st.integers(0, 500), st.binary(max_size=2), st.integers(0, 3)),
    st.builds(
        _mutated,
        lines,
        st.integers(0, 500),
        st.sampled_from([b'"', b"\\", b"}", b"{", b",", b"\n", b"\r", b"0"]),
        st.integers(0, 1),
    ),
    st.binary(max_size=40),
)


@given(
    st.lists(pieces, max_size=8),
    st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n", b" \n", b""]),
    st.sampled_from([b"", b"\n", b" \r\n"]),
)
@settings(max_examples=600, deadline=None)
def test_the_scanner_changes_nothing(parts: list[bytes], between: bytes, after: bytes) -> None:
    fast, slow = both(between.join(parts) + after)
    assert shown(fast) == shown(slow)


def test_too_many_fields_are_left_to_others() -> None:
    schema = Schema.build({"x": {f"f{i}": Kind.NUMBER for i in range(100)}})
    data = {f"f{i}": i for i in range(100)}
    [run] = Decoder(schema, future=0.0).decode(_line({**GOOD, "type": "x", "data": data}), NOW).runs
    assert isinstance(run.content, Telemetry)
    [columns] = run.content.columns
    assert [np.asarray(column).tolist() for column in columns.fields.values()] == [[float(i)] for i in range(100)]


def test_absent_numbers_are_nan() -> None:
    fast, _ = both(_line(GOOD))
    [run] = fast.runs
    assert isinstance(run.content, Telemetry)
    assert np.isnan(np.asarray(run.content.columns[0].fields["status"])).all()
