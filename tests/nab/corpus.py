"""The Numenta Anomaly Benchmark as it lies on disk: series, anomaly windows, cost profiles, published figures."""

import csv
import io
import json
import lzma
import tarfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from detectors.base import Floats

PROFILES = {"standard": "standard", "low_fp": "reward_low_FP_rate", "low_fn": "reward_low_FN_rate"}
"""Our names of the three profiles, and the benchmark's."""


class Costs(NamedTuple):
    """What one window hit at its start earns, one false alarm costs, one missed window costs."""

    hit: float
    false: float
    missed: float


@dataclass(frozen=True)
class Series:
    """One file: times in epoch seconds, values, and windows as first and last row."""

    name: str
    times: Floats
    values: Floats
    windows: tuple[tuple[int, int], ...]

    @property
    def category(self) -> str:
        """The folder it lies in."""
        return self.name.split("/", 1)[0]


def read_corpus(folder: Path) -> list[Series]:
    """Read all series, in order of their names."""
    windows = json.loads((folder / "labels" / "combined_windows.json").read_text())
    return [_series(folder / "series" / name, name, windows[name]) for name in sorted(windows)]


def read_profiles(folder: Path) -> dict[str, Costs]:
    """Read the costs of the three profiles."""
    found = json.loads((folder / "profiles.json").read_text())
    return {ours: _costs(found[theirs]["CostMatrix"]) for ours, theirs in PROFILES.items()}


def read_published(folder: Path, detector: str) -> dict[str, tuple[float, float]]:
    """Return of each profile the threshold a detector was published with, and its score."""
    thresholds = json.loads((folder / "published_thresholds.json").read_text())[detector]
    scores = json.loads((folder / "published_scores.json").read_text())[detector]
    return {ours: (thresholds[theirs]["threshold"], scores[theirs]) for ours, theirs in PROFILES.items()}


def read_results(folder: Path, detector: str) -> dict[str, Floats]:
    """Return a published detector's raw anomaly scores of each series, from its archive."""
    archive = folder / f"results-{detector}.tar.xz"
    with lzma.open(archive) as unpacked, tarfile.open(fileobj=cast(Any, unpacked)) as files:
        members = [member for member in files.getmembers() if member.name.endswith(".csv")]
        return {member.name.split("/", 1)[1]: _scores(cast(Any, files.extractfile(member))) for member in members}


def _costs(matrix: dict[str, float]) -> Costs:
    return Costs(matrix["tpWeight"], matrix["fpWeight"], matrix["fnWeight"])


def _series(file: Path, name: str, windows: list[list[str]]) -> Series:
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    times = np.array([_seconds(row["timestamp"]) for row in rows])
    ends = [[int(np.searchsorted(times, _seconds(end))) for end in window] for window in windows]
    return Series(name, times, np.array([float(row["value"]) for row in rows]), tuple((a, b) for a, b in ends))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _scores(file: io.BufferedReader) -> Floats:
    rows = csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))
    return np.array([float(row["anomaly_score"]) for row in rows])
