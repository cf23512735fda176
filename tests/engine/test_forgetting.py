"""C11: who was erased is forgotten by the models in memory, by what they write from then on, and by nothing else."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.cold import Leaving
from engine.cold.file import FileStore
from engine.events import ChangeEvent
from engine.events.reserved import PRIVACY
from engine.privacy import erase
from engine.replay import drain
from engine.store.models import DeclaredChange, Issue
from tests.engine.test_dossier import World, line
from tests.faults.house import START, House, call, event, opened, people, prepared, tick

MORE = {
    "config/detectors/slow.yaml": """
name: slow
about: Calls are slow
watch: {event: app.call, by: [account], measure: {quantile: took, q: 0.9}, every: 10m}
model: {kind: seasonal}
""",
    "config/detectors/codes.yaml": """
name: codes
about: New codes
watch: {event: app.call, by: [account, code], measure: count, every: 10m}
model: {kind: novelty}
""",
    "config/detectors/peers.yaml": """
name: peers
about: Unlike its peers
watch: {event: app.call, by: account, measure: {mean: took}, every: 10m}
model: {kind: peer, cohort: [plan]}
""",
    "config/detectors/both.yaml": """
name: both
about: Both
watch: {signals: [errors, slow], by: account, every: 1m}
model: {kind: composite, need: 2}
""",
    "config/detectors/leaving.yaml": """
name: leaving
about: An account leaves
watch:
  by: account
  inputs:
    churn: {outcome: churn}
    call: {event: app.call}
    took: {event: app.call, value: took}
    errors: {detector: errors}
model: {kind: risk, horizon: 7d, every: 1h, budget: 1 per 100 a week, attributes: [plan]}
shadow: true
""",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an engine whose detectors of all sorts know two accounts, of which one is in trouble."""
    with opened(prepared(tmp_path, **MORE)) as made:
        made.hand_in(*people(), *people(account="account/other", name="bob"))
        for name in ("acme", "other"):
            made.hand_in(
                event("forewarn.entity", f"account/{name}", {"attributes": {"plan": "pro"}}, START, f"p-{name}")
            )
        for hour in range(3):
            made.clock.advance(3600.0)
            made.hand_in(*calls(hour))
            made.hand_in(tick(made.clock.time()))
        for name in ("acme", "other"):
            made.hand_in(
                event("forewarn.outcome", f"account/{name}", {"what": "churn"}, made.clock.time(), f"o-{name}")
            )
        made.hand_in(event("forewarn.change", "account/acme", {"what": "release"}, made.clock.time(), "rel"))
        made.trouble()
        yield made


def calls(hour: int) -> Iterator[bytes]:
    for n in range(60):
        for name in ("acme", "other"):
            data = {"failed": False, "took": 1.0 + n % 7, "code": f"c{n % 5}"}
            yield event("app.call", f"account/{name}", data, START + 3600.0 * hour + 60.0 * n, f"{name}-{hour}-{n}")


def erased(house: House, subject: str = "account/acme") -> None:
    storage = house.engine.storage
    with storage.database.transaction() as session:
        erase(session, storage.log, storage.dead_letters, subject, house.clock.time())
    drain(house.engine)


def held(house: House) -> Mapping[str, Any]:
    [pipeline] = house.engine.pipelines
    return pipeline.memory.state()


def naming(house: House, *names: str) -> list[str]:
    """Return the arrays in which any of `names` stands."""
    wanted = [name.encode() for name in names]
    found = held(house).items()
    return [key for key, array in found if array.dtype == np.uint8 and any(each in array.tobytes() for each in wanted)]


def test_c11_no_model_knows_the_name_of_who_was_erased(house: House) -> None:
    before = naming(house, "account/acme", "contact/ann")
    assert {each.split("/")[0] for each in before} >= {"scorer", "entities", "attributes"}
    assert len(before) >= 9, before
    erased(house)
    assert naming(house, "account/acme", "contact/ann") == []
    assert naming(house, "account/other") != []


def test_c11_a_person_alone_is_forgotten_and_their_account_is_not(house: House) -> None:
    erased(house, "contact/ann")
    assert naming(house, "contact/ann") == []
    assert naming(house, "account/acme") != []


def test_c11_what_was_learned_of_them_is_gone_and_of_others_stays(house: House) -> None:
    before = {name: array.copy() for name, array in held(house).items()}
    erased(house)
    [pipeline] = house.engine.pipelines
    for detector, station in pipeline.scorer.models(["slow", "codes", "peers", "errors", "leaving"]):
        index = station.index
        assert index.find("account/acme") == -1
        assert [index.key(number) for number in index.numbers().tolist()], detector
    kept = next(key for key in before if key.endswith("meter/rows") and "slow" in key)
    [one] = [n for d, s in pipeline.scorer.models(["slow"]) for n in s.index.numbers().tolist()]
    assert np.array_equal(held(house)[kept][one], before[kept][one]), "the other account's windows are as they were"
    assert remembered(house) == ["account/other"]


def remembered(house: House) -> list[str]:
    """Return of whom the learned detector remembers rows."""
    [pipeline] = house.engine.pipelines
    station = dict(pipeline.scorer.models(["leaving"]))["leaving"]
    found: Any = station.monitors["leaving"].detector
    return [station.index.key(number) for number in found._learner.remembered().tolist()]


def test_c11_who_comes_after_them_is_as_never_seen(house: House) -> None:
    erased(house)
    data = {"failed": True, "took": 9.0, "code": "c0"}
    house.hand_in(*(event("app.call", "account/new", data, house.clock.time(), f"n{n}") for n in range(3)))
    [pipeline] = house.engine.pipelines
    for _, station in pipeline.scorer.models(["slow", "errors"]):
        assert station.points(station.index.find("account/new")) == []
    house.clock.advance(180.0)
    house.hand_in(tick(house.clock.time()), call("account/other", house.clock.time(), "later"))
    assert [row.subject for row in house.rows(Issue)] == ["account/new"], house.dead()


def test_c11_what_is_written_from_then_on_is_without_them(house: House) -> None:
    erased(house)
    [pipeline] = house.engine.pipelines
    pipeline.snapshot()
    assert pipeline._stores.snapshots is not None
    snapshot = pipeline._stores.snapshots.latest(pipeline.partition)
    assert snapshot is not None
    assert not [key for key, array in snapshot.arrays.items() if b"account/acme" in array.tobytes()]
    assert [row.what for row in house.rows(DeclaredChange) if row.subject == "account/acme"] == []


def test_c11_a_start_from_a_snapshot_of_before_forgets_them_again(house: House) -> None:
    [pipeline] = house.engine.pipelines
    pipeline.snapshot()
    erased(house)
    folder = house.engine.config.folder.parent
    house.engine.close()
    with opened(folder, clock=house.clock) as again:
        drain(again.engine)
        assert naming(again, "account/acme", "contact/ann") == []


def test_c11_a_version_of_before_does_not_bring_them_back(house: House) -> None:
    house.hand_in(event("forewarn.model", "fleet", {"what": "keep", "version": "v1"}, house.clock.time(), "keep"))
    erased(house)
    house.hand_in(
        event("app.call", "account/new", {"failed": False, "took": 1.0, "code": "c0"}, house.clock.time(), "n")
    )
    house.hand_in(event("forewarn.model", "fleet", {"what": "revert", "version": "v1"}, house.clock.time(), "back"))
    assert house.dead() == []
    assert naming(house, "account/acme") == []
    assert remembered(house) == ["account/other"]


def test_c11_series_that_are_away_are_erased_too(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "cold.db")
    keys = ["account/acme", "endpoint=/v1|account/acme", "account/acme|code=1", "account/acme-2", "account/other"]
    store.put("w", Leaving(keys, np.arange(5, dtype=np.uint64), "l", np.zeros((5, 3), np.uint8)))
    store.erase("account/acme")
    assert len(store) == 2
    store.close()
    assert b"endpoint=/v1|account/acme" not in (tmp_path / "cold.db").read_bytes()


def test_an_erased_member_no_longer_counts_as_raised(house: House) -> None:
    [pipeline] = house.engine.pipelines
    [relay] = pipeline.scorer.relays
    assert relay._open
    erased(house)
    assert not relay._open


def test_a_subject_of_a_dossier_is_scored_no_more_and_its_number_is_anothers() -> None:
    world = World()
    world.take(line("machine.state", 0.0, heat=1.0), line("machine.state", 10.0, "machine/2", heat=1.0))
    world.take(line("machine.state", 4000.0, heat=2.0))
    world.scorer.erase("machine/1", 0.0)
    assert world.model.erased == [0]
    world.model.rows_told.clear()
    world.take(
        line("machine.state", 9000.0, "machine/3", heat=1.0), line("machine.state", 12_000.0, "machine/2", heat=1.0)
    )
    assert {subject for subject, *_ in world.told()} == {"machine/2", "machine/3"}
    assert world.scorer.dossiers[0].index.find("machine/3") == 0
    assert [time for subject, what, time, _ in world.told() if (subject, what) == ("machine/3", "tick")] == [10_800.0]


def test_only_what_an_erasure_wrote_erases() -> None:
    given: dict[str, Any] = {"id": "1", "time": 0.0, "line": 0, "what": "erased", "reset": True, "subject": "account/a"}
    assert ChangeEvent(source=PRIVACY, **given).erases
    assert not ChangeEvent(source="crm", **given).erases
