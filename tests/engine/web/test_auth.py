"""Who may do what: tokens, the cookie, and what keeps other sites' pages out."""

from typing import Any

import pytest

from engine import tokens
from engine.errors import Permanent, Retryable
from engine.web.auth import refuse_to_listen

PROTECTED = ["/", "/issues", "/deadletters", "/v1/issues", "/v1/decisions", "/metrics", "/v1/openapi.json"]
PUBLIC = ["/healthz", "/readyz", "/login", "/static/forewarn.css"]


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("path", PROTECTED)
def test_on_this_machine_without_any_token_everything_is_open(server: Any, path: str) -> None:
    assert server.get(path).status_code == 200


@pytest.mark.parametrize("path", PROTECTED)
def test_once_there_is_a_token_it_is_needed(desk: Any, path: str) -> None:
    secret = tokens.create(desk.database, "ops", "admin", desk.clock)
    server = desk.server()
    answer = server.get(path)
    assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
    assert server.get(path, headers=bearer(secret)).status_code == 200
    assert server.get(path, headers=bearer(secret[:-1])).status_code == 401


@pytest.mark.parametrize("path", PUBLIC)
def test_health_and_log_in_need_no_token(desk: Any, path: str) -> None:
    tokens.create(desk.database, "ops", "admin", desk.clock)
    assert desk.server().get(path).status_code == 200


@pytest.mark.parametrize(
    ("scope", "path", "method", "status"),
    [
        ("ingest", "/v1/events", "POST", 202),
        ("ingest", "/v1/issues", "GET", 403),
        ("ingest", "/", "GET", 403),
        ("ingest", "/v1/reload", "POST", 403),
        ("agent", "/v1/events", "POST", 403),
        ("agent", "/v1/issues", "GET", 200),
        ("agent", "/v1/reload", "POST", 403),
        ("admin", "/v1/events", "POST", 202),
        ("admin", "/v1/issues", "GET", 200),
        ("admin", "/v1/reload", "POST", 200),
    ],
)
def test_a_scope_allows_its_own_and_an_admin_all(desk: Any, scope: str, path: str, method: str, status: int) -> None:
    secret = tokens.create(desk.database, "it", scope, desk.clock)
    headers = {**bearer(secret), "content-type": "application/x-ndjson"}
    answer = desk.server()(method, path, headers=headers, content=b"")
    assert answer.status_code == status


def test_a_revoked_token_stops_working_within_moments(desk: Any) -> None:
    secret = tokens.create(desk.database, "ops", "agent", desk.clock)
    server = desk.server()
    assert server.get("/v1/issues", headers=bearer(secret)).status_code == 200
    tokens.revoke(desk.database, "ops", desk.clock)
    desk.clock.advance(3)
    assert server.get("/v1/issues", headers=bearer(secret)).status_code == 401
    assert server.get("/v1/issues").status_code == 401, "revoking the last token opens nothing"


def test_only_the_hash_of_a_token_is_stored(desk: Any) -> None:
    secret = tokens.create(desk.database, "ops", "agent", desk.clock)
    [row] = tokens.list(desk.database)
    assert secret not in repr(row)
    assert row.digest == tokens.digest(secret)
    assert len(secret) >= 43, "256 bits in base64"


@pytest.mark.parametrize(("name", "scope"), [("ops", "agent"), ("new", "root"), (" ", "agent")])
def test_a_token_that_makes_no_sense_is_refused(desk: Any, name: str, scope: str) -> None:
    tokens.create(desk.database, "ops", "agent", desk.clock)
    with pytest.raises(Permanent):
        tokens.create(desk.database, name, scope, desk.clock)


def test_revoking_what_is_not_there_says_so(desk: Any) -> None:
    with pytest.raises(Permanent, match="no token 'x'"):
        tokens.revoke(desk.database, "x", desk.clock)


def test_another_host_name_is_not_this_machine(desk: Any, server: Any) -> None:
    """DNS rebinding: a site that points its own name at 127.0.0.1 sends that name."""
    assert server.get("/v1/issues", headers={"host": "evil.example:8321"}).status_code == 401
    assert server.get("/v1/issues", headers={"host": "localhost:8321"}).status_code == 200
    assert server.get("/v1/issues", headers={"host": "[::1]:8321"}).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_what_a_proxy_passes_on_is_not_this_machine(server: Any, header: str) -> None:
    assert server.get("/v1/issues", headers={header: "203.0.113.9"}).status_code == 401


@pytest.mark.parametrize("listen", [{"host": "0.0.0.0"}, {"public_url": "https://forewarn.example.com"}])
def test_listening_elsewhere_needs_a_token_always(desk: Any, listen: dict[str, str]) -> None:
    desk.listen(**listen)
    assert desk.server().get("/v1/issues").status_code == 401


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
@pytest.mark.parametrize("path", ["/v1/reload", "/v1/issues/iss_1/dismiss", "/issues/iss_1/dismiss"])
def test_another_sites_page_changes_nothing(desk: Any, server: Any, headers: dict[str, str], path: str) -> None:
    desk.add(desk.issue())
    assert server.post(path, headers=headers).status_code == 403
    assert desk.events() == []


def test_a_form_without_the_browsers_word_is_refused(desk: Any, server: Any) -> None:
    desk.add(desk.issue())
    assert server.post("/issues/iss_1/dismiss").status_code == 403
    own = {"origin": "http://127.0.0.1:8321"}
    assert server.post("/issues/iss_1/dismiss", headers=own).status_code == 303


def test_a_person_logs_in_once_and_out_again(desk: Any) -> None:
    secret = tokens.create(desk.database, "maria", "agent", desk.clock)
    server = desk.server()
    page = {"accept": "text/html"}
    answer = server.get("/", headers=page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    answer = server.form("/login", {"token": f" {secret} "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    home = server.get("/", cookies={"forewarn_token": secret})
    assert home.status_code == 200
    assert "maria" in home.text
    assert 'forewarn_token=""' in server.form("/logout").headers["set-cookie"]


def test_the_cookie_is_sent_over_https_only_where_there_is_https(desk: Any) -> None:
    secret = tokens.create(desk.database, "maria", "agent", desk.clock)
    desk.listen(public_url="https://forewarn.example.com")
    assert "Secure" in desk.server().form("/login", {"token": secret}).headers["set-cookie"]


@pytest.mark.parametrize("scope", ["ingest", ""])
def test_a_wrong_token_does_not_log_in(desk: Any, scope: str) -> None:
    secret = tokens.create(desk.database, "x", scope or "agent", desk.clock) if scope else "fw_wrong"
    answer = desk.server().form("/login", {"token": secret})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_log_in_from_another_sites_page_is_refused(desk: Any) -> None:
    secret = tokens.create(desk.database, "maria", "agent", desk.clock)
    answer = desk.server().post("/login", data={"token": secret}, headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


def test_a_cookie_alone_changes_nothing_over_the_api(desk: Any) -> None:
    secret = tokens.create(desk.database, "maria", "admin", desk.clock)
    assert desk.server().post("/v1/reload", cookies={"forewarn_token": secret}).status_code == 403


def test_it_refuses_to_listen_elsewhere_without_a_token(desk: Any) -> None:
    assert refuse_to_listen("127.0.0.1", desk.database) is None
    refusal = refuse_to_listen("0.0.0.0", desk.database)
    assert refusal is not None
    assert "forewarn token create" in refusal.remedy
    tokens.create(desk.database, "ops", "admin", desk.clock)
    assert refuse_to_listen("0.0.0.0", desk.database) is None
    tokens.revoke(desk.database, "ops", desk.clock)
    assert refuse_to_listen("0.0.0.0", desk.database) is not None


def test_a_locked_database_is_503_and_not_an_open_door(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(_: Any) -> Any:
        raise Retryable("locked by another process", place="forewarn.db")

    monkeypatch.setattr(tokens, "list", locked)
    assert desk.server().get("/v1/issues").status_code == 503
