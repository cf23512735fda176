"""Incidents out of signals: how many are none, how soon a planted one is found and named, what a signal costs.

Fleets of 60 to 2,000 accounts with four regions, three versions and sixteen services; detectors that trip by chance,
each account by itself, from once in ten hours to sixteen times an hour. `false_over_allowed` is how many incidents came
of chance alone over what `false_per_month` allows, here thirty a month so that there is something to count. For what
is planted, 25 accounts of one region, or of one version in one region, over eight minutes: `found` is the share of them
that became an incident with the right cause, `after` the median number of accounts at which it did. `us_per_signal` is
processor time.
"""

import argparse
import json
import random
import statistics
import time

from tests.engine.incidents.fleet import DAY, World, formed

RATES = (0.05, 0.5, 2.0, 8.0)
ALLOWED = 30.0
PLANTED: tuple[dict[int, str], ...] = ({0: "eu"}, {0: "us", 1: "3"})


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worlds", type=int, default=24)
    given = parser.parse_args()
    figures = {**by_chance(given.worlds), **planted(given.worlds)}
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>20}  {value:.4g}")


def by_chance(worlds: int) -> dict[str, float]:
    """Return what comes of chance alone."""
    found = signals = 0
    took = 0.0
    for seed in range(worlds):
        world = World((60, 300, 2000)[seed % 3], RATES, seed, days=7.0)
        told = list(world.signals())
        began = time.process_time()
        found += len(formed(world.former(false_per_month=ALLOWED), told))
        took += time.process_time() - began
        signals += len(told)
    months = worlds * 7.0 / 30.0
    return {
        "months": months,
        "false_incidents": found,
        "false_over_allowed": found / (ALLOWED * months),
        "us_per_signal": 1e6 * took / signals,
    }


def planted(worlds: int) -> dict[str, float]:
    """Return how much of what is planted is found, under the rates that are as by default."""
    named: list[int] = []
    tried = 0
    for seed in range(worlds):
        for wanted in PLANTED:
            tried += 1
            world = World(400, RATES, seed, days=2.0)
            those = random.Random(seed).sample(world.where(wanted), 25)
            world.planted = [world.raised("d1", each, 1.5 * DAY + 20.0 * n) for n, each in enumerate(those)]
            grown = [each for each in formed(world.former(), world.signals()) if each.case.began > 1.4 * DAY]
            if len(grown) == 1 and dict(grown[0].case.cause.values) == wanted:
                named.append(len(grown[0].new))
    return {"found": len(named) / tried, "after": statistics.median(named)}


if __name__ == "__main__":
    main()
