"""Decoding: every line becomes an event or a reject that says why; telemetry becomes columns."""

import json
import math
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.columnar.columns import Values
from engine.columnar.dedup import hashes_of
from engine.columnar.texts import Texts
from engine.errors import ConfigError
from engine.events import (
    ActionEvent,
    ConsentEvent,
    Control,
    Decoded,
    Decoder,
    EntityEvent,
    Kind,
    OutcomeEvent,
    Schema,
    Telemetry,
    TickEvent,
    line_of,
    make_event,
)
from tests.engine.sample_events import FIELDS, GOOD, NOW

SCHEMA = Schema.build({"api.request": FIELDS, "job.done": {}}, ["app.*", "page.view"])


def decode(*lines: bytes | Mapping[str, Any], schema: Schema = SCHEMA) -> Decoded:
    payload = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return Decoder(schema, future=300.0).decode(payload, NOW)


def telemetry(decoded: Decoded) -> Telemetry:
    [run] = decoded.runs
    assert isinstance(run.content, Telemetry)
    return run.content


def control(type_: str, data: Mapping[str, Any], subject: str = "account/a", **attributes: Any) -> Control:
    decoded = decode({**GOOD, "type": type_, "subject": subject, "data": data, **attributes})
    assert decoded.rejects == []
    [run] = decoded.runs
    assert isinstance(run.content, list)
    return run.content[0]


def refusal(line: bytes | Mapping[str, Any]) -> tuple[str, str]:
    """Return reason and detail of a bad line, which must not harm the good lines around it."""
    decoded = decode(GOOD, line, GOOD)
    assert decoded.n == 2
    assert telemetry(decoded).line.tolist() == [0, 2]
    assert not decoded.tidy
    [reject] = decoded.rejects
    assert reject.line == 1
    assert reject.payload == (line if isinstance(line, bytes) else json.dumps(line).encode()).strip()
    return reject.reason, reject.detail


def test_columns() -> None:
    data = {
        "status": 200,
        "path": "/é",
        "failed": True,
        "user": 12345678901234567890,
        "http": {"size": 1.5, "peer": {"name": "x"}, "more": [1]},
        "unused": {"deep": [None]},
    }
    decoded = decode({**GOOD, "data": data, "time": "2023-11-14T22:13:19.5Z", "traceparent": "x"}, GOOD)
    assert (decoded.n, decoded.rejects, decoded.tidy) == (2, [], True)
    [columns] = telemetry(decoded).columns
    assert (columns.type, columns.n, columns.subject.tolist()) == ("api.request", 2, ["account/a"] * 2)
    assert columns.line.tolist() == [0, 1]
    assert columns.time.tolist() == [NOW - 0.5, NOW]
    assert {name: _sort(column) for name, column in columns.fields.items()} == {
        "status": "f",
        "path": "texts",
        "failed": "O",
        "user": "O",
        "http.size": "f",
        "http.peer.name": "texts",
        "time": "f",
        "subject": "texts",
    }
    first = {name: column[0] for name, column in columns.fields.items()}
    assert first["status"], first["http.size"] == (200.0, 1.5)
    assert (first["path"], first["failed"], first["user"]) == ("/é", True, 12345678901234567890)
    assert (first["http.peer.name"], first["time"], first["subject"]) == ("x", NOW - 0.5, "account/a")
    absent = [columns.fields[name][1] for name in ("path", "failed", "user", "http.peer.name")]
    assert absent == [None] * 4
    assert all(_is_nan(columns.fields[name][1]) for name in ("status", "http.size"))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _sort(column: Values) -> str:
    return "texts" if isinstance(column, Texts) else column.dtype.kind


def test_conditions_that_are_all_present_are_bool() -> None:
    [columns] = telemetry(decode({**GOOD, "data": {"failed": False}}, {**GOOD, "data": {"failed": True}})).columns
    assert _sort(columns.fields["failed"]) == "b"


@pytest.mark.parametrize("data", [{"http": None}, {"status": None, "path": None, "http": {"peer": None}}, {}])
def test_null_is_absent(data: object) -> None:
    [columns] = telemetry(decode({**GOOD, "data": data, "time": None, "specversion": None})).columns
    assert _is_nan(columns.fields["http.size"][0])
    assert columns.fields["http.peer.name"][0] is None
    assert columns.time.tolist() == [NOW]


def test_types_side_by_side() -> None:
    lines = [{**GOOD, "type": name, "id": str(i)} for i, name in enumerate(["job.done", "api.request", "job.done"])]
    decoded = decode(*lines)
    found = telemetry(decoded)
    assert {part.type: (part.line.tolist(), found.line[rows].tolist()) for part, rows in found.parts()} == {
        "job.done": ([0, 2], [0, 2]),
        "api.request": ([1], [1]),
    }
    assert decoded.runs[0].identities.tolist() == hashes_of(["gw\x1f0", "gw\x1f1", "gw\x1f2"]).tolist()
    rest = found.only(np.array([False, True, True]))
    assert rest.line.tolist() == [1, 2]
    assert {part.type: rest.line[rows].tolist() for part, rows in rest.parts()} == {"job.done": [2], "api.request": [1]}
    assert [part.type for part in found.only(np.array([True, False, False])).columns] == ["job.done"]


def test_identities_of_several_sources() -> None:
    lines = [{**GOOD, "source": source, "id": id_} for source, id_ in [("é", "1"), ("gw", "1"), ("é", "2")]]
    assert decode(*lines).runs[0].identities.tolist() == hashes_of(["é\x1f1", "gw\x1f1", "é\x1f2"]).tolist()


def test_one_type_after_another() -> None:
    decoder = Decoder(SCHEMA, future=300.0)
    other = {**GOOD, "type": "job.done"}
    untyped = {key: GOOD[key] for key in ("id", "source", "subject")}
    for lines, types in (
        ([GOOD, GOOD], ["api.request"]),
        ([other, GOOD], ["job.done", "api.request"]),
        ([other, other], ["job.done"]),
        ([untyped, other, {**GOOD, "type": "nonsense"}], ["job.done"]),
        ([GOOD], ["api.request"]),
    ):
        decoded = decoder.decode("\n".join(map(json.dumps, lines)).encode(), NOW)
        assert [part.type for part in telemetry(decoded).columns] == types
        assert [reject.reason for reject in decoded.rejects] == ["malformed", "unknown-type"] * (len(lines) == 3)


def test_reserved_events_part_the_telemetry() -> None:
    tick = {**GOOD, "type": "forewarn.tick", "subject": "engine/clock", "time": "2023-11-14T22:13:20Z"}
    decoded = decode(GOOD, GOOD, tick, {**tick, "id": "2"}, GOOD)
    assert decoded.tidy
    kinds = [[type(event) for event in run.content] if isinstance(run.content, list) else 0 for run in decoded.runs]
    assert kinds == [0, [TickEvent, TickEvent], 0]
    middle = decoded.runs[1]
    assert middle.identities.tolist() == hashes_of(["gw\x1f1", "gw\x1f2"]).tolist()
    rest = middle.only(np.array([False, True]))
    assert isinstance(rest, list)
    [kept] = rest
    assert (kept.id, kept.line, kept.time) == ("2", 3, NOW)


def test_entity() -> None:
    data = {
        "parent": "account/p",
        "name": "Acme",
        "locale": "de-AT",
        "zone": "Europe/Vienna",
        "roles": ["technical"],
        "addresses": [{"kind": "email", "value": "a@example.org"}],
        "attributes": {"plan": "pro", "seats": 5, "trial": False, "left": None},
    }
    event = control("forewarn.entity", data)
    assert isinstance(event, EntityEvent)
    assert (event.subject, event.parent, event.zone, event.deleted) == (
        "account/a",
        "account/p",
        "Europe/Vienna",
        False,
    )
    assert event.addresses[0].value == "a@example.org"
    assert event.attributes == data["attributes"]


def test_consent_has_two_sources() -> None:
    event = control("forewarn.consent", {"state": "granted", "source": "web form"})
    assert isinstance(event, ConsentEvent)
    assert (event.source, event.given_in, event.channel, event.purpose) == ("gw", "web form", "*", "service")


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("forewarn.contact", {"channel": "phone", "text": "it is down"}),
        ("forewarn.reply", {"channel": "sms", "meaning": "help", "conversation": "cnv_1", "text": "help"}),
        ("forewarn.preference", {"prefers": ["sms"], "locale": "de", "zone": "Europe/Vienna"}),
        ("forewarn.outcome", {"what": "churn", "value": 100}),
        ("forewarn.verdict", {"verdict": "true", "detector": "d", "series": "s"}),
        ("forewarn.delivery", {"state": "bounced", "intent": "int_1", "raw": {"a": [1]}}),
        ("forewarn.action", {"what": "silence", "who": "jo", "matcher": {"detector": "d"}, "recurring": {"days": [1]}}),
    ],
)
def test_other_reserved_events(type_: str, data: Mapping[str, Any]) -> None:
    event = control(type_, data)
    assert {name: getattr(event, name) for name in data} == data


def test_reasons_read_well() -> None:
    assert refusal(b"nonsense")[1].startswith("JSON is malformed")
    assert refusal(b"{}")[1].startswith("object missing")


def test_of_a_very_long_line_only_the_least_length_is_claimed() -> None:
    """Readers of files keep no more than the beginning of it."""
    decoder = Decoder(SCHEMA, future=300.0, max_bytes=1000)
    assert decoder.decode(b"x" * 1999, NOW).rejects[0].detail == "1,999 bytes; at most 1,000 are taken"
    assert decoder.decode(b"x" * 9999, NOW).rejects[0].detail == "2,000 bytes or more; at most 1,000 are taken"


def test_a_reserved_event_is_a_line_again() -> None:
    for type_, data in (
        ("forewarn.consent", {"state": "granted", "source": "web form"}),
        ("forewarn.outcome", {"what": "purchase", "value": 0.0}),
        ("forewarn.delivery", {"state": "bounced", "intent": "int_1", "raw": {"a": [1], "b": None}}),
        ("forewarn.entity", {"addresses": [{"kind": "email", "value": "a@example.org"}], "deleted": True}),
    ):
        event = control(type_, data)
        line = line_of(event)
        assert json.loads(line)["data"] == data
        assert decode(line).runs[0].content == [event]


def test_reserved_defaults_are_not_shared() -> None:
    first, second = (control("forewarn.action", {"what": "note", "who": "jo"}) for _ in range(2))
    assert isinstance(first, ActionEvent)
    assert isinstance(second, ActionEvent)
    assert first.matcher == {}
    assert first.matcher is not second.matcher


def _reserved(name: str, data: object, subject: str = "account/a") -> dict[str, Any]:
    return {**GOOD, "type": f"forewarn.{name}", "subject": subject, "data": data}


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b"{}", "object missing required field `type`"),
        (b"[]", "expected `object`, got `array`"),
        (b"null", "expected `object`, got `null`"),
        (b"{", "input data was truncated"),
        (b'{"id":"1","source":"gw","type":"api.request","subject":"acc', "input data was truncated"),
        (b"\xff\xfe{}", "byte 0: no valid UTF-8"),
        (b'{"id":"1","source":"gw","type":"api.request","subject":"a","x":"\xe9"}', ": no valid UTF-8"),
        (b'{"id":"\\ud800","source":"gw","type":"job.done","subject":"a"}', "unexpected end of hex escape"),
        (b'{"id":"\\udc00","source":"gw","type":"job.done","subject":"a"}', "invalid utf-16 surrogate"),
        (b'{"id":"a\x01","source":"gw","type":"job.done","subject":"a"}', "invalid character"),
        (json.dumps(GOOD).encode() * 2, "trailing characters"),
        ({**GOOD, "id": 1}, "id: expected `str`, got `int`"),
        ({**GOOD, "id": ""}, "id: expected `str` of length >= 1"),
        ({**GOOD, "source": None}, "source: expected `str`, got `null`"),
        ({key: GOOD[key] for key in ("id", "source", "type")}, "object missing required field `subject`"),
        ({**GOOD, "subject": ""}, "subject: expected `str` of length >= 1"),
        ({**GOOD, "subject": "a\u0000b"}, "subject: control character U+0000 at 1 is not allowed"),
        ({**GOOD, "id": "a\n"}, "id: control character U+000A at 1"),
        ({**GOOD, "source": "\u009f"}, "source: control character U+009F at 0"),
        (json.dumps({**GOOD, "source": "\x85"}, ensure_ascii=False).encode(), "source: control character U+0085"),
        (json.dumps({**GOOD, "source": "\x7f"}, ensure_ascii=False).encode(), "source: control character U+007F"),
        ({**GOOD, "type": 5}, "type: expected `str`"),
        ({**GOOD, "specversion": "0.3"}, "specversion: invalid enum value '0.3'"),
        ({**GOOD, "datacontenttype": "text/xml"}, "datacontenttype: expected application/json, got 'text/xml'"),
        ({**GOOD, "data_base64": "eA=="}, "data_base64: binary data is not taken"),
        ({**GOOD, "data": []}, "data: expected `object`, got `array`"),
        ({**GOOD, "data": None}, "data: expected `object`, got `null`"),
        ({**GOOD, "data": {"status": "200"}}, "data.status: expected `float`, got `str`"),
        ({**GOOD, "data": {"status": True}}, "data.status: expected `float`, got `bool`"),
        ({**GOOD, "data": {"path": 1}}, "data.path: expected `str`, got `int`"),
        ({**GOOD, "data": {"failed": 1}}, "data.failed: expected `bool`, got `int`"),
        ({**GOOD, "data": {"user": []}}, "data.user: expected `bool | int | float | str`, got `array`"),
        ({**GOOD, "data": {"http": {"size": "1"}}}, "data.http.size: expected `float`, got `str`"),
        ({**GOOD, "data": {"status": math.nan}}, "invalid character"),
        ({**GOOD, "data": {"unused": math.inf}}, "invalid character"),
        ({**GOOD, "data": {"status": 10**400}}, "data.status: number out of range"),
        (
            json.dumps({**GOOD, "data": {"status": 0}}).replace(": 0}", ": 1e400}").encode(),
            "data.status: number out of",
        ),
        ({**GOOD, "time": ""}, "time: '' is no RFC 3339 date-time"),
        ({**GOOD, "time": "yesterday"}, "time: 'yesterday' is no RFC 3339 date-time"),
        ({**GOOD, "time": "2023-02-30T00:00:00Z"}, "time: '2023-02-30T00:00:00Z' is no RFC 3339"),
        ({**GOOD, "time": "2023-01-01T00:00:00Z\n"}, "time: '2023-01-01T00:00:00Z\\n' is no RFC 3339"),
        ({**GOOD, "time": 1_700_000_000}, "time: expected `str`, got `int`"),
        (b'{"type":"job.done","x":' + b"[" * 100_000, "nested too deeply"),
        (_reserved("entity", {"zone": "Mars/Base"}), "data.zone: no IANA time zone is called 'Mars/Base'"),
        (_reserved("entity", {"zon": ""}), "data: object contains unknown field `zon`; did you mean `zone`?"),
        (
            _reserved("entity", {"attributes": {str(i): i for i in range(101)}}),
            "data.attributes: expected `object` of length <= 100",
        ),
        (_reserved("entity", {"attributes": {"a": []}}), "data.attributes[...]: expected"),
        (_reserved("entity", {"addresses": [{"kind": "fax", "value": "1"}]}), "data.addresses[0].kind: invalid enum"),
        (_reserved("entity", {"addresses": [{"kind": "url", "valeu": ""}]}), "did you mean `value`?"),
        (_reserved("consent", {"state": "maybe"}), "data.state: invalid enum value 'maybe'"),
        (_reserved("consent", {}), "data: object missing required field `state`"),
        ({**GOOD, "type": "forewarn.consent"}, "object missing required field `data`"),
        (_reserved("tick", {"a": 1}, "engine/x"), "data: object contains unknown field `a`"),
        (_reserved("tick", {}), "subject: a tick's subject begins with 'engine/'"),
    ],
)
def test_malformed(line: bytes | Mapping[str, Any], detail: str) -> None:
    reason, found = refusal(line)
    assert reason == "malformed"
    assert detail in found
    assert len(found) < 500


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("api.requests", "type: nothing watches 'api.requests'; did you mean 'api.request'?"),
        ("nonsense", "type: nothing watches 'nonsense'; add it to `events.known` to take it all the same"),
        ("forewarn.entitty", "did you mean 'forewarn.entity'?"),
        ("app.a\u0001", "nothing watches"),
        ("", "nothing watches ''"),
    ],
)
def test_unknown_types(name: str, detail: str) -> None:
    reason, found = refusal({**GOOD, "type": name})
    assert reason == "unknown-type"
    assert detail in found


def test_known_types_need_no_fields() -> None:
    decoder = Decoder(SCHEMA, future=300.0)
    line = json.dumps({**GOOD, "type": "app.opened", "data": {"status": "any"}}).encode()
    for learned in (False, True):
        decoded = decoder.decode(line, NOW)
        assert (decoded.n, decoded.rejects, decoded.tidy) == (1, [], learned)
        assert [(part.type, dict(part.fields)) for part in telemetry(decoded).columns] == [("app.opened", {})]
    assert decode({**GOOD, "type": "page.view"}).tidy
    assert decode({**GOOD, "type": "page.views"}).rejects[0].reason == "unknown-type"


def test_a_glob_lets_only_so_many_types_through() -> None:
    lines = [{**GOOD, "type": f"app.{number}"} for number in range(1_001)]
    decoded = decode(*lines, GOOD)
    [reject] = decoded.rejects
    assert (reject.line, reject.reason) == (1_000, "unknown-type")
    assert "one too many" in reject.detail


@pytest.mark.parametrize(
    ("time", "reasons"),
    [
        ("2023-11-14T22:18:20Z", []),
        ("2023-11-14T22:18:21Z", ["future"]),
        ("9999-12-31T23:59:59Z", ["future"]),
        ("1970-01-01T00:00:00Z", []),
        ("0001-01-01T00:00:00Z", []),
    ],
)
def test_clock_skew(time: str, reasons: list[str]) -> None:
    decoded = decode({**GOOD, "time": time})
    assert [reject.reason for reject in decoded.rejects] == reasons
    assert all("s after its arrival; 300 s are allowed" in reject.detail for reject in decoded.rejects)


@pytest.mark.parametrize("size", [262_144, 262_145, 1_000_000])
def test_oversized(size: int) -> None:
    line = json.dumps({**GOOD, "x": ""}).encode()
    line = line.replace(b'""', b'"' + b"x" * (size - len(line)) + b'"')
    assert len(line) == size
    for before, after in ([], []), ([GOOD], []), ([], [GOOD]), ([GOOD], [GOOD]):
        decoded = decode(*before, line, *after)
        assert [reject.reason for reject in decoded.rejects] == ["oversized"] * (size > 262_144)
        assert decoded.n + len(decoded.rejects) == len(before) + 1 + len(after)


def test_a_tighter_limit() -> None:
    decoded = Decoder(SCHEMA, future=0.0, max_bytes=60).decode(json.dumps(GOOD).encode(), NOW)
    [reject] = decoded.rejects
    assert reject.detail == f"{len(json.dumps(GOOD))} bytes; at most 60 are taken"


@pytest.mark.parametrize(
    "text", ["application/json; charset=utf-8", "text/json", "application/vnd.x+json", "Application/JSON"]
)
def test_json_has_many_names(text: str) -> None:
    assert decode({**GOOD, "datacontenttype": text}).rejects == []


def test_white_space_between_lines() -> None:
    line = json.dumps(GOOD).encode()
    decoded = decode(b"\xef\xbb\xbf" + line + b"\r", b"", b"  \t" + line + b" \r", b"{}", b"", b"")
    assert (decoded.n, decoded.tidy) == (2, False)
    assert telemetry(decoded).line.tolist() == [0, 2]
    assert [reject.line for reject in decoded.rejects] == [3]


@pytest.mark.parametrize("payload", [b"", b"\n", b" \r\n\n"])
def test_nothing(payload: bytes) -> None:
    decoded = decode(payload)
    assert (decoded.n, decoded.runs, decoded.rejects) == (0, [], [])


def test_values_across_lines_are_not_events() -> None:
    line = json.dumps(GOOD).encode()
    decoded = decode(line + line, line.replace(b"{", b"{\n"))
    assert decoded.n == 0
    assert [reject.line for reject in decoded.rejects] == [0, 1, 2]


def test_duplicate_keys_the_last_counts() -> None:
    decoded = decode(b'{"id":"1","id":"2","source":"gw","type":"job.done","subject":"a"}')
    assert decoded.runs[0].identities.tolist() == hashes_of(["gw\x1f2"]).tolist()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"a": Kind.NUMBER, "a.b": Kind.NUMBER}, "event x: 'a' is used both as a value and as an object"),
        ({"a.b": Kind.NUMBER, "a": Kind.NUMBER}, "event x: 'a' is used both as a value and as an object"),
        ({".".join("a" * 18): Kind.NUMBER}, "nested more than 16 deep"),
        ({'a"b': Kind.NUMBER}, "event x"),
    ],
)
def test_schemas_that_cannot_be(fields: Mapping[str, Kind], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Schema.build({"x": fields})


def test_reserved_types_cannot_be_watched() -> None:
    with pytest.raises(ConfigError, match=r"forewarn\.contact is the engine's own"):
        Schema.build({"forewarn.contact": {}})


def test_keys_that_are_no_words() -> None:
    schema = Schema.build({"api.request": {"status-code": Kind.NUMBER, "class": Kind.TEXT, "é": Kind.ANY}})
    decoded = decode({**GOOD, "data": {"status-code": 5, "class": "x", "é": 1}}, schema=schema)
    [columns] = telemetry(decoded).columns
    assert [column.tolist() for column in columns.fields.values()] == [[5.0], ["x"], [1]]


def test_make_event() -> None:
    line = make_event("forewarn.outcome", "account/a", {"what": "churn"}, id="7", source="crm", time=NOW - 0.25)
    decoded = decode(line)
    assert decoded.tidy
    [run] = decoded.runs
    assert isinstance(run.content, list)
    [event] = run.content
    assert isinstance(event, OutcomeEvent)
    assert (event.id, event.source, event.time, event.what) == ("7", "crm", NOW - 0.25, "churn")


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
mutants = st.builds(
    lambda changes, data: {**GOOD, "data": data, **changes},
    st.dictionaries(
        st.sampled_from([*GOOD, "time", "data", "specversion", "datacontenttype", "x"]), json_values, max_size=2
    ),
    st.dictionaries(st.sampled_from(["status", "path", "failed", "user", "http"]), json_values, max_size=5),
).map(lambda event: json.dumps(event).encode())
pieces = st.one_of(
    st.binary(max_size=40),
    mutants,
    st.tuples(mutants, st.integers(0, 200)).map(lambda cut: cut[0][: cut[1]]),
    st.just(json.dumps(GOOD).encode()),
)


@example([json.dumps(GOOD).encode(), b"\xef\xbb\xbf"], b"\n")  # only the first line of a payload may have a mark
@given(st.lists(pieces, max_size=6), st.sampled_from([b"\n", b"\r\n", b"\n\n", b""]))
@settings(max_examples=400, deadline=None)
def test_every_line_is_an_event_or_a_reject(parts: list[bytes], between: bytes) -> None:
    payload = between.join(parts)
    decoded = Decoder(SCHEMA, future=300.0).decode(payload, NOW)
    good = [line for run in decoded.runs for line in _lines(run.content)]
    bad = [reject.line for reject in decoded.rejects]
    texts = payload.rstrip(b" \t\r\n").removeprefix(b"\xef\xbb\xbf").split(b"\n")
    filled = [number for number, text in enumerate(texts) if text.strip(b" \t\r\n")]
    assert sorted(good + bad) == filled
    assert decoded.n == len(good)
    assert good == sorted(good)


def _lines(content: Telemetry | list[Control]) -> list[int]:
    return content.line.tolist() if isinstance(content, Telemetry) else [event.line for event in content]


@given(st.lists(mutants, min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_together_or_one_by_one_is_the_same(lines: list[bytes]) -> None:
    together = Decoder(SCHEMA, future=300.0).decode(b"\n".join(lines), NOW)
    alone = [Decoder(SCHEMA, future=300.0).decode(line, NOW) for line in lines]
    assert [reject.line for reject in together.rejects] == [i for i, one in enumerate(alone) if one.rejects]
    assert [reject[1:] for reject in together.rejects] == [one.rejects[0][1:] for one in alone if one.rejects]
    values = [part.fields["status"].tolist() for run in together.runs for part in _parts(run.content)]
    apart = [part.fields["status"][0] for one in alone for run in one.runs for part in _parts(run.content)]
    assert list(chain(*values)) == pytest.approx(apart, nan_ok=True)


def _parts(content: Telemetry | list[Control]) -> list[Any]:
    return content.columns if isinstance(content, Telemetry) else []
