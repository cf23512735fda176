"""The kinds that see more than one series, from their YAML to what they find."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from engine.config.check import checked
from engine.config.model import DetectorConfig
from engine.config.problems import Problem
from tests.engine.test_scoring import World, line

MINUTE = 60.0
Loaded = tuple[Mapping[str, DetectorConfig], list[Problem]]
Detectors = Callable[..., Loaded]


@pytest.fixture
def detectors(shop: Path) -> Detectors:
    """Return a function that loads detectors, given as the YAML of their watch and model."""

    def loaded(**files: str) -> Loaded:
        (shop / "config/detectors/errors.yaml").unlink()
        for playbook in (shop / "config/playbooks").iterdir():
            playbook.unlink()
        for name, text in files.items():
            path = shop / "config/detectors" / f"{name}.yaml"
            path.write_text(f"name: {name}\nabout: Trouble.\n{text}\n", encoding="utf-8")
        config, problems = checked(shop / "config", {})
        return (config.detectors if config else {}), [each for each in problems if each.severity == "error"]

    return loaded


def world(detectors: Loaded, plans: Mapping[str, Mapping[str, object]] = {}) -> World:
    found, problems = detectors
    assert not problems
    return World(*found.values(), plans=plans)


def test_a_payment_that_stalls(detectors: Detectors) -> None:
    payments = world(
        detectors(
            payments="watch: {event: [pay.started, pay.confirmed, pay.done], by: account}\n"
            "model: {kind: stall, limits: {pay.started: 10m, pay.confirmed: 1h}}"
        )
    )
    payments.take(line("pay.started", 10.0), line("pay.started", 20.0, "account/b"), line("pay.done", 90.0))
    (found,) = payments.take(line("pay.started", 1000.0, "account/c"))
    assert (found.series, found.signal.state) == ("account/b", "raised")
    assert found.signal.explanation == (
        "Nothing came after pay.started for 15 min; the next step was expected within 10 min."
    )
    (found,) = payments.take(line("pay.confirmed", 1300.0, "account/b"), line("pay.started", 1400.0, "account/d"))
    assert (found.series, found.signal.state) == ("account/b", "cleared")


def test_two_of_three_detectors(detectors: Detectors) -> None:
    files = {
        name: f"watch: {{event: {name}, by: account, measure: count}}\nmodel: {{kind: threshold, above: 3}}"
        for name in ("calls", "jobs", "logins")
    }
    both = world(
        detectors(
            **files,
            trouble="watch: {signals: [calls, jobs, logins]}\nmodel: {kind: composite, need: 2, within: 10m}",
        )
    )
    found = [
        each
        for minute, kind in ((0, "calls"), (5, "logins"), (30, "jobs"))
        for each in both.take(
            *(line(kind, minute * MINUTE + second) for second in range(4)), line(kind, minute * 60 + 130.0)
        )
        if each.signal.detector == "trouble" and each.signal.state != "ongoing"
    ]
    assert [(each.signal.state, each.series, each.signal.time) for each in found] == [
        ("raised", "account/a", 300.0),
        ("cleared", "account/a", 600.0),
    ]
    assert found[0].signal.explanation == "calls and logins: raised within 10 min of each other, or still."


def test_a_customer_that_departs_from_its_plan(detectors: Detectors) -> None:
    accounts = [f"account/{number}" for number in range(16)]
    plans = {account: {"plan": "pro" if number % 2 else "free"} for number, account in enumerate(accounts)}
    peers = world(
        detectors(
            calls="watch: {event: call, by: account, measure: {sum: n}, every: 1h}\n"
            "model: {kind: peer, cohort: [plan], members: 5, direction: down}"
        ),
        plans,
    )
    rng, found = np.random.default_rng(1), []
    for hour in range(100):
        for number, account in enumerate(accounts):
            n = 2.0**number * (2 + math.sin(hour)) * float(rng.lognormal(0, 0.05))
            n *= 0.2 if hour >= 90 and number % 2 else 1.0  # all of one plan fall
            n *= 0.2 if hour >= 95 and number == 4 else 1.0
            found += peers.take(line("call", hour * 3600.0 + number, account, n=n))
    assert {each.series for each in found} == {"account/4"}
    assert found[0].signal.time == pytest.approx(95 * 3600, abs=3600)


def test_a_code_never_seen_of_this_customer(detectors: Detectors) -> None:
    codes = world(detectors(codes="watch: {event: error, by: [account, code], measure: count}\nmodel: {kind: novelty}"))
    found = []
    for minute in range(300):
        code = "E7" if minute == 250 else f"E{minute % 2}"
        found += codes.take(
            line("error", minute * MINUTE, code=code), line("error", minute * MINUTE, "account/b", code=f"N{minute}")
        )
    assert [(each.series, each.signal.state) for each in found] == [
        ("account/a|code=E7", "raised"),
        ("account/a|code=E7", "cleared"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "watch: {event: [a, b], by: account}\nmodel: {kind: stall, limits: {b: 1h}}",
            "limits names 'b': the steps that others follow are a",
        ),
        ("watch: {event: a, by: account}\nmodel: {kind: stall, within: 1h}", "a sequence has two steps or more"),
        ("watch: {signals: [x]}\nmodel: {kind: composite, need: 2}", "need is 2, but all that count come to 1"),
        ("watch: {event: a, by: account, measure: count}\nmodel: {kind: novelty}", "needs two keys"),
    ],
)
def test_what_a_watch_and_a_model_say_is_held_together(detectors: Detectors, text: str, message: str) -> None:
    other = "watch: {event: a, by: account, measure: count}\nmodel: {kind: threshold, above: 3}"
    _, problems = detectors(x=other, tried=text)
    assert [message in each.what for each in problems] == [True]
