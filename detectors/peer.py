"""A customer against its cohort: who departs from how the others like it go."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from detectors.across import AcrossPartitions, Part, Whole, thinned
from detectors.base import Ints, Observations, Scores, Signal
from detectors.durations import Duration, positive
from detectors.grouped import GroupedDetector
from detectors.peer_cohort import BEFORE, GROUP, SAMPLE, Config
from detectors.peer_kernel import ROW, Columns, run, tell
from detectors.words import band, figure

Compare = Literal["ratio", "difference"]
Direction = Literal["up", "down", "both"]


class Peer(GroupedDetector, AcrossPartitions):
    """A value departs from where the customer's cohort went; one that moves with its cohort is no signal.

    A cohort is the customers that agree in the attributes `cohort`. Each member's own size, relative to its cohort, is
    learned: a factor (`compare: ratio`, for counts, volumes and times) or an offset (`difference`, for shares and
    levels). On that scale the cohort's centre in a window is the median of its members (a reservoir sample of 64 of
    them: Vitter, "Random sampling with a reservoir", ACM TOMS 1985), and a member's departure is measured in units of
    its own usual one, wider where the members are further apart than usual. Departures of the whole cohort are held
    against quantiles tracked online, as in the seasonal kind, so a score is a tail probability.

    A window is complete only when the next one begins, and rows come one by one. So a value is held against the members
    that came before it in the same window, if that is half of them, and against the cohort's window before; the nearer
    counts. Who comes earlier in a window has to have departed in the window before too. What is learned is
    learned from whole windows. A departure that lasts for `adopt` is the customer's new usual.

    Where customers are spread over partitions, each window of a cohort is that of all its members, as far as partitions
    tell of it (`detectors.across`); a member is then held against the cohort's window before, and against those of its
    own partition in the same window.

    A cohort of fewer than `members` in a window says nothing and learns nothing. A member whose cohort changes starts
    anew in the other one. A row that comes when its cohort's window is closed is not judged.

    >>> detector = Peer(cohort=["plan"], members=5)
    >>> detector.grow(12)
    >>> rng = np.random.default_rng(1)
    >>> hours = np.repeat(np.arange(200), 12)
    >>> usual = 2.0 ** np.tile(np.arange(12), 200) * (2 + np.sin(hours)) * rng.normal(1, 0.05, 2400)
    >>> usual[-60:] *= 0.2  # all fall for the last five hours
    >>> usual[[-13, -1]] *= 0.3  # and one of them further, in the last two
    >>> group = np.zeros(2400, np.int32)
    >>> scores = detector.update(Observations.of(np.tile(np.arange(12), 200), hours * 3600.0, usual, group=group))
    >>> bool(scores.score[-60:-13].max() < 0.99), bool(scores.score[-1] > 0.999)
    (True, True)
    """

    kind: ClassVar[str] = "peer"
    row: ClassVar[np.dtype[Any]] = ROW
    group_row: ClassVar[np.dtype[Any]] = GROUP
    group_row_before: ClassVar[int] = BEFORE
    grouping: ClassVar[Literal["none", "cohort", "prefix"]] = "cohort"
    extras: ClassVar[tuple[str, ...]] = ("members",)
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"cohort": ["plan"], "members": 3, "warmup": 10},
        {"cohort": ["plan", "region"], "compare": "difference", "direction": "down", "least": 1.0, "members": 3},
        {"cohort": [], "direction": "up", "adopt": "20m", "members": 2, "warmup": 10},
    )

    def __init__(
        self,
        *,
        cohort: list[str],
        compare: Compare = "ratio",
        direction: Direction = "both",
        members: int = 5,
        memory: Duration = Duration("3d"),  # noqa: B008 - immutable
        adopt: Duration = Duration("1d"),  # noqa: B008 - immutable
        warmup: int = 30,
        least: float = 0.0,
    ) -> None:
        """Compare customers that agree in the attributes `cohort` (none: all of them), from `members` of them on.

        `memory` is how far back a member's size looks (at least 20 windows), `adopt` how long a departure lasts before
        it is the new usual, `warmup` how many windows a member is only watched. Departures under `least`, in the
        measure's unit, are never a breach. Five are the fewest of which two may be ill without moving the median.
        """
        _check(compare, Compare, "compare")
        _check(direction, Direction, "direction")
        if members < 2:
            raise ValueError(f"members is {members}: a cohort has at least 2")
        if not 10 <= warmup <= 10_000:
            raise ValueError(f"warmup is {warmup}: it must be 10 to 10000 windows")
        if not (least >= 0 and math.isfinite(least)):
            raise ValueError(f"least is {least:g}: it must be 0 or a positive number")
        super().__init__()
        self.attributes = tuple(cohort)
        self._compare, self._direction, self._least = compare, direction, float(least)
        self._members, self._warmup = int(members), int(warmup)
        self._memory, self._adopt = positive("memory", memory), positive("adopt", adopt)
        self.prepare(60.0)

    def prepare(self, step: float) -> None:
        """Learn the window's length in seconds, which sets the weight of one window."""
        super().prepare(step)
        up, down = self._direction != "down", self._direction != "up"
        self._config = Config(
            step=step,
            share=min(step / self._memory, 1 / 20),
            adopt=float(self._adopt),
            members=self._members,
            warmup=self._warmup,
            least=self._least,
            tail=0.05 if up and down else 0.1,
            ratio=self._compare == "ratio",
            up=up,
            down=down,
        )

    def _run_grouped(self, batch: Observations, group: Ints, *, learn: bool) -> Scores:
        columns = Columns(*(np.empty(len(batch.value)) for _ in Columns._fields))
        plain = (batch.series, batch.time, batch.value, group)
        run(self._rows, self._groups.view(np.uint8), np.array(self._config), plain, tuple(columns), learn)
        return Scores(columns.score, columns.expected, columns.low, columns.high, {"members": columns.members})

    def parts(self) -> list[Part | None]:
        """Return of each cohort what its open window is, which is to be complete when this is asked."""
        found: list[Part | None] = []
        for group in self._groups[: self._known[0]]:
            seen, young = int(group["seen"]), int(group["young"])
            values = thinned(group["sample"][: min(seen, SAMPLE)])
            found.append(Part(float(group["time"]), seen, young, values) if group["begun"] else None)
        return found

    def hear(self, group: int, whole: Whole) -> None:
        """Take over where a cohort was, over all partitions."""
        if group < self._known[0]:
            told = (whole.time, whole.centre, whole.spread, whole.seen, whole.young)
            tell(self._groups.view(np.uint8), np.array(self._config), group, told)

    def explain(self, signal: Signal) -> str:
        """Say the value, and what was expected as the cohort went."""
        value = f"The value was {figure(signal.value)}"
        if not math.isfinite(signal.expected):
            return f"{value}; too little is known yet of its cohort."
        members = signal.extra.get("members", math.nan)
        others = f"the {members:.0f} customers" if math.isfinite(members) else "the customers"
        return f"{value}; {band(signal)} was expected as {others} of its cohort went."


def _check(choice: str, allowed: Any, name: str) -> None:
    if choice not in get_args(allowed):
        raise ValueError(f"{name} {choice!r}: choose one of {', '.join(get_args(allowed))}")
