"""The opt-out: one click of a mail program (RFC 8058), or a page that asks (C8)."""

from fastapi import APIRouter
from starlette.responses import Response

from engine.ids import derive
from engine.web.actions import consent, publish
from engine.web.customers.reader import SOURCE, invalid, kind_of, read, shown
from engine.web.services import Services
from engine.web.state import Injected

router = APIRouter(include_in_schema=False)


@router.get("/u/{token}")
def ask_to_stop(services: Injected, token: str) -> Response:
    """Ask whether to opt out. Nothing happens yet (C8)."""
    reader = read(services, token, "unsubscribe")
    if reader is None:
        return invalid(services)
    return shown("stop.html.j2", reader, services, done=False, all=_stops_all(services))


@router.post("/u/{token}")
def stop(services: Injected, token: str) -> Response:
    """Opt out, whatever the body is: mail programs send `List-Unsubscribe=One-Click` (RFC 8058), our page a form."""
    reader = read(services, token, "unsubscribe")
    if reader is None:
        return invalid(services)
    claims, now = reader.claims, services.clock.time()
    data = {
        "state": "withdrawn",
        "address": claims.address,
        "channel": kind_of(services, reader.intent),
        "purpose": claims.purpose,
        "source": "unsubscribe link",
        "wording": "List-Unsubscribe=One-Click",
    }
    key = derive("uns", claims.intent, claims.person, claims.address, repr(now))
    publish(services, consent(claims.person, key, SOURCE, data, now))
    return shown("stop.html.j2", reader, services, done=True, all=_stops_all(services))


def _stops_all(services: Services) -> bool:
    return services.config().policy.revocation_scope == "all"
