"""A made fleet that runs to failure: cycles, sensors of which some drift towards the end, operating conditions."""

import numpy as np

from tests.fleets.recording import DAY, HOUR, Happened, Recording, entity, outcome

SENSORS = 8
"""Four tell of wear, two each of a fault; the others tell nothing."""
CYCLE = HOUR
HORIZON = 30 * CYCLE
EVERY = 5 * CYCLE


def run_to_failure(seed: int, units: int = 120) -> Recording:
    """Return units that start one after another and each fail once, by one of two faults.

    Each unit has levels of its own, several deviations apart; wear begins somewhere in its life and grows
    exponentially; its load changes now and then and moves every sensor. Asked: failure within 30 cycles. A unit that
    failed is not scored any more: another takes its place.
    """
    rng = np.random.default_rng(seed)
    happened: list[Happened] = []
    begin = 1_600_000_000.0 // DAY * DAY
    for unit in range(units):
        start = begin + unit * 40 * CYCLE
        happened += _life(f"unit/{unit:04d}", start, rng)
    happened.sort(key=lambda each: each.time)
    return Recording(
        name="run-to-failure", happened=happened, begin=begin, end=happened[-1].time, horizon=HORIZON, every=0.0,
        signals={**{f"s{i}": "unit.cycle" for i in range(SENSORS)}, "load": "unit.cycle"}, attributes=["site"],
        scored="unit.scored",
    )  # fmt: skip


def _life(subject: str, start: float, rng: np.random.Generator) -> list[Happened]:
    cycles = int(rng.uniform(140, 360))
    number = np.arange(cycles)
    onset = cycles - rng.uniform(50, 130)
    wear = np.where(number > onset, np.expm1(3.0 * (number - onset) / (cycles - onset)) / np.expm1(3.0), 0.0)
    fault = int(rng.integers(2))
    direction = np.zeros(SENSORS)
    direction[2 * fault : 2 * fault + 2] = rng.uniform(4, 8, 2) * np.array([1.0, -1.0])
    load = np.cumsum(rng.random(cycles) < 1 / 60) % 3 / 2.0
    values = rng.normal(0, 6, SENSORS) + np.outer(load, np.linspace(-1.5, 1.5, SENSORS))
    values += np.outer(wear, direction) + rng.normal(0, 1, (cycles, SENSORS))
    happened = [entity(start, subject, {"site": f"site-{int(rng.integers(3))}"})]
    for cycle in range(cycles):
        time = start + cycle * CYCLE
        data = {f"s{i}": round(float(values[cycle, i]), 4) for i in range(SENSORS)} | {"load": float(load[cycle])}
        happened.append(Happened(time, "unit.cycle", subject, data))
        if cycle % int(EVERY // CYCLE) == 0 and cycle > 0:
            happened.append(Happened(time, "unit.scored", subject, {}))
    return [*happened, outcome(start + cycles * CYCLE, subject, "failure")]
