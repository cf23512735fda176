"""How right the forecast's times to breach are, on simulated disks that fill: seeded, so the same at every run.

The fleets are those of `tests/fleets/disks.py`, and others of the same kinds at every seed: 101 and on were used for no
choice. For each: the share of breaches within the interval (asked: 0.8), of all and of those less than `within` away,
the median error of the time to breach when it is less than `within` away, relative to the time that was left, the share
of moments less than `within` before a breach that score 0.9 and more, the share of such scores that come true, the
false alarms that begin, a disk and day, the Brier score of the probability in hundredths, and how wide the interval is,
relative to the time left. Then observations a second. At last `young`: the share of healthy series, seen each second
for two minutes against a limit within a day, that raise with `3 of 5` after half a minute.
"""

import argparse
import json
import time
from typing import Any

import numpy as np

from detectors.base import Floats, Observations, Scores
from detectors.forecast import Forecast
from detectors.raising import Raiser, RaiseRule
from tests.fleets.disks import (
    DAY,
    LENGTH,
    STEP,
    Fleet,
    accelerating,
    bursts,
    cleaned,
    even,
    noisy,
    plateaus,
    ramps,
    rhythmic,
    saturating,
    walking,
    wandering,
    working,
)

START = 1_704_067_200.0
WITHIN = DAY
FLEETS: dict[str, tuple[Fleet, dict[str, Any]]] = {
    "even": (even, {}),
    "rhythm": (rhythmic, {"daily": True}),
    "wandering": (wandering, {}),
    "plateaus": (plateaus, {}),
    "cleaned": (cleaned, {}),
    "saturating": (saturating, {}),
    "accelerating": (accelerating, {}),
    "ramps": (ramps, {}),
    "walking": (walking, {}),
    "bursts": (bursts, {}),
    "working": (working, {}),
    "noisy": (noisy, {}),
}
YOUNG = {"white noise": 0.0, "noise of 3 s": 0.7, "noise of 50 s": 0.98}
"""Kinds of noise of the young series: the correlation of neighbours."""


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


def study(fleet: Fleet, config: dict[str, Any], disks: int, seed: int) -> dict[str, float]:
    """Return the figures of one fleet."""
    values = fleet(np.random.default_rng(seed), disks)
    scores, took = scored(values, **config)
    left = seconds_to_breach(values)
    eta, low, high = (scores.extra[name] for name in ("eta_s", "eta_low_s", "eta_high_s"))
    first = np.cumsum(left == 0, axis=0) == 0  # until the first breach, as what follows is no forecast
    known = ~np.isnan(scores.score) & first & (np.arange(LENGTH)[:, None] < LENGTH - WITHIN / STEP)
    told = known & np.isfinite(left) & np.isfinite(low)
    upper = np.where(np.isnan(high), np.inf, high)
    held = (left >= low - STEP) & (left <= upper + STEP)
    soon = known & (left <= WITHIN)
    near, bounded = soon & np.isfinite(eta), soon & np.isfinite(high)
    alarm = known & (scores.score >= 0.9)
    false = alarm & ~soon
    return {
        "coverage": _mean(held[told]),
        "coverage_near": _mean(held[soon & told]),
        "error": _median(np.abs(eta[near] - left[near]) / left[near]),
        "width": _median((high - low)[bounded] / left[bounded]),
        "recall": _mean(alarm[soon]),
        "precision": _mean(soon[alarm]),
        "false_a_day": float((false[1:] & ~false[:-1]).sum() / disks / (LENGTH * STEP / DAY)),
        "brier": 100 * _mean((scores.score - soon)[known] ** 2),
        "observations_per_s": values.size / took,
    }


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _median(values: Floats) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def studied(disks: int, seeds: range) -> dict[str, dict[str, float]]:
    """Return the figures of all fleets, each the mean over the seeds."""
    result = {}
    for name, (fleet, config) in FLEETS.items():
        each = [study(fleet, config, disks, seed) for seed in seeds]
        result[name] = {key: float(np.mean([figures[key] for figures in each])) for key in each[0]}
    return result


def young(correlation: float, seed: int, series: int = 2_000, steps: int = 120, grace: int = 30) -> float:
    """Return the share of young healthy series that raise."""
    rng = np.random.default_rng(seed)
    errors = rng.normal(0, 1, (steps, series))
    for i in range(1, steps):
        errors[i] = correlation * errors[i - 1] + np.sqrt(1 - correlation**2) * errors[i]
    values = rng.uniform(50, 500, series) * (1 + 0.02 * errors)
    detector, raiser = Forecast(limit=800.0, within=WITHIN), Raiser(RaiseRule(hits=3, of=5), score=0.9)  # type: ignore[arg-type] # seconds are a duration too
    detector.prepare(1.0)
    detector.grow(series)
    raiser.grow(series)
    numbers, raised = np.arange(series, dtype=np.int32), np.zeros(series, np.bool_)
    for i, row in enumerate(values):
        times = np.full(series, START + i)
        scores = detector.update(Observations(numbers, times, row))
        if i >= grace:
            raiser.observe(numbers, times, scores.score)
            raised |= raiser.raised(numbers)
    return float(raised.mean())


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--disks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=101, help="the first of them")
    parser.add_argument("--seeds", type=int, default=2, help="how many fleets of each kind")
    asked = parser.parse_args()
    result = studied(asked.disks, range(asked.seed, asked.seed + asked.seeds))
    raised = {name: young(correlation, asked.seed) for name, correlation in YOUNG.items()}
    if asked.json:
        print(json.dumps(result | {"young": raised}))
        return
    for name, figures in result.items():
        print(f"{name:12}", "  ".join(f"{key} {value:,.3g}" for key, value in figures.items()))
    print("young       ", "  ".join(f"{name} {value:.4f}" for name, value in raised.items()))


if __name__ == "__main__":
    main()
