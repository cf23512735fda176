"""More partitions: every series goes on in another one as if nothing had happened."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path

import numpy as np
import pytest

from detectors.base import Observations
from detectors.risk import Risk
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.errors import ConfigError, ForewarnError
from engine.events import make_event
from engine.intake import partition_of
from engine.measures.keys import subject_of
from engine.pipeline import Pipeline
from engine.repartition import Moved, repartition
from engine.replay import drain
from engine.snapshots import Snapshots
from engine.store.models import EvaluationRow, Issue, Progress, SignalRow
from tests.faults.house import FILES, START, House, opened, prepared, tick

MAIN = "config/forewarn.yaml"
MINUTE = 60.0
DETECTORS = {
    "level": ("{mean: value}", "{kind: threshold, above: 52}"),
    "usual": ("{quantile: value, q: 0.9}", "{kind: seasonal, period: 1d}"),
    "breach": ("{max: value}", "{kind: forecast, limit: 70, within: 6h}"),
    "moved": ("{sum: value}", "{kind: shift}"),
    "steep": ("{last: value}", "{kind: change, rise: 4}"),
    "kinds": ("{distinct: code}", "{kind: threshold, above: 1}"),
    "silent": ("count", "{kind: absence}"),
    "gaps": ("gap", "{kind: threshold, above: 200}"),
    "apart": ("{mean: value}", "{kind: river, estimator: anomaly.GaussianScorer}"),
    "strong": ("{mean: value}", "{kind: ensemble}"),
}
PLAIN = """
name: {name}
about: {name}
watch: {{event: app.value, by: subject, measure: {measure}, every: 1m}}
model: {model}
raise: {{score: 0.9, clear: 5m}}
"""
OTHERS = {
    "signup": """
name: signup
about: Sign-ups that stand
watch: {event: [signup.began, signup.paid, signup.done], by: subject}
model: {kind: stall, within: 20m}
""",
    "new": """
name: new
about: Codes never seen
watch: {event: app.value, by: [subject, code], measure: count, every: 5m}
model: {kind: novelty}
""",
    "both": """
name: both
about: Much at once
watch: {signals: [level, steep], by: subject}
model: {kind: composite, need: 2, within: 10m}
""",
    "ill": """
name: ill
about: Will fail
watch:
  by: subject
  inputs:
    failure: {outcome: failure}
    values: {event: app.value}
    heat: {event: app.value, value: value}
model: {kind: risk, horizon: 20m, every: 5m, positives: 60, negatives: 120}
""",
}
SUBJECTS = [f"account/a{number}" for number in range(20)]
"""So many that something comes to each partition in each minute: one of which nothing comes knows the time by ticks."""


def files(partitions: int, *, idle: str = "") -> dict[str, str]:
    """Return a configuration with a detector of each kind that looks at each series for itself."""
    plain = {name: PLAIN.format(name=name, measure=each[0], model=each[1]) for name, each in DETECTORS.items()}
    detectors = {f"config/detectors/{name}.yaml": text for name, text in {**plain, **OTHERS}.items()}
    events = f"{{partitions: {partitions}{idle}, known: ['app.*', 'signup.*']}}"
    rest = {name: text for name, text in FILES.items() if "errors" not in name}
    return {**rest, **detectors, MAIN: f"sender: {{company: Acme}}\nevents: {events}\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return made(tmp_path / "moved")


def made(folder: Path, *, idle: str = "") -> Path:
    """Return a folder that is set up for two partitions."""
    prepared(folder, **files(2, idle=idle))
    (folder / "config/detectors/errors.yaml").unlink()
    (folder / "config/playbooks/errors.yaml").unlink()
    return folder


def happenings(minutes: range) -> Iterator[tuple[float, list[bytes]]]:
    """Yield what comes in each minute: it depends on nothing but the minute."""
    for minute in minutes:
        now = START + minute * MINUTE
        yield now, [*_values(minute, now), *_rest(minute, now), tick(now + MINUTE)]


def _values(minute: int, now: float) -> Iterator[bytes]:
    dice = random.Random(minute)
    for number, subject in enumerate(SUBJECTS):
        if (number == 3 and minute % 50 > 30) or (number == 4 and minute > 100):
            continue
        for nth in range(1 + number % 3):
            value = 50 + 3 * math.sin(minute / 9.5) + dice.gauss(0, 1) + 9 * (dice.random() < 0.05) + (minute > 150) * 4
            data = {"value": value, "code": f"E{dice.randrange(3 if dice.random() < 0.98 else 40)}"}
            yield _event("app.value", subject, data, now + 7 * nth, f"v{nth}")


def _rest(minute: int, now: float) -> Iterator[bytes]:
    dice = random.Random(-minute - 1)
    subject = dice.choice(SUBJECTS)
    yield _event(f"signup.{dice.choice(['began', 'paid', 'done'])}", subject, {}, now + 30, "s")
    if dice.random() < 0.05:
        yield _event("forewarn.outcome", subject, {"what": "failure"}, now + 31, "o")


def _event(type_: str, subject: str, data: dict[str, object], at: float, nth: str) -> bytes:
    return make_event(type_, subject, data, id=f"{subject}-{at}-{nth}", source="test", time=at)


def play(house: House, minutes: range) -> None:
    """Let minutes pass."""
    for now, lines in happenings(minutes):
        house.clock.set(now + MINUTE)
        assert not house.hand_in(*lines).rejects


def said(house: House, *, but: str = "") -> Mapping[str, Set[object]]:
    """Return what was found of each series, `but` by one detector: signals to the last digit, and issues."""
    signals = {
        (each.id, each.detector, each.series, each.state, each.at, each.score, each.value)
        for each in house.rows(SignalRow)
        if each.detector != but
    }
    issues = {
        (each.id, each.detector, each.series, each.status, each.opened_at)
        for each in house.rows(Issue)
        if each.detector != but
    }
    return {"signals": signals, "issues": issues}


def grown(folder: Path, clock: FakeClock, partitions: int = 8) -> Moved:
    """Write another number into the configuration, and do as it says."""
    main = folder / MAIN
    main.write_text(main.read_text().replace("partitions: 2", f"partitions: {partitions}"))
    return repartition(load_or_raise(folder / "config", {}), clock)


def test_scores_go_on_as_if_nothing_had_happened(tmp_path: Path, folder: Path) -> None:
    with opened(made(tmp_path / "steady")) as steady:
        play(steady, range(220))
        expected = said(steady, but="ill")
    with opened(folder) as house:
        play(house, range(130))
        clock = house.clock
        house.engine.snapshot()
    moved = grown(folder, clock)
    assert (moved.before, moved.after, moved.events) == (2, 8, 0)
    with opened(folder, clock=clock) as house:
        drain(house.engine)
        play(house, range(130, 220))
        assert said(house, but="ill") == expected
        assert len({each.detector for each in house.rows(Issue)}) > 8, "most kinds have something to say"
        assert_shared(house)


def test_a_kind_that_learns_from_all_thinks_of_each_what_it_thought(folder: Path) -> None:
    """From then on it learns from the subjects of its own partition."""
    with opened(folder) as house:
        play(house, range(130))
        clock, before = house.clock, thought(house)
        house.engine.snapshot()
    grown(folder, clock)
    with opened(folder, clock=clock) as house:
        drain(house.engine)
        assert thought(house) == before
        assert len(before) == len(SUBJECTS)
        assert len(set(before.values())) > len(SUBJECTS) // 2


def thought(house: House) -> dict[str, float]:
    """Return the probability of each subject in the partition where it is asked for."""
    found: dict[str, float] = {}
    for pipeline in house.engine.pipelines:
        [dossier] = pipeline.scorer.dossiers
        model = dossier.monitors["ill"].detector
        assert isinstance(model, Risk)
        asked = np.flatnonzero(np.isfinite(dossier._since.array[: len(dossier.index)]))
        tick = np.full(len(asked), model.channel("tick"))
        rows = Observations.of(asked, np.full(len(asked), START + 131 * MINUTE), np.zeros(len(asked)), channel=tick)
        told = model.score(rows).extra["probability"].tolist()
        found |= {dossier.index.key(number): each for number, each in zip(asked.tolist(), told, strict=True)}
    return found


def assert_shared(house: House) -> None:
    """Each series is in the partition its events come to, and nowhere else."""
    for pipeline in house.engine.pipelines:
        for station in pipeline.scorer.stations:
            keys = [station.index.key(number) for number in station.index.numbers().tolist()]
            assert {partition_of(subject_of(key), 8) for key in keys} <= {pipeline.partition}


def test_what_is_in_the_log_is_processed_first(tmp_path: Path, folder: Path) -> None:
    with opened(made(tmp_path / "steady")) as steady:
        play(steady, range(40))
        expected = said(steady)
    with opened(folder) as house:
        play(house, range(20))
        clock = house.clock
        for now, lines in happenings(range(20, 40)):
            clock.set(now + MINUTE)
            house.engine.intake.accept(b"\n".join(lines), "test")
    moved = grown(folder, clock)
    assert moved.events > 400
    with opened(folder, clock=clock) as house:
        drain(house.engine)
        assert said(house) == expected


@pytest.mark.parametrize("after", range(9))
def test_broken_off_anywhere_it_can_be_run_again(
    tmp_path: Path, folder: Path, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once two are drained and eight written, or before; an engine takes nothing for what it is not."""
    with opened(made(tmp_path / "steady")) as steady:
        play(steady, range(50))
        expected = said(steady)
    with opened(folder) as house:
        play(house, range(40))
        clock = house.clock
    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "write", dying(Snapshots.write, after))
        with pytest.raises(InterruptedError):
            grown(folder, clock)
    with pytest.raises(ConfigError, match="8"), opened(folder, clock=clock):
        pass
    assert repartition(load_or_raise(folder / "config", {}), clock).after == 8
    with opened(folder, clock=clock) as house:
        play(house, range(40, 50))
        assert said(house) == expected


def dying(write: Callable[..., str], after: int) -> Callable[..., str]:
    left = iter(range(after))

    def dying_(*given: object, **more: object) -> str:
        if next(left, None) is None:
            raise InterruptedError
        return write(*given, **more)

    return dying_


def test_series_that_are_away_go_along(tmp_path: Path) -> None:
    folder = made(tmp_path, idle=", idle: 30m")
    with opened(folder) as house:
        play(house, range(20))
        for minute in range(20, 90):
            now = START + minute * MINUTE
            house.clock.set(now + MINUTE)
            house.hand_in(_event("app.value", SUBJECTS[0], {"value": 50.0, "code": "E1"}, now, "v"), tick(now))
            house.hand_in(_event("app.value", SUBJECTS[1], {"value": 50.0, "code": "E1"}, now, "v"))
        before, clock = away(house), house.clock
        assert sum(before.values()) > 20
        house.engine.snapshot()
    grown(folder, clock)
    with opened(folder, clock=clock) as house:
        assert sum(away(house).values()) == sum(before.values())
        play(house, range(90, 92))
        assert sum(away(house).values()) < sum(before.values())


def away(house: House) -> dict[int, int]:
    """Return how many series are away, by partition."""
    cold = house.engine.storage.cold
    assert cold is not None
    return {pipeline.partition: len(cold.of(pipeline.partition)) for pipeline in house.engine.pipelines}


def test_predictions_are_counted_once(folder: Path) -> None:
    with opened(folder) as house:
        play(house, range(160))
        house.engine.snapshot()
        clock, before = house.clock, counted(house)
    grown(folder, clock)
    with opened(folder, clock=clock) as house:
        drain(house.engine)
        house.engine.snapshot()
        assert counted(house) == before > 0


def counted(house: House) -> float:
    """Return how many predictions were held against what came."""
    return sum(sum(each.record["sums"][:1]) for each in house.rows(EvaluationRow))


@pytest.mark.parametrize("wanted", [1, 3, 2])
def test_a_number_that_would_mix_partitions_is_refused(folder: Path, wanted: int) -> None:
    with opened(folder) as house:
        clock = house.clock
    with pytest.raises(ConfigError, match="2 partitions") as caught:
        grown(folder, clock, wanted)
    assert "4" in str(caught.value)


def test_an_engine_that_runs_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL nothing else keeps two apart."""
    with opened(folder) as house:
        play(house, range(3))
        clock, write = house.clock, Pipeline.inherit

        def meanwhile(self: Pipeline, *given: object) -> None:
            write(self, *given)  # type: ignore[arg-type]
            with house.engine.storage.database.transaction() as session:
                for row in house.rows(Progress):
                    row.epoch += 1
                    session.merge(row)

        monkeypatch.setattr(Pipeline, "inherit", meanwhile)
        with pytest.raises(ForewarnError, match="an engine is running"):
            grown(folder, clock)
