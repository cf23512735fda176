"""The preference centre: a switch for each purpose and channel, and every one kept with the words that were shown."""

from dataclasses import replace
from typing import Any, cast

import pytest

from engine.events import ConsentEvent, Control, Decoder, Schema
from engine.policy.consent import Entry, Use, standing
from engine.store.models import Consent, Entity, Preference

NOW = 1_700_000_000.0
MAIL = "ann@example.com"
PHONE = "+43 664 1234567"


def ledger(desk: Any, subject: str = "contact/ann") -> list[Entry]:
    """Return what the log says of a subject's consent, read as the engine reads it."""
    decoder = Decoder(Schema.build({}), future=300.0)
    batches = desk.services.log.read(0, 0, 1000)
    runs = [run for batch in batches for run in decoder.decode(batch.payload, NOW).runs]
    events = [event for run in runs for event in cast("list[Control]", run.content) if event.subject == subject]
    return [
        Entry(each.time, each.state, each.channel, each.purpose, each.address, each.written)
        for each in events
        if isinstance(each, ConsentEvent)
    ]


@pytest.fixture
def known(desk: Any) -> Any:
    desk.add(*desk.everything())
    return desk


def test_who_is_told_inside_the_product_reads_no_id_of_ours(known: Any) -> None:
    channel = type("Feed", (), {"kind": "inapp", "address": "entity"})
    known.services = replace(known.services, channels={**known.services.channels, "app": channel})
    page = known.server().get(known.link("preferences")).text
    assert "by message inside the product." in page
    assert "shows me advertising inside the product." in page
    assert "at contact/ann" not in page


def test_there_is_a_switch_for_each_purpose_and_channel(known: Any, server: Any) -> None:
    page = server.get(known.link("preferences")).text
    for name in ("on-service-email", "on-marketing-email", "on-service-sms", "on-marketing-sms"):
        assert f'name="{name}"' in page
    assert page.count(" checked") == 1, "service by e-mail is implied, all else asks for consent"


def test_c01_marketing_is_kept_with_the_words_that_were_shown(known: Any, server: Any) -> None:
    shown = server.get(known.link("preferences")).text
    server.post(known.link("preferences"), data={"on-service-email": "1", "on-marketing-email": "1"})
    [event] = known.of_type("forewarn.consent")
    said = event["data"]
    assert (said["state"], said["purpose"], said["channel"], said["written"]) == ("granted", "marketing", "email", True)
    assert MAIL in said["wording"]
    assert "advertising" in said["wording"]
    assert said["wording"].replace("<", "&lt;").replace(">", "&gt;") in shown
    assert standing(ledger(known), Use(MAIL, "email", "marketing"), "all") == "granted"


def test_c04_turning_marketing_off_keeps_service_on(known: Any, server: Any) -> None:
    given: dict[str, Any] = {"entity": "contact/ann", "channel": "email", "state": "granted", "written": True}
    known.add(Consent(id="con_1", at=NOW - 9, purpose="marketing", **given))
    server.post(known.link("preferences"), data={"on-service-email": "1"})
    entries = ledger(known)
    assert standing(entries, Use(MAIL, "email", "service"), "all") == "granted"
    assert standing(entries, Use(MAIL, "email", "marketing"), "all") == "withdrawn"


def test_c02_stop_everything_stops_every_purpose_and_channel(known: Any, server: Any) -> None:
    answer = server.post(known.link("preferences"), data={"do": "stop", "on-service-email": "1"})
    assert " checked" not in answer.text
    for scope in ("all", "program"):
        for kind, address in (("email", MAIL), ("sms", PHONE)):
            for purpose in ("service", "marketing"):
                assert standing(ledger(known), Use(address, kind, purpose), scope) == "withdrawn"


def test_c11_an_objection_stops_messages_and_judging(known: Any, server: Any) -> None:
    answer = server.post(known.link("preferences"), data={"do": "object"})
    assert "You objected on" in answer.text
    assert " checked" not in answer.text
    assert standing(ledger(known), Use(MAIL, "email", "service"), "program") == "objected"
    subjects = {event["subject"] for event in known.of_type("forewarn.consent")}
    assert subjects == {"contact/ann", "account/acme"}, "the account is this one person's: it is judged no more either"


def test_c11_an_objection_of_one_of_several_is_theirs_alone(known: Any, server: Any) -> None:
    known.add(Entity(id="contact/bob", kind="contact", parent="account/acme", updated_at=NOW))
    server.post(known.link("preferences"), data={"do": "object"})
    assert {event["subject"] for event in known.of_type("forewarn.consent")} == {"contact/ann"}


def test_how_they_want_to_be_told_is_an_event(known: Any, server: Any) -> None:
    chosen = {"on-service-email": "1", "first": "sms", "language": "de", "zone": "Europe/Vienna"}
    server.post(known.link("preferences"), data=chosen)
    [event] = known.of_type("forewarn.preference")
    assert event["subject"] == "contact/ann"
    assert event["data"] == {"prefers": ["sms"], "locale": "de", "zone": "Europe/Vienna"}


def test_what_was_said_before_is_not_said_again(known: Any, server: Any) -> None:
    known.add(Preference(person="contact/ann", prefers=["sms"], locale="de", zone="", at=NOW - 9))
    page = server.get(known.link("preferences")).text
    assert '<html lang="de">' in page
    assert '<option value="sms" selected>' in page
    server.post(known.link("preferences"), data={"on-service-email": "1", "first": "sms", "language": "de", "zone": ""})
    assert known.events() == []


def test_a_zone_that_is_none_saves_nothing_and_says_so(known: Any, server: Any) -> None:
    answer = server.post(known.link("preferences"), data={"on-marketing-email": "1", "zone": "Mars/<Base>"})
    assert answer.status_code == 422
    assert "There is no time zone of that name" in answer.text
    assert "Mars/&lt;Base&gt;" in answer.text
    assert known.events() == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_c08_opening_the_preferences_changes_nothing(known: Any, server: Any, method: str) -> None:
    for query in ("?do=stop", "?do=object", "?on-marketing-email=1"):
        server(method, known.link("preferences") + query)
    assert known.events() == []
