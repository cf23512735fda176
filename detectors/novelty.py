"""A category that was never or rarely seen for this customer: an error code, a country, a version."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from detectors.base import Ints, Observations, Scores, Signal
from detectors.durations import Duration, positive
from detectors.grouped import GroupedDetector
from detectors.novelty_kernel import GROUP, ROW, Columns, Config, run


class Novelty(GroupedDetector):
    """A category came that is rare for its customer, among whose arrivals rare ones are rare.

    A series is a category of a group, as in `by: [account, error_code]`; a value is how often it came in the window,
    and above 0 is an *arrival*. A category's weight is its arrivals so far, discounted by `half_life`. Each group
    counts its own arrivals by the weight that their category had then, in octaves, discounted alike, and the latest
    more. The share of arrivals that were as rare as this one or rarer is a tail probability; the score is the rest. Of
    categories never seen that share is what Good and Turing estimate by those seen once (Good, "The population
    frequencies of species and the estimation of population parameters", Biometrika 1953), here from the group's own
    discoveries: a customer whose codes are ever new is not alarmed by one more. What is new stays rare until it has
    come often enough to be usual.

    Until a group has had `warmup` arrivals nothing is said; the score's most is about 1 − 1 / (2 + arrivals). A window
    of 0 scores 0. A group and its categories fade together; a category whose weight is under 1/16 is as one never seen,
    so its series can be forgotten without loss. A series keeps 16 bytes, a group 80.

    >>> detector = Novelty()
    >>> detector.grow(3)
    >>> codes = [0, 1] * 100 + [2]
    >>> scores = detector.update(Observations.of(codes, np.arange(201) * 60.0, np.ones(201), group=[0] * 201))
    >>> bool(np.isnan(scores.score[:50]).all()), bool(scores.score[199] < 0.01), float(scores.score[200].round(4))
    (True, True, 0.9949)
    """

    kind: ClassVar[str] = "novelty"
    row: ClassVar[np.dtype[Any]] = ROW
    group_row: ClassVar[np.dtype[Any]] = GROUP
    raise_score: ClassVar[float] = 0.99
    needs_window: ClassVar[bool] = False
    grouping: ClassVar[Literal["none", "cohort", "prefix"]] = "prefix"
    extras: ClassVar[tuple[str, ...]] = ("seen", "unseen_share", "arrivals")
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = ({}, {"half_life": "1h", "warmup": 10})

    def __init__(self, *, half_life: Duration = Duration("30d"), warmup: int = 50) -> None:  # noqa: B008 - immutable
        """Let what was seen count half after `half_life`; say nothing of a group before its first `warmup` arrivals.

        After a hundred arrivals none of which was new, a new category is told at the kind's own score of 0.99.
        """
        if warmup < 1:
            raise ValueError(f"warmup is {warmup}: it must be 1 arrival or more")
        super().__init__()
        self._config = Config(float(positive("half_life", half_life)), float(warmup))

    def _run_grouped(self, batch: Observations, group: Ints, *, learn: bool) -> Scores:
        columns = Columns(*(np.empty(len(batch.value)) for _ in Columns._fields))
        plain = (batch.series, batch.time, batch.value, group)
        run(self._rows, self._groups.view(np.uint8), tuple(self._config), plain, tuple(columns), learn)
        scores = Scores.silent(len(batch.value))
        scores.score, scores.expected = columns.score, columns.expected
        scores.extra = {name: getattr(columns, name) for name in self.extras}
        return scores

    def explain(self, signal: Signal) -> str:
        """Say whether it was ever seen, and how often something new comes."""
        seen, share = (signal.extra.get(name, math.nan) for name in ("seen", "unseen_share"))
        arrivals = signal.extra.get("arrivals", math.nan)
        if signal.state == "cleared":
            return "It is no longer rare here." if signal.value > 0 else "It did not come again."
        if not math.isfinite(seen + share + arrivals):
            return "It is too little known yet what is usual here."
        often = f"in {arrivals:.0f} recent arrivals; about {100 * share:.2g} % of them are of a new one"
        if seen == 0:
            return f"A category came that was not seen here before, {often}."
        return f"A category came that is rare here: recently seen about {seen:.2g} times in {arrivals:.0f} arrivals."
