"""Bad lines among good ones: each is told by place and cause and kept, and every good one is processed."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.store.models import DecisionRow, Intent, Issue
from tests.faults.house import START, House, call, event, opened, people, prepared, tick

HUGE = "9" * 400
HEAD = '{"id":"x","source":"test","subject":"account/acme","type":"app.call"'
DEEP = (f'{HEAD},"data":{{"note":' + "[" * 60_000 + "]" * 60_000 + "}}").encode()
BAD = {
    "wrong type": (
        f'{HEAD},"data":{{"failed":"yes"}}}}'.encode(),
        "malformed",
        "data.failed: expected `bool`, got `str`",
    ),
    "wrong type of the envelope": (b'{"id":7,"source":"t","subject":"a/b","type":"app.call"}', "malformed", "id: "),
    "no id": (b'{"source":"t","subject":"a/b","type":"app.call"}', "malformed", "`id`"),
    "no subject": (b'{"id":"1","source":"t","type":"app.call"}', "malformed", "`subject`"),
    "no type": (b'{"id":"1","source":"t","subject":"a/b"}', "malformed", "`type`"),
    "not a number": (f'{HEAD},"data":{{"failed":NaN}}}}'.encode(), "malformed", "malformed"),
    "infinity": (f'{HEAD},"data":{{"failed":-Infinity}}}}'.encode(), "malformed", "malformed"),
    "a huge number": (f'{HEAD},"data":{{"failed":{HUGE}}}}}'.encode(), "malformed", "data.failed: "),
    "a huge exponent": (f'{HEAD},"data":{{"failed":1e999}}}}'.encode(), "malformed", "number out of range"),
    "nested too deeply": (DEEP, "malformed", "nested too deeply"),
    "no UTF-8": (HEAD.encode() + b',"data":{"failed":true,"note":"\xff\xfe"}}', "malformed", "no valid UTF-8"),
    "broken off": (f'{HEAD},"data":{{"failed":tr'.encode(), "malformed", "truncated"),
    "not JSON": (b"status=500 account=acme", "malformed", "malformed"),
    "an array": (b"[]", "malformed", "expected `object`, got `array`"),
    "nothing but null": (b"null", "malformed", "expected `object`, got `null`"),
    "a control character": (HEAD.replace("acme", "ac\\u0000me").encode() + b',"data":{}}', "malformed", "U+0000"),
    "an unknown type": (b'{"id":"1","source":"t","subject":"a/b","type":"ap.call"}', "unknown-type", "'ap.call'"),
    "too long": (HEAD.encode() + b',"data":{"note":"' + b"x" * 300_000 + b'"}}', "oversized", "262,144"),
    "from the future": (call("account/acme", START + 3600.0, "f"), "future", "3600 s after its arrival"),
    "no time": (f'{HEAD},"time":"yesterday"}}'.encode(), "malformed", "time: 'yesterday' is no RFC 3339"),
    "an unknown key of a reserved event": (
        event("forewarn.entity", "contact/ann", {"adress": []}, START, "1"),
        "malformed",
        "did you mean `addresses`?",
    ),
    "a zone that is none": (
        event("forewarn.entity", "contact/ann", {"zone": "Mars/Olympus"}, START, "1"),
        "malformed",
        "data.zone: no IANA time zone is called 'Mars/Olympus'",
    ),
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with opened(prepared(tmp_path)) as found:
        yield found


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_among_good_ones(name: str, house: House) -> None:
    line, reason, detail = BAD[name]
    accepted = house.hand_in(*people(), line, call("account/acme", START, "good"))
    assert accepted.accepted == 3
    (reject,) = accepted.rejects
    assert (reject.line, reject.reason) == (2, reason)
    assert detail in reject.detail.lower() or detail in reject.detail
    (letter,) = house.dead()
    assert (letter.reason, letter.payload, letter.origin) == (reason, line, "test:2")
    assert house.engine.pipelines[0].events == 3


def test_after_every_bad_line_at_once_the_customer_is_warned_all_the_same(house: House) -> None:
    accepted = house.hand_in(*people(), *(line for line, _, _ in BAD.values()))
    assert len(accepted.rejects) == len(house.dead()) == len(BAD)
    house.trouble()
    assert [message.to for message in house.email.sent] == ["ann@example.com"]


def test_numbers_beyond_reason_are_measured_as_what_they_are(tmp_path: Path) -> None:
    load = """
name: load
about: Load
watch: {event: app.load, by: account, measure: {sum: amount}, every: 1m}
model: {kind: threshold, above: 10}
"""
    with opened(prepared(tmp_path, **{"config/detectors/load.yaml": load})) as house:
        amounts = [1.7e308, 1.7e308, -1.7e308, 5e-324, 2**63, -0.0]
        lines = [event("app.load", "account/acme", {"amount": each}, START, f"n{n}") for n, each in enumerate(amounts)]
        lines.append(event("app.load", "account/zen", {"amount": 11}, START, "zen"))
        assert house.hand_in(*lines).accepted == len(lines)
        house.pass_(600.0)
        house.hand_in(call("account/acme", house.clock.time(), "later"))
        house.pass_(600.0)
        assert "account/zen" in {row.subject for row in house.rows(Issue)}, "one account's overflow is no other's"


def test_rubbish_instead_of_a_payload(house: House) -> None:
    for payload in (
        b"",
        b"\n\n\r\n",
        b"\x00" * 1000,
        bytes(range(256)) * 20,
        b"\x1f\x8b\x08\x00garbage",
        b'{"a"' * 500,
    ):
        accepted = house.engine.intake.accept(payload, "rubbish")
        assert accepted.accepted == 0
    assert house.engine.storage.log.end(0) == 0
    assert all(letter.detail and letter.origin.startswith("rubbish:") for letter in house.dead())
    house.hand_in(*people())
    house.trouble()
    assert len(house.email.sent) == 1


def test_a_subject_nobody_knows(house: House) -> None:
    house.trouble("account/nobody")
    (issue,) = house.rows(Issue)
    assert (issue.subject, issue.status) == ("account/nobody", "open")
    (decision,) = (row for row in house.rows(DecisionRow) if row.verdict == "skip")
    assert decision.reason == "no_recipient"
    assert house.email.sent == []
    kinds = {row.kind: row.status for row in house.rows(Intent)}
    assert kinds == {"ticket": "sent", "message": "skipped"}, "an agent hears of it all the same"


def test_an_asset_of_nobody_is_kept_and_told(tmp_path: Path) -> None:
    by_device = """
name: device
about: Beats
watch: {event: app.beat, by: account, measure: count}
model: {kind: threshold, above: 5}
"""
    with opened(prepared(tmp_path, **{"config/detectors/device.yaml": by_device})) as house:
        house.hand_in(event("app.beat", "device/d-1", {}, START, "1"))
        (letter,) = house.dead()
        assert (letter.reason, letter.detail) == ("unkeyed", "device/d-1 belongs to no known account")
        assert b'"device/d-1"' in letter.payload


def test_once_its_account_is_known_the_event_of_an_asset_counts(tmp_path: Path) -> None:
    """Tried again it must not be taken for a repetition of itself, nor be counted twice."""
    by_device = """
name: device
about: Beats
watch: {event: app.beat, by: account, measure: count}
model: {kind: threshold, above: 0}
"""
    with opened(prepared(tmp_path, **{"config/detectors/device.yaml": by_device})) as house:
        house.hand_in(event("app.beat", "device/d-1", {}, START, "1"))
        for _ in range(2):
            (letter,) = house.dead()
            assert house.engine.intake.retry([letter.id]).accepted == 1
            house.hand_in()
        (letter,) = house.dead()
        assert letter.payload.count(b"~") == 1, "an id that was given for another attempt is replaced by the next"
        house.hand_in(event("forewarn.entity", "device/d-1", {"parent": "account/acme"}, START, "is-d-1"))
        assert house.engine.intake.retry([letter.id]).accepted == 1
        house.hand_in()
        assert house.dead() == []
        house.engine.storage.dead_letters.add([letter])  # as if it had stopped before it could forget it
        assert house.engine.intake.retry([letter.id]).accepted == 1
        house.clock.advance(180.0)
        house.hand_in(tick(house.clock.time()))
        (issue,) = house.rows(Issue)
        assert (issue.subject, issue.evidence["value"]) == ("account/acme", 1.0)
        assert house.dead() == []


def test_what_came_too_late_is_not_swallowed_by_another_try(house: House) -> None:
    house.hand_in(call("account/acme", START, "1"))
    house.clock.advance(600.0)
    house.hand_in(call("account/acme", START + 600.0, "2"), call("account/acme", START + 1.0, "3"))
    (letter,) = house.dead()
    assert letter.reason == "late"
    done = house.engine.intake.retry([letter.id])
    assert (done.accepted, [reject.reason for reject in done.rejects]) == (0, ["late"])
    assert "is not opened again" in done.rejects[0].detail
    assert house.dead() == [letter]


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        ({"what": "resolve", "issue": "iss_none"}, "resolve: there is no issue 'iss_none'"),
        ({"what": "unsilence", "silence": "sil_none"}, "unsilence: there is no silence 'sil_none'"),
    ],
)
def test_an_action_that_cannot_be_done_is_a_dead_letter(house: House, data: dict[str, str], cause: str) -> None:
    house.hand_in(event("forewarn.action", "account/acme", {"who": "eve", **data}, START, "act"))
    (letter,) = house.dead()
    assert letter.reason == "unapplied"
    assert letter.detail.startswith(cause)
    assert msgspec.json.decode(letter.payload)["data"] == {"who": "eve", **data}
    assert house.engine.intake.retry([letter.id]).accepted == 1
    house.hand_in()
    (again,) = house.dead()
    assert again.id != letter.id
