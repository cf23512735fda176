"""The console: everything on it is escaped, every button is an event, and it works without JavaScript."""

import re
from typing import Any

import pytest

from engine.store.models import Change, DeskTicket, StreamHour

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PAGES = ["/", "/issues", "/issues/iss_1", "/decisions/dec_1", "/tickets/1", "/deadletters", "/login"]


@pytest.fixture
def full(desk: Any) -> Any:
    """Return a desk where every field that comes from outside is an attack."""
    desk.add(
        desk.issue(
            subject=EVIL,
            series=EVIL,
            account=EVIL,
            detector=EVIL,
            summary=EVIL,
            evidence={
                "points": [],
                "explanation": EVIL,
                "extra": {EVIL: EVIL},
                "attributes": {EVIL: EVIL},
                "value": EVIL,
            },
        ),
        desk.intent(recipient=EVIL, channel=EVIL, detail=EVIL, delivery=EVIL),
        desk.decision(
            recipient=EVIL,
            channel=EVIL,
            playbook=EVIL,
            reason=EVIL,
            facts={
                "facts": {EVIL: {EVIL: EVIL}},
                "decision": {"detail": EVIL, "trail": [{"rule": EVIL, "passed": False, "detail": EVIL}]},
            },
        ),
        Change(id="chg_1", of="iss_1", at=1.0, who=EVIL, what=EVIL, before=EVIL, after="b" + EVIL, note=EVIL),
    )
    tickets = desk.services.tickets
    number = tickets.add(
        desk.draft(subject=EVIL, body=EVIL, next_step=EVIL, account=EVIL, queue=EVIL, picture=EVIL.encode())
    )
    tickets.note(number, EVIL, EVIL)
    desk.services.intake.accept(f'{{"{EVIL}'.encode(), EVIL)
    desk.wrong.append(EVIL)
    return desk


@pytest.mark.parametrize("path", PAGES)
def test_nothing_from_outside_is_ever_markup(full: Any, path: str) -> None:
    answer = full.server().get(path)
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "<img src=x" not in answer.text
    assert path == "/login" or "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_needs_no_script(full: Any, path: str) -> None:
    answer = full.server().get(path)
    assert '<meta name="viewport"' in answer.text
    assert answer.text.count("<h1") == 1
    assert re.findall(r"\son\w+=", re.sub(r"&[^;]+;", "", answer.text.replace("onerror=alert(2)", ""))) == []
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    for control in re.findall(r'<(?:textarea|input)[^>]* id="(\w+)"', answer.text):
        assert f'for="{control}"' in answer.text


def test_the_first_page_shows_what_is_going_on(desk: Any, server: Any) -> None:
    desk.add(
        *desk.everything(),
        desk.issue("iss_2", severity="critical", subject="account/worst"),
        desk.issue("iss_3", status="resolved", subject="account/over"),
    )
    desk.services.tickets.add(desk.draft())
    page = server.get("/").text
    assert page.index("account/worst") < page.index("account/acme"), "the worst first"
    assert "account/over" not in page
    assert "21% of API calls fail" in page
    assert "not an hour at which this person may be contacted" in page
    assert "#1 API errors" in page
    assert "7 events to go" in page
    assert 'http-equiv="refresh"' in page


def test_tickets_at_other_desks_are_shown_with_a_link(desk: Any, server: Any) -> None:
    desk.add(
        *desk.everything(),
        DeskTicket(
            id="dtk_1",
            desk="support",
            number="35436",
            url="https://acme.zendesk.com/agent/tickets/35436",
            intent="int_3",
            issue="iss_1",
            account="account/acme",
            subject="API errors",
            severity="high",
            status="pending",
            assignee="amy",
            verdict="unclear",
            opened_at=1.0,
            updated_at=2.0,
        ),
    )
    for path in ("/", "/issues/iss_1"):
        page = server.get(path).text
        assert 'href="https://acme.zendesk.com/agent/tickets/35436" rel="noreferrer">support 35436 API errors<' in page
        assert "is-pending" in page
        assert "amy" in page
        assert "verdict unclear" in page


def test_an_empty_console_says_so(server: Any) -> None:
    page = server.get("/").text
    assert "Nothing is wrong right now" in page
    assert server.get("/deadletters").status_code == 200


def test_what_is_not_ready_is_on_top(desk: Any, server: Any) -> None:
    desk.wrong.append("process: stopped; see the log")
    assert "process: stopped; see the log" in server.get("/").text


def test_an_issue_shows_its_evidence_as_a_picture(desk: Any, server: Any) -> None:
    desk.add(*desk.everything())
    page = server.get("/issues/iss_1").text
    assert 'src="data:image/svg+xml;base64,' in page
    assert "0.21" in page
    assert "contact/ann" in page


@pytest.mark.parametrize("what", ["acknowledge", "resolve", "dismiss", "note"])
def test_a_button_is_an_event_and_leads_back(desk: Any, server: Any, what: str) -> None:
    desk.add(desk.issue())
    answer = server.form(f"/issues/iss_1/{what}", {"note": "we know"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/issues/iss_1?done={what}")
    after = server.get(answer.headers["location"]).text
    assert f"Recorded: {what}" in after
    assert 'content="2; url=/issues/iss_1"' in after
    [event] = desk.of_type("forewarn.action")
    assert event["data"] == {"what": what, "issue": "iss_1", "who": "local", "note": "we know"}


def test_buttons_fit_the_status(desk: Any, server: Any) -> None:
    desk.add(desk.issue("iss_1"), desk.issue("iss_2", status="resolved"))
    assert "/acknowledge" in server.get("/issues/iss_1").text
    assert "/dismiss" not in server.get("/issues/iss_2").text


def test_issues_are_filtered_and_go_on(desk: Any, server: Any) -> None:
    desk.add(*(desk.issue(f"iss_{each:02}", status="resolved") for each in range(51)))
    page = server.get("/issues?status=resolved&detector=api-errors").text
    link = re.search(r'rel="next" href="([^"]+)"', page)
    assert link is not None
    assert page.count('class="row') - 1 == 50
    assert server.get(link[1].replace("&amp;", "&")).text.count('<li class="row') == 1


def test_a_ticket_is_worked_on(desk: Any, server: Any) -> None:
    desk.add(desk.issue())
    desk.services.tickets.add(desk.draft())
    for what, form in (("claim", {}), ("note", {"note": "on it"}), ("resolve", {"verdict": "false", "note": "n"})):
        assert server.form(f"/tickets/1/{what}", form).headers["location"] == "/tickets/1"
    page = server.get("/tickets/1").text
    assert "on it" in page
    assert "verdict false" in page
    assert "Resolve with verdict" not in page
    assert desk.of_type("forewarn.verdict")[0]["data"]["verdict"] == "false"


def test_a_verdict_must_be_chosen(desk: Any, server: Any) -> None:
    desk.services.tickets.add(desk.draft())
    assert server.form("/tickets/1/resolve").status_code == 422


def test_a_dead_letter_is_tried_again_or_says_why_not(desk: Any, server: Any) -> None:
    desk.services.intake.accept(b'{"id":"1","source":"s","type":"new.type","subject":"a"}', "file")
    [letter] = desk.services.dead_letters.list()
    answer = server.form("/deadletters/retry", {"id": letter.id})
    assert "Refused again" in answer.text
    assert "new.type" in answer.text
    assert server.form("/deadletters/retry", {"id": "gone"}).status_code == 303


@pytest.mark.parametrize("path", ["/issues/nope", "/decisions/nope", "/tickets/9", "/nothing", "/static/nothing"])
def test_what_is_not_there_is_a_page_in_a_browser_and_a_problem_elsewhere(server: Any, path: str) -> None:
    page = server.get(path, headers={"accept": "text/html"})
    assert (page.status_code, page.headers["content-type"][:9]) == (404, "text/html")
    assert server.get(path).headers["content-type"] == "application/problem+json"


def test_a_form_may_not_be_huge(desk: Any, server: Any) -> None:
    desk.add(desk.issue())
    assert server.form("/issues/iss_1/note", {"note": "x" * 300_000}).status_code == 413


def test_the_overview_throws_the_kill_switch_shows_it_and_takes_it_back(desk: Any) -> None:
    server = desk.server()
    assert "<summary>Stop what leaves</summary>" in server.get("/").text
    assert server.form("/stops", {"what": "channel sms", "why": EVIL}).status_code == 303
    page = server.get("/").text
    assert "Channel sms since" in page
    assert EVIL not in page
    action = re.search(r"/stops/(stp_\w+)/end", page)
    assert action is not None
    assert server.form(f"/stops/{action[1]}/end").status_code == 303
    assert "Channel sms since" not in server.get("/").text
    assert server.form("/stops", {"what": "planet", "why": "x"}).status_code == 422


def test_c09_a_stream_with_complaints_is_on_top(desk: Any, server: Any) -> None:
    hour = int(desk.clock.time() // 3600)
    assert "Complaints and bounces" not in server.get("/").text
    desk.add(StreamHour(channel="email", purpose="marketing", hour=hour, sent=1000, complained=1))
    page = server.get("/").text
    assert "1 of the last 1,000 sends of email/marketing brought complaints: 0.10 %, warned at 0.10 %" in page
