"""How far a value is from what was foreseen, in units of what it usually is off: for the dense score of `Ensemble`.

The views tell what is rare, so the second of two equal outliers counts for little: right for who is woken, wrong for a
picture or a ranking. Here three distances are told as they are, whatever came before: from a prediction one step ahead,
by recursive least squares with a forgetting factor (Ljung and Söderström, "Theory and Practice of Recursive
Identification", 1983) on the last four values, the value a day and a week ago and the mean of the half-hour; from the
mean of the half-hour and hour of the week; and the mean of the last twelve of those. What is unusual teaches little:
errors are cut before they are learned. Compiled.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.base import Floats
from detectors.compiled import compiled
from detectors.ensemble_past import DAY, PAST, SLOTS, begin
from detectors.ensemble_rhythm import learn_course, learn_rhythm
from detectors.ensemble_views import VIEWS, each_slot, has_slot, look, slot_of, usual

NUMBER = len(VIEWS)
LAGS = 4
FEATURES = LAGS + 4
"""One, the last values, the mean of the half-hour, the value a day ago, and a week ago."""
FORGETTING = 0.999
SPREAD, MOST_SPREAD = 10.0, 1e4
"""Of the covariance of the coefficients: at first, and at most, as it grows where nothing new comes."""
EXTREME = 10.0
"""Units at which a feature is cut."""
YOUNG, SETTLED = 24, 60
"""Values before there is a unit, and before anything is said."""
HOURS = 168
HOUR_WEIGHT = 2.0
"""Visits of an hour of the week that the mean of all weeks counts like."""
VISITS = 8.0
"""What is learned of a slot or an hour is a mean over about so many visits."""
GAIN = 1 / 500
STEP_CUT, HOUR_CUT = 4.0, 8.0
"""Usual errors at which an error is cut before the coefficients, or an hour of the week, learn it."""
SQUARE_CUT = 9.0
"""Usual squares at which a square is cut before a scale learns it."""
LEAST_SCALE = 1e-3
"""Of the unit: what is less off than that is foreseen."""
MEAN_WINDOW, MEAN_CUT = 12, 20.0
FREE, FREE_MEAN = 1.5, 0.7
"""Scales that count for nothing: of one value, and of a mean."""
MOST = 6.0
"""Decades: no distance alone says more."""

FIELDS: list[Any] = [
    ("centre", "f8"),  # slow mean, relative to the first value
    ("deviation", "f8"),  # mean distance from it
    ("unit", "f8"),  # the deviation when it last changed much: the scale of the features; 0: none yet
    ("coefficients", "f8", FEATURES),
    ("covariance", "f8", (FEATURES, FEATURES)),
    ("step_square", "f8"),  # mean square of the prediction's errors, in units
    ("step_slots", "f4", (2 * SLOTS, 2)),  # visits and mean square by half-hour
    ("hours", "f4", (HOURS, 2)),  # visits, and mean distance from the half-hour's mean
    ("hour_square", "f8"),  # mean square of the distances from it
    ("hour_slots", "f4", (2 * SLOTS, 2)),
    ("distances", "f8", MEAN_WINDOW),
    ("distances_seen", "u4"),
]


@compiled
def surprise(row: Any, time: float, value: float, features: Floats) -> float:
    """Return the decades of surprise at a value that is new, before `look`, and learn it; `features` is scratch."""
    off = value - row.first
    row.error = row.distance = math.nan
    told = _ahead(row, time, off, features)
    told += _of_the_hour(row, time, off)
    gain = max(1.0 / (row.count + 1.0), 1.0 / max(3.0 * row.day, 100.0))
    far = off - row.centre
    if row.count > 50:
        far = min(max(far, -10.0 * row.deviation), 10.0 * row.deviation)
    row.centre += gain * far
    row.deviation += max(GAIN, 1.0 / (row.count + 1.0)) * (abs(far) - row.deviation)
    _settle_unit(row)
    return told


@compiled
def _decades(distance: float, free: float) -> float:
    beyond = max(abs(distance) - free, 0.0)
    return min(math.log10(1.0 + beyond * beyond), MOST)


@compiled
def _settle_unit(row: Any) -> None:
    """Follow the deviation if it changed by four times, and keep what was learned in the new unit."""
    deviation, unit = float(row.deviation), float(row.unit)
    if row.count < YOUNG or not deviation > 0.0 or 0.25 * unit < deviation < 4.0 * unit:
        return
    row.unit = deviation
    if unit == 0.0:
        _begin(row)
        return
    ratio = deviation / unit
    row.coefficients[0] /= ratio
    row.step_square /= ratio * ratio
    for slot in range(2 * SLOTS):
        row.step_slots[slot, 1] /= ratio * ratio
    if not 1e-3 < ratio < 1e3:
        _begin(row)


@compiled
def _begin(row: Any) -> None:
    row.covariance[:] = 0.0
    for j in range(FEATURES):
        row.covariance[j, j] = SPREAD


@compiled
def _ahead(row: Any, time: float, off: float, features: Floats) -> float:
    """Foresee the value, learn it, and return the surprise."""
    if row.unit == 0.0 or row.fill < LAGS:
        return 0.0
    _features(row, time, features)
    foreseen = 0.0
    for j in range(FEATURES):
        foreseen += row.coefficients[j] * features[j]
    error = (off - row.centre) / row.unit - foreseen
    slot = row.step_slots[slot_of(time)]
    each = each_slot(row)
    scale = max(_scale(slot, float(row.step_square), 4.0 * each), LEAST_SCALE)
    told = 0.0
    if row.count >= SETTLED:
        told, row.error = _decades(error / scale, FREE), error / scale
        learn_course(row, error * row.unit, off - row.centre)
    cut = STEP_CUT * math.sqrt(row.step_square) if row.count >= SETTLED else np.inf
    _learn_step(row, features, min(max(error, -cut), cut))
    row.step_square = _learn_square(slot, float(row.step_square), error, each, float(row.count) - YOUNG)
    return told


@compiled
def _features(row: Any, time: float, features: Floats) -> None:
    fill, day = int(row.fill), int(row.day)
    features[0] = 1.0
    for lag in range(LAGS):
        features[1 + lag] = row.past[fill - 1 - lag] - row.centre
    mean = usual(row, time) - row.first - row.centre if has_slot(row, time) else 0.0
    features[LAGS + 1] = mean
    features[LAGS + 2] = row.past[fill - day] - row.centre if fill >= day else mean
    features[LAGS + 3] = row.past[fill - 7 * day] - row.centre if fill >= 7 * day else features[LAGS + 2]
    for j in range(1, FEATURES):
        features[j] = min(max(features[j] / row.unit, -EXTREME), EXTREME)


@compiled
def _learn_step(row: Any, features: Floats, error: float) -> None:
    """One step of recursive least squares."""
    covariance = row.covariance
    gained = np.zeros(FEATURES)
    for j in range(FEATURES):
        for k in range(FEATURES):
            gained[j] += covariance[j, k] * features[k]
    weight = FORGETTING
    for j in range(FEATURES):
        weight += features[j] * gained[j]
    if not 0.5 * FORGETTING < weight < np.inf:  # rounding has spoiled it
        _begin(row)
        return
    spread = 0.0
    for j in range(FEATURES):
        row.coefficients[j] += gained[j] / weight * error
        for k in range(j, FEATURES):
            covariance[j, k] = (covariance[j, k] - gained[j] * gained[k] / weight) / FORGETTING
            covariance[k, j] = covariance[j, k]
        spread += covariance[j, j]
    if spread > MOST_SPREAD:
        covariance[:] *= MOST_SPREAD / spread


@compiled
def _of_the_hour(row: Any, time: float, off: float) -> float:
    """Return the surprise at the distance from the hour's mean, and at the mean of the last; learn them."""
    if not has_slot(row, time):
        return 0.0
    each, seen = each_slot(row), int(row.distances_seen)
    hour = row.hours[_hour_of(time)]
    plain = off - (usual(row, time) - row.first)
    distance = plain - hour[1] * hour[0] / (hour[0] + 2.0 * each * HOUR_WEIGHT)
    slot = row.hour_slots[slot_of(time)]
    scale = max(_scale(slot, float(row.hour_square), 2.0 * each), LEAST_SCALE * row.deviation)
    scaled = distance / scale if scale > 0.0 and seen > 0 else 0.0
    row.distances[seen % MEAN_WINDOW] = min(max(scaled, -MEAN_CUT), MEAN_CUT)
    row.distances_seen = min(seen + 1, 4_000_000_000)
    told = _decades(scaled, FREE)
    if seen >= MEAN_WINDOW:
        row.distance = scaled
        learn_rhythm(row, plain, off - row.centre)
        told += _decades(row.distances.mean(), FREE_MEAN)
    row.hour_square = _learn_square(slot, float(row.hour_square), distance, each, float(seen))
    cut = HOUR_CUT * math.sqrt(row.hour_square)
    hour[0] = min(hour[0] + 1.0, 2.0 * VISITS * each)
    hour[1] += (min(max(plain, -cut), cut) - hour[1]) / hour[0]
    return told


@compiled
def _hour_of(time: float) -> int:
    day = math.floor(time / DAY)
    return int((day + 3) % 7 * 24 + (time - day * DAY) // 3600.0) % HOURS


@compiled
def _scale(slot: Any, square: float, weight: float) -> float:
    """Return the usual error of a half-hour, of which so many visits of the common one are a part."""
    return math.sqrt((slot[0] * slot[1] + weight * square) / (slot[0] + weight))


@compiled
def _learn_square(slot: Any, square: float, error: float, each: float, seen: float) -> float:
    """Learn the square of an error in its half-hour, and return the mean of all."""
    own = error * error
    if seen > 25.0:
        own = min(own, SQUARE_CUT * square)
    slot[0] = min(slot[0] + 1.0, VISITS * each)
    slot[1] += (own - slot[1]) / slot[0]
    return square + max(GAIN, 1.0 / (seen + 1.0)) * (own - square)


@compiled
def surprises(row: NDArray[Any], times: Floats, values: Floats, out: Floats) -> None:
    """Write the surprise at each of `values`, in order, to `out`: for one row of the ensemble's `main` part."""
    features, views, distances = np.empty(FEATURES), np.empty(NUMBER), np.empty(PAST, np.float32)
    begin(row[0], values[0])
    for i in range(values.size):
        out[i] = surprise(row[0], times[i], values[i], features)
        look(row[0], times[i], values[i], views, distances)
