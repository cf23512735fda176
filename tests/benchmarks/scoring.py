"""A step of `seasonal`, `shift` and `forecast` against the same composite of River's objects, on one stream.

Both keep, for each series and kind, statistics of the same kinds. Seasonal: a level and its slope, a scale, a mean for
each hour of the day and each weekday, three quantiles of the residual on either side, the covariance of neighbouring
residuals, and how far and how often the recent ones were outside. Shift: a level, scale, variance, covariance and skew,
and the cumulative sums of both sides (River's Page-Hinkley). Forecast: level and trend (River's Holt-Winters), the
errors' variance and covariance, and what earlier forecasts were wrong by. Both score first and learn then; the odds of
a shift and the times to a breach, which have no counterpart in River, are worked out by ours alone.

One observation of each series at a time, a step later each time: what a fleet's closed windows look like. River's
objects get the first of the series, as a round of all would last minutes. Rounds alternate; medians are told, of
processor time, so that neighbours on the machine count little. `ratio` is of all three together.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from river import drift, stats, time_series

from detectors.base import Detector, Floats, Observations
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.raising import Raiser, RaiseRule
from detectors.seasonal import Seasonal
from detectors.shift import Shift
from engine.columnar.index import SeriesIndex

STEP = 60.0
START = 1_704_067_200.0
WARM = 40
"""Steps before anything is timed: past the warm-up."""
BATCH = 4_096
OBJECTS = 1_000
"""Series that River's objects get."""
LIMIT, HORIZON = 1_000.0, 86_400.0
"""What `forecast` foresees, and how far ahead."""


class Model(Protocol):
    """The model of one series, of River's objects."""

    def step(self, now: float, value: float) -> float:
        """Score the value, then learn it."""


class SeasonalObjects:
    """What `seasonal` keeps."""

    def __init__(self) -> None:
        means = (stats.EWMean(fading_factor=0.01) for _ in range(7))
        self.level, self.slope, self.scale, self.variance, self.covariance, self.outside, self.shift = means
        self.hours: dict[int, stats.Mean] = {}
        self.days: dict[int, stats.Mean] = {}
        self.tails = [[stats.Quantile(q) for q in (0.9, 0.99, 0.999)] for _ in range(2)]
        self.last = 0.0

    def step(self, now: float, value: float) -> float:
        """Score the value, then learn it."""
        hour, day = int(now // 3600) % 24, (int(now // 86400) + 3) % 7
        by_hour = self.hours.get(hour) or self.hours.setdefault(hour, stats.Mean())
        by_day = self.days.get(day) or self.days.setdefault(day, stats.Mean())
        level, unit = self.level.get() or value, self.scale.get() or 1.0
        residual = value - level - (self.slope.get() or 0.0) - by_hour.get() - by_day.get()
        z = residual / unit
        tail = self.tails[z < 0]
        score = _score([quantile.get() or math.inf for quantile in tail], abs(z))
        self._learn(level, unit, residual, score)
        by_hour.update(residual)
        by_day.update(residual)
        for quantile in tail:
            quantile.update(abs(z))
        return score

    def _learn(self, level: float, unit: float, residual: float, score: float) -> None:
        cut = min(max(residual, -3 * unit), 3 * unit)
        self.level.update(level + cut)
        self.slope.update(0.01 * cut)
        self.scale.update(min(abs(residual), 4 * unit))
        self.variance.update(cut * cut)
        self.covariance.update(cut * self.last)
        self.outside.update(float(score > 0.99))
        self.shift.update(residual)
        self.last = cut


class ShiftObjects:
    """What `shift` keeps."""

    def __init__(self) -> None:
        means = (stats.EWMean(fading_factor=0.01) for _ in range(5))
        self.level, self.scale, self.variance, self.covariance, self.skew = means
        self.up, self.down = (drift.PageHinkley(mode=mode) for mode in ("up", "down"))
        self.last = 0.0

    def step(self, now: float, value: float) -> float:
        """Score the value, then learn it."""
        level = self.level.get() or value
        unit = 1.25 * (self.scale.get() or 1.0)
        x = min(max((value - level) / unit, -3.0), 3.0)
        self.up.update(x)  # type: ignore[no-untyped-call]
        self.down.update(x)  # type: ignore[no-untyped-call]
        self.level.update(level + x * unit)
        self.scale.update(abs(value - level))
        self.variance.update(x * x)
        self.covariance.update(x * self.last)
        self.skew.update(x * x * x)
        self.last = x
        return float(self.up.drift_detected or self.down.drift_detected)


class ForecastObjects:
    """What `forecast` keeps."""

    def __init__(self) -> None:
        self.line: Any = time_series.HoltWinters(alpha=0.1, beta=0.05)  # type: ignore[no-untyped-call]
        self.square, self.covariance, self.wrong = (stats.EWMean(fading_factor=0.01) for _ in range(3))
        self.count, self.last, self.noted = 0, 0.0, 0.0

    def step(self, now: float, value: float) -> float:
        """Score the value, then learn it."""
        self.count += 1
        if self.count < 3:
            self.line.learn_one(value)
            return math.nan
        near, far = self.line.forecast(2)
        error, slope = value - near, far - near
        ahead = HORIZON / STEP
        spread = math.sqrt(self.square.get() + self.wrong.get() * ahead * ahead + 1e-9)
        score = 0.5 * math.erfc(-(near + slope * ahead - LIMIT) / spread * math.sqrt(0.5))
        self.line.learn_one(value)
        self.square.update(error * error)
        self.covariance.update(error * self.last)
        self.wrong.update((slope - self.noted) ** 2)
        self.last, self.noted = error, slope
        return score


OBJECTS_OF: Mapping[str, Callable[[], Model]] = {
    "seasonal": SeasonalObjects,
    "shift": ShiftObjects,
    "forecast": ForecastObjects,
}


def _score(quantiles: list[float], z: float) -> float:
    first, second, third = quantiles
    if z < first:
        return 0.9 * z / first
    if z < second:
        return 1 - 0.1 * 10 ** (-(z - first) / (second - first))
    return 1 - 0.01 * 10 ** (-(z - second) / max(third - second, 1e-9))


def stream(series: int, step: int, rng: np.random.Generator) -> Observations:
    """Return one observation of each series: a daily wave with noise."""
    now = START + step * STEP
    values = 100.0 + 10.0 * math.sin(now / 86400 * 2 * math.pi) + rng.normal(0, 2, series)
    return Observations(np.arange(series, dtype=np.int32), np.full(series, now), values)


def kernel_step(detectors: list[Detector], batch: Observations) -> None:
    """Let kernels take the batch as the engine would, some thousand observations at a time."""
    for start in range(0, len(batch.series), BATCH):
        some = slice(start, start + BATCH)
        part = Observations(batch.series[some], batch.time[some], batch.value[some])
        for detector in detectors:
            detector.update(part)


def objects_step(models: list[Model], now: float, values: Floats) -> None:
    """Let River's objects take one observation of each series."""
    for model, value in zip(models, values.tolist(), strict=True):
        model.step(now, value)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that `work` takes."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def model_bytes(detectors: Mapping[str, Detector], series: int) -> float:
    """Return the bytes a series takes: models, place in the index, and states of the raise rules."""
    index, raising = SeriesIndex(), Raiser(RaiseRule(), score=Seasonal.raise_score)
    index.lookup([f"account/customer-{number:07d}" for number in range(series)])
    raising.grow(series)
    models = sum(array.nbytes for detector in detectors.values() for array in detector.state().values())
    rules = len(detectors) * sum(array.nbytes for array in raising.state().values())
    return float(models + rules + index.nbytes) / series


def ready(series: int) -> dict[str, Detector]:
    """Return the detectors, with room for the series."""
    made: dict[str, Detector] = {
        "seasonal": Seasonal(),
        "shift": Shift(),
        "forecast": Forecast(limit=LIMIT, within=Duration(HORIZON)),
    }
    for detector in made.values():
        detector.prepare(STEP)
        detector.grow(series)
    return made


def measure(series: int, budget: float) -> dict[str, float]:
    """Alternate rounds of both for `budget` seconds; return the ratio of their medians, the rate and the memory."""
    rng = np.random.default_rng(1)
    detectors = ready(series)
    few = min(OBJECTS, series)
    models: dict[str, list[Model]] = {kind: [make() for _ in range(few)] for kind, make in OBJECTS_OF.items()}
    ours: dict[str, list[float]] = {kind: [] for kind in detectors}
    theirs: dict[str, list[float]] = {kind: [] for kind in detectors}
    together: list[float] = []
    begun, step = time.monotonic(), 0
    while step < WARM + 5 or time.monotonic() - begun < budget:
        batch, all_three = stream(series, step, rng), step % 2 == 0
        for kind, detector in [] if all_three else detectors.items():
            own = seconds(lambda detector=detector, batch=batch: kernel_step([detector], batch))  # type: ignore[misc]  # mypy cannot infer a bound default
            ours[kind].append(own / series)
        if all_three:
            own = seconds(lambda batch=batch: kernel_step([*detectors.values()], batch))  # type: ignore[misc]
            together.append(own / series)
        for kind, objects in models.items():
            other = seconds(
                lambda objects=objects, batch=batch: objects_step(objects, float(batch.time[0]), batch.value[:few])  # type: ignore[misc]
            )
            theirs[kind].append(other / few)
        step += 1
    return _told(ours, theirs, together) | {"bytes_per_series": model_bytes(detectors, series)}


def _told(
    ours: Mapping[str, list[float]], theirs: Mapping[str, list[float]], together: list[float]
) -> dict[str, float]:
    """Return ratios and rates, of what came after the warm-up."""
    object_each = {kind: statistics.median(times[WARM:]) for kind, times in theirs.items()}
    each = statistics.median(together[WARM // 2 :])
    kinds = {f"ratio_{kind}": object_each[kind] / statistics.median(times[WARM // 2 :]) for kind, times in ours.items()}
    return {
        "ratio": sum(object_each.values()) / each,
        **kinds,
        "events_per_s": 1 / each,
        "river_events_per_s": 1 / sum(object_each.values()),
    }


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    result = measure(asked.series, asked.seconds)
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:20} {value:14,.1f}")


if __name__ == "__main__":
    main()
