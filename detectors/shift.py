"""The level of a series has moved, at once or little by little, and stays there."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from detectors.adwin_kernel import WINDOW
from detectors.base import Observations, Scores, Signal, constant
from detectors.durations import Duration
from detectors.hours import NO_PROFILES, PROFILE, profiles_of
from detectors.rows import RowDetector
from detectors.shift_kernel import lanes, run
from detectors.shift_row import GUARD, LEARNED, MOST, ROW, SURE, UNCUT, Columns, Config
from detectors.shift_spread import NO_SPREADS, SPREAD, spreads_of

Method = Literal["cusum", "page-hinkley", "adwin"]
Direction = Literal["up", "down", "both"]
_DAY = 86400.0
_NO_WINDOWS = np.zeros(WINDOW.itemsize, np.uint8)
_LONGEST_GAP = 3.0
"""Memories of silence after which nothing is known of the level any more."""
_HINKLEY_KEEP = 0.9999
"""River's fading of the sum."""


class Shift(RowDetector):
    """The level of a series moved and stays where it went: a step, or a drift that has led far enough.

    Residuals about a robust level, in units of their standard deviation and cut at three, are summed up on either side
    less an allowance of half the `size` that is sought: `cusum` (Page, "Continuous inspection schemes", Biometrika
    1954). `page-hinkley` sums about the mean of all since the last shift, fading, with half that allowance: it finds
    smaller shifts, later. `adwin` compares the parts of a window that grows while nothing changes, to 8,190 (Bifet and
    Gavaldà, SDM 2007): it seeks no size, finds drifts of a fifth of a deviation, and takes 108 bytes more a series.

    The score is 1 − 1/n where such a sum is reached once in n observations of a series without a shift, from the run
    length of Siegmund, "Sequential Analysis" (1985), section II.5, with the autocorrelation and skew of the noise;
    of `adwin`, 1 − the probability of such a split. It counts as a breach from once in a million.

    A shift that is beyond doubt is adopted as the new level, and is news for `adopt`: so long its issue stays open, as
    one, unless the value returns. `before` and `after` are the two levels, `size` is what is between in deviations,
    `began` when it did (epoch seconds).

    >>> values = np.random.default_rng(1).normal(120, 5, 400)
    >>> values[300:] += 10
    >>> detector = Shift(daily=False)
    >>> detector.prepare(60)
    >>> detector.grow(1)
    >>> scores = detector.update(Observations.of([0] * 400, 60 * np.arange(400), values))
    >>> first = int(np.argmax(scores.score >= detector.raise_score))
    >>> first, float(scores.extra["began"][first] / 60), round(scores.extra["after"][first])
    (308, 297.0, 128)
    """

    kind: ClassVar[str] = "shift"
    row: ClassVar[np.dtype[Any]] = ROW
    raise_score: ClassVar[float] = 0.999999
    calm_below: ClassVar[float | None] = 0.999
    extras: ClassVar[tuple[str, ...]] = ("began", "before", "after", "size")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"daily": False},
        {"daily": False, "direction": "up", "size": 2.0, "adopt": "10m", "memory": "2h"},
        {"daily": False, "method": "page-hinkley", "direction": "down", "least": 5.0},
        {"daily": False, "method": "adwin", "warmup": 20},
        {"adopt": "1h"},
    )

    def __init__(
        self,
        *,
        method: Method = "cusum",
        direction: Direction = "both",
        size: float = 1.0,
        least: float = 0.0,
        memory: Duration = Duration("3d"),  # noqa: B008 - immutable
        adopt: Duration = Duration("1d"),  # noqa: B008 - immutable
        warmup: int = 30,
        daily: bool = True,
    ) -> None:
        """Seek shifts of `size` deviations and more, and of `least` in the measure's unit, in `direction`.

        `memory` is how far back the level looks (at least 100 windows): a drift is found if it leads farther than half
        the size in that time; after a silence of three memories a series is new. `adopt` is how long a shift is news.
        `warmup` is how many windows a series is only watched. `daily` learns the rhythm of the day first, for three
        days, and takes 104 bytes more: say false only where there is none, as every noon is a new level otherwise. A
        rhythm of the week is always a shift: use `seasonal` for such.
        """
        _check(method, direction, size, least, warmup)
        self._method, self._direction = method, direction
        self._size, self._least, self._warmup, self._daily = float(size), float(least), int(warmup), daily
        self._memory = _positive("memory", Duration(memory))
        self._adopt = _positive("adopt", Duration(adopt))
        more = {"profiles": PROFILE, "spreads": SPREAD} if daily else {}
        super().__init__(**more, **({"windows": WINDOW} if method == "adwin" else {}))
        self.prepare(60.0)

    def prepare(self, step: float) -> None:
        """Learn the window's length in seconds, which sets the weight of one observation."""
        super().prepare(step)
        hinkley = self._method == "page-hinkley"
        gain = float(1.0 / MOST) if hinkley else min(step / self._memory, 1 / 100)
        allowance = self._size / (4.0 if hinkley else 2.0)
        up, down = self._direction != "down", self._direction != "up"
        warmup = max(self._warmup, _settling(self._method, self._daily, step))
        self._config = Config(
            step=step,
            allowance=allowance,
            keep=_HINKLEY_KEEP if hinkley else 1.0,
            gain=gain,
            scale_gain=max(gain, float(1 / LEARNED)),  # then the unit's own standard error is 5 %
            least=self._least / self._size,
            above=self._size if up else math.inf,
            below=self._size if down else math.inf,
            guard=float(GUARD / math.sqrt(2.0 / gain)),
            settled=min(2.0 / gain, float(MOST) - 1.0),
            high=float(SURE / (2.0 * allowance)),
            four=4.0 * allowance,
            tilt=8.0 / 3.0 * allowance,
            warmup=warmup,
            day=max(_DAY / step, 1.0),
            begin=max(warmup - _DAY // step, float(UNCUT)) if self._daily else float(UNCUT),
            forget=max(_LONGEST_GAP * self._memory, 10 * step),
            adopt=self._adopt,
            daily=self._daily,
            adwin=self._method == "adwin",
            up=up,
            down=down,
        )

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        columns = Columns(*(np.empty(len(batch.value)) for _ in Columns._fields))
        taken = (batch.series, batch.time, batch.value)
        profiles = profiles_of(self._table("profiles")) if self._daily else NO_PROFILES
        spreads = spreads_of(self._table("spreads")) if self._daily else NO_SPREADS
        windows = self._table("windows") if self._method == "adwin" else _NO_WINDOWS
        tables = (self._rows, profiles, spreads, windows)
        told = run(tables, np.array(self._config), taken, tuple(columns), lanes(), learn)
        news = columns[4:] if told else (constant(math.nan, len(batch.value)),) * len(self.extras)
        extra = dict(zip(self.extras, news, strict=True))
        return Scores(columns.score, columns.expected, columns.low, columns.high, extra)

    def explain(self, signal: Signal) -> str:
        """Say from which level to which, and since when."""
        before, after = (signal.extra.get(name, math.nan) for name in ("before", "after"))
        if math.isnan(before) or math.isnan(after):
            level = "" if math.isnan(signal.expected) else f" of {_figure(signal.expected)}"
            return f"The value was {_figure(signal.value)}; the level{level} is no longer news."
        way = "rose" if after > before else "fell"
        since = _since(signal.extra.get("began", math.nan))
        return (
            f"The level {way} from {_figure(before)} to {_figure(after)}{since}; the value was {_figure(signal.value)}."
        )


def _settling(method: str, daily: bool, step: float) -> float:
    """Return how many windows at least a series is watched: `adwin` takes level and noise as known from then on."""
    return max(256.0 if method == "adwin" else 0.0, min(3 * _DAY / step, float(MOST) - 1.0) if daily else 0.0)


def _figure(number: float) -> str:
    return f"{number:.0f}" if 100 <= abs(number) < 1e6 else f"{number:.3g}"


def _since(began: float) -> str:
    if not 0 <= began < 253402300800:
        return ""
    return f" at about {datetime.fromtimestamp(began, UTC):%Y-%m-%d %H:%M} UTC"


def _check(method: str, direction: str, size: float, least: float, warmup: int) -> None:
    for name, value, known in (("method", method, get_args(Method)), ("direction", direction, get_args(Direction))):
        if value not in known:
            raise ValueError(f"{name} {value!r}: choose one of {', '.join(known)}")
    if not 0.1 <= size <= 4:
        raise ValueError(f"size is {size:g}: it must be 0.1 to 4 deviations; for more use `seasonal` or `threshold`")
    if not (least >= 0 and math.isfinite(least)):
        raise ValueError(f"least is {least:g}: it must be 0 or a positive number")
    if not 10 <= warmup < MOST:
        raise ValueError(f"warmup is {warmup}: it must be 10 to {int(MOST) - 1} windows")


def _positive(name: str, duration: Duration) -> Duration:
    if not (duration > 0 and math.isfinite(duration)):
        raise ValueError(f"{name} is {duration}: it must be a positive duration")
    return duration
