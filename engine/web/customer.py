"""Pages for customers, without a log-in: a link that came with a message is signed and says who may see what.

A wrong or old link shows one constant page, whatever is wrong with it. Opening a page changes nothing: mail scanners
open every link (C8).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from fastapi import APIRouter
from sqlmodel import Session, col, select
from starlette.responses import HTMLResponse, Response

from engine.ids import derive
from engine.links import Claims
from engine.links import Use as LinkUse
from engine.policy.consent import ALLOWED, Entry, Use, standing
from engine.store.models import Address, Consent, Entity, Intent, Issue
from engine.web.actions import consent, publish
from engine.web.goodwill import promised
from engine.web.services import Services
from engine.web.state import Form, Injected
from engine.web.views import page
from engine.web.words import words
from outreach.formats import zone_name

router = APIRouter(include_in_schema=False)
SOURCE = "forewarn/links"
COPY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
"""For the copy of a message: it looks as it did, and can do nothing."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who opened a link, and with which message it came."""

    claims: Claims
    locale: str
    zone: str
    intent: Intent | None
    issue: Issue | None
    account: str
    addresses: tuple[tuple[str, str], ...]

    def say(self, name: str, **values: str) -> str:
        """Return words in the reader's language."""
        return words(self.locale)[name].format_map(values)

    def when(self, at: float | None) -> str:
        """Return a point in time as the reader writes it."""
        if at is None:
            return "–"
        zone, locale = _zone(self.zone), _locale(self.locale)
        time = datetime.fromtimestamp(at, zone)
        clock = format_time(time, "short", tzinfo=zone, locale=locale)
        return f"{format_date(time, 'long', locale=locale)}, {clock} ({zone_name(time, locale)})"


@router.get("/m/{token}")
def message(services: Injected, token: str) -> Response:
    """Mirror a message: what we wrote, how it stands now, and why this person got it."""
    reader = _reader(services, token, "page")
    if reader is None or reader.intent is None:
        return _invalid(services)
    with services.database.reading() as session:
        remedies = promised(session, services.config().policy.goodwill, reader.intent, reader.say)
    links = _links(services, reader.claims)
    return _page("message.html.j2", reader, services, links=links, remedies=remedies, **_sent(services, reader))


@router.get("/m/{token}/copy")
def copy(services: Injected, token: str) -> Response:
    """Show the HTML of a message as it was sent, for the frame in its mirror."""
    reader = _reader(services, token, "page")
    if reader is None or reader.intent is None:
        return _invalid(services)
    html = str(reader.intent.payload.get("html", ""))
    return HTMLResponse(html, headers={"Content-Security-Policy": COPY})


@router.get("/u/{token}")
def ask_to_stop(services: Injected, token: str) -> Response:
    """Ask whether to opt out. Nothing happens yet (C8)."""
    reader = _reader(services, token, "unsubscribe")
    if reader is None:
        return _invalid(services)
    return _page("stop.html.j2", reader, services, done=False, all=_stops_all(services))


@router.post("/u/{token}")
def stop(services: Injected, token: str) -> Response:
    """Opt out, whatever the body is: mail programs send `List-Unsubscribe=One-Click` (RFC 8058), our page a form."""
    reader = _reader(services, token, "unsubscribe")
    if reader is None:
        return _invalid(services)
    claims, now = reader.claims, services.clock.time()
    data = {
        "state": "withdrawn",
        "address": claims.address,
        "channel": _kind(services, reader.intent),
        "purpose": claims.purpose,
        "source": "unsubscribe link",
        "wording": "List-Unsubscribe=One-Click",
    }
    key = derive("uns", claims.intent, claims.person, claims.address, repr(now))
    publish(services, consent(claims.person, key, SOURCE, data, now))
    return _page("stop.html.j2", reader, services, done=True, all=_stops_all(services))


@router.get("/p/{token}")
def preferences(services: Injected, token: str) -> Response:
    """Show on which channels this person is told about problems."""
    reader = _reader(services, token, "preferences")
    if reader is None:
        return _invalid(services)
    return _preferences(services, reader, _standing(services, reader), saved=False)


@router.post("/p/{token}")
def prefer(services: Injected, token: str, form: Form) -> Response:
    """Take over which channels are ticked."""
    reader = _reader(services, token, "preferences")
    if reader is None:
        return _invalid(services)
    before = _standing(services, reader)
    wanted = {kind: f"on-{kind}" in form for kind in before}
    events = list(_changes(services, reader, before, wanted))
    if events:
        publish(services, *events)
    return _preferences(services, reader, wanted, saved=True)


# -- who opened it


def _reader(services: Services, token: str, use: LinkUse) -> Reader | None:
    claims = services.links.read(token, use, now=services.clock.time())
    if claims is None:
        return None
    with services.database.reading() as session:
        return _look_up(session, claims, services.config().main.locale)


def _look_up(session: Session, claims: Claims, locale: str) -> Reader:
    intent = session.get(Intent, claims.intent)
    person = session.get(Entity, claims.person)
    account = session.get(Entity, intent.account) if intent and intent.account else None
    written = str(intent.payload.get("locale", "")) if intent else ""
    found = select(Address).where(Address.entity == claims.person).order_by(col(Address.id))
    return Reader(
        claims=claims,
        locale=(person and person.locale) or (account and account.locale) or written or locale,
        zone=(person and person.zone) or (account and account.zone) or "UTC",
        intent=intent,
        issue=session.get(Issue, intent.issue) if intent else None,
        account=(account and account.name) or ((intent and intent.account) or "").partition("/")[2],
        addresses=tuple((row.kind, row.value) for row in session.exec(found).all()),
    )


# -- what a page shows


def _sent(services: Services, reader: Reader) -> Mapping[str, Any]:
    intent, issue = reader.intent, reader.issue
    assert intent is not None
    sent_at = intent.sent_at or intent.claimed_at or intent.created_at
    company = services.config().main.sender.company
    address = intent.address or reader.claims.address
    return {
        "subject": str(intent.payload.get("subject", "")),
        "text": str(intent.payload.get("text", "")),
        "has_html": bool(intent.payload.get("html")),
        "status": issue.status if issue else "gone",
        "state": reader.say(issue.status if issue else "gone", at=reader.when(issue.resolved_at if issue else None)),
        "genuine": reader.say("genuine_more", company=company, at=reader.when(sent_at)),
        "why": reader.say(
            "why_more", account=reader.account, channel=_spoken(reader, _kind(services, intent)), address=address
        ),
    }


def _links(services: Services, claims: Claims) -> Mapping[str, str]:
    """Return links to the other pages, as paths: the host is the one that is open."""
    others = {use: claims.__class__(use, *_rest(claims)) for use in ("page", "unsubscribe", "preferences")}
    urls = {use: services.links.url(other) for use, other in others.items()}
    return {use: "/" + "/".join(url.rsplit("/", 2)[1:]) for use, url in urls.items()}


def _rest(claims: Claims) -> tuple[str, str, str, str, float]:
    return claims.intent, claims.person, claims.address, claims.purpose, claims.expires


def _preferences(services: Services, reader: Reader, ticked: Mapping[str, bool], *, saved: bool) -> Response:
    choices = [
        {
            "name": f"on-{kind}",
            "ticked": on,
            "label": reader.say("prefs_on", channel=_spoken(reader, kind), address=_addresses(services, reader)[kind]),
        }
        for kind, on in ticked.items()
    ]
    return _page("preferences.html.j2", reader, services, choices=choices, saved=saved)


def _page(name: str, reader: Reader, services: Services, **values: Any) -> Response:
    sender = services.config().main.sender
    return HTMLResponse(
        page(name, words=words(reader.locale), say=reader.say, address=reader.claims.address, sender=sender, **values)
    )


def _invalid(services: Services) -> Response:
    main = services.config().main
    return HTMLResponse(page("invalid.html.j2", words=words(main.locale), sender=main.sender), 404)


# -- what consent says and becomes


def _addresses(services: Services, reader: Reader) -> dict[str, str]:
    """Return the kinds of channels that reach this person, each with the address it would write to."""
    first = dict(reversed(reader.addresses))
    return {each.kind: first[each.address] for each in services.channels.values() if each.address in first}


def _standing(services: Services, reader: Reader) -> dict[str, bool]:
    """Return for each kind of channel whether service messages on it are allowed now."""
    policy = services.config().policy
    addresses = _addresses(services, reader)
    with services.database.reading() as session:
        rows = session.exec(select(Consent).where(Consent.entity == reader.claims.person)).all()
    entries = [Entry.of(row) for row in rows]
    return {
        kind: standing(entries, Use(address, kind, "service"), policy.revocation_scope, policy.consent) in ALLOWED
        for kind, address in addresses.items()
    }


def _changes(
    services: Services, reader: Reader, before: Mapping[str, bool], wanted: Mapping[str, bool]
) -> Iterator[bytes]:
    """Yield what was taken back, and then what was given.

    Where one withdrawal stops everything (C4), what stays ticked is given anew: it comes after the withdrawal.
    """
    now = services.clock.time()
    stopped = [kind for kind, on in wanted.items() if before[kind] and not on]
    anew = stopped and _stops_all(services)
    given = [kind for kind, on in wanted.items() if on and (anew or not before[kind])]
    for state, kinds, at in (("withdrawn", stopped, now), ("granted", given, now + 0.001)):
        for kind in kinds:
            yield _change(services, reader, state, kind, at)


def _change(services: Services, reader: Reader, state: str, kind: str, at: float) -> bytes:
    address = _addresses(services, reader)[kind]
    data = {
        "state": state,
        "address": address,
        "channel": kind,
        "purpose": "service",
        "source": "preferences page",
        "wording": reader.say("prefs_wording", channel=_spoken(reader, kind), address=address),
    }
    key = derive("prf", reader.claims.person, state, kind, address, repr(at))
    return consent(reader.claims.person, key, SOURCE, data, at)


def _kind(services: Services, intent: Intent | None) -> str:
    channel = services.channels.get(intent.channel) if intent else None
    return channel.kind if channel else "*"


def _stops_all(services: Services) -> bool:
    return services.config().policy.revocation_scope == "all"


def _spoken(reader: Reader, kind: str) -> str:
    return words(reader.locale).get(kind, kind)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")
