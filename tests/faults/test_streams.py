"""Whatever comes in, in whatever order, nothing raises and every line is accounted for."""

import json
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from engine.config.load import load_or_raise
from engine.events import UNAPPLIED
from engine.rehearsal import Rehearsal, rehearsal
from engine.replay import drain
from engine.store.models import Issue
from tests.faults.house import START, call, event, people, prepared, tick

COUNTING = """
name: errors
about: Errors
watch: {event: app.call, by: subject, measure: count, every: 1m, missing: skip}
model: {kind: threshold, above: 3}
"""
SILENT = """
name: silent
about: Silent
watch: {event: app.call, by: account, measure: {last: time}, every: 1m}
model: {kind: absence, after: 3m}
"""
UNUSUAL = """
name: unusual
about: Unusual
watch: {event: app.call, by: account, measure: {ratio: failed}, every: 1m}
model: {kind: shift}
"""
CUT = {
    "config/detectors/errors.yaml": COUNTING,
    "config/detectors/silent.yaml": SILENT,
    "config/detectors/unusual.yaml": UNUSUAL,
}
ISSUES = select(Issue)
MINUTES = 20
BOUNCED = {"state": "bounced", "intent": "i"}
SUBJECTS = st.sampled_from(["account/acme", "account/zen", "device/d-1"])
TIMES = st.one_of(st.floats(0, MINUTES * 60), st.sampled_from([-1e9, -3600.0, 1e6])).map(lambda after: START + after)
IDS = st.integers(0, 30).map(str)
CALLS = st.builds(call, SUBJECTS, TIMES, IDS, failed=st.booleans())


def owned(at: float, id_: str, parent: str) -> bytes:
    """Return that a device belongs to `parent`, which may be itself."""
    return event("forewarn.entity", "device/d-1", {"parent": parent}, at, id_)


CONTROLS = st.one_of(
    st.builds(lambda at, id_: event("forewarn.consent", "contact/ann", {"state": "withdrawn"}, at, id_), TIMES, IDS),
    st.builds(lambda at, id_, s: event("forewarn.contact", s, {"channel": "phone"}, at, id_), TIMES, IDS, SUBJECTS),
    st.builds(
        lambda at, id_, verdict: event(
            "forewarn.verdict",
            "account/acme",
            {"verdict": verdict, "detector": "errors", "series": "account/acme", "issue": "iss_none"},
            at,
            id_,
        ),
        TIMES,
        IDS,
        st.sampled_from(["true", "false", "unclear", "missed"]),
    ),
    st.builds(
        lambda at, id_, what: event("forewarn.action", "account/acme", {"what": what, "who": "amy"}, at, id_),
        TIMES,
        IDS,
        st.sampled_from(["acknowledge", "resolve", "dismiss", "note", "silence", "unsilence"]),
    ),
    st.builds(
        lambda at, id_, meaning, issue: event(
            "forewarn.reply",
            "contact/ann",
            {"channel": "sms", "meaning": meaning, "conversation": "cnv_1", "hand_over": "call", "issue": issue},
            at,
            id_,
        ),
        TIMES,
        IDS,
        st.sampled_from(["fixed", "broken", "call", "never heard of"]),
        st.sampled_from(["", "iss_none"]),
    ),
    st.builds(
        lambda at, id_, zone: event("forewarn.preference", "contact/ann", {"prefers": ["sms"], "zone": zone}, at, id_),
        TIMES,
        IDS,
        st.sampled_from(["", "Europe/Vienna", "Mars/Base"]),
    ),
    st.builds(
        lambda at, id_: event("forewarn.delivery", "x", {"state": "bounced", "intent": "i"}, at, id_), TIMES, IDS
    ),
    st.builds(
        lambda at, id_, to: event("forewarn.entity", "device/d-1", {"parent": to}, at, id_), TIMES, IDS, SUBJECTS
    ),
    st.builds(tick, TIMES),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
)
RUBBISH = st.one_of(
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"?").replace(b"\r", b"?")),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.builds(lambda line, at: line[: at % len(line)], CALLS, st.integers(0, 500)),
)
LINES = st.lists(st.one_of(CALLS, CALLS, CONTROLS, RUBBISH), max_size=40)


def lost(stage: Rehearsal) -> int:
    """Return how many calls the log's dead letters hold: those that were taken and then not counted."""
    letters = stage.engine.storage.dead_letters.list(limit=10_000)
    return sum(letter.origin.startswith("log:") and letter.reason != UNAPPLIED for letter in letters)


def counted(stage: Rehearsal) -> float:
    """Return how many calls all closed windows hold."""
    meter = stage.engine.pipelines[0].scorer.stations[0].meter
    return sum(value for series in range(len(meter.index)) for _, value in meter.points(series))


def distinct_calls(batches: list[list[bytes]]) -> int:
    """Return how many different identities there are, first come as a call that can be taken."""
    seen: set[tuple[str, str]] = set()
    calls = 0
    for line in (line for batch in batches for line in batch):
        found = json.loads(line)
        if (identity := (found["source"], found["id"])) not in seen:
            seen.add(identity)
            calls += found["type"] == "app.call"
    return calls


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(LINES, min_size=1, max_size=4))
def test_every_line_is_accounted_for(batches: list[list[bytes]]) -> None:
    with TemporaryDirectory() as folder:
        config = load_or_raise(prepared(Path(folder), **{"config/detectors/errors.yaml": COUNTING}) / "config", {})
        with rehearsal(config, START) as stage:
            stage.engine.intake.accept(b"\n".join(people()), "people")
            taken = [list(people())]
            for number, batch in enumerate(batches):
                stage.clock.set(START + (number + 1) * 300.0)
                accepted = stage.engine.intake.accept(b"\n".join(batch), "stream")
                refused = {reject.line for reject in accepted.rejects}
                filled = [n for n, line in enumerate(batch) if line.strip()]
                assert accepted.accepted + len(refused) == len(filled)
                taken.append([batch[n] for n in filled if n not in refused])
                stage.engine.run_due()
                drain(stage.engine)
            stage.clock.advance(86400.0)
            stage.engine.intake.accept(call("account/end", START + 80_000.0, "end"), "end")
            drain(stage.engine)
            processed = sum(map(len, taken)) + 1
            ticks = stage.engine.storage.log.end(0) - processed
            assert stage.engine.pipelines[0].events == processed + ticks
            assert counted(stage) + lost(stage) == distinct_calls(taken)


def remembered(stage: Rehearsal) -> dict[str, Any]:
    """Return what models remember, bit for bit, and what they made of it."""
    with stage.engine.storage.database.reading() as session:
        issues = [(row.id, row.status, row.opened_at, row.resolved_at, row.reopened) for row in session.exec(ISSUES)]
    (pipeline,) = stage.engine.pipelines
    letters = stage.engine.storage.dead_letters.list(limit=10_000)
    arrays = pipeline.memory.state().items()
    return {
        **{name: np.ascontiguousarray(array).tobytes() for name, array in arrays},
        "issues": sorted(issues, key=repr),
        "letters": sorted((letter.reason, letter.payload) for letter in letters if letter.reason != UNAPPLIED),
    }


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lines=st.lists(st.one_of(CALLS, CALLS, CALLS, CONTROLS), min_size=2, max_size=60), data=st.data())
def test_what_is_remembered_does_not_depend_on_how_the_log_is_cut(lines: list[bytes], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines) - 1)), label="cuts"))
    pieces = [lines[begin:end] for begin, end in pairwise([0, *cuts, len(lines)])]
    with TemporaryDirectory() as folder:
        config = load_or_raise(prepared(Path(folder), **CUT) / "config", {})
        found = []
        for cut in ([lines], pieces):
            with rehearsal(config, START + 2e6) as stage:
                for piece in ([*people()], *cut, [call("account/end", START + 80_000.0, "end")]):
                    stage.engine.intake.accept(b"\n".join(piece), "stream")
                    drain(stage.engine)
                found.append(remembered(stage))
    assert found[0] == found[1]
