"""Incidents out of signals: chance makes no more than is stated, and what was planted is found, with its cause."""

import math
import random
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.model.incidents import IncidentConfig
from engine.incidents import cases as cases_module
from engine.incidents import former as module
from engine.incidents.cases import Raised
from engine.incidents.causes import Affected, Cause
from engine.incidents.chance import counted, drawn
from engine.incidents.former import Former
from engine.incidents.population import MOST, Fleet, Population
from tests.engine.incidents.fleet import DAY, WINDOW, World, formed

RATES = (0.05, 0.5, 2.0, 8.0)
"""Signals a window: from one in ten hours to sixteen an hour."""


def test_signals_by_chance_make_no_more_incidents_than_is_stated() -> None:
    """Thirty allowed a month, over eight worlds of a week: seven a world would be within what is stated."""
    allowed = 30.0
    worlds = [World((60, 300, 2000)[seed % 3], RATES, seed, days=7.0) for seed in range(8)]
    found = [len(formed(each.former(false_per_month=allowed), each.signals())) for each in worlds]
    expected = allowed * 7.0 / 30.0 * len(worlds)
    assert sum(found) <= expected + 2.0 * math.sqrt(expected)
    assert sum(found) < 30, "it is far less than that: the correction holds for the worst case"


@pytest.mark.parametrize("wanted", [{0: "eu"}, {1: "2"}, {0: "us", 1: "3"}])
@pytest.mark.parametrize("detector", ["d0", "d2"])
def test_a_planted_cause_is_found_and_named(wanted: Mapping[int, str], detector: str) -> None:
    world = World(400, RATES, seed=1, days=3.0)
    rng = random.Random(7)
    those = rng.sample(world.where(wanted), 25)
    began = 2.0 * DAY
    world.planted = [world.raised(detector, each, began + 20.0 * n) for n, each in enumerate(those)]
    grown = [each for each in formed(world.former(), world.signals()) if each.case.began >= began - WINDOW]
    (one,) = grown
    assert dict(one.case.cause.values) == wanted
    members = {each.affected.account for each in one.case.members}
    assert len(members & set(those)) >= 24
    assert len(members - set(those)) <= 3


def test_without_history_the_agreement_alone_is_enough() -> None:
    world = World(400, RATES, seed=1, days=0.0)
    those = world.where({0: "eu"})[:30]
    world.planted = [world.raised("d0", each, 10.0 * n) for n, each in enumerate(those)]
    (one,) = formed(world.former(), world.signals())
    assert dict(one.case.cause.values) == {0: "eu"}


def test_many_with_nothing_in_common_are_an_incident_without_a_cause() -> None:
    world = World(400, RATES, seed=1, days=2.0)
    those = random.Random(3).sample(list(world.values), 30)
    world.planted = [world.raised("d0", each, 1.8 * DAY + 10.0 * n) for n, each in enumerate(those)]
    (one,) = [each for each in formed(world.former(), world.signals()) if each.case.detector == "d0"]
    assert one.case.cause == Cause()
    assert one.case.words.startswith("nothing found in common: ")


def test_the_same_signals_in_the_same_order_make_the_same() -> None:
    world = World(300, RATES, seed=4, days=2.0)
    world.planted = [world.raised("d0", each, 1.5 * DAY + n) for n, each in enumerate(world.where({0: "eu"})[:30])]
    twice = [each for raised in world.signals() for each in (raised, raised)]
    one, other = formed(world.former(), world.signals()), formed(world.former(), twice)
    assert [(each.case.id, each.case.words) for each in one] == [(each.case.id, each.case.words) for each in other]


def test_two_detectors_with_one_cause_are_one_incident() -> None:
    world = World(400, RATES, seed=1, days=2.0)
    those = world.where({0: "eu"})[:25]
    world.planted = [
        world.raised(detector, each, 1.5 * DAY + 20.0 * n + later)
        for detector, later in (("d0", 0.0), ("d1", 300.0))
        for n, each in enumerate(those)
    ]
    (one,) = [each for each in formed(world.former(), world.signals()) if each.case.cause.values]
    assert one.case.detectors == {"d0", "d1"}
    assert len(one.case.members) >= 50


def test_a_detector_that_only_ever_trips_in_one_region_is_no_incident_each_day() -> None:
    """Its own past, not the whole population, is what its signals are held against."""
    world = World(400, (), seed=5, days=20.0)
    rng, eu = random.Random(1), world.where({0: "eu"})
    at = 0.0
    while at < 20.0 * DAY:
        at += rng.expovariate(4.0 / WINDOW)
        world.planted = [*world.planted, world.raised("scoped", rng.choice(eu), at)]
    assert len(formed(world.former(), world.signals())) <= 1


def test_an_asset_is_known_by_its_own_attributes() -> None:
    former = Former(IncidentConfig(("version",)), 1)
    former.fleet.hear(0, [("device", ("7",), 100), ("device", ("8",), 900)])
    signals = [
        Raised(f"s{n}", "d", 60.0 + n, Affected(f"account/{n}", f"device/{n}", ("",), ("7",))) for n in range(20)
    ]
    (one,) = formed(former, signals)
    assert one.case.cause == Cause("device", ((0, "7"),))
    assert one.case.words.endswith("affected devices, where 100 of all 1000 are")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in (module, cases_module):
        monkeypatch.setattr(each, "MOST", 500)
    monkeypatch.setattr(module, "KNOWN", 1_000)
    former = Former(IncidentConfig(("region",)), 1)
    for n in range(5_000):
        former.take(Raised(f"s{n}", "d", n / 100.0, Affected(f"account/{n}", f"account/{n}", ("eu",))))
    assert len(former._known) <= 1_000
    assert len(former._windows["d"].recent) <= 500
    assert all(len(case.members) <= 500 for case in former._cases)


@settings(max_examples=200)
@given(st.integers(1, 60), st.data())
def test_the_chance_of_a_draw_is_counted_exactly(of: int, data: st.DataObject) -> None:
    marked, draws = data.draw(st.integers(0, of)), data.draw(st.integers(1, of))
    seen = data.draw(st.integers(0, draws))
    ways = range(max(seen, 0), min(marked, draws) + 1)
    exact = sum(Fraction(math.comb(marked, k) * math.comb(of - marked, draws - k), math.comb(of, draws)) for k in ways)
    if seen * of <= draws * marked:
        assert drawn(seen, draws, marked, of) == 1.0
    else:
        assert drawn(seen, draws, marked, of) == pytest.approx(float(exact), rel=1e-9, abs=1e-300)


@given(st.floats(0.01, 20.0), st.floats(0.1, 50.0), st.integers(1, 60))
def test_the_chance_of_a_count_falls_as_it_grows(mean: float, shape: float, seen: int) -> None:
    assert counted(seen + 1, mean, shape) <= counted(seen, mean, shape) <= 1.0


def test_more_combinations_than_are_told_are_told_each_by_itself() -> None:
    population, fleet = Population(["region", "serial"]), Fleet()
    for n in range(MOST + 500):
        population.move(f"account/{n}", {}, {"region": "eu" if n % 2 else "us", "serial": n})
    fleet.hear(0, population.told())
    assert fleet.marked("account", {0: "eu"}) == (MOST + 500) // 2
    assert fleet.of("account", 0) == MOST + 500
    assert len(population.told()) <= MOST
