"""What every kind of detector promises, as checks: `for check in checks(make): check(make)`.

`make` returns a fresh detector, always with the same arguments. A check raises AssertionError, naming what is not kept.
"""

import copy
import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from detectors.base import Detector, LearnedDetector, Observations
from detectors.trials import (
    GROUPS,
    LENGTH,
    SIZE,
    Maker,
    apart,
    assert_same,
    assert_same_state,
    assert_sound,
    chosen,
    chosen_rows,
    copied,
    cuts,
    joined,
    last_signal,
    moved,
    part,
    ready,
    streams,
)

Check = Callable[[Maker], None]


def checks(make: Maker) -> Iterator[Check]:
    """Yield every check that applies to what `make` makes.

    >>> from detectors.threshold import Threshold
    >>> for check in checks(lambda: Threshold(above=1.0)):
    ...     check(lambda: Threshold(above=1.0))
    """
    yield check_constructor
    yield check_docstring
    yield check_shapes
    yield check_scoring_changes_nothing
    yield check_state_survives_a_round_trip
    yield check_copies_are_independent
    yield check_batches_do_not_matter
    if not make().pooled:
        yield check_series_are_independent
    yield check_reset_is_as_new if make().inputs == "everything" else check_reset_forgets
    yield check_growing_changes_nothing
    yield check_unseen_series_are_harmless
    yield check_bad_values_are_harmless
    yield check_odd_times_are_harmless
    yield check_explanations
    if make().movable:
        yield check_series_can_move
    if make().movable or type(make()).only not in {Detector.only, LearnedDetector.only}:
        yield check_some_go_on_alone
    if make().ticks:
        yield check_ticks_learn_nothing
        yield check_ticks_tell_all_that_lapsed if make().inputs == "signals" else check_ticks_tell_all_that_is_overdue


def check_constructor(make: Maker) -> None:
    """The constructor is a config schema: parameters are keyword-only and annotated; the kind has a name."""
    kind = type(make())
    for parameter in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        assert parameter.kind is parameter.KEYWORD_ONLY, f"parameter {parameter.name} is not keyword-only"
        assert parameter.annotation is not parameter.empty, f"parameter {parameter.name} has no annotation"
    assert kind.kind.replace("-", "_").isidentifier(), f"{kind.kind!r} is no name for YAML"
    assert 0 < kind.raise_score <= 1, "raise_score is no score"


def check_docstring(make: Maker) -> None:
    """The class says what it is and shows it, as an example that runs as a test."""
    assert ">>> " in (type(make()).__doc__ or ""), "the docstring has no example"


def check_shapes(make: Maker) -> None:
    """Scores are in [0, 1] or NaN; columns are float64 and of one length; low is not above high; extras are named."""
    for stream in streams(make()):
        detector = ready(make)
        scores = detector.update(stream)
        assert_sound(scores, len(stream.value))
        assert set(scores.extra) == set(detector.extras), f"tells {set(scores.extra)}, names {set(detector.extras)}"


def check_scoring_changes_nothing(make: Maker) -> None:
    """`score` leaves the state as it is, and says of the next observation what `update` then says."""
    for stream in streams(make()):
        detector = ready(make)
        detector.update(part(stream, 0, LENGTH // 2))
        before = copied(detector.state())
        one = part(stream, LENGTH // 2, LENGTH // 2 + 1)
        foretold = detector.score(one)
        detector.score(stream)
        assert_same_state(before, detector.state(), "scoring changed the state", also_opaque=True)
        assert_same(foretold, detector.update(one), "score and update differ on the next observation")


def check_state_survives_a_round_trip(make: Maker) -> None:
    """A detector that took over a state in mid-stream goes on exactly as the one it was taken from."""
    for stream in streams(make()):
        detector = ready(make)
        detector.update(part(stream, 0, LENGTH // 2))
        other = ready(make)
        other.load(copied(detector.state()))
        assert_same_state(detector.state(), other.state(), "a state that was loaded is not the one that was saved")
        detector.grow(2 * SIZE)
        other.grow(2 * SIZE)
        rest = part(stream, LENGTH // 2, LENGTH)
        assert_same(detector.update(rest), other.update(rest), "scores differ after a round trip")
        assert_same_state(detector.state(), other.state(), "states differ after a round trip")


def check_copies_are_independent(make: Maker) -> None:
    """A deep copy learns for itself, and a loaded state is no longer shared with where it came from."""
    stream = streams(make())[0]
    detector = ready(make)
    detector.update(part(stream, 0, LENGTH // 2))
    before = copied(detector.state())
    loaded = ready(make)
    loaded.load(detector.state())
    for other in (copy.deepcopy(detector), loaded):
        other.update(part(stream, LENGTH // 2, LENGTH))
        assert_same_state(before, detector.state(), "a copy shares its state with the original")


def check_batches_do_not_matter(make: Maker) -> None:
    """One batch of n, n batches of one, and random batches give the same scores and the same state."""
    for stream in streams(make()):
        whole = ready(make)
        expected = whole.update(stream)
        for cut in cuts():
            detector = ready(make)
            parts = [detector.update(part(stream, a, b)) for a, b in pairwise(cut)]
            assert_same(joined(parts), expected, "scores depend on how the batch was cut")
            assert_same_state(whole.state(), detector.state(), "the state depends on how the batch was cut")


def check_series_are_independent(make: Maker) -> None:
    """What comes of one series changes nothing of another, or of another group's."""
    for stream in streams(make()):
        together = ready(make).update(stream)
        for series in range(SIZE):
            own = ~apart(stream, series)
            alone = ready(make).update(chosen_rows(stream, own))
            assert_same(chosen(together, own), alone, "a series is scored otherwise beside others")


def check_reset_forgets(make: Maker) -> None:
    """A series that was reset goes on as a new one would in its place; the others are as they were."""
    for stream in streams(make()):
        detector = ready(make)
        detector.grow(2 * SIZE)
        detector.update(part(stream, 0, LENGTH // 2))
        untouched = copy.deepcopy(detector)
        detector.reset(np.array([1], np.int32))
        rest = part(stream, LENGTH // 2, LENGTH)
        replaced = untouched.update(moved(rest, rest.series == 1))
        assert_same(detector.update(rest), replaced, "reset left something behind, or touched another series")


def check_reset_is_as_new(make: Maker) -> None:
    """A subject that was reset goes on as one never seen would in its place; the others are scored as before.

    What all taught each other stays, but rows of the subject that wait for their label go without one, so more is
    learned where nothing was reset: both sides of the comparison are, and only one goes on under the same number.
    """
    for stream in streams(make()):
        detector = ready(make)
        detector.grow(2 * SIZE)
        detector.update(part(stream, 0, LENGTH // 2))
        others = _ticks(detector, [each for each in range(SIZE) if each != 1], stream.time[LENGTH // 2 - 1])
        before = detector.score(others)
        detector.reset(np.array([1], np.int32))
        assert_same(detector.score(others), before, "reset touched another series")
        other = copy.deepcopy(detector)
        rest = part(stream, LENGTH // 2, LENGTH)
        scores = other.update(moved(rest, rest.series == 1))
        assert_same(detector.update(rest), scores, "reset left something behind")


def _ticks(detector: Detector, series: list[int], time: float) -> Observations:
    """Return rows that ask a learned kind for its opinion of some subjects."""
    assert isinstance(detector, LearnedDetector)
    n, channel = len(series), detector.channel("tick")
    return Observations.of(series, [time] * n, [0.0] * n, channel=[channel] * n)


def check_series_can_move(make: Maker) -> None:
    """What was taken out of one row and put into another goes on as if nothing had happened."""
    away, there = np.array([2, 1], np.int32), np.array([SIZE, 3 * SIZE - 1], np.int32)
    for stream in streams(make()):
        detector, steady = ready(make), ready(make)
        for each in (detector, steady):
            each.update(part(stream, 0, LENGTH // 2))
        detector.grow(3 * SIZE)
        rows = detector.rows(away)
        assert all(len(array) == len(away) for array in rows.values()), "rows are not one for each series"
        detector.reset(away)
        detector.put(there, rows)
        rest = part(stream, LENGTH // 2, LENGTH)
        places = np.arange(SIZE, dtype=np.int32)
        places[away] = there
        scores = detector.update(rest._replace(series=places[rest.series]))
        assert_same(scores, steady.update(rest), "a series that was moved is scored otherwise")


def check_some_go_on_alone(make: Maker) -> None:
    """Some series, numbered anew, go on in another detector as they do among all."""
    kept = np.array([SIZE - 1, 0, 2], np.int32)
    places = np.full(SIZE, -1, np.int32)
    places[kept] = np.arange(len(kept))
    for stream in streams(make()):
        detector, other = ready(make), ready(make)
        detector.update(part(stream, 0, LENGTH // 2))
        other.load(copied(detector.only(kept)))
        rest = part(stream, LENGTH // 2, LENGTH)
        theirs = chosen_rows(rest, places[rest.series] >= 0)
        scores = other.update(theirs._replace(series=places[theirs.series]))
        assert_same(scores, detector.update(theirs), "a series that was numbered anew is scored otherwise")


def check_growing_changes_nothing(make: Maker) -> None:
    """More room changes no row that was there, asking for less does nothing, and the new rows work."""
    for stream in streams(make()):
        steady, growing = ready(make), ready(make)
        half = part(stream, 0, LENGTH // 2)
        steady.update(half)
        growing.update(half)
        growing.grow(2 * SIZE)
        growing.grow(1)
        rest = part(stream, LENGTH // 2, LENGTH)
        assert_same(growing.update(rest), steady.update(rest), "growing changed a series that was there")
        if not growing.pooled:
            fresh, added = ready(make).update(rest), growing.update(_elsewhere(rest))
            assert_same(added, fresh, "a row that was added is not as one never seen")


def _elsewhere(stream: Observations) -> Observations:
    """Return the stream of series and groups that are new."""
    group = None if stream.group is None else stream.group + np.int32(GROUPS)
    return moved(stream)._replace(group=group)


def check_unseen_series_are_harmless(make: Maker) -> None:
    """A series without a past can be scored and reset, and an empty batch taken."""
    detector = ready(make)
    assert_sound(detector.score(Observations.of([0, 3], [0, 0], [1, 2])), 2)
    detector.reset(np.array([2], np.int32))
    detector.reset(np.zeros(0, np.int32))
    assert_sound(detector.update(Observations.of([], [], [])), 0)
    assert_sound(detector.score(Observations.of([], [], [])), 0)


def check_bad_values_are_harmless(make: Maker) -> None:
    """NaN, infinities, denormals, huge numbers and constants raise nothing and spoil no other series."""
    bad = (math.nan, math.inf, -math.inf, 5e-324, -5e-324, 1e300, -1e300, 1.7e308, -1.7e308, 0.0, -0.0)
    good = streams(make())[0]
    for value in bad:
        stream = good._replace(value=np.where(good.series == 1, value, good.value))
        _compare_with_good(make, stream, good)
        constant = ready(make).update(good._replace(value=np.full(LENGTH, value)))
        assert_sound(constant, LENGTH)
    mixed = np.resize(np.array(bad), LENGTH)
    _compare_with_good(make, good._replace(value=np.where(good.series == 1, mixed, good.value)), good)
    missing = ready(make).update(good._replace(value=np.full(LENGTH, math.nan)))
    assert np.isnan(missing.score).all(), "a missing value has a score"


def check_odd_times_are_harmless(make: Maker) -> None:
    """Gaps of years, the same time twice and times that go backwards raise nothing."""
    stream = streams(make())[0]
    for time in (
        np.zeros(LENGTH),
        stream.time[::-1].copy(),
        np.where(np.arange(LENGTH) % 7 == 0, stream.time - 3600.0, stream.time),
        stream.time + np.floor(np.arange(LENGTH) / 100) * 1e9,
        np.repeat(stream.time[::4], 4)[:LENGTH].copy(),
    ):
        assert_sound(ready(make).update(stream._replace(time=time)), LENGTH)


def check_explanations(make: Maker) -> None:
    """`explain` makes a sentence of whatever it is given, without computer words for what is not known."""
    detector = ready(make)
    scores = detector.update(streams(make())[0])
    for value in (1.5, -1e300, 1e300, math.nan, math.inf):
        full = last_signal(detector, scores, value)
        bare = replace(full, expected=math.nan, low=-math.inf, high=math.inf, extra={})
        unknown = replace(bare, extra=dict.fromkeys(scores.extra, math.nan))
        for signal in (full, bare, unknown):
            _assert_sentence(detector.explain(replace(signal, state="raised")), value)
            _assert_sentence(detector.explain(replace(signal, state="ongoing")), value)
            _assert_sentence(detector.explain(replace(signal, state="cleared")), value)


def check_ticks_learn_nothing(make: Maker) -> None:
    """A tick can be repeated, and changes no state."""
    detector = ready(make)
    detector.update(streams(make())[-1])
    before = copied(detector.state())
    first, again = (detector.tick(1e7) for _ in range(2))
    assert_same(first[1], again[1], "a tick that is repeated says something else")
    assert_same_state(before, detector.state(), "a tick changed the state", also_opaque=True)


def check_ticks_tell_all_that_is_overdue(make: Maker) -> None:
    """After years of silence every series that was alive is told, with a score that is a breach; just seen, none is."""
    detector = ready(make)
    stream = streams(make())[-1]
    detector.update(stream)
    batch, scores = detector.tick(float(stream.time[-1]) + 1e9)
    assert sorted(batch.series.tolist()) == list(range(SIZE)), "a tick does not tell each overdue series once"
    assert_sound(scores, SIZE)
    assert (scores.score >= detector.raise_score).all(), "what is long overdue is no breach"
    assert len(detector.tick(float(stream.time[0]))[0].series) == 0, "a series is overdue before its time"


def check_ticks_tell_all_that_lapsed(make: Maker) -> None:
    """After years without a signal each series that was raised is told to be over for certain; just seen, none is."""
    detector = ready(make)
    stream = streams(make())[-1]
    detector.update(stream)
    batch, scores = detector.tick(float(stream.time[-1]) + 1e9)
    assert sorted(batch.series.tolist()) == list(range(SIZE)), "a tick does not tell each series that lapsed once"
    assert (scores.score == 0.0).all(), "what lapsed is not over"
    assert len(detector.tick(float(stream.time[0]))[0].series) == 0, "a series lapsed before its time"


def _compare_with_good(make: Maker, stream: Observations, good: Observations) -> None:
    scores = ready(make).update(stream)
    assert_sound(scores, LENGTH)
    if make().pooled:
        return
    others = apart(good, 1)
    assert_same(chosen(scores, others), chosen(ready(make).update(good), others), "a bad value spoiled another series")


def _assert_sentence(text: str, value: float) -> None:
    assert text.endswith("."), f"{text!r} is no sentence"
    assert len(text) > 10, f"{text!r} says too little"
    if math.isfinite(value):
        assert not re.search(r"\b(nan|inf)\b", text), f"{text!r} has computer words"
