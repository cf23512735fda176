"""The learner as a whole: the compiled loop, the fits it asks for, its growth, and its state as arrays."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from detectors.base import Ints, State
from detectors.learned import boosting, budget, drift, logistic, loop, memory, outages, rates, record, stack
from detectors.learned import features as feature
from detectors.learned import pending as ring
from detectors.learned.early import Early
from detectors.learned.features import Vectors
from detectors.learned.loop import CUT, FITS, LEFT, NEXT, NEXT_RECENT, POSITIVES, Found, Mind, Models, Rows, Settings

GROWTH = boosting.Growth()
REFIT_AT = 1.2
"""Positives since the last fit, as a growth, that call for another."""
PATIENCE = 300.0
"""More positives than this since the last fit call for another in any case."""
REASONS = 256
"""Rows above the threshold that are explained, at most, in one go of the loop."""


class Sizes(NamedTuple):
    """How much there is of what."""

    types: int
    signals: int
    positives: int
    negatives: int


class Learner:
    """Everything learned of one question: will the outcome come within the horizon?"""

    def __init__(self, settings: Settings, sizes: Sizes, seed: int) -> None:
        self.settings, self._sizes, self._seed = settings, sizes, seed
        self.early = Early()
        self.mind = _mind(sizes, seed)

    @property
    def columns(self) -> int:
        """How many columns a row has."""
        return int(self.mind.row.size)

    def run(self, rows: Rows, found: Found) -> None:
        """Take a batch in; write what is to be told to `found`."""
        start, answer, code = 0, float("nan"), -1
        while code != loop.FINISHED:
            code, start = loop.run(self.mind, self.settings, rows, found, start, answer)
            answer = self._serve(code)

    def glance(self, series: int, time: float) -> tuple[float, float]:
        """Return a subject's log odds as things are, and the threshold; both NaN if there is no opinion."""
        mind = self.mind._replace(row=np.zeros_like(self.mind.row))
        if mind.objected[series]:
            return float("nan"), float("nan")
        fitted, odds = loop.look(mind, self.settings, series, time)
        if not fitted:
            odds = loop.odds_of(self.early.ask(mind.row))
        return odds, float(mind.ledger.books[budget.LIMIT])

    def _serve(self, code: int) -> float:
        """Do what the loop asks for; return what the early learner says, NaN if it was not asked."""
        if code in (loop.ASK, loop.FLUSH):
            self._teach()
        if code == loop.ASK:
            return self.early.ask(self.mind.row)
        if code == loop.GROW:
            self.mind = self.mind._replace(pending=ring.moved(self.mind.pending, 2 * len(self.mind.pending.time)))
        elif code == loop.WAIT:
            self.mind = self.mind._replace(rates=_moved_rates(self.mind.rates, 2 * len(self.mind.rates.time)))
        elif code == loop.REFIT:
            self._refit()
        elif code == loop.RECENT:
            self._fit_recent()
        elif code == loop.ADOPT:
            self._adopt()
        elif code == loop.DISMISS:
            self._dismiss()
        return float("nan")

    def _teach(self) -> None:
        left = int(self.mind.registers[LEFT])
        for row, label in zip(self.mind.lessons[:left], self.mind.lesson_labels[:left].tolist(), strict=True):
            self.early.learn(row, bool(label))
        self.mind.registers[LEFT] = 0.0

    def _refit(self) -> None:
        """Fit the trees and the line on what is remembered."""
        registers = self.mind.registers
        registers[NEXT] = registers[POSITIVES] + min(
            max((REFIT_AT - 1.0) * float(self.mind.memory.count[1]), 1.0), PATIENCE
        )
        registers[FITS] += 1.0
        lessons = memory.lessons(self.mind.memory)
        if not 0.0 < lessons[1].sum() < len(lessons[1]):
            return
        if not loop.is_fitted(self.mind.models):
            self._begin()
        models = self.mind.models._replace(trees=self._trees(lessons), line=logistic.fit(*lessons))
        self.mind = self.mind._replace(models=models)

    def _begin(self) -> None:
        """What the early learner said is no measure of what the fitted models will say."""
        self.mind.ledger.levels[:] = 0.0
        self.mind.registers[LEFT] = 0.0
        self.early = Early()

    def _trees(self, lessons: tuple[Any, Any, Any]) -> boosting.Trees:
        return boosting.fit(*lessons, GROWTH, self._seed + int(self.mind.registers[FITS]))

    def _fit_recent(self) -> None:
        registers, recent = self.mind.registers, self.mind.recent
        registers[NEXT_RECENT] = REFIT_AT * float(recent.count[1])
        registers[FITS] += 1.0
        trees = self._trees(memory.lessons(recent))
        self.mind = self.mind._replace(models=self.mind.models._replace(recent=trees))

    def _adopt(self) -> None:
        """The recent model is better: what came before the change is forgotten."""
        for kept, new in zip(self.mind.memory, self.mind.recent, strict=True):
            kept[...] = new
        self._dismiss()
        for kept, new in zip(self.mind.stack, stack.fresh(), strict=True):
            kept[...] = new
        self._refit()

    def _dismiss(self) -> None:
        self.mind.registers[CUT] = np.nan
        self.mind.stack.weights[stack.RECENT + 1] = stack.START[stack.RECENT + 1]
        self.mind.stack.champion[0] = stack.STACK
        self.mind.drift.means[:] = 0.0
        self.mind = self.mind._replace(models=self.mind.models._replace(recent=boosting.nothing()))

    def grow(self, subjects: int) -> None:
        """Make room for so many subjects."""
        mind, sizes = self.mind, self._sizes
        more = subjects - len(mind.alerted)
        new = feature.unknown(more, sizes.types, sizes.signals, mind.known.attributes.shape[1])
        known = feature.Known(
            *(np.concatenate(pair) for pair in zip(mind.known[:4], new[:4], strict=True)), mind.known.pooled
        )
        latest = np.concatenate([mind.pending.latest, np.full(more, -1, np.int64)])
        stretch = np.concatenate([mind.ledger.stretch, budget.opened(more).stretch])
        self.mind = mind._replace(
            known=known,
            objected=np.concatenate([mind.objected, np.zeros(more, np.uint8)]),
            alerted=np.concatenate([mind.alerted, np.full(more, -np.inf)]),
            pending=mind.pending._replace(latest=latest),
            rates=mind.rates._replace(latest=np.concatenate([mind.rates.latest, np.full(more, -1, np.int64)])),
            ledger=mind.ledger._replace(stretch=stretch),
        )

    def widen(self, fills: Sequence[float]) -> None:
        """Make room for more columns of attributes, and say what they are of those who came before."""
        mind, more = self.mind, np.array(fills, np.float32)
        self.mind = mind._replace(
            known=mind.known._replace(attributes=_wider(mind.known.attributes, more)),
            pending=mind.pending._replace(rows=_wider(mind.pending.rows, more)),
            memory=mind.memory._replace(rows=_wider(mind.memory.rows, more)),
            recent=mind.recent._replace(rows=_wider(mind.recent.rows, more)),
            lessons=_wider(mind.lessons, more),
            row=np.zeros(len(mind.row) + len(more), np.float32),
        )

    def reset(self, series: Ints) -> None:
        """Forget what these subjects did; what was learned of all, and what they are, stays."""
        mind, sizes = self.mind, self._sizes
        new = feature.unknown(1, sizes.types, sizes.signals, 0)
        mind.known.events[series], mind.known.signals[series] = new.events[0], new.signals[0]
        mind.known.about[series], mind.alerted[series] = new.about[0], -np.inf
        mind.ledger.stretch[series] = -np.inf
        for s in series.tolist():
            ring.give_up(mind.pending, s)
            rates.give_up(mind.rates, s)

    def forget(self, series: int) -> None:
        """Neither score nor learn from this subject any more, and forget what was learned from it row by row."""
        mind = self.mind
        self.reset(np.array([series], np.int32))
        mind.known.attributes[series] = np.nan
        mind.objected[series] = 1
        for label in (0, 1):
            memory.drop(mind.memory, series, label, -np.inf, np.inf)
            memory.drop(mind.recent, series, label, -np.inf, np.inf)

    def remembered(self) -> Ints:
        """Return the subjects of whom rows are remembered, or wait for their label."""
        mind = self.mind
        waiting = _in_order(mind.pending)
        kept = [_used(mind.memory).series, _used(mind.recent).series, waiting.series[(waiting.flags & ring.DONE) == 0]]
        return np.unique(np.concatenate(kept))

    def state(self) -> State:
        """Return all that is remembered; what has room to spare is cut to what is in use."""
        mind = self.mind
        pending = _in_order(mind.pending)
        named = _named("", mind._replace(pending=pending, memory=_used(mind.memory), recent=_used(mind.recent)))
        return {**named, "early": self.early.state()}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it does not fit."""
        wanted = set(_named("", self.mind)) | {"early"}
        if set(state) != wanted:
            raise ValueError(f"the state of risk has {', '.join(sorted(wanted))}; this has {', '.join(sorted(state))}")
        mind = cast(Mind, _filled("", self.mind, state))
        if (
            mind.known.events.shape[1:] != self.mind.known.events.shape[1:]
            or len(mind.known.pooled) != self._sizes.signals
        ):
            raise ValueError("the state of risk is of other events or signals")
        columns = mind.row.size
        pending = _ringed(mind.pending, columns)
        rooms = (self._sizes.positives, self._sizes.negatives, columns)
        self.mind = mind._replace(
            pending=pending, memory=_spread(mind.memory, memory.empty(*rooms)),
            recent=_spread(mind.recent, memory.empty(*rooms)),
        )  # fmt: skip
        self.early.load(state["early"])


def _mind(sizes: Sizes, seed: int) -> Mind:
    columns = feature.width(sizes.types, sizes.signals, 0)
    registers = np.zeros(10)
    registers[CUT], registers[loop.NOW], registers[NEXT] = np.nan, -np.inf, loop.FIRST_POSITIVES
    return Mind(
        known=feature.unknown(0, sizes.types, sizes.signals, 0),
        objected=np.zeros(0, np.uint8),
        alerted=np.zeros(0),
        pending=ring.empty(64, columns, 0),
        rates=rates.blank(sizes.types, 64, 0),
        memory=memory.empty(sizes.positives, sizes.negatives, columns),
        recent=memory.empty(sizes.positives, sizes.negatives, columns),
        stack=stack.fresh(),
        ledger=budget.opened(0),
        drift=drift.calm(),
        outage=outages.none(),
        record=record.blank(),
        models=Models(boosting.nothing(), logistic.nothing(), boosting.nothing()),
        registers=registers,
        random=np.array([seed], np.uint64),
        lessons=np.zeros((loop.OUTBOX, columns), np.float32),
        lesson_labels=np.zeros(loop.OUTBOX),
        row=np.zeros(columns, np.float32),
    )


def _wider(rows: Vectors, more: Vectors) -> Vectors:
    return np.hstack([rows, np.tile(more, (len(rows), 1))])


def _named(prefix: str, part: Any) -> dict[str, NDArray[Any]]:
    """Return the arrays of nested tuples under dotted names."""
    found: dict[str, NDArray[Any]] = {}
    for name, value in part._asdict().items():
        found.update({prefix + name: value} if isinstance(value, np.ndarray) else _named(f"{prefix}{name}.", value))
    return found


def _filled(prefix: str, part: Any, state: Mapping[str, NDArray[Any]]) -> Any:
    """Return nested tuples like `part` with copies of the arrays of `state`."""
    fields = {}
    for name, value in part._asdict().items():
        if not isinstance(value, np.ndarray):
            fields[name] = _filled(f"{prefix}{name}.", value, state)
        elif state[prefix + name].dtype != value.dtype or state[prefix + name].ndim != value.ndim:
            raise ValueError(
                f"the state of risk has {prefix + name} as {state[prefix + name].dtype}, not {value.dtype}"
            )
        else:
            fields[name] = np.array(state[prefix + name])
    return type(part)(**fields)


def _used(kept: memory.Memory) -> memory.Memory:
    """Return a memory without its free places."""
    first = int(kept.room[1])
    used = np.r_[0 : int(kept.count[1]), first : first + int(kept.count[0])]
    rows = [array[used] for array in kept[:5]]
    return memory.Memory(rows[0], rows[1], rows[2], rows[3], rows[4], kept.count, kept.dropped, kept.room)


def _spread(used: memory.Memory, room: memory.Memory) -> memory.Memory:
    """Return the same with free places again."""
    if not np.array_equal(used.room, room.room):
        raise ValueError("the state of risk remembers another number of rows")
    first = int(room.room[1])
    places = np.r_[0 : int(used.count[1]), first : first + int(used.count[0])]
    for target, source in zip(room[:5], used[:5], strict=True):
        target[places] = source
    return room._replace(count=used.count, dropped=used.dropped)


def _in_order(pending: ring.Pending) -> ring.Pending:
    numbers = np.arange(pending.ends[0], pending.ends[1]) % len(pending.time)
    parts = [array[numbers] for array in pending[:6]]
    return ring.Pending(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], pending.ends, pending.latest)


def _ringed(rows: ring.Pending, columns: int) -> ring.Pending:
    room = 64
    while room < len(rows.time):
        room *= 2
    numbers = np.arange(rows.ends[0], rows.ends[1]) % room
    pending = ring.empty(room, columns, 0)
    for target, source in zip(pending[:6], rows[:6], strict=True):
        target[numbers] = source
    return pending._replace(ends=rows.ends, latest=rows.latest)


def _moved_rates(kept: rates.Rates, room: int) -> rates.Rates:
    numbers = np.arange(kept.ends[0], kept.ends[1])
    new = rates.blank(len(kept.cells), room, 0)
    for target, source in zip(new[2:7], kept[2:7], strict=True):
        target[numbers % room] = source[numbers % len(kept.time)]
    return new._replace(cells=kept.cells, all=kept.all, ends=kept.ends, latest=kept.latest)
