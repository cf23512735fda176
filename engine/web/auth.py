"""Who may do what: bearer tokens for programs, the same token in a cookie for people.

As long as there is no token, whoever is on this machine may do everything, and nobody else anything. Websites that
the browser of someone on this machine visits are kept out by name and by origin: a request must be meant for this
machine (DNS rebinding), and one that changes something must come from our own pages.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from engine import tokens
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.store.database import Database
from engine.store.models import Token
from engine.web.problems import of_error, problem
from engine.web.services import Services

COOKIE = "forewarn_token"
KEEP = 2.0
"""Seconds for which a look at the tokens holds: so long a revoked one goes on working."""
AWAY = 900.0
"""Seconds for which it holds while the database is away: whoever asks how things stand is to be told just then."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN = ("/healthz", "/readyz", "/static/", "/hooks/", "/m/", "/u/", "/p/", "/feed/", "/status/", "/login", "/logout")
"""What needs no token: it says nothing, is signed, or is public."""
_PUBLIC = frozenset({"/status", "/status.json", "/status.atom"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a token's name and scope."""

    name: str
    scope: str


LOCAL = Caller("local", "admin")
"""Someone on this machine, while there is no token."""


def refuse_to_listen(host: str, database: Database) -> ConfigError | None:
    """Return why the web part must not listen on `host`: it would let everyone in."""
    if is_local(host) or any(token.revoked_at is None for token in tokens.list(database)):
        return None
    return ConfigError(
        f"everyone who reaches {host} could use the console and the API, as there is no token",
        place="listen.host",
        remedy="make one with `forewarn token create NAME --scope admin`, or listen on 127.0.0.1",
    )


@lru_cache(maxsize=256)
def is_local(host: str) -> bool:
    """Return whether `host` means this machine only.

    >>> is_local("127.0.0.1"), is_local("::1"), is_local("localhost"), is_local("0.0.0.0"), is_local("example.com")
    (True, True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Doorkeeper:
    """Knows the tokens. Safe to use from several threads."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: tuple[float, Mapping[str, Token]] = (float("-inf"), {})

    async def caller(self, request: Request) -> Caller | None:
        """Return who asks, by the Authorization header or the cookie; None if that is not known."""
        known = await self._tokens()
        if not known and self._open(request):
            return LOCAL
        token = tokens.find(known.values(), bearer(request.headers) or request.cookies.get(COOKIE, ""))
        return Caller(token.name, token.scope) if token else None

    async def knows(self, secret: str) -> bool:
        """Return whether `secret` is a token that may use the console."""
        token = tokens.find((await self._tokens()).values(), secret)
        return token is not None and tokens.allows(token.scope, "agent")

    def _open(self, request: Request) -> bool:
        """Return whether, without any token, this request is from this machine and meant for it."""
        listen = self._services.config().main.listen
        ours = is_local(listen.host) and is_local(urlsplit(listen.public_url).hostname or "")
        direct = not any(name in request.headers for name in _FORWARDED)
        return ours and direct and is_local(_host(request.headers.get("host", "")))

    async def _tokens(self) -> Mapping[str, Token]:
        now = self._services.clock.time()
        looked, known = self._known
        if looked <= now < looked + KEEP:
            return known
        try:
            rows = await run_in_threadpool(tokens.list, self._services.database)
        except Retryable:
            if looked <= now < looked + AWAY:
                return known
            raise
        self._known = now, {row.id: row for row in rows}
        return self._known[1]


class Guard:
    """Lets in who may, before anything else of a request is read."""

    def __init__(self, app: ASGIApp, doorkeeper: Doorkeeper) -> None:
        self._app, self._doorkeeper = app, doorkeeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"].startswith(_OPEN) or scope["path"] in _PUBLIC:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._refusal(Request(scope))
        except ForewarnError as error:
            answer = of_error(error)
        await (answer or self._app)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        caller = await self._doorkeeper.caller(request)
        if caller is None:
            return _unknown(request)
        path = request.url.path
        needed = _needed(path)
        if needed and not tokens.allows(caller.scope, needed):
            cause = f"{path}: token {caller.name!r} has the scope {caller.scope}"
            return problem(403, f"{cause}; use one with the scope {needed} or admin")
        if foreign(request):
            return problem(403, f"{path}: the request comes from another site's page; use our own pages or a token")
        request.scope["caller"] = caller
        return None


def foreign(request: Request) -> bool:
    """Return whether a request that changes something was, or may have been, sent by another site's page.

    Browsers say where a request comes from (https://www.w3.org/TR/fetch-metadata/, RFC 6454); other programs say
    nothing and carry no cookie. The forms of our own pages need the browser's word.
    """
    headers = request.headers
    if request.method in SAFE or headers.get("authorization"):
        return False
    if "sec-fetch-site" in headers:
        return headers["sec-fetch-site"] not in {"same-origin", "none"}
    if "origin" in headers:
        return urlsplit(headers["origin"]).netloc != headers.get("host", "")
    return COOKIE in request.cookies or not request.url.path.startswith("/v1/")


def _needed(path: str) -> str:
    """Return the scope that a path asks for; none: any token will do."""
    if path == "/v1/events":
        return "ingest"
    if path == "/v1/reload":
        return "admin"
    return "" if path in {"/metrics", "/v1/openapi.json"} else "agent"


def _unknown(request: Request) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/v1")
    if wants_page and request.method in SAFE:
        return RedirectResponse("/login", 303)
    detail = f"{request.url.path}: a valid token is needed; send `Authorization: Bearer …`, made by"
    return problem(401, f"{detail} `forewarn token create`", {"WWW-Authenticate": 'Bearer realm="forewarn"'})


def _host(header: str) -> str:
    """Return the name in a Host header, without the port; empty if it is none.

    >>> _host("[::1]:8321"), _host("localhost:8321"), _host("a@b:c")
    ('::1', 'localhost', 'b')
    """
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def bearer(headers: Headers) -> str:
    """Return the token of an Authorization header; empty if there is none."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    return given.strip() if kind.lower() == "bearer" else ""
