"""When a value will reach a limit: storage that fills, a quota that runs out, a battery that empties."""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from detectors.base import Observations, Scores, Signal, constant
from detectors.durations import Duration
from detectors.forecast_kernel import lanes, run
from detectors.forecast_line import DISCOUNT
from detectors.forecast_row import ROW, Columns, Config
from detectors.forecast_way import HORIZON
from detectors.hours import NO_PROFILES, PROFILE, profiles_of
from detectors.rows import RowDetector

Direction = Literal["up", "down"]
_HOUR, _DAY = 3600.0, 86400.0


class Forecast(RowDetector):
    """A value will reach a limit soon; the score is the probability that it does so within `within`.

    A line is fitted to the recent past by discounted least squares, and its slope goes on damped (Gardner and McKenzie,
    "Forecasting trends in time series", Management Science 31, 1985). How fast it is lost, and to which slope, each
    series learns from what came of its own earlier forecasts, checked every half `within`; steady lines are hardly
    damped, those that fill up slower and slower are, and to the mean those that stop and go on. Until there are checks
    a trend is taken to last for ten times as long as it was watched, and a slope that noise may explain counts for
    little: half a minute promises nothing for tomorrow, though a breach that is due in a minute is foreseen.

    The slope's error is what theory says, or what earlier forecasts were wrong by, whichever is more; few checks widen
    it as Student's t does. The extra columns `eta_s`, `eta_low_s` and `eta_high_s` are the median and the ends of the
    interval of the time to the breach, in seconds; NaN where none is foreseen within ten times `within`, or ten times
    what was watched. `slope` is that of the line, in units a second. Outliers are not learned; a jump, as a clean-up
    makes, moves the past along. Where clean-ups always came before the limit, the rule of succession keeps the score
    low up to the level they came at: 1/3 after one, 1/4 after two.

    >>> detector = Forecast(limit=100, within=Duration("1d"))
    >>> detector.prepare(3600)
    >>> detector.grow(1)
    >>> hours = np.arange(30)
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 30)
    >>> scores = detector.update(Observations.of(0 * hours, hours * 3600, 50 + 1.2 * hours + noise))
    >>> bool(scores.score[12] < 0.5), bool(scores.score[29] > 0.8), round(scores.extra["eta_s"][29] / 3600)
    (True, True, 13)
    """

    kind: ClassVar[str] = "forecast"
    row: ClassVar[np.dtype[Any]] = ROW
    raise_score: ClassVar[float] = 0.9
    calm_below: ClassVar[float | None] = 0.5
    extras: ClassVar[tuple[str, ...]] = ("eta_s", "eta_low_s", "eta_high_s", "slope")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"limit": 100.0, "within": "1d"},
        {"limit": 10.0, "within": "6h", "direction": "down", "interval": 0.5},
        {"limit": 80.0, "within": "2d", "daily": True, "memory": "4d"},
    )

    def __init__(
        self,
        *,
        limit: float,
        within: Duration,
        direction: Direction = "up",
        interval: float = 0.8,
        memory: Duration | None = None,
        daily: bool = False,
    ) -> None:
        """Foresee that the value goes to `limit` or beyond, in `direction`, `within` that time.

        `interval` is the probability that `eta_low_s` to `eta_high_s` is to hold. `memory` is the past the line is
        fitted to: as long as `within` if left out, as the past tells of a future of its own length (at least 20
        windows, and three days with `daily`, which learns the rhythm of the day after watching for three days).
        """
        if not math.isfinite(limit):
            raise ValueError(f"limit is {limit}: it must be a finite number")
        if direction not in get_args(Direction):
            raise ValueError(f"direction {direction!r}: choose one of {', '.join(get_args(Direction))}")
        if not 0 < interval < 1:
            raise ValueError(f"interval is {interval:g}: it must be between 0 and 1, as 0.8")
        self._limit, self._direction, self._tail = float(limit), direction, (1 - interval) / 2
        self._within = _positive("within", Duration(within))
        self._memory = self._within if memory is None else _positive("memory", Duration(memory))
        self._daily = daily
        super().__init__(**({"profiles": PROFILE} if daily else {}))
        self.prepare(60.0)

    def prepare(self, step: float) -> None:
        """Learn the window's length in seconds."""
        super().prepare(step)
        sign = 1.0 if self._direction == "up" else -1.0
        memory = max(self._memory, 20 * step, 3 * _DAY if self._daily else 0.0)
        self._config = Config(
            sign=sign,
            limit=sign * self._limit,
            within=self._within,
            step=step,
            memory=memory,
            keep=math.exp(-DISCOUNT * step / memory),
            span=max(self._within / 2, 10 * step),  # long enough to tell a slope, short enough to come about
            quantile=NormalDist().inv_cdf(1 - self._tail),
            daily=self._daily,
            settle=3 * _DAY if self._daily else 0.0,
        )

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        size = len(batch.value)
        columns = Columns(*(np.empty(size) for _ in Columns._fields))
        taken = (batch.series, batch.time, batch.value)
        profiles = profiles_of(self._table("profiles")) if self._daily else NO_PROFILES
        told = run((self._rows, profiles), np.array(self._config), taken, tuple(columns), lanes(), learn)
        etas = (columns.eta, columns.soonest, columns.latest) if told else (constant(math.nan, size),) * 3
        limit, up = constant(self._limit, size), self._direction == "up"
        low, high = (constant(-math.inf, size), limit) if up else (limit, constant(math.inf, size))
        extra = dict(zip(self.extras, (*etas, columns.slope), strict=True))
        return Scores(columns.score, columns.expected, low, high, extra)

    def explain(self, signal: Signal) -> str:
        """Say the value, how fast it moves and when it reaches the limit."""
        eta = signal.extra.get("eta_s", math.nan)
        limit = f"the limit {self._limit:.4g}"
        if eta == 0:
            side = "above" if self._direction == "up" else "below"
            return f"The value is {signal.value:.4g}: at or {side} {limit}."
        if math.isnan(eta):
            within = Duration(HORIZON * self._within)
            return f"At {signal.value:.4g}, {limit} is not expected to be reached within {within}."
        return f"At {signal.value:.4g}{_pace(signal)}, {limit} is reached in {_span(eta)}{_interval(signal)}."


def _pace(signal: Signal) -> str:
    slope = signal.extra.get("slope", math.nan)
    if math.isnan(slope):
        return ""
    unit, seconds = ("an hour", _HOUR) if signal.extra["eta_s"] < 3 * _DAY else ("a day", _DAY)
    return f" and {'rising' if slope > 0 else 'falling'} about {abs(slope) * seconds:.2g} {unit}"


def _interval(signal: Signal) -> str:
    low, high = signal.extra.get("eta_low_s", math.nan), signal.extra.get("eta_high_s", math.nan)
    if math.isnan(low):
        return ""
    if math.isnan(high):
        return f", not before {_span(low)}"
    number, unit = _span(low).split()
    same = unit == _span(high).split()[1] == _span(signal.extra["eta_s"]).split()[1]
    return f", between {number if same else _span(low)} and {_span(high).split()[0] if same else _span(high)}"


def _span(seconds: float) -> str:
    for unit, size in (("d", _DAY), ("h", _HOUR), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _positive(name: str, duration: Duration) -> Duration:
    if not (duration > 0 and math.isfinite(duration)):
        raise ValueError(f"{name} is {duration}: it must be a positive duration")
    return duration
