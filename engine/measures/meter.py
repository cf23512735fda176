"""Measures: events of one watch become observations, one for each series and closed window.

Windows tumble: window k holds the events from k · every up to, but not including, (k + 1) · every, by event time. It
closes when the watermark reaches its end; what comes later is late and is not counted. Absent values are left out, and
a window that has only such is not told. What each kind makes of a window of a minute:

>>> at, value = [0.0, 10.0, 40.0, 50.0], [4.0, 1.0, 9.0, 2.0]
>>> measured(Measure("count"), at), measured(Measure("rate"), at)
([(0.0, 4.0)], [(0.0, 0.06666666666666667)])
>>> measured(Measure("ratio", Expression.parse("value > 3")), at, value)
[(0.0, 0.5)]
>>> x = Expression.parse("value")
>>> [measured(Measure(kind, x), at, value) for kind in ("sum", "mean", "min", "max")]
[[(0.0, 16.0)], [(0.0, 4.0)], [(0.0, 1.0)], [(0.0, 9.0)]]

The value of the event with the latest time; of several at once, the one later in the log:

>>> measured(Measure("last", x), [50.0, 10.0, 50.0], [1.0, 2.0, 3.0])
[(0.0, 3.0)]

A quantile, interpolated; how many different values; both exact up to 512, then estimates (`sketches.py`):

>>> measured(Measure("quantile", x, q=0.5), at, value), measured(Measure("distinct", x), at, [7.0, 7.0, 8.0, 8.0])
([(0.0, 3.0)], [(0.0, 2.0)])

The longest time between two consecutive events, told by the window of the later one; a first event ends no gap:

>>> measured(Measure("gap"), [0.0, 50.0, 130.0, 135.0])
[(0.0, 50.0), (120.0, 80.0)]

A window without events is a zero for count and rate, and for others if `missing: zero` says so; after a thousand in a
row nothing is told until there are events again:

>>> measured(Measure("count"), [0.0, 150.0])
[(0.0, 1.0), (60.0, 0.0), (120.0, 1.0)]
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Growing
from detectors.base import Observations
from detectors.durations import Duration
from engine.columnar.columns import Columns, Values
from engine.columnar.index import SeriesIndex
from engine.columnar.texts import Texts
from engine.columnar.times import rfc3339
from engine.config.model import Measure, Watch
from engine.events.rejects import LATE, UNKEYED
from engine.expressions import Expression, ExpressionError, Kind
from engine.measures import history, windows
from engine.measures.keys import Keys, Owner
from engine.measures.pool import Pool, none_free
from engine.measures.values import numbers, unit_hashes

Floats = NDArray[np.float64]
Where = NDArray[np.intp]
ENVELOPE = {"time": Kind.NUMBER, "subject": Kind.TEXT, "type": Kind.TEXT, "stage": Kind.NUMBER}
"""What expressions may name beside the fields of `data`: `time` is in epoch seconds, `stage` the position of the
event's type in the watch's list of several."""
_WANTED = {"ratio": Kind.TRUTH, "distinct": Kind.ANY}
_SPARE = 4_096
_NO_EVENTS = np.zeros(0, np.int32)


class Late(NamedTuple):
    """An event that was not counted."""

    line: int
    """Its position in the batch it came in."""
    reason: str
    """`late` or `unkeyed`."""
    detail: str


class Closed(NamedTuple):
    """Windows that are over."""

    observations: Observations
    events: NDArray[np.int32]
    """How many events each of them counted."""


class Added(NamedTuple):
    """What came of a batch."""

    observations: Observations
    """The windows that its events closed."""
    events: NDArray[np.int32]
    """How many events each of them counted."""
    left_out: list[Late]


class Meter:
    """Everything about one watch: series, open windows, the last closed ones.

    What it tells of a series does not depend on how the log is cut into batches. Takes 24 bytes a series (gap: 32)
    beside its key, and 8 to 24 for each window that can be open at once; quantile, distinct and gap also 64 to 4,096
    bytes for each that is; and pictures at most `history_bytes` for all series.
    """

    def __init__(self, watch: Watch, *, lateness: float, history_bytes: int = 64 << 20) -> None:
        """Raises ExpressionError (a ValueError) for a measure that lacks its value or has one of the wrong kind."""
        self.watch = watch
        self.index = SeriesIndex()
        self._keys = Keys(watch.by)
        self._where = watch.where and watch.where.expect(Kind.TRUTH)
        self._of = _argument(watch.measure)
        self._plan = _plan(watch, lateness, history_bytes // (history.POINTS * history.POINT_BYTES))
        self._lateness, self._history_bytes = lateness, history_bytes
        self._until = -np.inf
        self.welcome: Callable[[NDArray[np.int32]], None] = lambda _: None
        """What is called with the numbers of series that are new, before anything is counted of them."""
        self._clear()

    @property
    def fields(self) -> Mapping[str, Kind]:
        """The fields of `data` that are needed, and of what kind. Raises ExpressionError for contradictory uses."""
        needed = dict(self._keys.fields)
        for expression in (self._where, *self.watch.compute.values(), self._of):
            for name, kind in expression.fields.items() if expression else ():
                needed[name] = _meet(name, needed.get(name, Kind.ANY), kind)
        given = {*self.watch.compute, *ENVELOPE}
        return {name: kind for name, kind in needed.items() if name not in given}

    def add(self, columns: Columns, floor: Floats, owner: Owner) -> Added:
        """Count events, in log order; `floor` is the watermark before each of them, in epoch seconds."""
        table = self._table(columns)
        rows = np.arange(columns.n) if self._where is None else np.flatnonzero(self._where.evaluate(table, columns.n))
        keys, unkeyed = self._keys.of(_only(columns, table, rows), owner)
        window = np.floor(columns.time[rows] / self._plan.every)
        ends = (window + 1.0) * self._plan.every
        late = ends <= floor[rows]
        left_out = _left_out(columns, rows, late, unkeyed, ends)
        if left_out:
            kept = ~(late | unkeyed)
            keys = keys[kept] if isinstance(keys, Texts) else list(compress(keys, kept.tolist()))
            rows, window = rows[kept], window[kept]
        value = self._values(table, columns.n)[rows]
        series, time = self._numbers(keys), columns.time[rows]

        def step(memory: windows.Memory, done: int) -> int:
            return windows.add(memory, self._plan, series, time, window, value, done)

        return Added(*_joined(list(self._run(step, series.size))), left_out)

    def advance(self, watermark: float) -> Observations:
        """Close every window that ends at or before `watermark`, in epoch seconds."""
        return _joined([Closed(each, _NO_EVENTS) for each in self.closing(watermark)]).observations

    def closing(self, watermark: float) -> Iterator[Observations]:
        """Do the same, but yield some thousand windows at a time, of whole series: so much stays in the cache."""
        until = _first_open(watermark, self._plan.every)
        if until <= self._until:
            return
        self._until = until

        def step(memory: windows.Memory, done: int) -> int:
            return windows.advance(memory, self._plan, until, done)

        for closed in self._run(step, len(self.index)):
            yield closed.observations

    def points(self, series: int) -> list[tuple[float, float]]:
        """Return the last closed windows of a series, at most 48, oldest first, as (start, value)."""
        memory, plan = self._memory(np.zeros(1, np.int64)), self._plan
        base, written = int(memory.floats[series, 0]), windows.written(memory, series)
        kept = history.latest(memory.points, plan.rooms, plan.known, series, written, base)
        return [(window * self._plan.every, value) for window, value in kept]

    def quiet(self, before: float) -> NDArray[np.int32]:
        """Return the series without open windows, of which nothing will be told until something comes of them again,
        and whose last window was closed before epoch second `before`.
        """
        return windows.quiet(self._memory(np.zeros(1, np.int64)), self._plan, before)

    def rows(self, series: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return what is remembered of quiet series, but for their pictures."""
        rows: Floats = self._rows.array[series, : self._plan.head]
        return rows

    def put(self, series: NDArray[np.int32], rows: NDArray[np.float64]) -> None:
        """Take over what `rows` returned, for series that are new."""
        self._rows.array[series, : self._plan.head] = rows
        windows.unpicture(self._memory(np.zeros(1, np.int64)), series)

    def remove(self, series: NDArray[np.int32]) -> None:
        """Forget quiet series; their numbers are given to others."""
        self._rows.array[series] = 0.0
        self.index.remove(series)

    def drop(self, series: NDArray[np.int32]) -> None:
        """Forget series with what is open of them, and their pictures; their numbers are given to others."""
        windows.drop(self._memory(np.zeros(1, np.int64)), self._plan, series)
        self.index.remove(series)

    def number(self, key: str) -> int:
        """Return the number of a series, which is new if nothing has come of it."""
        return int(self._numbers([key])[0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is remembered, as arrays that stay true until the next call of another method."""
        count = len(self.index)
        return {
            **{f"index.{name}": array for name, array in self.index.state().items()},
            "plan": self._configuration(),
            "rows": self._rows.array[:count].view(np.int64),
            "pool": self._pool.array[: self._free[-1]].view(np.int64),
            "free": self._free.copy(),
            "history": self._history.array[: min(count, self._plan.rooms) * history.POINTS],
            "until": np.array([self._until]),
        }

    def only(self, series: NDArray[np.int32]) -> dict[str, NDArray[Any]]:
        """Return what `state` would if there were only these series, numbered from 0 in the order given."""
        other = Meter(self.watch, lateness=self._lateness, history_bytes=self._history_bytes)
        other._until = self._until
        other._numbers([self.index.key(number) for number in series.tolist()])
        nothing, done = np.zeros(1, np.int64), 0
        theirs = self._memory(nothing)
        while done < len(series):
            other._pool.reserve(int(other._free[-1]) + _SPARE)
            done = windows.take(other._memory(nothing), other._plan, theirs, series, done)
        windows.take_pictures(other._memory(nothing), other._plan, theirs, self._plan.known, series)
        return other.state()

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over a `state`. Raises ValueError if it is that of a watch with other windows or another measure."""
        if not np.array_equal(state["plan"], self._configuration()):
            raise ValueError(
                f"the saved windows of {' + '.join(self.watch.events)} were of another measure: {state['plan']}"
            )
        self._clear()
        self.index.load({name: state[f"index.{name}"] for name in self.index.state()})
        self._rows.fill(state["rows"].view(np.float64))
        self._pool.fill(state["pool"].view(np.float64))
        self._history.fill(state["history"])
        self._free[:] = state["free"]
        self._until = float(state["until"][0])
        self._plan = self._plan._replace(known=len(self.index))

    def _configuration(self) -> Floats:
        plan = self._plan
        return np.array([plan.kind, plan.every, plan.ring, plan.rooms], np.float64)

    def _clear(self) -> None:
        self.index = SeriesIndex()
        self._plan = self._plan._replace(known=0)
        self._rows = Growing(np.float64, self._plan.width)
        self._pool = Growing(np.float64)
        self._free = none_free()
        self._history = Growing(np.int32, 2)
        self._until = float(-np.inf)
        self._closed = Growing(np.float64, 4)

    def _table(self, columns: Columns) -> dict[str, Values]:
        """Return the columns expressions may name: fields, envelope, computed ones."""
        table: dict[str, Values] = {**columns.fields, "time": columns.time}
        names = {name for each in (self._where, *self.watch.compute.values(), self._of) if each for name in each.fields}
        if "subject" in names:
            table["subject"] = columns.subject
        if "type" in names - table.keys():
            table["type"] = Texts.of([columns.type])[np.zeros(columns.n, np.intp)]
        if "stage" in names - table.keys():
            table["stage"] = np.zeros(columns.n)
        for name, expression in self.watch.compute.items():
            table[name] = expression.evaluate(table, columns.n)
        return table

    def _values(self, table: Mapping[str, Values], n: int) -> Floats:
        if self._of is None:
            return np.zeros(n)
        column = self._of.evaluate(table, n)
        return unit_hashes(column) if self.watch.measure.kind == "distinct" else numbers(column)

    def _numbers(self, keys: Texts | list[str]) -> NDArray[np.int32]:
        """Number the series, with room for new ones."""
        known = len(self.index)
        series = self.index.lookup(keys)
        if len(self.index) > known:
            self._plan = self._plan._replace(known=len(self.index))
            self._rows.reserve(self._plan.known)
            self._history.reserve(min(self._plan.known, self._plan.rooms) * history.POINTS)
            windows.make_room(self._memory(np.zeros(1, np.int64)), self._plan, known)
        fresh = self.index.fresh
        if len(fresh):
            self.welcome(fresh)
        return series

    def _run(self, step: Callable[[windows.Memory, int], int], count: int) -> Iterator[Closed]:
        """Call a kernel until it has done `count` rows, and yield what it closed each time."""
        self._closed.reserve(self._plan.ring + windows.ZEROS + _SPARE)
        done = 0
        while done < count:
            self._pool.reserve(int(self._free[-1]) + _SPARE)
            size = np.zeros(1, np.int64)
            done = step(self._memory(size), done)
            if size[0]:
                closed = self._closed.array[: size[0]]
                series, events = closed[:, 0].astype(np.int32), closed[:, 3].astype(np.int32)
                yield Closed(Observations(series, closed[:, 1].copy(), closed[:, 2].copy()), events)

    def _memory(self, size: NDArray[np.int64]) -> windows.Memory:
        rows, pool, points = self._rows.array, self._pool.array, self._history.array
        buffers = Pool(pool, pool.view(np.int64), self._free)
        return windows.Memory(
            rows, rows.view(np.int32), points, points.view(np.float32), buffers, self._closed.array, size
        )


def measured(
    measure: Measure, times: Sequence[float], values: Sequence[float] | None = None, *, every: float = 60.0
) -> list[tuple[float, float]]:
    """Return the windows (start, value) of one series' events, of which `value` may be named: to try a measure out."""
    n = len(times)
    column = np.full(n, np.nan) if values is None else np.asarray(values, np.float64)
    columns = Columns(
        "t", n, np.arange(n, dtype=np.int32), np.asarray(times, np.float64), Texts.of(["s"] * n), {"value": column}
    )
    meter = Meter(Watch("t", ("subject",), measure, Duration(every)), lateness=float(np.ptp(columns.time)))
    meter.add(columns, np.full(n, -np.inf), str)
    closed = meter.advance(max(times) + every)
    return list(zip(closed.time.tolist(), closed.value.tolist(), strict=True))


def _joined(parts: list[Closed]) -> Closed:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Closed(Observations.of([], [], []), _NO_EVENTS)
    each = [part.observations for part in parts]
    whole = Observations.of(*(np.concatenate([one[column] for one in each]) for column in range(3)))
    return Closed(whole, np.concatenate([part.events for part in parts]))


def _argument(measure: Measure) -> Expression | None:
    if measure.kind in {"count", "rate", "gap"}:
        return None
    if measure.of is None:
        raise ExpressionError(f"{measure.kind} needs a value: write {{{measure.kind}: …}}")
    return measure.of.expect(_WANTED.get(measure.kind, Kind.NUMBER))


def _plan(watch: Watch, lateness: float, rooms: int) -> windows.Plan:
    kind, every = windows.KINDS[watch.measure.kind], float(watch.every)
    missing = watch.missing or ("zero" if kind in {windows.COUNT, windows.RATE} else "skip")
    head = windows.HEAD + (kind == windows.GAP)
    return windows.Plan(
        kind,
        every,
        ceil(lateness / every) + 1,
        windows.words_of(kind),
        head,
        float(watch.measure.q),
        max(watch.min_events, 1),
        missing == "zero",
        rooms,
    )


def _first_open(watermark: float, every: float) -> float:
    """Return the number of the first window that ends after `watermark`."""
    if not np.isfinite(watermark):
        return watermark
    number = np.floor(watermark / every)
    while (number + 1.0) * every <= watermark:
        number += 1.0
    while number * every > watermark:
        number -= 1.0
    return float(number)


def _meet(name: str, one: Kind, other: Kind) -> Kind:
    kind = one.meet(other)
    if kind is None:
        raise ExpressionError(f"{name} is used as a {one} and as a {other}")
    return kind


def _only(columns: Columns, table: Mapping[str, Values], rows: Where) -> Columns:
    """Return the events at `rows`, with all columns that keys may name."""
    if len(rows) == columns.n:
        return Columns(columns.type, columns.n, columns.line, columns.time, columns.subject, table)
    fields: dict[str, Values] = {name: column[rows] for name, column in table.items()}
    return Columns(columns.type, len(rows), columns.line[rows], columns.time[rows], columns.subject[rows], fields)


def _left_out(
    columns: Columns, rows: Where, late: NDArray[np.bool_], unkeyed: NDArray[np.bool_], ends: Floats
) -> list[Late]:
    return [
        Late(int(columns.line[rows[i]]), UNKEYED, f"{columns.subject[rows[i]]} belongs to no known account")
        if unkeyed[i]
        else Late(int(columns.line[rows[i]]), LATE, f"its window had closed at {rfc3339(float(ends[i]))}")
        for i in np.flatnonzero(late | unkeyed).tolist()
    ]
