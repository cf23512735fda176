"""Who opened a link, with which message it came, and what every page for them has in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from sqlmodel import Session, col, select
from starlette.responses import HTMLResponse, Response

from engine.links import PATHS, Claims
from engine.links import Use as LinkUse
from engine.policy.reach import ITSELF
from engine.store.models import Address, Consent, Entity, Intent, Issue, Preference
from engine.web.customers.words import words
from engine.web.services import Services
from engine.web.views import page
from outreach.formats import zone_name

SOURCE = "forewarn/links"
"""Of the events that these pages make."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who opened a link."""

    claims: Claims
    locale: str
    zone: str
    intent: Intent | None
    issue: Issue | None
    account: str
    """The account's name, for people."""
    addresses: tuple[tuple[str, str], ...]
    """(kind, value), in order."""
    consents: tuple[Consent, ...]
    """Every entry of their ledger, and of their addresses'."""
    preference: Preference | None

    def say(self, name: str, **values: str) -> str:
        """Return words in the reader's language."""
        return words(self.locale)[name].format_map(values)

    def when(self, at: float | None) -> str:
        """Return a point in time as the reader writes it."""
        if at is None:
            return "–"
        zone, locale = _zone(self.zone), language(self.locale)
        time = datetime.fromtimestamp(at, zone)
        clock = format_time(time, "short", tzinfo=zone, locale=locale)
        return f"{format_date(time, 'long', locale=locale)}, {clock} ({zone_name(time, locale)})"

    def spoken(self, kind: str) -> str:
        """Return what the reader calls a kind of channel."""
        return words(self.locale).get(kind, kind)


def read(services: Services, token: str, use: LinkUse) -> Reader | None:
    """Return who opened a link; None if it is forged, old or for another use."""
    claims = services.links.read(token, use, now=services.clock.time())
    if claims is None:
        return None
    with services.database.reading() as session:
        return _look_up(session, claims, services.config().main.locale)


def _look_up(session: Session, claims: Claims, locale: str) -> Reader:
    intent = session.get(Intent, claims.intent)
    person = session.get(Entity, claims.person)
    account = session.get(Entity, intent.account) if intent and intent.account else None
    said = session.get(Preference, claims.person)
    written = str(intent.payload.get("locale", "")) if intent else ""
    homes = [each for each in (said, person, account) if each is not None]
    return Reader(
        claims=claims,
        locale=next((each.locale for each in homes if each.locale), written or locale),
        zone=next((each.zone for each in homes if each.zone), "UTC"),
        intent=intent,
        issue=session.get(Issue, intent.issue) if intent else None,
        account=(account and account.name) or ((intent and intent.account) or "").partition("/")[2],
        addresses=_addresses(session, claims.person),
        consents=_ledger(session, claims),
        preference=said,
    )


def _addresses(session: Session, person: str) -> tuple[tuple[str, str], ...]:
    found = select(Address).where(Address.entity == person).order_by(col(Address.id))
    return (*((row.kind, row.value) for row in session.exec(found).all()), (ITSELF, person))


def _ledger(session: Session, claims: Claims) -> tuple[Consent, ...]:
    values = [claims.address, *(value for _, value in _addresses(session, claims.person))]
    covers = (col(Consent.entity) == claims.person) | col(Consent.address).in_([value for value in values if value])
    return tuple(session.exec(select(Consent).where(covers).order_by(col(Consent.at), col(Consent.id))).all())


def shown(name: str, reader: Reader, services: Services, *, code: int = 200, **values: Any) -> Response:
    """Return a page for a reader."""
    given = {"words": words(reader.locale), "say": reader.say, "address": reader.claims.address}
    return HTMLResponse(page(name, **given, sender=services.config().main.sender, **values), code)


def invalid(services: Services) -> Response:
    """Return the one page for every link that does not work."""
    main = services.config().main
    return HTMLResponse(page("invalid.html.j2", words=words(main.locale), sender=main.sender), 404)


def links(services: Services, claims: Claims) -> Mapping[str, str]:
    """Return links to all pages of a message, as paths: the host is the one that is open."""
    rest = (claims.intent, claims.person, claims.address, claims.purpose, claims.expires)
    urls = {use: services.links.url(Claims(use, *rest)) for use in PATHS}
    return {use: "/" + "/".join(url.rsplit("/", 2)[1:]) for use, url in urls.items()}


def kind_of(services: Services, intent: Intent | None) -> str:
    """Return the kind of channel a message went by; `*` if that is not known."""
    channel = services.channels.get(intent.channel) if intent else None
    return channel.kind if channel else "*"


def language(name: str) -> Locale:
    """Return a locale of CLDR; English where there is none such."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
