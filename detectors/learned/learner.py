"""The learner as a whole: the compiled loop, the fits it asks for, its growth, and its state as arrays."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from detectors.base import Ints, State
from detectors.learned import (
    boosting,
    budget,
    drift,
    experts,
    kept,
    logistic,
    loop,
    memory,
    outages,
    rates,
    record,
    stack,
)
from detectors.learned import features as feature
from detectors.learned import mind as minds
from detectors.learned import pending as ring
from detectors.learned.early import Early
from detectors.learned.mind import (
    CUT,
    DISMISSED,
    FITS,
    LEFT,
    NEXT,
    NEXT_RECENT,
    POSITIVES,
    Found,
    Mind,
    Models,
    Rows,
    Settings,
)

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
        while code != minds.FINISHED:
            code, start = loop.run(self.mind, self.settings, rows, found, start, answer)
            answer = self._serve(code)

    def glance(self, series: int, time: float) -> tuple[float, float]:
        """Return a subject's log odds as things are, and the threshold; both NaN if there is no opinion."""
        mind = self.mind._replace(row=np.zeros_like(self.mind.row))
        if mind.objected[series]:
            return float("nan"), float("nan")
        fitted, odds = experts.look(mind, self.settings, series, time)
        if not fitted:
            odds = experts.odds_of(self.early.ask(mind.row))
        return odds, float(mind.ledger.books[budget.LIMIT])

    def _serve(self, code: int) -> float:
        """Do what the loop asks for; return what the early learner says, NaN if it was not asked."""
        if code in (minds.ASK, minds.FLUSH):
            self._teach()
        if code == minds.ASK:
            return self.early.ask(self.mind.row)
        if code == minds.GROW:
            self.mind = self.mind._replace(pending=ring.moved(self.mind.pending, 2 * len(self.mind.pending.time)))
        elif code == minds.WAIT:
            self.mind = self.mind._replace(rates=kept.moved_rates(self.mind.rates, 2 * len(self.mind.rates.time)))
        elif code == minds.REFIT:
            self._refit()
        elif code == minds.RECENT:
            self._fit_recent()
        elif code == minds.ADOPT:
            self._adopt()
        elif code == minds.DISMISS:
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
            max((REFIT_AT - 1.0) * float(self.mind.memory.used[1]), 1.0), PATIENCE
        )
        registers[FITS] += 1.0
        lessons = memory.lessons(self.mind.memory)
        if not 0.0 < lessons[1].sum() < len(lessons[1]):
            return
        if not experts.is_fitted(self.mind.models):
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
        registers[NEXT_RECENT] = REFIT_AT * float(recent.used[1])
        registers[FITS] += 1.0
        trees = self._trees(memory.lessons(recent))
        self.mind = self.mind._replace(models=self.mind.models._replace(recent=trees))

    def _adopt(self) -> None:
        """The recent model is better: what came before the change is forgotten."""
        self.mind.registers[DISMISSED] = 0.0
        kept.copy(self.mind.memory, ..., self.mind.recent)
        kept.copy(self.mind.stack, ..., stack.fresh())
        self._end_trial()
        self._refit()

    def _dismiss(self) -> None:
        """The alarm came to nothing: all is weighed as before, as the recent model took its weight from the others."""
        self.mind.registers[DISMISSED] += 1.0
        kept.copy(self.mind.stack, ..., self.mind.shelved)
        self._end_trial()

    def _end_trial(self) -> None:
        self.mind.registers[CUT] = np.nan
        self.mind.drift.means[:] = 0.0
        self.mind = self.mind._replace(models=self.mind.models._replace(recent=boosting.nothing()))

    def grow(self, subjects: int) -> None:
        """Make room for so many subjects."""
        mind, sizes = self.mind, self._sizes
        more = subjects - len(mind.alerted)
        new = feature.unknown(more, sizes.types, sizes.signals, mind.known.attributes.shape[1])
        known = feature.joined(mind.known, new)
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
            known=mind.known._replace(attributes=kept.wider(mind.known.attributes, more)),
            pending=mind.pending._replace(rows=kept.wider(mind.pending.rows, more)),
            memory=mind.memory._replace(rows=kept.wider(mind.memory.rows, more)),
            recent=mind.recent._replace(rows=kept.wider(mind.recent.rows, more)),
            lessons=kept.wider(mind.lessons, more),
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

    def recount(self) -> None:
        """Count anew how good the predictions are."""
        for sums, none in zip(self.mind.record, record.blank(), strict=True):
            sums[:] = none

    def remembered(self) -> Ints:
        """Return the subjects of whom rows are remembered, or wait for their label."""
        mind = self.mind
        waiting = kept.in_order(mind.pending)
        series = [
            kept.used(mind.memory).series,
            kept.used(mind.recent).series,
            waiting.series[(waiting.flags & ring.DONE) == 0],
        ]
        return np.unique(np.concatenate(series))

    def state(self) -> State:
        """Return all that is remembered; what has room to spare is cut to what is in use."""
        mind = self.mind
        pending = kept.in_order(mind.pending)
        named = kept.named(
            "", mind._replace(pending=pending, memory=kept.used(mind.memory), recent=kept.used(mind.recent))
        )
        return {**named, "early": self.early.state()}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it does not fit."""
        wanted = set(kept.named("", self.mind)) | {"early"}
        if set(state) != wanted:
            raise ValueError(f"the state of risk has {', '.join(sorted(wanted))}; this has {', '.join(sorted(state))}")
        mind = cast(Mind, kept.filled("", self.mind, state))
        if (
            mind.known.events.shape[1:] != self.mind.known.events.shape[1:]
            or len(mind.known.pooled) != self._sizes.signals
        ):
            raise ValueError("the state of risk is of other events or signals")
        columns = mind.row.size
        pending = kept.ringed(mind.pending, columns)
        rooms = (self._sizes.positives, self._sizes.negatives, columns)
        self.mind = mind._replace(
            pending=pending, memory=kept.spread(mind.memory, memory.empty(*rooms)),
            recent=kept.spread(mind.recent, memory.empty(*rooms)),
        )  # fmt: skip
        self.early.load(state["early"])


def _mind(sizes: Sizes, seed: int) -> Mind:
    columns = feature.width(sizes.types, sizes.signals, 0)
    registers = np.zeros(11)
    registers[CUT], registers[minds.NOW], registers[NEXT] = np.nan, -np.inf, minds.FIRST_POSITIVES
    return Mind(
        known=feature.unknown(0, sizes.types, sizes.signals, 0),
        objected=np.zeros(0, np.uint8),
        alerted=np.zeros(0),
        pending=ring.empty(64, columns, 0),
        rates=rates.blank(sizes.types, 64, 0),
        memory=memory.empty(sizes.positives, sizes.negatives, columns),
        recent=memory.empty(sizes.positives, sizes.negatives, columns),
        stack=stack.fresh(),
        shelved=stack.fresh(),
        ledger=budget.opened(0),
        drift=drift.calm(),
        outage=outages.none(),
        record=record.blank(),
        lately=record.blank(),
        models=Models(boosting.nothing(), logistic.nothing(), boosting.nothing()),
        registers=registers,
        random=np.array([seed], np.uint64),
        lessons=np.zeros((minds.OUTBOX, columns), np.float32),
        lesson_labels=np.zeros(minds.OUTBOX),
        row=np.zeros(columns, np.float32),
    )
