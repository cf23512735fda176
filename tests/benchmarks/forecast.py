"""How right the forecast's times to breach are, on simulated disks that fill: seeded, so the same at every run.

Five fleets: disks that fill evenly; with a rhythm of the day in their level (learned with `daily`); whose rate wanders;
that stand still for hours or days between; and that are cleaned up at times. For each: the share of breaches within the
interval (asked: 0.8), the median error of the time to breach when it is less than `within` away, relative to the time
that was left, the share of moments less than `within` before a breach that score 0.9 and more, the share of such scores
that come true, and how wide the interval is, relative to the time left. Then observations a second.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from detectors.base import Floats, Observations, Scores
from detectors.forecast import Forecast

STEP = 600.0
DAY = 86400.0
START = 1_704_067_200.0
DAYS = 20
LENGTH = int(DAYS * DAY / STEP)
WITHIN = DAY
Fleet = Callable[[np.random.Generator, int], Floats]


def _days() -> Floats:
    return np.asarray(np.arange(LENGTH)[:, None] * STEP / DAY, np.float64)


def _rates(rng: np.random.Generator, disks: int) -> Floats:
    """Return rates in per cent a day, lognormal about 5."""
    return np.asarray(5.0 * np.exp(rng.normal(0, 0.5, (1, disks))), np.float64)


def even(rng: np.random.Generator, disks: int) -> Floats:
    """Fill evenly, with noise."""
    return rng.uniform(20, 60, (1, disks)) + _rates(rng, disks) * _days() + rng.normal(0, 0.5, (LENGTH, disks))


def rhythmic(rng: np.random.Generator, disks: int) -> Floats:
    """Fill evenly; the level has a rhythm of the day."""
    phase, size = rng.uniform(0, 1, (1, disks)), rng.uniform(2, 8, (1, disks))
    return even(rng, disks) + size * np.sin(2 * np.pi * (_days() + phase))


def wandering(rng: np.random.Generator, disks: int) -> Floats:
    """Fill at a rate that wanders by a tenth of itself an hour."""
    steps = rng.normal(0, 0.1 * np.sqrt(STEP / 3600), (LENGTH, disks))
    for i in range(1, LENGTH):
        steps[i] += 0.999 * steps[i - 1]
    filled: Floats = np.cumsum(_rates(rng, disks) * np.exp(steps) * STEP / DAY, axis=0)
    return rng.uniform(20, 60, (1, disks)) + filled + rng.normal(0, 0.5, (LENGTH, disks))


def plateaus(rng: np.random.Generator, disks: int) -> Floats:
    """Fill for some hours or days, then stand still for as long."""
    filling = np.ones((LENGTH, disks))
    for disk in range(disks):
        at = 0
        while at < LENGTH:
            busy, idle = (1 + int(rng.exponential(1.5 * DAY / STEP)) for _ in range(2))
            filling[at + busy : at + busy + idle, disk] = 0.0
            at += busy + idle
    filled = np.cumsum(2 * _rates(rng, disks) * filling * STEP / DAY, axis=0)
    return rng.uniform(20, 60, (1, disks)) + filled + rng.normal(0, 0.5, (LENGTH, disks))


def cleaned(rng: np.random.Generator, disks: int) -> Floats:
    """Fill three times as fast, and be cleaned up now and then, less and less often."""
    values, drop = even(rng, disks) + 2 * _rates(rng, disks) * _days(), np.zeros(disks)
    dropped = np.zeros((LENGTH, disks))
    for i in range(LENGTH):
        due = rng.random(disks) < STEP / DAY / (1.0 + 0.3 * i * STEP / DAY)
        drop += np.where(due, rng.uniform(10, 30, disks), 0.0)
        dropped[i] = drop
    return np.maximum(values - dropped, rng.normal(5, 0.5, (LENGTH, disks)))


FLEETS: dict[str, tuple[Fleet, dict[str, Any]]] = {
    "even": (even, {}),
    "rhythm": (rhythmic, {"daily": True}),
    "wandering": (wandering, {}),
    "plateaus": (plateaus, {}),
    "cleaned": (cleaned, {}),
}


def scored(values: Floats, **config: Any) -> tuple[Scores, float]:
    """Return the scores of `values` (time × disks), as that shape, and the seconds it took."""
    detector = Forecast(limit=100.0, within=WITHIN, **config)  # type: ignore[arg-type] # seconds are a duration too
    detector.prepare(STEP)
    detector.grow(values.shape[1])
    detector.score(Observations.of([0], [START], [0.0]))  # compiled before it is timed
    series = np.arange(values.shape[1], dtype=np.int32)
    begun, parts = time.thread_time(), []
    for i, row in enumerate(values):
        parts.append(detector.update(Observations(series, np.full(len(row), START + i * STEP), row)))
    took = time.thread_time() - begun
    joined = Scores.silent(0)
    joined.score = np.stack([part.score for part in parts])
    joined.extra = {name: np.stack([part.extra[name] for part in parts]) for name in Forecast.extras}
    return joined, took


def seconds_to_breach(values: Floats) -> Floats:
    """Return the seconds from each observation to the first at or beyond 100; infinite if there is none."""
    left = np.full(values.shape, np.inf)
    for i in range(len(values) - 1, -1, -1):
        after = left[i + 1] + STEP if i + 1 < len(values) else np.inf
        left[i] = np.where(values[i] >= 100, 0.0, after)
    return left


def study(fleet: Fleet, config: dict[str, Any], disks: int) -> dict[str, float]:
    """Return the figures of one fleet."""
    values = fleet(np.random.default_rng(7), disks)
    scores, took = scored(values, **config)
    left = seconds_to_breach(values)
    eta, low, high = (scores.extra[name] for name in ("eta_s", "eta_low_s", "eta_high_s"))
    first = np.cumsum(left == 0, axis=0) == 0  # until the first breach, as what follows is no forecast
    known = ~np.isnan(scores.score) & first & (np.arange(LENGTH)[:, None] < LENGTH - WITHIN / STEP)
    told = known & np.isfinite(left) & np.isfinite(low)
    upper = np.where(np.isnan(high), np.inf, high)
    held = (left >= low - STEP) & (left <= upper + STEP)
    soon = known & (left <= WITHIN)
    near = soon & np.isfinite(eta)
    alarm = known & (scores.score >= 0.9)
    return {
        "coverage": float(held[told].mean()),
        "coverage_near": float(held[soon & told].mean()),
        "error": float(np.median(np.abs(eta - left)[near] / left[near])),
        "width": float(np.median((high - low)[soon & np.isfinite(high)] / left[soon & np.isfinite(high)])),
        "recall": float(alarm[soon].mean()),
        "precision": float(soon[alarm].mean()),
        "observations_per_s": values.size / took,
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--disks", type=int, default=200)
    asked = parser.parse_args()
    result = {name: study(fleet, config, asked.disks) for name, (fleet, config) in FLEETS.items()}
    if asked.json:
        print(json.dumps(result))
        return
    for name, figures in result.items():
        print(f"{name:10}", "  ".join(f"{key} {value:,.2f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
