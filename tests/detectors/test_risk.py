"""The learned risk: what it learns, keeps, forgets and says; and bad input."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from detectors.base import Observations, Scores, Signal
from detectors.durations import Duration
from detectors.learned.record import blank, figures, merged
from detectors.learned.standing import CHAMPIONS, EARLY, NOBODY
from detectors.risk import Risk
from detectors.trials import assert_same, assert_same_state, copied, joined

SUBJECTS, DAY, HOUR = 30, 86400.0, 3600.0
NAMES = {"outcome": ["failure"], "event": ["warning", "noise"], "signal": ["heat"]}
Line = tuple[int, float, float, int]


def made(**settings: Any) -> Risk:
    """Return a detector of failures with room for the subjects."""
    names = settings.pop("names", NAMES)
    arguments: dict[str, Any] = {"every": Duration("12h"), "positives": 200, "negatives": 400, "attributes": ["plan"]}
    detector = Risk(**(arguments | settings))
    detector.connect(names)
    detector.grow(SUBJECTS)
    return detector


def lines(detector: Risk, days: int, *, first: int = 0, seed: int = 1, tells: str = "warning") -> list[Line]:
    """Return rows: one in ten subjects a day has an event that `tells` and fails 20 hours later; another is noise."""
    rng = np.random.default_rng(seed)
    channel = detector.channel
    other = "noise" if tells == "warning" else "warning"
    rows: list[Line] = []
    for day in range(first, first + days):
        for subject in range(SUBJECTS):
            begin = day * DAY + float(rng.integers(6)) * HOUR
            fails = rng.random() < 0.1
            rows.append((subject, begin, rng.normal(20 + 5 * subject, 1), channel("signal", "heat")))
            if fails:
                rows.append((subject, begin, 1.0, channel("event", tells)))
                rows.append((subject, begin + 20 * HOUR, 1.0, channel("outcome", "failure")))
            if rng.random() < 0.2:
                rows.append((subject, begin, 1.0, channel("event", other)))
        rows += [(subject, day * DAY + hour * HOUR, 0.0, 0) for subject in range(SUBJECTS) for hour in (6, 18)]
    return sorted(rows, key=lambda row: row[1])


def batch(rows: list[Line]) -> Observations:
    """Return rows as a batch."""
    series, time, value, channel = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Observations.of(series, time, value, channel=channel)


def part(whole: Observations, start: int, end: int) -> Observations:
    """Return a stretch of a batch."""
    assert whole.channel is not None
    some = slice(start, end)
    return Observations(whole.series[some], whole.time[some], whole.value[some], channel=whole.channel[some])


def alerts(scores: Scores) -> int:
    """Return how many rows are at or above the threshold."""
    return int((scores.score >= Risk.raise_score).sum())


def learned(days: int = 40, **settings: Any) -> Risk:
    """Return a detector that has seen so many days."""
    detector = made(**settings)
    detector.update(batch(lines(detector, days)))
    return detector


def test_it_learns_which_event_tells() -> None:
    figures = learned().evaluation()
    assert figures.pr_auc > 0.8
    assert figures.roc_auc > 0.95
    assert figures.recall > 0.7
    assert figures.false_per_outcome < 0.75
    assert 0.5 < figures.median_lead <= 1.0
    assert figures.brier < 0.05


def test_probabilities_are_calibrated() -> None:
    tenths = [tenth for tenth in learned(80).evaluation().reliability if tenth[2] >= 100]
    assert len(tenths) >= 2
    assert all(abs(said - seen) < 0.1 for said, seen, _ in tenths)


def test_it_is_the_same_every_time_and_another_with_another_seed() -> None:
    stream = batch(lines(made(), 20))
    one, again, other = (made(seed=seed).update(stream) for seed in (1, 1, 2))
    assert_same(one, again, "the same seed")
    assert not np.array_equal(one.score, other.score, equal_nan=True)


def test_batches_do_not_matter() -> None:
    stream = batch(lines(made(), 20))
    whole = made()
    expected = whole.update(stream)
    n = len(stream.series)
    inner = np.random.default_rng(3).choice(np.arange(1, n), 40, replace=False)
    for cut in ([0, *sorted(inner.tolist()), n], [*range(0, n, 7), n]):
        detector = made()
        scores = joined([detector.update(part(stream, a, b)) for a, b in pairwise(cut)])
        assert_same(scores, expected, "scores depend on how the batch was cut")
        assert_same_state(whole.state(), detector.state(), "so does the state")


@pytest.mark.parametrize("share", [0.02, 0.15, 0.6])
def test_state_survives_a_round_trip(share: float) -> None:
    stream = batch(lines(made(), 20))
    half = int(share * len(stream.series))
    detector, other = made(), made()
    detector.describe(0, {"plan": "pro", "seats": 3})
    detector.update(part(stream, 0, half))
    other.load(copied(detector.state()))
    assert_same_state(detector.state(), other.state(), "loaded")
    rest = part(stream, half, len(stream.series))
    assert_same(detector.update(rest), other.update(rest), "scores differ after a round trip")
    assert_same_state(detector.state(), other.state(), "and so do states")


def test_a_state_of_another_question_is_refused() -> None:
    state = made().state()
    with pytest.raises(ValueError, match="other events"):
        made(names=NAMES | {"event": ["warning"]}).load(state)
    with pytest.raises(ValueError, match="another number of rows"):
        made(positives=300).load(state)
    with pytest.raises(ValueError, match="the state of risk has"):
        made().load({"attributes": state["attributes"]})


@pytest.mark.parametrize("days", [1, 3, 20])
def test_score_says_what_update_will_and_changes_nothing(days: int) -> None:
    detector = learned(days)
    before = copied(detector.state())
    ticks = Observations.of(range(SUBJECTS), [days * DAY + 6 * HOUR] * SUBJECTS, [0] * SUBJECTS, channel=[0] * SUBJECTS)
    foretold = detector.score(ticks)
    assert_same_state(before, detector.state(), "scoring changed the state")
    assert foretold.score[0] == pytest.approx(detector.update(ticks).score[0], nan_ok=True)


def test_the_budget_is_kept_by_outcome_and_by_week() -> None:
    generous, strict = (learned(80, budget=f"{rate} per outcome").evaluation() for rate in (2.0, 0.1))
    assert strict.false_per_outcome <= generous.false_per_outcome
    assert strict.recall <= generous.recall
    assert strict.false_per_outcome < 0.3
    weekly = learned(80, budget="700 per 1000 a week").evaluation()
    per_subject_week = 0.1 * 7  # what fails, and so could be warned of, is just as much
    assert weekly.recall > 0.5
    assert weekly.false_per_outcome * per_subject_week < 0.5


def test_a_change_of_meaning_is_noticed_and_learned() -> None:
    detector = learned(60)
    assert detector.alarms == 0
    detector.update(batch(lines(detector, 60, first=60, seed=2, tells="noise")))
    assert detector.alarms >= 1
    record = detector.update(batch(lines(detector, 20, first=120, seed=3, tells="noise")))
    p = record.extra["probability"]
    assert np.nanmax(p) > 0.8


def test_told_outage_of_labels_teaches_nothing_wrong() -> None:
    detector = learned(40)
    memory, seen = detector.lessons, detector.evaluation().rows
    rows = [(0, 40 * DAY, 1.0, detector.channel("labels"))]
    rows += [row for row in lines(detector, 20, first=40, seed=2) if row[3] != detector.channel("outcome", "failure")]
    detector.update(batch(rows))
    assert detector.labels_missing
    assert (detector.lessons, detector.evaluation().rows) == (memory, seen)
    detector.update(batch([(0, 60 * DAY, 0.0, detector.channel("labels")), *lines(detector, 5, first=61, seed=3)]))
    assert detector.evaluation().rows > seen


def test_an_outage_nobody_told_of_is_noticed() -> None:
    detector = learned(40)
    quiet = [row for row in lines(detector, 40, first=40, seed=2) if row[3] != detector.channel("outcome", "failure")]
    detector.update(batch(quiet))
    assert detector.labels_missing
    detector.update(batch(lines(detector, 3, first=80, seed=3)))
    assert not detector.labels_missing


def test_an_objection_removes_the_subject() -> None:
    detector = learned(40)
    assert 3 in set(detector.remembered().tolist())
    detector.forget(np.array([3], np.int32))
    assert 3 not in set(detector.remembered().tolist())
    detector.describe(3, {"plan": "pro"})
    scores = detector.update(batch(lines(detector, 10, first=40, seed=2)))
    stream = batch(lines(detector, 10, first=40, seed=2))
    assert np.isnan(scores.score[stream.series == 3]).all()
    assert 3 not in set(detector.remembered().tolist())
    other = made()
    other.load(copied(detector.state()))
    assert np.isnan(other.update(part(stream, 0, 200)).score[stream.series[:200] == 3]).all()


def test_attributes_marked_never_do_not_enter() -> None:
    detector = made(attributes=["plan", "seats", "vip", "none", "sex"], never=["sex"])
    assert "sex" not in detector.attributes
    for subject in range(SUBJECTS):
        detector.describe(subject, {"sex": "f", "plan": f"plan-{subject}", "seats": subject, "vip": True, "none": None})
    assert detector.columns[-3:] == ["plan=plan-14", "plan=plan-15", "plan=…"]
    only = made(attributes=["seats"])
    only.describe(0, {"seats": math.inf, "plan": "pro"})
    assert only.columns[-1:] == ["seats"]


def test_a_value_never_seen_before_is_harmless() -> None:
    detector = made()
    for subject in range(SUBJECTS):
        detector.describe(subject, {"plan": "free"})
    detector.update(batch(lines(detector, 20)))
    detector.describe(5, {"plan": "enterprise"})
    scores = detector.update(batch(lines(detector, 5, first=20, seed=2)))
    assert np.isfinite(scores.score[scores.score == scores.score]).all()
    assert alerts(scores) < 60


def test_an_alert_says_why() -> None:
    detector = learned(40)
    stream = batch(lines(detector, 5, first=40, seed=2))
    scores = detector.update(stream)
    row = int(np.nanargmax(scores.score))
    extra = {name: float(column[row]) for name, column in scores.extra.items()}
    signal = Signal("risk", "risk", int(stream.series[row]), "raised", float(stream.time[row]), 0.0,
                    float(scores.score[row]), 0.0, math.nan, -math.inf, math.inf, extra)  # fmt: skip
    text = detector.explain(signal)
    assert text.startswith("A failure within 1d is ")
    assert "warning came" in text
    assert "(raises it)" in text


def _without_outcomes(rows: list[Line], detector: Risk) -> list[Line]:
    return [row for row in rows if row[3] != detector.channel("outcome", "failure")]


def _only_positives(rows: list[Line], detector: Risk) -> list[Line]:
    outcome = detector.channel("outcome", "failure")
    return sorted(
        [*rows, *((row[0], row[1] + HOUR, 1.0, outcome) for row in rows if row[3] == 0)], key=lambda row: row[1]
    )


def _with_value(value: float) -> Callable[[list[Line], Risk], list[Line]]:
    return lambda rows, detector: [
        (s, t, value if c == detector.channel("signal", "heat") else v, c) for s, t, v, c in rows
    ]


BAD: dict[str, Callable[[list[Line], Risk], list[Line]]] = {
    "no outcome yet": _without_outcomes,
    "only positives": _only_positives,
    "one row": lambda rows, _: [row for row in rows if row[3] == 0][:1],
    "no row": lambda _, __: [],
    "times that go back": lambda rows, _: [*rows, *rows],
    "times in reverse": lambda rows, _: rows[::-1],
    "times that are none": lambda rows, _: [
        (s, math.nan if i % 5 == 0 else t, v, c) for i, (s, t, v, c) in enumerate(rows)
    ],
    "nan": _with_value(math.nan),
    "inf": _with_value(math.inf),
    "minus inf": _with_value(-math.inf),
    "huge": _with_value(1.7e308),
    "denormal": _with_value(5e-324),
    "a constant": _with_value(7.0),
    "values of events that are none": lambda rows, _: [(s, t, math.nan, c) for s, t, _v, c in rows],
    "gaps of years": lambda rows, _: [(s, t + (t // (5 * DAY)) * 1e9, v, c) for s, t, v, c in rows],
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_harmless(what: str) -> None:
    detector = made()
    stream = batch(BAD[what](lines(detector, 12), detector))
    scores = detector.update(stream)
    known = scores.score[~np.isnan(scores.score)]
    assert ((known >= 0) & (known <= 1)).all()
    assert np.isfinite(scores.extra["probability"][~np.isnan(scores.score)]).all()
    if what in ("no outcome yet", "only positives", "one row", "values of events that are none"):
        assert alerts(scores) == 0
    assert alerts(scores) <= len(scores.score) / 10
    other = made()
    other.load(copied(detector.state()))


def test_a_label_for_a_subject_never_seen_is_harmless() -> None:
    detector = learned(20)
    lessons = detector.lessons
    detector.grow(SUBJECTS + 1)
    detector.update(batch([(SUBJECTS, 20 * DAY, 1.0, detector.channel("outcome", "failure"))]))
    assert detector.lessons[1] == lessons[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"names": {"event": ["error"]}}, "an input that is an outcome"),
        ({"names": {"outcome": ["failure"], "event": ["failure"]}}, "its own name"),
        ({"names": {"outcome": ["failure"], "colour": ["red"]}}, "no role 'colour'"),
        ({"horizon": Duration(0.0)}, "longer than nothing"),
        ({"every": Duration("2d")}, "at most the horizon"),
        ({"budget": "a few"}, "0.5 per outcome"),
        ({"positives": 3}, "30 rows or more"),
    ],
)
def test_bad_settings_say_what_is_allowed(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        made(**settings)


def test_a_channel_that_is_none_is_an_error() -> None:
    with pytest.raises(IndexError, match="channels"):
        made().update(Observations.of([0], [0], [0], channel=[99]))


def test_what_it_was_of_late_is_told_beside_what_it_was_in_all() -> None:
    standing = learned(60).standing()
    assert standing.champion in CHAMPIONS.values()
    assert not standing.labels_missing
    assert not standing.on_trial
    assert standing.fits >= 1
    every, late = figures(standing.record), figures(standing.lately)
    assert every == learned(60).evaluation()
    assert late.outcomes < every.outcomes
    assert late.outcomes <= 100
    assert late.brier < every.brier, "of late it has learned more; how it ranks was nearly perfect before"
    before = learned(2).standing()
    assert (before.champion, before.fits) == (EARLY, 0)
    assert made().standing().champion == NOBODY


def test_records_add_up() -> None:
    one = learned(20).record
    both = merged(one, one)
    assert both.sums[0] == 2 * one.sums[0]
    assert merged(blank(), one).sums.tolist() == one.sums.tolist()
