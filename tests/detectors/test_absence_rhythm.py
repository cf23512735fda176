"""What is absent from a series with a rhythm: of a day, of a week, of a machine."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.absence import Absence
from detectors.base import Observations, Signal
from detectors.monitor import Monitor
from detectors.raising import RaiseRule

STEP, HOUR, DAY = 60.0, 3600.0, 86400.0
START = 1704067200.0  # a Monday
WEEKS, SERIES = 4, 30
Hours = NDArray[Any]
Rate = Callable[[Hours, Hours, Hours], Hours]
"""From the hour of the day, the weekday (0: Monday) and the day since the start to events an hour."""


def _events(rate: Rate, rng: np.random.Generator, days: int = 7 * WEEKS, first: float = 0.0) -> Hours:
    number = np.arange(24.0 * days)
    day = number // 24
    count = rng.poisson(rate(number % 24, day % 7, day) * np.ones(len(number)))
    events = START + np.sort(np.repeat(number, count) + rng.random(count.sum())) * HOUR
    kept: Hours = events[events >= START + first]
    return kept


def _windows(series: int, events: Hours) -> Observations:
    """Return each window's latest event."""
    start = np.floor(events / STEP) * STEP
    last = np.append(start[1:] > start[:-1], True)
    return Observations.of(np.full(last.sum(), series), start[last], events[last])


def _watched(streams: list[Hours]) -> tuple[Monitor, list[Signal]]:
    monitor = Monitor("silence", Absence(), RaiseRule())
    monitor.prepare(STEP)
    monitor.grow(len(streams))
    parts = [_windows(series, events) for series, events in enumerate(streams)]
    columns = [np.concatenate(column) for column in zip(*(part[:3] for part in parts), strict=True)]
    order = np.argsort(columns[1], kind="stable")
    signals = monitor.observe(Observations.of(*(column[order] for column in columns)))
    return monitor, [signal for signal in signals if signal.state == "raised"]


def _watch(rate: Rate, *, days: int = 7 * WEEKS, first: float = 0.0) -> tuple[Monitor, list[Signal]]:
    """Watch customers of one rhythm, each with its own chance."""
    return _watched([_events(rate, np.random.default_rng(9000 + i), days, first) for i in range(SERIES)])


def _told(monitor: Monitor, since: float) -> Hours:
    """Return the hours from `since`, after which nothing came, until each series is told."""
    missing, _ = monitor.detector.tick(1e12)
    return np.asarray((missing.time - since) / HOUR)


def _false(signals: list[Signal], days: float, *, first: float = 0.0) -> tuple[float, float]:
    """Return the false alarms in the first week for each series, and after it for each series and day."""
    early = sum(signal.time - START - first < 7 * DAY for signal in signals)
    return early / SERIES, (len(signals) - early) / SERIES / (days - 7)


def _office(rate: float) -> Rate:
    return lambda hour, weekday, day: rate * ((hour >= 8) & (hour < 18) & (weekday < 5))


def _weekend_on_friday(hour: Hours, weekday: Hours, day: Hours) -> Hours:
    return np.asarray(30.0 * ((hour >= 5) & (hour < 15) & (weekday != 4) & (weekday != 5)))


def _evening_in_america(rate: float) -> Rate:
    """Nine to five in California: until one in the morning UTC, so Friday ends on Saturday."""
    return lambda hour, weekday, day: (
        rate * np.where(hour < 1, (weekday >= 1) & (weekday < 6), (hour >= 17) & (weekday < 5))
    )


def _wave(rate: float) -> Rate:
    return lambda hour, weekday, day: rate * np.exp(1.5 * np.sin(hour / 24 * 2 * np.pi))


def _moved(rate: float, by: int) -> Rate:
    """The hours of an office that move on the third Monday, as by daylight saving time."""
    office = _office(rate)
    return lambda hour, weekday, day: office(hour - np.where(day >= 14, by, 0), weekday, day)


def _changed(before: float, after: float) -> Rate:
    return lambda hour, weekday, day: _office(1.0)(hour, weekday, day) * np.where(day < 14, before, after)


def _quiet_weekend(hour: Hours, weekday: Hours, day: Hours) -> Hours:
    return np.asarray(10.0 * ((hour >= 8) & (hour < 20)) * np.where(weekday < 5, 1.0, 0.2))


RHYTHMS: dict[str, Rate] = {
    "office, 1 an hour": _office(1.0),
    "office, 6 an hour": _office(6.0),
    "office, 30 an hour": _office(30.0),
    "office, nearly every minute": _office(120.0),
    "office, every minute": _office(600.0),
    "every day": lambda hour, weekday, day: 6.0 * ((hour >= 8) & (hour < 18)),
    "two peaks": lambda hour, weekday, day: 20.0 * (((hour >= 9) & (hour < 12)) | ((hour >= 17) & (hour < 20))),
    "wave, 1 an hour": _wave(1.0),
    "wave, 10 an hour": _wave(10.0),
    "quiet weekend": _quiet_weekend,
    "weekend on Friday and Saturday": _weekend_on_friday,
    "evening in America": _evening_in_america(30.0),
    "sparse, 3 a day": _office(0.3),
    "an hour later": _moved(30.0, 1),
    "an hour earlier": _moved(30.0, -1),
    "from 30 to 10 an hour": _changed(30.0, 10.0),
    "from 10 to 30 an hour": _changed(10.0, 30.0),
}


@pytest.mark.parametrize("name", RHYTHMS)
def test_a_rhythm_is_no_absence(name: str) -> None:
    _, signals = _watch(RHYTHMS[name])
    early, late = _false(signals, 7 * WEEKS)
    assert early <= 0.3
    assert late <= 0.03


@pytest.mark.parametrize("first", [3.588 * DAY, 4.7 * DAY, 6.2 * DAY])
@pytest.mark.parametrize("name", ["office, 6 an hour", "weekend on Friday and Saturday", "evening in America"])
def test_a_rhythm_may_begin_on_any_day(name: str, first: float) -> None:
    _, signals = _watch(RHYTHMS[name], first=first)
    early, late = _false(signals, 7 * WEEKS - first / DAY, first=first)
    assert early <= 0.3
    assert late <= 0.03


@pytest.mark.parametrize(("rate", "stop", "within"), [(6.0, 11.5, 2.0), (30.0, 11.5, 0.5), (6.0, 15.0, 2.0)])
def test_a_stop_in_office_hours_is_told_soon(rate: float, stop: float, within: float) -> None:
    days = 22 + stop / 24  # a Tuesday
    streams = [_events(_office(rate), np.random.default_rng(9100 + i)) for i in range(SERIES)]
    end = START + days * DAY
    monitor, _ = _watched([events[events < end] for events in streams])
    told = _told(monitor, end)
    assert (told >= 0).all()
    assert np.quantile(told, 0.9) <= within
    assert told.max() <= 1.25 * within


@pytest.mark.parametrize("rhythm", [_office(6.0), _office(30.0)])
def test_a_stop_at_the_weekend_is_told_in_the_first_busy_hours(rhythm: Rate) -> None:
    monitor, _ = _watch(rhythm, days=27)
    told = _told(monitor, START + 28 * DAY)
    assert (told > 8).all()
    assert (told < 10.5).all()


def test_a_stop_of_the_night_in_america() -> None:
    monitor, _ = _watch(_evening_in_america(30.0), days=22)
    told = _told(monitor, START + 22 * DAY)
    assert (told > 16).all()
    assert (told < 18.5).all()


def test_the_last_busy_hour_may_have_moved() -> None:
    """An office that closes at 17 UTC instead of 18 is not told at 17:20; one that is silent at 15 is."""
    for stop, soonest, latest in [(17.0, 12.0, 16.0), (15.0, 0.0, 0.6)]:
        end = START + 22 * DAY + stop * HOUR
        streams = [_events(_office(30.0), np.random.default_rng(9200 + i)) for i in range(SERIES)]
        monitor, _ = _watched([events[events < end] for events in streams])
        told = _told(monitor, end)
        assert (told >= soonest).all()
        assert (told <= latest).all()


def test_a_rhythm_that_begins_later_is_learned() -> None:
    """Around the clock for two weeks, then in office hours: nights take a week, Saturdays four, Sundays then four."""

    def rate(hour: Hours, weekday: Hours, day: Hours) -> Hours:
        return np.where(day < 14, 6.0, _office(6.0)(hour, weekday, day))

    _, signals = _watch(rate, days=84)
    days = np.array([(signal.time - START) / DAY for signal in signals])
    by_week = np.histogram(days, np.arange(0, 85, 7))[0] / SERIES
    assert 1 <= by_week[2:].sum() <= 15
    assert by_week[4:].max() <= 1.1
    assert by_week[11] <= 0.2


def _beats(period: float, days: float, rng: np.random.Generator, jitter: float) -> Hours:
    beats: Hours = START + 13 + np.arange(0, days * DAY, period)
    return beats + rng.normal(0, jitter, len(beats))


@pytest.mark.parametrize(("period", "jitter"), [(60.0, 2.0), (600.0, 5.0), (3600.0, 60.0), (21600.0, 300.0)])
@pytest.mark.parametrize("days", [0.5, 5.0, 28.0])
def test_a_heartbeat_that_stops_is_told_after_three_beats(period: float, jitter: float, days: float) -> None:
    if days * DAY < 6 * period:
        days = 6 * period / DAY
    rng = np.random.default_rng(4)
    beats = _beats(period, days, rng, jitter)
    monitor, signals = _watched([beats])
    assert signals == []
    assert 2.9 * period <= _told(monitor, beats[-1])[0] * HOUR <= 3.0 * period + 12 * jitter + STEP


def test_a_lossy_heartbeat() -> None:
    rng = np.random.default_rng(5)
    streams = [beats[rng.random(len(beats)) > 0.1] for beats in [_beats(600.0, 28, rng, 5.0)] * SERIES]
    monitor, signals = _watched(streams)
    early, late = _false(signals, 28)
    assert early <= 0.3
    assert late <= 0.03
    assert (_told(monitor, START + 28 * DAY) < 2).all()


def test_a_heartbeat_after_an_outage_of_its_first_day() -> None:
    """The silent hours are known as silent, those and the weekdays not seen yet count as usual."""
    beats = _beats(600.0, 1.0, np.random.default_rng(6), 5.0)
    seconds = beats - START
    beats = beats[(seconds < 10 * HOUR) | (seconds >= 13 * HOUR)]
    monitor, signals = _watched([beats])
    assert len(signals) == 1
    assert _told(monitor, beats[-1])[0] < 2


def test_a_machine_that_rests_is_told_once() -> None:
    """Nobody can tell the first night of a machine from its end; then it has a rhythm."""
    beats = _beats(600.0, 28, np.random.default_rng(7), 5.0)
    hour, weekday = (beats - START) / HOUR % 24, (beats - START) // DAY % 7
    for busy in [(hour >= 8) & (hour < 18) & (weekday < 5), (hour >= 8) & (hour < 18), weekday < 5]:
        _, signals = _watched([beats[busy]])
        assert len(signals) == 1


def _jobs(days: NDArray[Any], rng: np.random.Generator, jitter: float = 600.0) -> Hours:
    jobs: Hours = START + days * DAY + 2 * HOUR + rng.normal(0, jitter, len(days))
    return jobs


def test_a_job_of_every_night_is_missed_after_three() -> None:
    jobs = _jobs(np.arange(28), np.random.default_rng(8))
    monitor, signals = _watched([jobs])
    assert signals == []
    assert 70 < _told(monitor, jobs[-1])[0] < 76


@pytest.mark.parametrize("days", [26, 54, 82])
def test_a_job_of_weekdays_is_missed_within_a_week_or_so(days: int) -> None:
    """After a Friday: the weekend counts for little, five nights without it are enough."""
    nights = np.arange(days)
    for seed in range(10):
        jobs = _jobs(nights[nights % 7 < 5], np.random.default_rng(seed))
        monitor, signals = _watched([jobs])
        assert signals == []
        assert 72 < _told(monitor, jobs[-1])[0] < 205


@pytest.mark.parametrize("every", [[7], [3, 4], [14, 16], [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]])
def test_rare_jobs_are_waited_for(every: list[int]) -> None:
    gaps = np.resize(every, 40)
    jobs = _jobs(np.cumsum(gaps), np.random.default_rng(10), 3600.0)
    monitor, signals = _watched([jobs])
    assert signals == []
    assert 2 * 24 * min(every) < _told(monitor, jobs[-1])[0] < 24 * 4 * max(every)


@pytest.mark.parametrize(("rate", "within"), [(1.0, 14.0), (6.0, 2.4), (60.0, 0.4)])
def test_chance_without_a_rhythm(rate: float, within: float) -> None:
    monitor, signals = _watch(lambda hour, weekday, day: rate * np.ones(len(hour)))
    early, late = _false(signals, 7 * WEEKS)
    assert early <= 0.3
    assert late <= 0.03
    assert np.quantile(_told(monitor, START + 28 * DAY), 0.9) <= within


def test_a_first_week_is_told_at_the_latest_in_the_second() -> None:
    end = START + 2 * DAY + 11 * HOUR
    streams = [_events(_office(6.0), np.random.default_rng(9300 + i)) for i in range(SERIES)]
    monitor, _ = _watched([events[events < end] for events in streams])
    assert (_told(monitor, START + 7 * DAY) <= 12).all()
