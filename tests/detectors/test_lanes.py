"""Kernels that take many series side by side: each is scored, and learned, as if it were alone."""

from collections.abc import Callable

import numpy as np
import pytest

from detectors.base import Detector, Observations
from detectors.durations import Duration
from detectors.forecast import Forecast
from detectors.lanes import LANES
from detectors.seasonal import Seasonal
from detectors.shift import Shift

SERIES, STEPS, HOUR = 2 * LANES + 20, 400, 3600.0
MAKERS: dict[str, Callable[[], Detector]] = {
    "forecast": lambda: Forecast(limit=250.0, within=Duration("1d")),
    "forecast with the rhythm of the day": lambda: Forecast(
        limit=0.0, within=Duration("2d"), direction="down", daily=True
    ),
    "seasonal": Seasonal,
    "seasonal without rhythms": lambda: Seasonal(period=[], direction="up", least=5.0),
    "shift": lambda: Shift(daily=False),
    "shift with the rhythm of the day": Shift,
    "shift by a window": lambda: Shift(daily=False, method="adwin"),
}


def ready(make: Callable[[], Detector], size: int) -> Detector:
    """Return a detector of hours, of so many series."""
    detector = make()
    detector.prepare(HOUR)
    detector.grow(size)
    return detector


def mixed() -> Observations:
    """Return a batch of all series in any order, often one again within a few others; half of them have moved."""
    rng = np.random.default_rng(7)
    values = 100 + 10 * rng.standard_t(2, (STEPS, SERIES))
    values[STEPS // 2 :, ::2] += 40
    when = np.maximum.accumulate(np.arange(STEPS)[:, None] + 3 * rng.random((STEPS, SERIES)), axis=0).ravel()
    order = np.argsort(when, kind="stable")
    step, series = np.divmod(order, SERIES)
    return Observations.of(series, HOUR * step, values.ravel()[order])


@pytest.mark.parametrize("name", MAKERS)
def test_series_side_by_side_are_taken_as_alone(name: str) -> None:
    batch, together = mixed(), ready(MAKERS[name], SERIES)
    scores = together.update(batch)
    for series in range(0, SERIES, 7):
        own, alone = batch.series == series, ready(MAKERS[name], 1)
        expected = alone.update(Observations.of(0 * batch.series[own], batch.time[own], batch.value[own]))
        np.testing.assert_array_equal(scores.score[own], expected.score)
        for column, extra in scores.extra.items():
            np.testing.assert_array_equal(extra[own], expected.extra[column])
        for table, rows in together.state().items():
            np.testing.assert_array_equal(rows[series], alone.state()[table][0])


@pytest.mark.parametrize("name", MAKERS)
def test_scoring_alone_leaves_no_row_away(name: str) -> None:
    batch, detector = mixed(), ready(MAKERS[name], SERIES)
    detector.update(batch)
    before = {table: rows.copy() for table, rows in detector.state().items()}
    later = batch._replace(time=np.full(len(batch.time), STEPS * HOUR))
    scores = detector.score(later)
    assert not np.isnan(scores.score).any()
    for table, rows in detector.state().items():
        np.testing.assert_array_equal(rows, before[table])
