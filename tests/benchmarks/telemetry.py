"""Any kind of detector on made series of web, cloud and machine telemetry, as `forewarn score` runs it.

Sixteen families in two halves (`tests/telemetry/families.py`): constants are chosen on `choose`; `judge` says what they
are worth on series of another making. Of each half and family: the share of the incidents that were told in time, false
alarms a week, the mean average precision of the dense score by row, and the score on the standard profile of the
Numenta benchmark with the best threshold of the half.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from detectors.base import Detector, Floats
from detectors.registry import detector_class
from engine.score import Series, score
from tests.nab.corpus import Costs
from tests.nab.scorer import optimised, weigh
from tests.telemetry.families import CHOOSE, JUDGE
from tests.telemetry.incidents import Made, made
from tests.telemetry.judge import Verdict, as_benchmark, total

HALVES = {"choose": CHOOSE, "judge": JUDGE}
STANDARD = Costs(1.0, 0.11, 1.0)


def told(detector: Detector, series: Made) -> tuple[Verdict, Floats]:
    """Return the verdict on one series, and its alarms."""
    rows = score(detector, Series([], series.times.tolist(), series.values.tolist()))
    verdict = Verdict()
    verdict.add(series, rows.signal, rows.score)
    return verdict, rows.alarm


def figures(verdict: Verdict) -> dict[str, Any]:
    """Return what is printed of a verdict."""
    kinds = {kind: f"{verdict.found[kind]} of {asked}" for kind, asked in sorted(verdict.asked.items())}
    return {
        "found": verdict.recall,
        "false_a_week": verdict.false / verdict.weeks,
        "precision": float(np.nanmean(verdict.precision)),
        "kinds": kinds,
    }


def half(kind: str, families: Sequence[Any], seeds: range) -> dict[str, Any]:
    """Return the figures of a half, and of each of its families."""
    class_ = detector_class(kind)
    detector = class_(**class_.examples[0])
    result, verdicts, alarms, weights = {}, [], [], []
    for family in families:
        series = [made(family, seed) for seed in seeds]
        found = [told(detector, each) for each in series]
        verdicts += [verdict for verdict, _ in found]
        alarms += [alarm for _, alarm in found]
        weights += [weigh(as_benchmark(each)) for each in series]
        result[family.__name__] = figures(total([verdict for verdict, _ in found]))
    best, thresholds = optimised(alarms, weights, {"standard": STANDARD})
    return {**figures(total(verdicts)), **best, "threshold": thresholds["standard"], "families": result}


def show(name: str, result: dict[str, Any]) -> None:
    """Print a table of a half."""
    print(f"{name:14} found  false/week  precision")
    for family, each in {**result["families"], "all": result}.items():
        print(f"{family:14} {each['found']:5.2f}  {each['false_a_week']:10.2f}  {each['precision']:9.3f}")
    print(" · ".join(f"{kind} {count}" for kind, count in result["kinds"].items()))
    print(f"standard {result['standard']:.1f} at {result['threshold']:.2f}\n")


def main() -> None:
    """Print one JSON object with `--json`, tables without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="ensemble")
    parser.add_argument("--seeds", type=int, default=10, help="series of each family")
    parser.add_argument("--half", choices=[*HALVES], action="append", help="by default both")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    names = asked.half or list(HALVES)
    results = {name: half(asked.kind, HALVES[name], range(asked.seeds)) for name in names}
    if asked.json:
        print(json.dumps(results))
        return
    for name, result in results.items():
        show(name, result)


if __name__ == "__main__":
    main()
