"""A value changed fast: more than people allow within some time, or more than is usual for its series."""

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from detectors.base import Observations, Scores, Signal
from detectors.change_kernel import ROW, WITHIN, Columns, Config, run
from detectors.durations import Duration
from detectors.rows import RowDetector

Direction = Literal["up", "down", "both"]


class Change(RowDetector):
    """A value rose or fell within `over` by more than a limit, or by more than is usual.

    The value is held against the one `over` before, between the observations around that moment; of a longer past only
    a twelfth of `over` is told apart, and a value may be missing for a third of it. Against a limit the score is 0.999,
    three decades of evidence, at it, and three more for each further time of it. Without limits, changes about the
    usual one are held against quantiles tracked online, as residuals are by `seasonal`: one in a thousand exceeds the
    band, up and down.

    Extra columns are `change`, in the measure's unit, and `percent` of the former value (a million at most, as where
    that was 0: say `least` then).

    >>> detector = Change(over="15m", rise="50%")
    >>> detector.prepare(300)
    >>> detector.grow(1)
    >>> times, values = 300 * np.arange(6), [100, 100, 100, 120, 160, 160]
    >>> scores = detector.update(Observations.of([0] * 6, times, values))
    >>> scores.score.round(4).tolist(), scores.extra["percent"].round().tolist()
    ([nan, nan, nan, 0.9369, 0.9997, 0.9997], [nan, nan, nan, 20.0, 60.0, 60.0])
    """

    kind: ClassVar[str] = "change"
    row: ClassVar[np.dtype[Any]] = ROW
    raise_score: ClassVar[float] = 0.999
    calm_below: ClassVar[float | None] = 0.99
    extras: ClassVar[tuple[str, ...]] = ("change", "percent")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"over": "5m"},
        {"over": "5m", "direction": "down", "relative": True, "warmup": 20},
        {"over": "15m", "rise": "50%", "fall": "30%", "least": 2.0},
        {"over": "90s", "rise": 10.0},
    )

    def __init__(
        self,
        *,
        over: Duration = Duration("15m"),  # noqa: B008 - immutable
        rise: str | float | None = None,
        fall: str | float | None = None,
        direction: Direction = "both",
        relative: bool = False,
        least: float = 0.0,
        warmup: int = 30,
    ) -> None:
        """Judge the change within `over` against `rise` and `fall`: "50%", or a number in the measure's unit, for each.

        Without both, what is usual is learned, `relative` to the former value if asked, for `direction`, after `warmup`
        changes. A change of less than `least`, in the measure's unit, is never a breach.
        """
        over = Duration(over)
        if not (over > 0 and math.isfinite(over)):
            raise ValueError(f"over is {over}: it must be a positive duration")
        if direction not in get_args(Direction):
            raise ValueError(f"direction {direction!r}: choose one of {', '.join(get_args(Direction))}")
        if not (least >= 0 and math.isfinite(least)):
            raise ValueError(f"least is {least:g}: it must be 0 or a positive number")
        if warmup < 10:
            raise ValueError(f"warmup is {warmup}: it must be 10 or more changes")
        self._over, self._direction, self._least, self._warmup = over, direction, float(least), int(warmup)
        self._limits = {name: limit for name, limit in (("rise", rise), ("fall", fall)) if limit is not None}
        _check_alone(self._limits, direction, relative)
        read = {name: _limit(name, limit) for name, limit in self._limits.items()}
        if len({percent for _, percent in read.values()}) > 1:
            raise ValueError("rise and fall must both be per cent or both be numbers")
        self._relative = relative or any(percent for _, percent in read.values())
        self._rise, self._fall = (read.get(name, (math.nan, False))[0] for name in ("rise", "fall"))
        super().__init__()
        self.prepare(60.0)

    def prepare(self, step: float) -> None:
        """Learn the window's length in seconds, which is the least that is told apart."""
        super().prepare(step)
        up, down = self._direction != "down", self._direction != "up"
        self._config = Config(
            over=float(self._over),
            cell=max(step, self._over / WITHIN),
            step=step,
            rise=self._rise,
            fall=self._fall,
            relative=self._relative,
            learned=not self._limits,
            least=self._least,
            gain=1 / 256,  # the unit's own standard error is then 5 %
            share=0.05 if up and down else 0.1,
            warmup=self._warmup,
            up=up,
            down=down,
        )

    def _run(self, batch: Observations, *, learn: bool) -> Scores:
        columns = Columns(*(np.empty(len(batch.value)) for _ in Columns._fields))
        run(self._rows, np.array(self._config), batch.series, batch.time, batch.value, tuple(columns), learn)
        extra = {"change": columns.change, "percent": columns.percent}
        return Scores(columns.score, columns.expected, columns.low, columns.high, extra)

    def explain(self, signal: Signal) -> str:
        """Say from what to what it went, in what time, and what is allowed or usual."""
        change, percent = (signal.extra.get(name, math.nan) for name in ("change", "percent"))
        if math.isnan(change):
            return f"The value was {signal.value:.4g}; what it was {self._over} before is not known."
        way = "did not change from" if change == 0 else f"{'rose' if change > 0 else 'fell'} from"
        size = "" if math.isnan(percent) or abs(percent) >= 1e6 else f" ({percent:+.0f} %)"
        to = "" if change == 0 else f" to {signal.value:.4g}{size}"
        return f"The value {way} {signal.value - change:.4g}{to} in {self._over}; {self._bound(change)}."

    def _bound(self, change: float) -> str:
        if not self._limits:
            return "that much is unusual here" if change else "some change is usual here"
        limits = (f"a {name} of {_written(limit)}" for name, limit in self._limits.items())
        return f"the limit is {' and '.join(limits)}"


def _written(limit: str | float) -> str:
    return limit if isinstance(limit, str) else f"{limit:.4g}"


def _check_alone(limits: Mapping[str, str | float], direction: str, relative: bool) -> None:
    if limits and (relative or direction != "both"):
        raise ValueError("direction and relative are for what is usual: write rise or fall alone, per cent as in 50%")


def _limit(name: str, limit: str | float) -> tuple[float, bool]:
    """Return the limit as a number, and whether it is per cent."""
    text = limit.strip() if isinstance(limit, str) else str(limit)
    match = re.fullmatch(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(%?)", text)
    if not match or not 0 < float(match[1]) < math.inf:
        raise ValueError(f"{name} is {limit}: give a positive number, or per cent as in 50%")
    return float(match[1]), bool(match[2])
