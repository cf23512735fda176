"""Recorded series, with the windows that people marked in them, as events of services of one account."""

import csv
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.chunk import Chunk
from engine.events import make_event

DATA = Path(os.environ.get("FOREWARN_DATA", Path(__file__).parents[3] / "shared" / "data"))
WEEK = 7 * 86400.0
SPAN = 86400.0
"""How many seconds of events arrive together where nothing happens in them."""
ACCOUNT, TECHNICAL, BILLING = "account/acme", "ann@acme.example", "bob@acme.example"


@dataclass(frozen=True, slots=True)
class Series:
    """One recorded series."""

    name: str
    points: Sequence[tuple[float, float]]
    """(epoch seconds, value), in order of time."""
    windows: Sequence[tuple[float, float]]
    """What people marked as out of the ordinary: first and last moment."""

    @property
    def subject(self) -> str:
        """The service it is a metric of."""
        return f"service/{self.name}"

    @property
    def weeks(self) -> float:
        """How long it was recorded."""
        return (self.points[-1][0] - self.points[0][0]) / WEEK


def nab(folder: str) -> list[Series]:
    """Return the series of one folder of the Numenta Anomaly Benchmark (https://github.com/numenta/NAB)."""
    root = DATA / "nab"
    windows = json.loads((root / "labels" / "combined_windows.json").read_text())
    return [
        Series(path.stem, _points(path), [(_epoch(a), _epoch(b)) for a, b in windows[f"{folder}/{path.name}"]])
        for path in sorted((root / "series" / folder).glob("*.csv"))
    ]


def water_flow() -> list[Series]:
    """Return River's series of a water pipe; its four odd stretches are described and not marked."""
    from river.datasets import WaterFlow  # noqa: PLC0415 -- heavy: only where there is need of it

    flow = WaterFlow()  # type: ignore[no-untyped-call]  # River leaves its constructors unannotated
    return [Series("water-flow", sorted((seen["Time"].timestamp(), value) for seen, value in flow), [])]


def people(series: Iterable[Series], at: float) -> bytes:
    """Return who is who: an account, a technical and a billing contact, and each series a service."""
    subjects: dict[str, dict[str, object]] = {
        ACCOUNT: {"name": "Acme", "zone": "UTC"},
        "contact/ann": _contact("Ann", "technical", TECHNICAL),
        "contact/bob": _contact("Bob", "billing", BILLING),
        **{each.subject: {"parent": ACCOUNT, "name": each.name} for each in series},
    }
    return b"\n".join(
        make_event("forewarn.entity", subject, data, id=f"is-{subject}", source="crm", time=at)
        for subject, data in subjects.items()
    )


def chunks(series: Sequence[Series], moments: Iterable[float] = (), *, span: float = SPAN) -> Iterator[Chunk]:
    """Yield all series merged in order of time, each chunk as soon as its last event has happened.

    A chunk ends with the first event at or after each of `moments` (epoch seconds), and after `span` seconds.
    """
    merged = sorted((at, each.name, value) for each in series for at, value in each.points)
    yield Chunk(merged[0][0], people(series, merged[0][0]))
    ends = deque(sorted(moments))
    held: list[bytes] = []
    limit = merged[0][0] + span
    for number, (at, name, value) in enumerate(merged):
        held.append(_sample(number, at, name, value))
        if at >= limit or (ends and at >= ends[0]):
            yield Chunk(at, b"\n".join(held))
            held, limit = [], at + span
            while ends and ends[0] <= at:
                ends.popleft()
    yield Chunk(merged[-1][0], b"\n".join(held))


def _sample(number: int, at: float, name: str, value: float) -> bytes:
    return make_event("metric.sample", f"service/{name}", {"value": value}, id=str(number), source="nab", time=at)


def _contact(name: str, role: str, address: str) -> dict[str, object]:
    addresses = [{"kind": "email", "value": address}]
    return {"parent": ACCOUNT, "name": name, "roles": [role], "zone": "UTC", "addresses": addresses}


def _points(path: Path) -> list[tuple[float, float]]:
    with path.open() as file:
        return sorted((_epoch(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file))


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
