"""Pages for customers: signed, without a log-in, and opening one never changes anything."""

import dataclasses
import urllib.parse
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import tokens
from engine.config.model import PolicyConfig
from engine.errors import Retryable
from engine.events import ConsentEvent, Decoder, Schema
from engine.policy.consent import Entry, Use, standing
from engine.store.models import Consent

NOW = 1_700_000_000.0
EVIL = "<script>alert(1)</script>"


def ledger(desk: Any) -> list[Entry]:
    """Return what the log says of consent, read as the engine reads it."""
    decoder = Decoder(Schema.build({}), future=300.0)
    batches = desk.services.log.read(0, 0, 1000)
    runs = [run for batch in batches for run in decoder.decode(batch.payload, NOW).runs]
    events = [event for run in runs for event in cast("list[ConsentEvent]", run.content)]
    return [Entry(each.time, each.state, each.channel, each.purpose, each.address) for each in events]


def test_a_message_is_mirrored_with_how_it_stands_now(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    page = server.get(desk.link("page"))
    assert page.status_code == 200
    assert "This message is genuine" in page.text
    assert "some calls fail." in page.text
    assert "We are still working on it" in page.text
    assert "You hear from us as soon as it is over" in page.text
    assert "contact of Acme" in page.text
    assert "<iframe" in page.text
    assert "Example &lt;Cloud&gt;" in page.text


def test_the_copy_looks_as_it_did_and_can_do_nothing(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    answer = server.get(desk.link("page") + "/copy")
    assert answer.text == "<p>Hello <b>Ann</b></p>"
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


@pytest.mark.parametrize(
    ("status", "words"), [("resolved", "It is over"), ("dismissed", "false alarm"), ("acknowledged", "working on it")]
)
def test_the_state_is_the_present_one(desk: Any, server: Any, status: str, words: str) -> None:
    desk.add(desk.issue(status=status, resolved_at=NOW), desk.intent(), *desk.ann())
    assert words in server.get(desk.link("page")).text


def test_a_message_whose_issue_is_gone_is_shown_still(desk: Any, server: Any) -> None:
    desk.add(desk.intent(payload={}))
    page = server.get(desk.link("page"))
    assert "no longer stored" in page.text
    assert "no longer keep the details" in page.text


def test_pages_speak_the_persons_language_and_tell_their_time(desk: Any, server: Any) -> None:
    desk.add(desk.issue(), desk.intent(), *desk.ann(locale="de_AT", zone="Europe/Vienna"))
    page = server.get(desk.link("page")).text
    assert "Diese Nachricht ist echt" in page
    assert "14. November 2023, 23:05 (MEZ)" in page
    assert '<html lang="de">' in page
    assert "Nachrichten beenden" in server.get(desk.link("unsubscribe")).text
    assert "Speichern" in server.get(desk.link("preferences")).text


@pytest.mark.parametrize("use", ["page", "unsubscribe", "preferences"])
def test_pages_are_not_kept_not_indexed_and_run_nothing(desk: Any, server: Any, use: str) -> None:
    desk.add(*desk.everything())
    headers = server.get(desk.link(use)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "noindex" in headers["x-robots-tag"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert "set-cookie" not in headers


def test_a_forged_old_or_misused_link_shows_one_constant_page(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    good = desk.link("page")
    wrong = [
        good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
        desk.link("unsubscribe").replace("/u/", "/m/"),
        desk.link("page", expires=NOW - 1),
        desk.link("page", intent="int_none"),
        "/m/x.",
        "/m/x.",
        "/m/%C3%A4.%C3%A4",
        "/u/x",
        "/p/x",
        good + ".x",
    ]
    answers = [server.get(path) for path in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "does not work" in answers[0].text


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_c08_get_never_opts_out(desk: Any, server: Any, method: str) -> None:
    desk.add(*desk.everything())
    for use in ("unsubscribe", "preferences", "page"):
        server(method, desk.link(use))
        server(method, desk.link(use) + "?List-Unsubscribe=One-Click")
    assert desk.events() == []


@pytest.mark.parametrize("body", [b"List-Unsubscribe=One-Click", b"", b"\xff\x00", b"--b\r\nList-Unsubscribe\r\n--b--"])
def test_c08_one_click_opts_out_without_cookie_log_in_or_redirect(desk: Any, server: Any, body: bytes) -> None:
    desk.add(*desk.everything())
    answer = server.post(desk.link("unsubscribe"), content=body, headers={"content-type": "multipart/form-data"})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    [event] = desk.of_type("forewarn.consent")
    assert event["subject"] == "contact/ann"
    assert event["data"]["state"] == "withdrawn"
    assert (event["data"]["channel"], event["data"]["address"]) == ("email", "ann@example.com")


def test_c08_one_click_works_where_everything_else_needs_a_token(desk: Any) -> None:
    desk.add(*desk.everything())
    tokens.create(desk.database, "ops", "admin", desk.clock)
    desk.listen(host="0.0.0.0", public_url="https://status.example.com")
    headers = {"host": "status.example.com", "x-forwarded-for": "203.0.113.9"}
    assert desk.server().post(desk.link("unsubscribe"), headers=headers).status_code == 200


def test_c08_an_opt_out_that_cannot_be_written_is_never_confirmed(
    desk: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise Retryable("no space left")

    desk.add(*desk.everything())
    monkeypatch.setattr(type(desk.services.log), "append", full)
    assert server.post(desk.link("unsubscribe")).status_code == 503


def test_c08_a_forged_link_opts_nobody_out(desk: Any, server: Any) -> None:
    assert server.post("/u/forged.forged").status_code == 404
    assert desk.events() == []


def test_c02_an_opt_out_after_a_new_grant_counts_again(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    server.post(desk.link("unsubscribe"))
    desk.clock.advance(60)
    server.post(desk.link("unsubscribe"))
    first, second = desk.of_type("forewarn.consent")
    assert first["id"] != second["id"], "else the second would be dropped as a repeat of the first"


def test_c04_stopping_one_channel_keeps_the_other_that_stays_ticked(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    desk.add(Consent(id="con_1", at=NOW - 9, entity="contact/ann", channel="sms", purpose="service", state="granted"))
    page = server.get(desk.link("preferences"))
    assert page.text.count("checked") == 2
    answer = server.post(desk.link("preferences"), data={"on-service-email": "1"})
    assert answer.status_code == 200
    assert answer.text.count("checked") == 1
    entries = ledger(desk)
    assert standing(entries, Use("ann@example.com", "email", "service"), "all") == "granted"
    assert standing(entries, Use("+43 664 1234567", "sms", "service"), "all") == "withdrawn"


def test_saving_what_was_so_already_writes_nothing(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    server.post(desk.link("preferences"), data={"on-service-email": "1"})
    assert desk.events() == []


def test_c01_ticking_a_channel_grants_service_messages_only(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    server.post(desk.link("preferences"), data={"on-service-email": "1", "on-service-sms": "1"})
    [event] = desk.of_type("forewarn.consent")
    assert (event["data"]["state"], event["data"]["channel"], event["data"]["purpose"]) == ("granted", "sms", "service")
    assert "+43 664 1234567" in event["data"]["wording"]


def test_c04_where_a_program_is_revoked_alone_nothing_is_granted_anew(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    desk.config = dataclasses.replace(desk.config, policy=PolicyConfig(revocation_scope="program"))
    server.post(desk.link("preferences"), data={})
    assert [event["data"]["state"] for event in desk.of_type("forewarn.consent")] == ["withdrawn"]
    assert "every message" not in server.get(desk.link("unsubscribe")).text


def test_what_a_message_says_is_escaped(desk: Any, server: Any) -> None:
    desk.add(
        desk.issue(summary=EVIL),
        desk.intent(address=f"{EVIL}@x", payload={"subject": EVIL, "text": EVIL, "html": EVIL}),
    )
    for use in ("page", "unsubscribe", "preferences"):
        page = server.get(desk.link(use, address=EVIL)).text
        assert EVIL not in page
    assert "&lt;script&gt;" in server.get(desk.link("page")).text


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=255), max_size=60), st.sampled_from("mup"))
def test_whatever_the_token_the_page_is_404(server: Any, token: str, use: str) -> None:
    quoted = urllib.parse.quote(token, safe="")
    answer = server.get(f"/{use}/{quoted}")
    assert answer.status_code == 404
