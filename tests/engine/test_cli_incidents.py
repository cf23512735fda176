"""`forewarn incidents`: what many issues have in common."""

from pathlib import Path

import pytest

from engine.store.database import Database
from engine.store.models import Incident, IncidentMember, Issue
from tests.engine.conftest import NOW, Forewarn

WORDS = "region eu-west: 14 of 16 affected accounts, where 30 of all 100 are"


@pytest.fixture
def struck(shop: Path) -> Path:
    """A shop with an incident of two issues, and one that is over."""
    (shop / "config/var").mkdir(parents=True, exist_ok=True)
    database = Database.open(shop / "config/var/forewarn.db")
    cause = {"words": WORDS, "kind": "account", "values": {"region": "eu-west"}}
    with database.transaction() as session:
        for n in range(2):
            session.add(
                Issue(
                    id=f"iss_{n}",
                    fingerprint=f"fp_{n}",
                    detector="errors",
                    series=f"account/a{n}",
                    subject=f"account/a{n}",
                    account=f"account/a{n}",
                    severity="high",
                    status=("open", "resolved")[n],
                    opened_at=NOW,
                    noticed_at=NOW,
                    updated_at=NOW,
                    summary="Calls fail.",
                )
            )
            session.add(IncidentMember(issue=f"iss_{n}", incident="inc_1", at=NOW))
        for id_, status in (("inc_1", "open"), ("inc_0", "resolved")):
            row = Incident(id=id_, title="Calls fail", detector="errors", opened_at=NOW, status=status, issue="iss_0")
            row.cause = cause if id_ == "inc_1" else {}
            session.add(row)
    database.close()
    return shop


def test_incidents_are_listed_and_shown(forewarn: Forewarn, struck: Path) -> None:
    (row,) = forewarn("incidents", "list", "--json").json
    assert (row["id"], row["cause"], row["issues"], row["active"], row["accounts"]) == ("inc_1", WORDS, 2, 1, 2)
    assert row["values"] == {"region": "eu-west"}
    assert {each["id"] for each in forewarn("incidents", "list", "--all", "--json").json} == {"inc_0", "inc_1"}
    assert "inc_1" in forewarn("incidents", "list").out
    shown = forewarn("incidents", "show", "inc_1", "--json").json
    assert [each["account"] for each in shown["members"]] == ["account/a0", "account/a1"]
    out = forewarn("incidents", "show", "inc_1").out
    assert WORDS in out
    assert "account/a0" in out


def test_of_one_that_is_not_there_it_is_said(forewarn: Forewarn, struck: Path) -> None:
    ran = forewarn("incidents", "show", "inc_9")
    assert (ran.code, "there is no incident 'inc_9'" in ran.err) == (2, True)
