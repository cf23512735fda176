"""The simulated fleet: the same bytes for the same seed, and a truth that is true."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from detectors.durations import Duration
from engine.columnar.times import epoch
from engine.errors import ConfigError
from engine.simulate import Incident, Scenario, Truth, read_scenario, simulate, truth, write
from engine.simulate.process import simulating
from engine.simulate.scenario import Noisy
from engine.starter import default_scenario

SEED = 3


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Five days of a hundred and twenty accounts, many of them busy."""
    whole = read_scenario(default_scenario())
    waves = tuple(replace(wave, starts=(Duration("1d"), Duration("2d")), count=2) for wave in whole.waves)
    busy = replace(whole.api, share=0.4, per_day=500.0)
    hooks = replace(whole.webhooks, share=0.4, per_day=250.0)
    return replace(whole, accounts=120, days=5, waves=waves, api=busy, webhooks=hooks, noisy=Noisy())


@pytest.fixture(scope="module")
def events(scenario: Scenario) -> list[dict[str, Any]]:
    """Return every event, decoded, with its time in seconds as `at`."""
    found = [json.loads(line) for chunk in simulate(scenario, SEED) for line in chunk.payload.splitlines()]
    return [event | {"at": epoch(event["time"])} for event in found]


@pytest.fixture(scope="module")
def known(scenario: Scenario) -> Truth:
    return truth(scenario, SEED)


def of(known: Truth, what: str) -> Iterator[Incident]:
    found = [incident for incident in known.incidents if incident.what == what]
    assert found
    return iter(found)


def values(events: list[dict[str, Any]], type_: str, account: str) -> tuple[np.ndarray, list[Any]]:
    mine = [event for event in events if event["type"] == type_ and event["subject"] == account]
    return np.array([event["at"] for event in mine]), [event["data"] for event in mine]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(scenario: Scenario) -> None:
    short = replace(scenario, days=1, accounts=40)
    assert list(simulate(short, 1)) == list(simulate(short, 1))
    assert list(simulate(short, 1)) != list(simulate(short, 2))
    assert truth(short, 1) == truth(short, 1)


def test_a_second_process_makes_the_same_stream(scenario: Scenario) -> None:
    short = replace(scenario, days=1, accounts=40)
    with simulating(short, 1) as fleet:
        assert list(fleet.chunks) == list(simulate(short, 1))


def test_days_do_not_depend_on_how_many_there_are(scenario: Scenario) -> None:
    one, two = (list(simulate(replace(scenario, days=days, accounts=40), 1)) for days in (1, 2))
    assert two[: len(one)] == one


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_a_file_holds_the_same_stream(tmp_path: Path, scenario: Scenario, ending: str) -> None:
    short = replace(scenario, days=1, accounts=40)
    out = tmp_path / f"events.ndjson{ending}"
    told = write(short, 1, out)
    packed = out.read_bytes()
    plain = {"": lambda: packed, ".gz": lambda: gzip.decompress(packed), ".zst": lambda: _unzstd(packed)}[ending]()
    assert plain == b"".join(chunk.payload + b"\n" for chunk in simulate(short, 1) if chunk.payload)
    assert Truth.read(tmp_path / f"{out.name}.truth.json") == told == truth(short, 1)


def _unzstd(packed: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(packed) as reader:
        return reader.read()


def test_chunks_hold_what_was_recorded_by_then(scenario: Scenario) -> None:
    last = scenario.starts_at
    for chunk in simulate(replace(scenario, days=1), SEED):
        times = [epoch(json.loads(line)["time"]) for line in chunk.payload.splitlines()]
        assert all(last <= time <= chunk.until for time in times)
        assert times == sorted(times)
        last = chunk.until
    assert last == scenario.starts_at + 86400.0


def test_ids_are_never_given_twice(events: list[dict[str, Any]]) -> None:
    assert max(Counter(event["id"] for event in events).values()) == 1


def test_nothing_of_the_truth_is_in_the_stream(events: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in events} == {
        "api.request", "webhook.delivery", "device.heartbeat", "storage.usage", "job.completed", "billing.card",
        "forewarn.entity", "forewarn.consent",
    }  # fmt: skip


def test_calls_fail_more_often_while_they_are_said_to(events: list[dict[str, Any]], known: Truth) -> None:
    sudden = [each for each in of(known, "api-errors") if each.wave == "api-outage"]
    seen = 0
    for incident in sudden:
        at, data = values(events, "api.request", incident.accounts[0])
        failed = np.array([each["status"] >= 500 for each in data])
        during = (at >= incident.onset) & (at < incident.end)
        if during.sum() >= 20:
            seen += 1
            assert failed[during].mean() > 0.15
        assert failed[~during].mean() < 0.03
    assert seen


def test_a_creeping_failure_grows(scenario: Scenario, events: list[dict[str, Any]], known: Truth) -> None:
    early, late = [], []
    for incident in (each for each in of(known, "api-errors") if each.wave == "api-creeping"):
        at, data = values(events, "api.request", incident.accounts[0])
        failed = np.array([each["status"] >= 500 for each in data])
        third = (incident.end - incident.onset) / 4
        early += failed[(at >= incident.onset) & (at < incident.onset + third)].tolist()
        late += failed[(at >= incident.end - third) & (at < incident.end)].tolist()
    assert np.mean(late) > np.mean(early) + 0.1


def test_an_endpoint_that_is_down_refuses_nearly_everything(events: list[dict[str, Any]], known: Truth) -> None:
    for incident in of(known, "webhooks-refused"):
        at, data = values(events, "webhook.delivery", incident.accounts[0])
        during = (at >= incident.onset) & (at < incident.end)
        failed = np.array([each["outcome"] == "failed" for each in data])
        assert failed[during].mean() > 0.6
        assert failed[~during].mean() < 0.05


def test_a_device_that_is_offline_is_silent(events: list[dict[str, Any]], known: Truth) -> None:
    parents = {event["subject"]: event["data"].get("parent") for event in events if event["type"] == "forewarn.entity"}
    beats: dict[str, list[float]] = {}
    for event in events:
        if event["type"] == "device.heartbeat":
            beats.setdefault(event["subject"], []).append(event["at"])
    for incident in of(known, "device-offline"):
        mine = [beats[device] for device, parent in parents.items() if parent in incident.accounts and device in beats]
        assert any(not any(incident.onset <= at < incident.end for at in each) for each in mine)


def test_a_storage_that_fills_is_full_at_the_end(events: list[dict[str, Any]], known: Truth) -> None:
    for incident in of(known, "storage-filling"):
        at, data = values(events, "storage.usage", incident.accounts[0])
        used = np.array([each["used_percent"] for each in data])
        last = used[(at >= incident.onset) & (at < incident.end)][-1]
        assert last > used[at < incident.onset][-1] + 5


def test_a_job_that_is_missed_does_not_end(events: list[dict[str, Any]], known: Truth) -> None:
    for incident in of(known, "job-missed"):
        at, _ = values(events, "job.completed", incident.accounts[0])
        assert not any(incident.onset <= time < incident.onset + 6 * 3600 for time in at)
        assert len(at) >= 2


def test_a_card_expires_when_its_incident_is_at_its_full(events: list[dict[str, Any]], known: Truth) -> None:
    for incident in of(known, "card-expiring"):
        at, data = values(events, "billing.card", incident.accounts[0])
        first = data[0]["expires_at"]
        assert incident.onset < first < incident.end
        assert len(at) == 5


def test_contacts_come_after_the_onset_of_accounts_that_are_affected(known: Truth) -> None:
    contacts = [(incident, contact) for incident in known.incidents for contact in incident.contacts]
    assert contacts
    for incident, contact in contacts:
        assert contact.account in incident.accounts
        assert incident.onset < contact.at < known.end
    assert not any(incident.contacts for incident in known.incidents if incident.wave == "blip")


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("days: 14", "days: fourteen", "whole number"),
        ("accounts: 2000", "acounts: 2000", "unknown key"),
        ("zone: Europe/Vienna", "zone: Europe/Vienn", "no zone"),
        ("home: us-east", "home: us-est", "no home"),
        ("lasts: [2h, 8h]", "lasts: [8h, 2h]", "lasts"),
        ("start: 2026-03-09", "start: soon", "is no day"),
        ("chunk: 15m", "chunk: 7m", "chunk"),
    ],
)
def test_mistakes_in_a_scenario_are_named(tmp_path: Path, wrong: str, right: str, told: str) -> None:
    text = default_scenario().read_text("utf-8")
    assert wrong in text
    path = tmp_path / "scenario.yaml"
    path.write_text(text.replace(wrong, right, 1), "utf-8")
    with pytest.raises(ConfigError, match=told) as raised:
        read_scenario(path)
    assert "scenario.yaml:" in str(raised.value)
