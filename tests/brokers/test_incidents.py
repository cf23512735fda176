"""An incident whose issues two workers found: formed once, by the process that leads."""

from contextlib import closing
from pathlib import Path

from engine.app import intake
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.desks.known import made_by
from engine.incidents.consumer import GROUP
from engine.storage import Storage
from engine.store.database import Database
from engine.store.models import Incident, IncidentMember, Intent, Issue, Progress
from tests.brokers.broker import Broker
from tests.brokers.test_cluster import ACCOUNTS, cluster_of, process, rows, until
from tests.faults.house import START, call, event

POLICY = "incidents: {dimensions: [region], within: 30m, at_least: 5, false_per_month: 1}\n"
EU = set(ACCOUNTS[:20])


def hand_in(config: Path, minute: int, *lines: bytes) -> None:
    """Put events into the topic, as of a minute."""
    loaded, now = load_or_raise(config), START + 60.0 * minute + 60.0
    with closing(Storage.embedded(loaded, FakeClock(now))) as storage:
        intake(loaded, storage, FakeClock(now)).accept(b"\n".join(lines), "test")


def calls(minute: int, *, failing: set[str]) -> list[bytes]:
    now = START + 60.0 * minute
    return [call(each, now + n, f"{each}-{minute}-{n}", failed=each in failing) for each in ACCOUNTS for n in range(3)]


def entities() -> list[bytes]:
    return [
        event("forewarn.entity", each, {"attributes": {"region": "eu" if each in EU else "us"}}, START, f"is-{each}")
        for each in ACCOUNTS
    ]


def test_two_workers_and_one_incident(tmp_path: Path, broker: Broker, postgres: str) -> None:
    config = cluster_of(tmp_path, broker, postgres, **{"config/policy.yaml": POLICY})
    with closing(Database.open(postgres)) as database, process("worker", config):

        def holders() -> list[str]:
            found = [each for each in rows(database, Progress) if isinstance(each, Progress)]
            return [each.holder for each in found if each.group != GROUP]

        assert until(lambda: len(holders()) == 4)
        with process("worker", config):
            assert until(lambda: len(set(holders())) == 2)
            hand_in(config, 0, *entities(), *calls(0, failing=set()))
            for minute in (1, 2):
                hand_in(config, minute, *calls(minute, failing=EU))
            hand_in(config, 3, *calls(3, failing=set()))
            with process("schedule", config):
                assert until(lambda: len(rows(database, IncidentMember)) == len(EU))
        (incident,) = [each for each in rows(database, Incident) if isinstance(each, Incident)]
        assert incident.cause["values"] == {"region": "eu"}
        found = {each.id: each.account for each in rows(database, Issue) if isinstance(each, Issue)}
        members = [each.issue for each in rows(database, IncidentMember) if isinstance(each, IncidentMember)]
        assert {found[each] for each in members} == EU
        planned = [each.id for each in rows(database, Intent) if isinstance(each, Intent)]
        assert planned.count(made_by(incident.id)) == 1
