"""What A/B experiments showed: counted by account, within a day, with intervals, and no verdict too early."""

from pathlib import Path
from typing import Any

import pytest
from sqlmodel import SQLModel

from engine.experiments import ENOUGH, Arm, difference, experiments, wilson
from engine.store.database import Database
from engine.store.models import Consent, Conversation, CustomerContact, Intent, Turn

NOW = 1_700_000_000.0
NAME = "variant errors/notice: short"


def told(arm: str, account: str, person: str = "ann", **more: Any) -> Intent:
    given: dict[str, Any] = {"status": "sent", "sent_at": NOW, "delivery": "delivered", "occasion": "opened", **more}
    fixed: dict[str, Any] = {"kind": "message", "issue": f"iss_{account}", "playbook": "p", "step": "0"}
    id_ = f"{arm}-{account}-{person}-{given['occasion']}-{given['sent_at']}"
    payload = {"experiment": NAME, "arm": arm}
    return Intent(
        id=id_, account=account, recipient=f"{person}@{account}", due_at=NOW, created_at=NOW, payload=payload,
        **fixed, **given,
    )  # fmt: skip


def contact(account: str, at: float, person: str = "bob", issue: str = "") -> CustomerContact:
    id_ = f"cct-{account}-{at}-{person}-{issue}"
    return CustomerContact(id=id_, at=at, subject=f"{person}@{account}", account=account, channel="phone", issue=issue)


def found(tmp_path: Path, *rows: SQLModel) -> dict[str, Arm]:
    database = Database.open(tmp_path / "x.db", synchronous="OFF")
    try:
        with database.transaction() as session:
            session.add_all(rows)
        with database.reading() as session:
            return experiments(session, NOW - 60.0, NOW + 60.0).get(NAME, {})
    finally:
        database.close()


def test_nothing_is_shown_where_nobody_was_told(tmp_path: Path) -> None:
    skipped = told("base", "a", status="skipped")
    early, late = told("base", "b", sent_at=NOW - 61.0), told("base", "c", sent_at=NOW + 60.0)
    assert found(tmp_path, skipped, early, late, told("base", "d", occasion="resolved")) == {}


def test_what_follows_within_a_day_counts_once_for_an_account(tmp_path: Path) -> None:
    arms = found(
        tmp_path,
        *(told("base", "a"), told("base", "a", "cem"), told("base", "b"), told("short", "c")),
        *(
            contact("a", NOW + 3600.0),
            contact("a", NOW + 7200.0),
            contact("b", NOW + 86_401.0),
            contact("c", NOW - 1.0),
        ),
        contact("b", NOW + 60.0, issue="iss_of_something_else"),
    )
    base, short = arms["base"], arms["short"]
    assert list(arms) == ["base", "short"]
    assert (base.told, base.contacts.count, base.replies.count) == (2, 1, 0)
    assert (short.told, short.contacts.count) == (1, 0)


def test_replies_opt_outs_and_complaints_are_told_apart(tmp_path: Path) -> None:
    out = Consent(id="c", at=NOW + 60.0, entity="ann@b", channel="*", purpose="*", state="withdrawn")
    late = Consent(id="d", at=NOW + 90_000.0, entity="ann@a", channel="*", purpose="*", state="withdrawn")
    given = Consent(id="e", at=NOW + 60.0, entity="ann@c", channel="*", purpose="*", state="granted")
    base = found(
        tmp_path,
        *(told("base", "a"), told("base", "b"), told("base", "c", delivery="complained"), out, late, given),
        contact("a", NOW + 60.0, "ann"),
    )["base"]
    assert (base.replies.count, base.contacts.count, base.opt_outs.count, base.complaints.count) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("at", "issue", "way", "replies"),
    [
        (60.0, "iss_a", "in", 1),
        (60.0, "", "in", 1),
        (60.0, "iss_b", "in", 0),
        (60.0, "iss_a", "out", 0),
        (90_000.0, "iss_a", "in", 0),
    ],
)
def test_an_answer_that_no_person_had_to_read_is_a_reply_and_no_contact(
    tmp_path: Path, at: float, issue: str, way: str, replies: int
) -> None:
    thread = Conversation(id="cnv", person="ann@a", account="a", issue=issue, began_at=NOW)
    turn = Turn(id="trn", conversation="cnv", at=NOW + at, way=way, channel="email", meaning="fixed")
    base = found(tmp_path, told("base", "a"), thread, turn)["base"]
    assert (base.replies.count, base.contacts.count) == (replies, 0)


def many(arm: str, accounts: int, contacts: int) -> list[SQLModel]:
    rows: list[SQLModel] = [told(arm, f"{arm}{number}") for number in range(accounts)]
    return [*rows, *(contact(f"{arm}{number}", NOW + 60.0) for number in range(contacts))]


@pytest.mark.parametrize(
    ("short", "words"),
    [
        ((ENOUGH - 1, 0), "not enough yet"),
        ((200, 55), "no difference that could not be chance"),
        ((200, 20), "fewer contacts, by 12.3% to 27.5%"),
        ((200, 120), "more contacts, by 20.4% to 38.8%"),
    ],
)
def test_a_verdict_is_given_when_there_is_enough(tmp_path: Path, short: tuple[int, int], words: str) -> None:
    arms = found(tmp_path, *many("base", 200, 60), *many("short", *short))
    assert words in arms["short"].verdict
    assert arms["base"].verdict == "the others are held against it"


def test_without_the_base_nothing_is_compared(tmp_path: Path) -> None:
    assert "not enough yet" in found(tmp_path, *many("short", 200, 20))["short"].verdict


def test_intervals_are_wilson_s_and_newcombe_s() -> None:
    """Newcombe 1998, table II, (a) 56/70 - 48/80 and (e) 9/10 - 3/10."""
    assert difference(wilson(56, 70), wilson(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert difference(wilson(9, 10), wilson(3, 10)) == pytest.approx((0.1705, 0.8090), abs=5e-5)
    assert difference(wilson(0, 0), wilson(3, 10)) is None
    zero = wilson(0, 20)
    assert (zero.low, zero.high) == pytest.approx((0.0, 0.1611), abs=5e-5)
