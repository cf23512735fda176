"""What desks tell over HTTP: believed only as the vendor signs it, answered in time, harmless when told again."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from engine.app import services
from engine.store.models import DeskTicket, Issue, Label
from engine.web import desk_hooks
from engine.web.bounds import OTHERS
from engine.web.server import create_app
from outreach.base import Change, Status
from outreach.inbound import Answer
from tests.engine.desks.world import World, world
from tests.engine.web.conftest import Server
from tests.outreach import desk_benches

PATH = "/hooks/desk/support"


def served(made: World) -> Server:
    return Server(create_app(services(made.engine, list)))


def hook(made: World, number: str, *, secret: str | None = None) -> Any:
    """Return a way to let the vendor tell of a ticket as it is now, again and again the same."""
    headers, body = made.bench.webhook(number, secret)
    server = served(made)

    def told() -> int:
        status = server.post(PATH, content=body, headers=headers).status_code
        made.accept()
        return status

    return told


def solved(made: World, verdict: str) -> str:
    """Let an agent end the only ticket with a verdict; returns its number."""
    made.fail()
    made.pass_time(30.0)
    number: str = made.ticket.ticket
    made.bench.says(number, verdict)
    made.change(number, Change(status=Status.SOLVED))
    return number


def test_a_webhook_tells_at_once(any_desk: World) -> None:
    number = solved(any_desk, "false")
    assert hook(any_desk, number)() == 200
    assert any_desk.row(Issue).status == "dismissed"
    assert any_desk.row(DeskTicket).status in ("solved", "closed")
    assert [mail.subject for mail in any_desk.mails()][-1] == "Sorry"


def test_a_replay_is_harmless_and_so_is_polling_the_same(any_desk: World) -> None:
    told = hook(any_desk, solved(any_desk, "true"))
    assert told() == 200
    assert told() in (200, 403), "whoever can tell a replay by its time refuses it"
    any_desk.poll()
    assert [label.verdict for label in any_desk.rows(Label)] == ["true"]
    assert any_desk.row(Issue).status == "open"


def test_a_forged_request_is_403_and_changes_nothing(any_desk: World) -> None:
    number = solved(any_desk, "false")
    assert hook(any_desk, number, secret="guess")() == 403
    assert any_desk.events("forewarn.ticket") == []
    assert served(any_desk).post(PATH, content=b"{}").status_code == 403


def test_what_says_nothing_is_400(any_desk: World) -> None:
    for body in (b"no JSON", b"[]"):
        headers = any_desk.bench.signed(body)
        answer = served(any_desk).post(PATH, content=body, headers=headers)
        assert answer.status_code == 400
        assert "the body is no JSON" in answer.json()["detail"]


def test_a_late_word_does_not_undo_a_newer_one(any_desk: World) -> None:
    any_desk.fail()
    number = any_desk.ticket.ticket
    before = hook(any_desk, number)
    any_desk.pass_time(30.0)
    any_desk.bench.says(number, "true")
    any_desk.change(number, Change(status=Status.SOLVED))
    any_desk.poll()
    known = any_desk.row(DeskTicket).model_dump()
    assert before() == 200
    any_desk.poll()
    assert any_desk.row(DeskTicket).model_dump() == known


def test_a_ticket_that_is_not_ours_is_nothing(any_desk: World) -> None:
    number = any_desk.bench.made()
    assert hook(any_desk, number)() == 200
    assert any_desk.events("forewarn.ticket") == []


@pytest.mark.parametrize("made", [desk_benches.freshdesk, desk_benches.servicenow, desk_benches.zammad])
def test_a_desk_that_cannot_be_asked_back_is_told_to_come_again(made: Any, tmp_path: Path) -> None:
    with made() as bench, world(tmp_path, bench) as there:
        told = hook(there, solved(there, "true"))
        there.bench.fake.fail_at(0)
        assert told() == 503
        assert told() == 200
        assert len(there.rows(Label)) == 1


@pytest.mark.parametrize("name", ["nothing", "builtin"])
def test_a_desk_that_nobody_calls_back_is_404(zendesk: World, name: str) -> None:
    assert served(zendesk).post(f"/hooks/desk/{name}", content=b"{}").status_code == 404


def test_a_request_that_is_too_long_is_413(zendesk: World) -> None:
    assert served(zendesk).post(PATH, content=b"x" * (OTHERS + 1)).status_code == 413


def test_a_desk_that_takes_its_time_is_answered_for(zendesk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it told is dealt with all the same, as soon as it is known."""
    number = solved(zendesk, "true")
    headers, body = zendesk.bench.webhook(number)
    release, taken = threading.Event(), zendesk.desk.receive  # type: ignore[attr-defined]  # a vendor's has it

    def slow(request: Any) -> Answer:
        assert release.wait(30.0)
        answer: Answer = taken(request)
        return answer

    monkeypatch.setattr(zendesk.desk, "receive", slow)
    monkeypatch.setattr(desk_hooks, "PATIENCE", 0.0)
    app = create_app(services(zendesk.engine, list))

    async def told() -> int:
        status = (await Server(app)._send("POST", PATH, content=body, headers=headers)).status_code
        release.set()
        await asyncio.wait_for(written(), 30.0)
        return status

    async def written() -> None:
        while not zendesk.events("forewarn.ticket"):
            await asyncio.sleep(0)

    assert asyncio.run(told()) == 503
    zendesk.accept()
    assert [label.verdict for label in zendesk.rows(Label)] == ["true"]
