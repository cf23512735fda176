"""What the conformance checks try detectors on, and how they compare what comes out."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector, Floats, LearnedDetector, Observations, Scores, Signal, State

Maker = Callable[[], Detector]

STEP = 60.0
SIZE = 6
"""Series in the streams below."""
LENGTH = 600
"""Observations in them."""
GROUPS = 2
"""Groups that the series are in, by turns, for kinds that have such."""
NAMES = ("first", "second", "third")
"""Steps of the sequences below, and members whose signals come."""
INPUTS: Mapping[str, Sequence[str]] = {
    "outcome": ["failure"],
    "event": ["error"],
    "signal": ["heat"],
    "score": ["other"],
}
"""Inputs of the kinds that learn from everything."""


def ready(make: Maker) -> Detector:
    """Return a detector with room for the series of the streams."""
    detector = make()
    if isinstance(detector, LearnedDetector):
        detector.connect(INPUTS)
    else:
        detector.introduce(NAMES)
    detector.prepare(STEP)
    detector.grow(SIZE)
    return detector


def streams(detector: Detector) -> list[Observations]:
    """Return what a detector of this kind may be given: see `measured`, `stepped` and `signalled`; series interleaved.

    The last is one that leaves every series in suspense: a tick has something to say of each.
    """
    found = {"sequence": stepped, "signals": signalled, "everything": told}.get(detector.inputs, measured)()
    if detector.grouping == "none":
        return found
    return [stream._replace(group=stream.series % np.int32(GROUPS)) for stream in found]


def measured() -> list[Observations]:
    """Return a daily wave with noise and spikes, a ramp that turns, and heartbeats with gaps."""
    rng = np.random.default_rng(7)
    number = np.arange(LENGTH)
    series = number % SIZE
    start = 1.7e9 // STEP * STEP
    time = start + number // SIZE * STEP
    wave = 50 + 10 * np.sin(time / 3600) + rng.normal(size=LENGTH) + 40 * (rng.random(LENGTH) < 0.02)
    ramp = np.abs(number - 0.6 * LENGTH) / 2 + series + rng.normal(size=LENGTH)
    beats = start + np.sort(rng.permutation(3 * LENGTH)[:LENGTH]) * STEP
    return [
        Observations.of(series, time, wave),
        Observations.of(series, time, ramp),
        Observations.of(rng.permutation(series), beats, beats + rng.random(LENGTH) * STEP),
    ]


def stepped() -> list[Observations]:
    """Return steps in any order, and steps in order, of which the last are not the last ones."""
    rng = np.random.default_rng(7)
    number = np.arange(LENGTH)
    series, time = number % SIZE, 1.7e9 // STEP * STEP + np.sort(rng.integers(0, 4 * LENGTH, LENGTH)) * STEP
    orderly = number // SIZE % len(NAMES)
    orderly[-SIZE:] = 0
    return [
        Observations.of(series, time, rng.integers(0, len(NAMES), LENGTH)),
        Observations.of(series, time, orderly),
    ]


def signalled() -> list[Observations]:
    """Return signals at random, and such as are at the end all over, raised and over again."""
    rng = np.random.default_rng(7)
    number = np.arange(LENGTH)
    time = 1.7e9 // STEP * STEP + np.sort(rng.integers(0, 2 * LENGTH, LENGTH)) * STEP
    channel, raised = rng.integers(0, len(NAMES), LENGTH), rng.integers(0, 2, LENGTH)
    end = slice(-3 * len(NAMES) * SIZE, None)
    channel[end] = np.repeat(np.tile(np.arange(len(NAMES)), 3), SIZE)
    raised[end] = np.repeat([0, 1, 0], len(NAMES) * SIZE)
    time[end] = time[-1]
    return [
        Observations.of(number % SIZE, time, rng.permutation(raised), channel=rng.permutation(channel)),
        Observations.of(number % SIZE, time, raised, channel=channel),
    ]


def told() -> list[Observations]:
    """Return what a kind that learns is told: of each subject something every hour, errors before most failures.

    Channels are as such a kind must number them: the tick, the labels' own, then `INPUTS` in their order.
    """
    rng = np.random.default_rng(7)
    number = np.arange(LENGTH)
    channel = rng.permutation(np.resize([0, 0, 0, 0, 3, 2, 4, 5], LENGTH))
    time = 1.7e9 // STEP * STEP + number // SIZE * 6 * 3600.0
    return [Observations.of(number % SIZE, time, rng.random(LENGTH), channel=channel)]


def part(stream: Observations, start: int, end: int) -> Observations:
    """Return a stretch of a stream."""
    return chosen_rows(stream, slice(start, end))


def chosen_rows(stream: Observations, rows: "slice | NDArray[np.bool_]") -> Observations:
    """Return some rows of a stream, copied."""
    return Observations(
        stream.series[rows].copy(),
        stream.time[rows].copy(),
        stream.value[rows].copy(),
        None if stream.channel is None else stream.channel[rows].copy(),
        None if stream.group is None else stream.group[rows].copy(),
    )


def apart(stream: Observations, series: int) -> NDArray[np.bool_]:
    """Return which rows are of other series than this one, and of other groups if there are any."""
    numbers = stream.series if stream.group is None else stream.group
    return np.asarray(numbers != numbers[stream.series == series][0])


def moved(stream: Observations, rows: "slice | NDArray[np.bool_]" = slice(None)) -> Observations:
    """Return a stream some rows of which are of series, and of groups, that are new."""
    series = stream.series.copy()
    series[rows] += np.int32(SIZE)
    return stream._replace(series=series)


def cuts() -> list[list[int]]:
    """Return ways to cut a stream into batches: all of one, and at random."""
    inner = np.random.default_rng(3).choice(np.arange(1, LENGTH), 20, replace=False)
    return [list(range(LENGTH + 1)), [0, *sorted(inner.tolist()), LENGTH]]


def columns(scores: Scores) -> dict[str, Floats]:
    """Return all columns by name."""
    own = {"score": scores.score, "expected": scores.expected, "low": scores.low, "high": scores.high}
    return own | {f"extra {name}": column for name, column in scores.extra.items()}


def joined(parts: list[Scores]) -> Scores:
    """Return the scores of consecutive batches as those of one."""
    each = [columns(one) for one in parts]
    return _scores({name: np.concatenate([one[name] for one in each]) for name in each[0]})


def chosen(scores: Scores, rows: NDArray[np.bool_]) -> Scores:
    """Return some rows of scores."""
    return _scores({name: column[rows] for name, column in columns(scores).items()})


def copied(state: State) -> State:
    """Return a state that stays as it is."""
    return {name: array.copy() for name, array in state.items()}


def last_signal(detector: Detector, scores: Scores, value: float) -> Signal:
    """Return a signal as the last of `scores` would make, but with another value."""
    return Signal(
        detector="checked",
        kind=detector.kind,
        series=0,
        state="raised",
        time=1.7e9,
        step=STEP,
        score=float(scores.score[-1]),
        value=value,
        expected=float(scores.expected[-1]),
        low=float(scores.low[-1]),
        high=float(scores.high[-1]),
        extra={name: float(column[-1]) for name, column in scores.extra.items()},
    )


def assert_sound(scores: Scores, n: int) -> None:
    """Assert the right shapes and types, scores in [0, 1] or NaN, and bands the right way up."""
    for name, column in columns(scores).items():
        assert column.dtype == np.float64, f"{name} is {column.dtype}, not float64"
        assert column.shape == (n,), f"{name} has shape {column.shape} for a batch of {n}"
    known = scores.score[~np.isnan(scores.score)]
    assert ((known >= 0) & (known <= 1)).all(), "a score is not in [0, 1]"
    assert not (scores.low > scores.high).any(), "a band has its low end above its high end"


def assert_same(one: Scores, other: Scores, what: str) -> None:
    """Assert that the two are equal, bit for bit."""
    mine, theirs = columns(one), columns(other)
    assert mine.keys() == theirs.keys(), f"{what}: the columns are {sorted(mine)} and {sorted(theirs)}"
    for name, column in mine.items():
        assert np.array_equal(column, theirs[name], equal_nan=True), f"{what} ({name})"


def assert_same_state(one: State, other: State, what: str, *, also_opaque: bool = False) -> None:
    """Assert that the two are equal, bit for bit.

    Arrays of bytes may hold a serialised object, of which equals may differ in bytes: compared only if `also_opaque`.
    """
    assert one.keys() == other.keys(), f"{what}: the names are {sorted(one)} and {sorted(other)}"
    for name, array in one.items():
        if array.dtype != np.uint8 or also_opaque:
            assert array.dtype == other[name].dtype, f"{what} (type of {name})"
            assert array.tobytes() == other[name].tobytes(), f"{what} ({name})"


def _scores(named: Mapping[str, Floats]) -> Scores:
    extra = {name.removeprefix("extra "): column for name, column in named.items() if name.startswith("extra ")}
    return Scores(named["score"], named["expected"], named["low"], named["high"], extra)
