"""The learned probability that a subject will have a problem, or call, within a horizon."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from detectors.base import Floats, Ints, LearnedDetector, Observations, Scores, Signal, State
from detectors.durations import Duration
from detectors.learned import mind as minds
from detectors.learned import outages
from detectors.learned.attributes import Attributes
from detectors.learned.budget import allowance
from detectors.learned.inputs import Channel, Inputs
from detectors.learned.learner import GROWTH, REASONS, Learner, Sizes
from detectors.learned.mind import Found, Rows
from detectors.learned.record import Figures, Record, figures
from detectors.learned.standing import Standing, standing
from detectors.learned.words import Reason, Words

DAY = Duration("1d")
MOST_DECADES = 9.0
ALARM_FACTOR = 2.0
"""Deviations by which the loss at outcomes stands out at a drift alarm."""


class Risk(LearnedDetector):
    """How likely the outcome is within the `horizon`, learned from all subjects together, while it goes on.

    A series is a subject; its rows come by `channels`. `learned.features` and `learned.rates` say what is known of a
    subject at a `tick`. That row waits until its label is known: 1 when the outcome comes within the horizon, 0 when
    the horizon passes. Every row is scored before it is learned; `evaluation` sums that up.

    River learns from the first label on. From 12 positive and 30 negative rows on, trees and a logistic regression are
    fitted to a bounded memory (`learned.memory`), again at each growth of its positives by a fifth; an online stack
    weighs them and calibrates (`learned.stack`). The alert threshold follows the `budget` (`learned.budget`) and never
    looks ahead. Where outcomes begin to surprise, a model of recent rows is tried and takes over if it is better
    (`learned.drift`). While labels are missing, as told by the channel `labels` or noticed, nothing is learned
    (`learned.outages`).

    The score is 0.999 at the threshold, and gains or loses a decade of tail with every factor of ten in the odds;
    `probability` and `threshold` are told as they are, both NaN for rows that are no ticks. There is no opinion before
    both labels were seen, and no alert before three outcomes. Rows with a time that is not finite are left out, and so
    are NaN and infinite values; an event that goes back in time counts as if it came with the last of its type; an
    outcome that is not later than the subject's last is the same one; a tick more than a horizon before the latest row
    has no opinion.

    Chosen on: the Azure predictive-maintenance sample (all 50 machines; refits, rates, stack, drift), its copies with
    shifted times and permuted types (seeds 1 to 4), IBM's telephone accounts, and a made fleet of sensors.

    >>> detector = Risk(every=Duration("12h"))
    >>> detector.connect({"outcome": ["failure"], "event": ["error"]})
    >>> detector.grow(40)
    >>> rng, rows = np.random.default_rng(1), []
    >>> for day in range(40):
    ...     ill = rng.random(40) < 0.1
    ...     for subject in range(40):
    ...         begin = day * 86400.0
    ...         rows += [(subject, begin, 1.0, detector.channel("event", "error"))] * int(ill[subject])
    ...         rows += [(subject, begin + 3600, 0.0, detector.channel("tick"))]
    ...         rows += [(subject, begin + 43200, 1.0, detector.channel("outcome", "failure"))] * int(ill[subject])
    >>> rows.sort(key=lambda row: row[1])
    >>> series, time, value, channel = zip(*rows)
    >>> told = detector.update(Observations.of(series, time, value, channel=channel))
    >>> [bool(0.5 < detector.evaluation().recall), bool(detector.evaluation().roc_auc > 0.95)]
    [True, True]
    """

    kind: ClassVar[str] = "risk"
    extras: ClassVar[tuple[str, ...]] = ("probability", "threshold")
    pooled = True
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"every": Duration("1h"), "positives": 100, "negatives": 200},
        {"budget": "50 per 1000 a week", "positives": 100, "negatives": 200},
    )

    def __init__(
        self,
        *,
        horizon: Duration = DAY,
        every: Duration | None = None,
        budget: str = "0.5 per outcome",
        attributes: list[str] = [],  # noqa: B006 - read only; shows the default in the schema
        never: list[str] = [],  # noqa: B006 - as above
        positives: int = 4000,
        negatives: int = 8000,
        seed: int = 1,
    ) -> None:
        """Predict within `horizon`; a subject is scored `every` so often, by default eight times a horizon.

        `budget` is `0.5 per outcome` (false alerts an outcome) or `2 per 1000 a week` (alerts per thousand subjects).
        `attributes` are learned from, but for those in `never`: that is written down and holds whoever lists them.
        `positives` and `negatives` bound the memory, in rows. Raises ValueError saying what is allowed.
        """
        if not 0 < horizon < math.inf:
            raise ValueError(f"horizon is {horizon}: it must be longer than nothing")
        if every is not None and not 0 < every <= horizon:
            raise ValueError(f"every is {every}: it must be longer than nothing and at most the horizon, {horizon}")
        if min(positives, negatives) < 30:
            raise ValueError("positives and negatives must be 30 rows or more")
        self.horizon, self.every = float(horizon), float(horizon / 8.0 if every is None else every)
        self.budget, self.seed, self.bounds = budget, seed, (positives, negatives)
        self.attributes = tuple(name for name in attributes if name not in never)
        self._allowance = allowance(budget)
        self._columns = Attributes(self.attributes)
        self._told: dict[tuple[int, float], list[Reason]] = {}
        self._inputs = Inputs({})
        self._learner = self._made()
        self._words = Words([], [], self.horizon)

    def _made(self) -> Learner:
        settings = minds.Settings(
            horizon=self.horizon,
            share=self.every / self.horizon,
            rate=self._allowance.rate,
            weekly=self._allowance.weekly,
            nodes=2 * GROWTH.leaves - 1,
            factor=ALARM_FACTOR,
        )
        sizes = Sizes(len(self._inputs.types), len(self._inputs.numbers), self.bounds[0], self.bounds[1])
        return Learner(settings, sizes, self.seed)

    def connect(self, names: Mapping[str, Sequence[str]]) -> None:
        """Learn the names of the inputs: of role `outcome` at least one, and `event`, `signal`, `score`.

        Raises ValueError where there is no outcome, where two have one name, and for a role that is none.
        """
        if not names.get("outcome"):
            raise ValueError("a risk needs an input that is an outcome: {outcome: failure}")
        self._inputs = Inputs(names)
        self._learner = self._made()
        self._words = Words(self._inputs.types, self._inputs.numbers, self.horizon)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All inputs, in the order of their numbers."""
        return self._inputs.channels

    def channel(self, role: str, name: str = "") -> int:
        """Return the number of a channel; raises ValueError if there is none of this role and name."""
        return self._inputs.number(role, name)

    def _grow(self, size: int) -> None:
        self._learner.grow(size)

    def update(self, batch: Observations) -> Scores:
        """Take the rows in, in their order; ticks are scored."""
        found = self._found(len(batch.series))
        self._learner.run(self._rows(batch), found)
        self._told = dict(self._reasons(batch, found))
        return _scores(found)

    def score(self, batch: Observations) -> Scores:
        """Score the ticks among the rows, as things are; learn nothing."""
        found = self._found(len(batch.series))
        rows = self._rows(batch)
        for i in np.flatnonzero((rows.role == minds.TICK) & np.isfinite(rows.time)).tolist():
            found.odds[i], found.limit[i] = self._learner.glance(int(rows.series[i]), float(rows.time[i]))
        return _scores(found)

    def _rows(self, batch: Observations) -> Rows:
        channel = np.zeros(len(batch.series), np.int32) if batch.channel is None else batch.channel
        if len(channel) and not 0 <= int(channel.min()) <= int(channel.max()) < len(self.channels):
            raise IndexError(f"channels {channel.min()} to {channel.max()}, but there are {len(self.channels)}")
        return Rows(batch.series, batch.time, batch.value, self._inputs.roles[channel], self._inputs.places[channel])

    def _found(self, n: int) -> Found:
        few = min(n, REASONS)
        columns = self._learner.columns
        return Found(
            odds=np.full(n, np.nan), limit=np.full(n, np.nan), reasons=np.zeros((few, columns)),
            reason_rows=np.zeros(few, np.int32), values=np.zeros((few, columns), np.float32),
            told=np.zeros(1, np.int64),
        )  # fmt: skip

    def _reasons(self, batch: Observations, found: Found) -> Iterator[tuple[tuple[int, float], list[Reason]]]:
        for at in range(int(found.told[0])):
            row = found.reason_rows[at]
            reasons = self._words.reasons(found.values[at], found.reasons[at], self._columns.columns)
            yield (int(batch.series[row]), float(batch.time[row])), reasons

    def describe(self, series: int, values: Mapping[str, Any]) -> None:
        """Take in what a subject is: numbers and truths as they are, texts by their value; None is not known."""
        if self._learner.mind.objected[series]:
            return
        if fills := self._columns.admit(values):
            self._learner.widen(fills)
        for column, value in self._columns.places(values).items():
            self._learner.mind.known.attributes[series, column] = value

    def forget(self, series: Ints) -> None:
        """Score these subjects no more: they object to profiling. All rows that came of them go.

        What models learned of many stays until they are fitted anew.
        """
        for each in series.tolist():
            self._learner.forget(each)

    def erase(self, series: Ints) -> None:
        """Forget these subjects and all rows that came of them; their numbers are those of nobody."""
        self.forget(series)
        self._learner.mind.objected[series] = 0

    def reset(self, series: Ints) -> None:
        """Forget what these subjects did; what was learned of all stays, and so does who they are."""
        self._learner.reset(series)

    def evaluation(self) -> Figures:
        """Return how good it was so far, on rows whose label is known."""
        return figures(self._learner.mind.record)

    def standing(self) -> Standing:
        """Return how good it was so far and of late, and the state it is in."""
        return standing(self._learner.mind, self.horizon, self.budget)

    def recount(self) -> None:
        """Begin the record behind `evaluation` anew; what is known of late stays, as it steers the threshold."""
        self._learner.recount()

    @property
    def record(self) -> Record:
        """Return the sums behind `evaluation`; those of several partitions are merged by `learned.record.merged`."""
        return self._learner.mind.record

    @property
    def columns(self) -> list[str]:
        """Names of the attribute columns, in their order."""
        return list(self._columns.columns)

    @property
    def lessons(self) -> tuple[int, int]:
        """How many negative and positive rows are remembered."""
        negatives, positives = self._learner.mind.memory.used.tolist()
        return negatives, positives

    @property
    def alarms(self) -> int:
        """How often the outcomes began to surprise."""
        return int(self._learner.mind.registers[minds.ALARMS])

    def remembered(self) -> Ints:
        """Return the subjects of whom rows are remembered, or wait for their label."""
        return self._learner.remembered()

    @property
    def labels_missing(self) -> bool:
        """Whether labels are missing at present, told or noticed: then nothing is learned."""
        return outages.is_on(self._learner.mind.outage)

    def state(self) -> State:
        """Return all that is remembered, fitted models included."""
        return {**self._learner.state(), "attributes": self._columns.state()}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is not one of the same configuration."""
        self._learner.load({name: array for name, array in state.items() if name != "attributes"})
        self._columns.load(state["attributes"])
        self.size = len(self._learner.mind.alerted)

    def explain(self, signal: Signal) -> str:
        """Say how likely the outcome is, and the few things that make it so."""
        name = " or ".join(channel.name for channel in self.channels if channel.role == "outcome")
        p = signal.extra.get("probability", math.nan)
        span = Duration(self.horizon)
        if signal.state == "cleared":
            return f"A {name} within {span} is no longer likely{'' if math.isnan(p) else f' ({p:.0%})'}."
        likely = "likelier than usual" if math.isnan(p) else f"{p:.0%} likely"
        reasons = self._told.get((signal.series, signal.time), [])
        why = "; ".join(f"{reason.text} ({'raises' if reason.effect > 0 else 'lowers'} it)" for reason in reasons)
        return f"A {name} within {span} is {likely}{f': {why}' if why else ''}."


def _scores(found: Found) -> Scores:
    scores = Scores.silent(len(found.odds))
    known = ~np.isnan(found.odds)
    decades = 3.0 + np.where(known, found.odds - found.limit, 0.0) / math.log(10.0)
    scores.score = np.where(known, 1.0 - 10.0 ** -np.clip(decades, 0.0, MOST_DECADES), np.nan)
    scores.extra = {"probability": _probability(found.odds), "threshold": _probability(found.limit)}
    return scores


def _probability(odds: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-odds))
