"""What people read of a decision."""

from typing import Any

import pytest

from engine.web.queries import because, told

HOURS = "It is not an hour at which this person may be contacted (C5)."


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("", HOURS),
        (HOURS, HOURS),
        (f"{HOURS} By Asia/Tokyo, their zone.", f"{HOURS} By Asia/Tokyo, their zone."),
        ("By Asia/Tokyo, their zone.", f"{HOURS} By Asia/Tokyo, their zone."),
    ],
)
def test_a_reason_is_said_once(desk: Any, detail: str, said: str) -> None:
    row = desk.decision(facts={"facts": {}, "decision": {"detail": detail}})
    assert because(row) == said


def test_lists_of_records_are_told_record_by_record() -> None:
    facts = {
        "sends": [{"at": 0.0, "channel": "sms"}, {"at": None, "channel": ""}],
        "person": {"addresses": [["a", "b"]]},
    }
    assert told(facts) == [
        ("sends[0].at", "1970-01-01 00:00:00Z"),
        ("sends[0].channel", "sms"),
        ("person.addresses", "a, b"),
    ]
