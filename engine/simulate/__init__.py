"""A simulated fleet: events as customers' systems would send them, and apart from it the truth, for scoring only."""

import gzip
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, cast

import numpy as np
import zstandard

from engine.chunk import Chunk
from engine.simulate.cases import happenings, truth_of
from engine.simulate.fleet import build, introductions
from engine.simulate.lines import Lines
from engine.simulate.rhythm import DAY, date_of
from engine.simulate.scenario import Scenario, read_scenario
from engine.simulate.streams import day_of, texts
from engine.simulate.truth import Incident, Truth, Would

__all__ = ["Incident", "Scenario", "Truth", "Would", "read_scenario", "simulate", "truth", "write"]


def simulate(scenario: Scenario, seed: int) -> Iterator[Chunk]:
    """Yield the scenario's events as they arrive: first who there is, then `scenario.chunk` after `scenario.chunk`.

    The same seed gives the same bytes, on any machine with the same numpy.
    """
    fleet = build(scenario, seed)
    cases = [case for happened in happenings(fleet, seed) for case in happened.cases]
    lines = Lines(fleet.subjects, texts(fleet, cases))
    yield Chunk(scenario.starts_at, b"\n".join(introductions(fleet)))
    first = 0
    for day in range(scenario.days):
        events = day_of(fleet, cases, day, seed)
        begin = scenario.starts_at + day * DAY
        edges = begin + np.arange(float(scenario.chunk), DAY + 1.0, float(scenario.chunk))
        cuts = np.searchsorted(events.time, edges[:-1]).tolist()
        parts = lines.write(events, date_of(fleet, day), begin, first, cuts)
        for edge, payload in zip(edges.tolist(), parts, strict=True):
            yield Chunk(edge, payload)
        first += len(events.time)


def truth(scenario: Scenario, seed: int) -> Truth:
    """Return what happens in the scenario with this seed, and who would have called about it."""
    fleet = build(scenario, seed)
    return truth_of(fleet, happenings(fleet, seed), seed)


def write(scenario: Scenario, seed: int, out: Path) -> Truth:
    """Write the events to `out` (NDJSON; `.gz` and `.zst` are compressed) and the truth to `<out>.truth.json`."""
    with _opened(out) as file:
        for chunk in simulate(scenario, seed):
            if chunk.payload:
                file.write(chunk.payload + b"\n")
    known = truth(scenario, seed)
    known.write(out.with_name(f"{out.name}.truth.json"))
    return known


def _opened(out: Path) -> AbstractContextManager[IO[bytes]]:
    if out.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(out, "wb", compresslevel=1))
    if out.suffix == ".zst":
        return cast("IO[bytes]", zstandard.open(out, "wb"))
    return out.open("wb")
