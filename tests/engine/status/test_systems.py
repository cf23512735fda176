"""Systems that subscribe to the status page: asked by a request that they read the secret in, told in signed JSON."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from engine.dispatching import Dispatcher
from engine.letters import Outside
from engine.links import Links
from engine.status import letter, news, subscribers
from engine.status.subscribers import HOST_ASKED
from engine.store import outbox
from engine.store.models import Suppression
from engine.wording import Speaker
from outreach.channels.webhook import MAX_BODY, Webhook
from outreach.render import Templates
from tests.outreach.fakes.web import Answer, Request, WebServer

OURS = "whsec_" + "a" * 40
HOOK = "https://hooks.example.org/in?tenant=7"
OTHER = "https://other.example.org/in"


class Systems:
    """A status page whose subscribers are systems, and one server that stands in for all of them."""

    def __init__(self, page: Any, server: WebServer) -> None:
        self.page, self.server = page, server
        self.status = replace(page.status, webhook="hooks")
        config = replace(page.starter, status=self.status)
        page.keeper._status = self.status
        channel = _Near(server)
        speaker = Speaker(config, Links("https://status.example.com", b"secret"))
        outside = Outside({"email": page.mail, "hooks": channel}, {}, Templates(config.templates_dir), speaker)
        page.dispatcher = Dispatcher(config, page.database, outside, page.clock, concurrent=False)
        channel._now = page.clock.time

    def ask(self, address: str = HOOK, **more: Any) -> str:
        """Ask in the form; returns the subscriber's id, empty if nobody is asked to confirm."""
        now = self.page.clock.time()
        with self.page.database.transaction() as session:
            row = subscribers.ask(session, self.status, address, [], "en", now, "url", **more)
            if row is not None:
                outbox.add(session, [news.confirmation(row, "hooks", now)])
            return row.id if row else ""

    def confirm(self, id_: str) -> None:
        with self.page.database.transaction() as session:
            assert subscribers.confirm(session, id_, self.page.clock.time()) is not None

    def told(self) -> list[Request]:
        """Let the clock and the dispatcher do their work; returns the requests that came of it."""
        before = len(self.server.requests)
        self.page.tell()
        return list(self.server.requests[before:])


class _Near(Webhook):
    """Posts to the server at hand what is for the world: `Host` says who it was for."""

    def __init__(self, server: WebServer) -> None:
        super().__init__(secret=OURS, timeout=2.0, resolve=lambda host, port: ["93.184.216.34"])
        self._server = server

    def _post(self, goal: Any, *rest: Any) -> Any:
        return super()._post(goal._replace(url=f"{self._server.url}/in"), *rest)


@pytest.fixture
def systems(page: Any) -> Any:
    answers = {"status": 204}
    with WebServer(lambda request: Answer(answers["status"])) as server:
        made = Systems(page, server)
        made.answers = answers  # type: ignore[attr-defined]  # what the systems answer
        yield made


def verified(request: Request, secret: str) -> Any:
    return Verifier(secret).verify(request.body, dict(request.headers))


def asked(request: Request) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(request.body)["data"]
    return found


def test_it_reads_its_secret_in_a_request_that_is_signed_with_it(systems: Any, monkeypatch: Any) -> None:
    _at(monkeypatch, systems.page.clock)
    systems.ask()
    (request,) = systems.told()
    data = asked(request)
    told = verified(request, data["secret"])
    assert told["type"] == "forewarn.status.confirm"
    assert data["links"]["confirm"].startswith("https://status.example.com/status/c/")
    assert "POST to the link" in data["text"]
    assert "unsubscribe_url" not in data
    with pytest.raises(WebhookVerificationError):
        verified(request, OURS)


def test_it_is_told_nothing_until_it_is_confirmed_then_each_word_once(systems: Any, monkeypatch: Any) -> None:
    _at(monkeypatch, systems.page.clock)
    id_ = systems.ask()
    secret = asked(systems.told()[0])["secret"]
    systems.page.declare()
    assert systems.told() == []
    systems.confirm(id_)
    systems.page.update("k", state="identified", text="A full disk.")
    (request,) = systems.told()
    assert systems.told() == []
    told = verified(request, secret)
    data = told["data"]
    assert (told["type"], data["subject"], data["text"]) == (
        "forewarn.status.update",
        "Calls fail – Cause found",
        "A full disk.",
    )
    assert [each["body"] for each in data["incident"]["incident_updates"]] == ["A full disk.", "One in five fails."]
    assert data["incident"]["status"] == "identified"
    assert data["unsubscribe_url"].startswith("https://status.example.com/status/u/")
    assert "secret" not in data


def test_each_system_has_a_secret_of_its_own_and_it_is_nowhere_but_there(systems: Any) -> None:
    systems.ask()
    systems.ask(OTHER)
    secrets = {asked(request)["secret"] for request in systems.told()}
    assert len(secrets) == 2
    assert not [each for each in systems.page.intents() for secret in secrets if secret in json.dumps(each.payload)]


def test_what_it_chose_not_to_hear_of_and_what_ended_is_not_sent(systems: Any) -> None:
    first, second = systems.ask(), systems.ask(OTHER)
    for id_ in (first, second):
        systems.confirm(id_)
    systems.told()
    with systems.page.database.transaction() as session:
        subscribers.choose(session, first, ["webhooks"])
        subscribers.end(session, second, systems.page.clock.time())
    systems.page.declare()
    assert systems.told() == []


def test_a_system_that_is_gone_is_suppressed(systems: Any) -> None:
    systems.confirm(systems.ask())
    systems.told()
    systems.answers["status"] = 410
    systems.page.declare()
    assert len(systems.told()) == 1
    systems.page.update("k", text="More.")
    assert systems.told() == []
    with systems.page.database.reading() as session:
        assert session.get(Suppression, (HOOK, "webhook")) is not None


def test_a_name_that_leads_inside_is_refused_when_it_is_written_to(systems: Any) -> None:
    """Nobody who asks learns of it: the form answers the same."""
    channel = systems.page.dispatcher._outside.channels["hooks"]
    channel._resolve = lambda host, port: ["93.184.216.34", "10.0.0.7"]
    assert systems.ask()
    assert systems.told() == []
    (intent,) = systems.page.intents()
    assert (intent.status, "inside our network" in intent.detail) == ("failed", True)


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.org/in",
        "https://127.0.0.1/in",
        "https://[::1]/in",
        "https://169.254.169.254/latest/meta-data",
        "https://10.1.2.3/",
        "https://localhost/in",
        "https://ann:secret@hooks.example.org/in",
        "https://hooks.example.org:0x50/",
        "https://hооks.example.org/in",
        "https://hooks.example.org/a b",
        "https://hooks.example.org/" + "a" * 500,
        "ann@example.com",
        "javascript:alert(1)",
        "",
    ],
)
def test_what_no_form_may_have_us_write_to_is_not(systems: Any, address: str) -> None:
    assert systems.ask(address) == ""
    assert systems.page.intents() == []


def test_one_host_is_asked_only_so_often_an_hour(systems: Any) -> None:
    ids = [systems.ask(f"https://hooks.example.org/in/{n}") for n in range(HOST_ASKED + 5)]
    assert [bool(each) for each in ids] == [True] * HOST_ASKED + [False] * 5
    assert systems.ask(OTHER)
    systems.page.clock.advance(3601.0)
    assert systems.ask("https://hooks.example.org/in/next")


def test_people_and_systems_are_told_side_by_side(systems: Any) -> None:
    systems.page.subscribe("ann@example.com")
    systems.confirm(systems.ask())
    systems.told()
    systems.page.declare()
    assert len(systems.told()) == 1
    assert [mail.to for mail in systems.page.mail.sent] == ["ann@example.com"]


def test_without_a_channel_for_them_systems_are_not_told(systems: Any) -> None:
    systems.confirm(systems.ask())
    systems.told()
    systems.page.keeper._status = systems.page.status
    systems.page.declare()
    assert systems.told() == []


def test_the_longest_words_fit_one_request(systems: Any) -> None:
    systems.confirm(systems.ask())
    systems.told()
    systems.page.declare(text="🔥" * 5000, title="🔥" * 200)
    (request,) = systems.told()
    assert len(request.body) <= MAX_BODY
    assert asked(request)["incident"]["incident_updates"][0]["body"] == "🔥" * (letter.MOST // 4)


def _at(monkeypatch: Any, clock: Any) -> None:
    """Let the verifier, which refuses what is old, have the time of the test."""
    from datetime import UTC, datetime  # noqa: PLC0415 -- beside its use

    import standardwebhooks.webhooks as module  # noqa: PLC0415 -- beside its use

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.fromtimestamp(clock.time(), tz or UTC)

    monkeypatch.setattr(module, "datetime", Now)
