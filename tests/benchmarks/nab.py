"""The Numenta Anomaly Benchmark: any kind of detector on its 58 series, one configuration, one point at a time.

A kind is judged by one number a point: the evidence of its episodes where it tells them (`alarm`), else its score's.
The three profiles are always told together, and beside them what two detectors reach that look at nothing: a constant,
and an alarm every so many points. `transfer` is the standard score with the threshold taken from the other half of the
series, the mean of both over 20 random halves. `points_per_s` is of processor time on one core.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import Detector, Floats, Observations
from detectors.registry import detector_class
from engine.score import decades, step_of
from tests.nab.corpus import Costs, Series, read_corpus, read_profiles
from tests.nab.scorer import Weights, curve, normalised, optimised, outcomes, transferred, weigh, windows

DATA = Path(os.environ.get("FOREWARN_DATA", Path(__file__).parents[3] / "shared" / "data"))
EVERY = 288
"""Points between the alarms of the blind periodic detector: a day of five-minute steps."""


def fresh(kind: str, step: float) -> Detector:
    """Return a detector of the kind as its first example says, with room for one series."""
    class_ = detector_class(kind)
    detector = class_(**class_.examples[0])
    detector.prepare(step)
    detector.grow(1)
    return detector


def observed(detector: Detector, series: Series) -> Floats:
    """Return the number for each point of the series."""
    scores = detector.update(Observations.of(np.zeros(len(series.times)), series.times, series.values))
    return np.nan_to_num(scores.extra.get("alarm", decades(scores.score)))


def run(kind: str, corpus: Sequence[Series]) -> tuple[list[Floats], float]:
    """Return the numbers of all series, and points a second of processor time; compiling is not counted."""
    steps = [step_of(series.times) for series in corpus]
    observed(fresh(kind, steps[0]), corpus[0])
    detectors = [fresh(kind, step) for step in steps]
    begun = time.thread_time()
    numbers = [observed(detector, series) for detector, series in zip(detectors, corpus, strict=True)]
    return numbers, sum(len(series.times) for series in corpus) / (time.thread_time() - begun)


def blind(corpus: Sequence[Series]) -> dict[str, list[Floats]]:
    """Return the numbers of detectors that look at nothing."""
    return {
        "constant": [np.ones(len(series.times)) for series in corpus],
        "periodic": [(np.arange(len(series.times)) % EVERY == 0).astype(np.float64) for series in corpus],
    }


def judged(numbers: Sequence[Floats], weights: Sequence[Weights], profiles: dict[str, Costs]) -> dict[str, Any]:
    """Return the three scores and the transfer."""
    scores, thresholds = optimised(numbers, weights, profiles)
    return {**scores, "transfer": transferred(numbers, weights, profiles["standard"]), "thresholds": thresholds}


def per_category(
    corpus: Sequence[Series], numbers: Sequence[Floats], weights: Sequence[Weights], costs: Costs, threshold: float
) -> dict[str, dict[str, float | int | None]]:
    """Return each category's score at the threshold of all (None where it has no window), and what it was made of."""
    found: dict[str, dict[str, float | int | None]] = {}
    for category in sorted({series.category for series in corpus}):
        own = [i for i, series in enumerate(corpus) if series.category == category]
        some, each = [numbers[i] for i in own], [weights[i] for i in own]
        count = windows(each)
        score = normalised(curve(some, each, costs).at(threshold), count, costs)
        hits, false = np.sum([outcomes(a, b, threshold) for a, b in zip(some, each, strict=True)], axis=0).tolist()
        found[category] = {"score": score if count else None, "windows": count, "hit": hits, "false": false}
    return found


def measure(folder: Path, kind: str) -> dict[str, Any]:
    """Run the kind over the corpus in `folder`."""
    corpus, profiles = read_corpus(folder), read_profiles(folder)
    weights = [weigh(series) for series in corpus]
    numbers, speed = run(kind, corpus)
    result = judged(numbers, weights, profiles)
    threshold = result["thresholds"]["standard"]
    result["per_category"] = per_category(corpus, numbers, weights, profiles["standard"], threshold)
    result["points_per_s"] = speed
    result["blind"] = {name: judged(each, weights, profiles) for name, each in blind(corpus).items()}
    return result


def finite(result: Any) -> Any:
    """Return the result with None for what JSON has no number for: thresholds of kinds that had better be silent."""
    if isinstance(result, dict):
        return {name: finite(value) for name, value in result.items()}
    return None if isinstance(result, float) and not math.isfinite(result) else result


def show(kind: str, result: dict[str, Any]) -> None:
    """Print a table."""
    print(f"{'':20} standard  low-FP  low-FN  transfer")
    for name, each in {kind: result, **result["blind"]}.items():
        row = [each[key] for key in ("standard", "low_fp", "low_fn", "transfer")]
        print(f"{name:20} {row[0]:8.1f} {row[1]:7.1f} {row[2]:7.1f} {row[3]:9.1f}")
    print()
    for name, each in result["per_category"].items():
        score = "       –" if each["score"] is None else f"{each['score']:8.1f}"
        print(f"{name:20} {score}  {each['hit']} of {each['windows']} windows, {each['false']} false points")
    print(f"\n{result['points_per_s']:,.0f} points/s")


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder that holds `nab`, or that folder itself")
    parser.add_argument("--kind", default="ensemble")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    folder = asked.data / "nab" if (asked.data / "nab").is_dir() else asked.data
    if not (folder / "labels").is_dir():
        print(f"there is no benchmark in {folder}: name its folder with --data, or set FOREWARN_DATA")
        return
    result = measure(folder, asked.kind)
    if asked.json:
        print(json.dumps(finite(result)))
    else:
        show(asked.kind, result)


if __name__ == "__main__":
    main()
