"""The step of seasonal, and of seasonal, shift and forecast together, against the same composites of River's objects.

Both keep, for each series, a level and its slope, a scale, a mean for each hour of the day and each weekday, three
quantiles of the residual on either side, the covariance of neighbouring residuals, and how far and how often the recent
ones were outside; both score first and learn then. For the three kinds River's side has beside it a Page-Hinkley test
of both sides, and the five discounted means a line needs, with the probability and the time of a breach from it. One
observation of each series at a time, a step later each time: what a fleet's closed windows look like. River's objects
get the first of the series, as a round of all would last minutes. Rounds alternate; medians are told, of processor
time, so that neighbours on the machine count little.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from river import drift, stats

from detectors.base import Detector, Floats, Observations
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.raising import Raiser, RaiseRule
from detectors.seasonal import Seasonal
from detectors.shift import Shift
from engine.columnar.index import SeriesIndex

STEP = 60.0
START = 1_704_067_200.0
WARM, SETTLED = 40, 400
"""Steps before anything is timed: past the warm-up; and until a forecast knows how wrong its slopes are."""
BATCH = 10_000
LIMIT = 200.0
"""Of the forecast, within half an hour: never near, as for nearly all of a fleet."""
OBJECTS = 2_000
"""Series that River's objects get."""


class Composite:
    """The same model for one series, of River's objects."""

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


class Trio:
    """The three models for one series, of River's objects."""

    def __init__(self) -> None:
        self.seasonal, self.shift = Composite(), drift.PageHinkley(mode="both")
        self.means = [stats.EWMean(fading_factor=0.01) for _ in range(5)]
        self.begun = START

    def step(self, now: float, value: float) -> float:
        """Score the value by all three, then learn it."""
        score = max(self.seasonal.step(now, value), self._breach())
        self.shift.update(value)  # type: ignore[no-untyped-call]
        age = (now - self.begun) / 3600
        for mean, term in zip(self.means, (age, value, age * age, age * value, value * value), strict=True):
            mean.update(term)
        return max(score, float(self.shift.drift_detected))

    def _breach(self) -> float:
        age, level, squares, product, power = (mean.get() or 0.0 for mean in self.means)
        spread = max(squares - age * age, 1e-9)
        slope = (product - age * level) / spread
        noise = math.sqrt(max(power - level * level - slope * slope * spread, 1e-9))
        self.eta = (LIMIT - level) / slope if slope > 0 else math.inf
        return 0.5 * math.erfc((LIMIT - level - 0.5 * slope) / noise / math.sqrt(2))


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


def kernel_step(detectors: Sequence[Detector], batch: Observations) -> None:
    """Let the kernels take the batch as the engine would, ten thousand observations at a time."""
    for start in range(0, len(batch.series), BATCH):
        some = slice(start, start + BATCH)
        part = Observations(batch.series[some], batch.time[some], batch.value[some])
        for detector in detectors:
            detector.update(part)


def objects_step(models: Sequence[Composite | Trio], now: float, values: Floats) -> None:
    """Let River's objects take one observation of each series."""
    for model, value in zip(models, values.tolist(), strict=True):
        model.step(now, value)


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time that `work` takes."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def model_bytes(detectors: Sequence[Detector], series: int) -> float:
    """Return the bytes a series takes: models, place in the index, and state of the raise rule of each."""
    index, raising = SeriesIndex(), Raiser(RaiseRule(), score=Seasonal.raise_score)
    index.lookup([f"account/customer-{number:07d}" for number in range(series)])
    raising.grow(series)
    arrays = [array for detector in detectors for array in detector.state().values()]
    rules = sum(array.nbytes for array in raising.state().values()) * len(detectors)
    return float(sum(array.nbytes for array in arrays) + rules + index.nbytes) / series


def measure(
    detectors: Sequence[Detector], make: Callable[[], Composite | Trio], series: int, budget: float, warm: int = WARM
) -> dict[str, float]:
    """Alternate rounds of both for `budget` seconds; return the ratio of their medians, the rate and the memory."""
    rng = np.random.default_rng(1)
    for detector in detectors:
        detector.prepare(STEP)
        detector.grow(series)
    models = [make() for _ in range(min(OBJECTS, series))]
    ours: list[float] = []
    theirs: list[float] = []
    begun, step = time.monotonic(), 0
    while step < warm + 5 or time.monotonic() - begun < budget:
        begun = time.monotonic() if step == warm else begun
        batch = stream(series, step, rng)
        few = batch.value[: len(models)]
        own = seconds(lambda batch=batch: kernel_step(detectors, batch))  # type: ignore[misc]  # mypy cannot infer a bound default
        other = seconds(lambda batch=batch, few=few: objects_step(models, float(batch.time[0]), few))  # type: ignore[misc]
        if step >= warm:
            ours.append(own / series)
            theirs.append(other / len(models))
        step += 1
    each, object_each = statistics.median(ours), statistics.median(theirs)
    return {
        "ratio": object_each / each,
        "events_per_s": 1 / each,
        "river_events_per_s": 1 / object_each,
        "bytes_per_series": model_bytes(detectors, series),
    }


def trio() -> list[Detector]:
    """Return the three kinds that a million customers are watched with."""
    return [Seasonal(), Shift(daily=False), Forecast(limit=LIMIT, within=Duration("30m"))]


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    result = measure([Seasonal()], Composite, asked.series, asked.seconds)
    three = measure(trio(), Trio, asked.series, asked.seconds, warm=SETTLED)
    result |= {f"trio_{name}": value for name, value in three.items()}
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:24} {value:14,.1f}")


if __name__ == "__main__":
    main()
