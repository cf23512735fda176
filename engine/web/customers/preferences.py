"""The preference centre: what a person gets, by which channel, in which language; and how all of it ends."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter
from starlette.responses import Response

from engine.entities import people
from engine.events import make_event
from engine.ids import derive
from engine.store.models import Consent
from engine.web.actions import consent, publish
from engine.web.customers.reader import SOURCE, Reader, invalid, read, shown
from engine.web.customers.switches import PURPOSES, Switch, changes, reach, switches, turned
from engine.web.customers.words import LANGUAGES
from engine.web.services import Services
from engine.web.state import Form, Injected

router = APIRouter(include_in_schema=False)


@router.get("/p/{token}")
def preferences(services: Injected, token: str) -> Response:
    """Show what this person allows."""
    reader = read(services, token, "preferences")
    if reader is None:
        return invalid(services)
    return _page(services, reader, switches(services, reader))


@router.post("/p/{token}")
def prefer(services: Injected, token: str, form: Form) -> Response:
    """Take over what was ticked and chosen; or stop everything; or an objection (C11)."""
    reader = read(services, token, "preferences")
    if reader is None:
        return invalid(services)
    match form.get("do", "save"):
        case "stop":
            return _stopped(services, reader)
        case "object":
            return _objected(services, reader)
        case _:
            return _saved(services, reader, form)


def _saved(services: Services, reader: Reader, form: Mapping[str, str]) -> Response:
    before = switches(services, reader)
    if (zone := form.get("zone", "").strip()) and zone not in available_timezones():
        return _page(services, reader, turned(before, form), form=form, wrong=reader.say("how_bad_zone"))
    wanted, now = turned(before, form), services.clock.time()
    stops_all = services.config().policy.revocation_scope == "all"
    events = [
        *changes(reader, before, wanted, stops_all=stops_all, now=now),
        *_how(services, reader, form, now),
    ]
    if events:
        publish(services, *events)
    return _page(services, reader, wanted, form=form, done=reader.say("prefs_saved"))


def _stopped(services: Services, reader: Reader) -> Response:
    now, person = services.clock.time(), reader.claims.person
    data = {
        "state": "withdrawn",
        "channel": "*",
        "purpose": "*",
        "source": "preferences page",
        "wording": reader.say("all_button"),
    }
    publish(services, consent(person, derive("prf", person, "all", repr(now)), SOURCE, data, now))
    return _page(services, reader, _off(switches(services, reader)), done=reader.say("all_done"))


def _objected(services: Services, reader: Reader) -> Response:
    """Take an objection: of the person, and of the account where it has no other contact, so is the person's own."""
    now, claims = services.clock.time(), reader.claims
    data = {
        "state": "objected",
        "channel": "*",
        "purpose": "*",
        "source": "preferences page",
        "wording": reader.say("object_button"),
    }
    subjects = [claims.person, *_own_account(services, reader)]
    publish(services, *(consent(each, derive("obj", each, repr(now)), SOURCE, data, now) for each in subjects))
    row = Consent(id="", at=now, entity=claims.person, channel="*", purpose="*", state="objected")
    objector = replace(reader, consents=(*reader.consents, row))
    return _page(services, objector, _off(switches(services, reader)))


def _own_account(services: Services, reader: Reader) -> list[str]:
    account = reader.intent.account if reader.intent else None
    with services.database.reading() as session:
        found = [each.id for each in people(session, account)] if account else []
    return [account] if account and found == [reader.claims.person] else []


def _off(given: Sequence[Switch]) -> list[Switch]:
    return [replace(each, on=False) for each in given]


# -- how they want to be reached


def _how(services: Services, reader: Reader, form: Mapping[str, str], now: float) -> Iterator[bytes]:
    """Yield what the person said of channel, language and zone, if it is not what they said before."""
    wanted = _chosen(services, form)
    known = reader.preference
    said = {"prefers": list(known.prefers), "locale": known.locale, "zone": known.zone} if known else _NOTHING
    if wanted is not None and wanted != said:
        key = derive("how", reader.claims.person, repr(now))
        yield make_event("forewarn.preference", reader.claims.person, wanted, id=key, source=SOURCE, time=now)


_NOTHING: Mapping[str, Any] = {"prefers": [], "locale": "", "zone": ""}


def _chosen(services: Services, form: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what a form says of it; None if it says nothing."""
    if not {"first", "language", "zone"} & form.keys():
        return None
    kinds = {each.kind for each in services.channels.values()}
    return {
        "prefers": [first] if (first := form.get("first", "")) in kinds else [],
        "locale": language if (language := form.get("language", "")) in LANGUAGES else "",
        "zone": form.get("zone", "").strip(),
    }


# -- the page


def _page(
    services: Services,
    reader: Reader,
    shown_as: Sequence[Switch],
    *,
    form: Mapping[str, str] | None = None,
    done: str = "",
    wrong: str = "",
) -> Response:
    objection = next((row.at for row in reversed(reader.consents) if row.state == "objected"), None)
    return shown(
        "preferences.html.j2",
        reader,
        services,
        code=422 if wrong else 200,
        groups=_groups(reader, shown_as),
        how=_asked(services, reader, form or {}),
        languages=LANGUAGES,
        objected=reader.say("object_done", at=reader.when(objection)) if objection is not None else "",
        done=done,
        wrong=wrong,
    )


def _groups(reader: Reader, given: Sequence[Switch]) -> list[dict[str, Any]]:
    """Return the switches by purpose; each says in full what is kept when it is turned on (C1)."""
    return [
        {
            "title": reader.say(purpose),
            "more": reader.say(f"{purpose}_more"),
            "switches": [each for each in given if each.key.purpose == purpose],
        }
        for purpose in PURPOSES
    ]


def _asked(services: Services, reader: Reader, form: Mapping[str, str]) -> Mapping[str, Any]:
    known = reader.preference
    return {
        "channels": [(kind, reader.spoken(kind)) for kind in reach(services, reader)],
        "first": form.get("first", known.prefers[0] if known and known.prefers else ""),
        "language": form.get("language", known.locale if known else ""),
        "zone": form.get("zone", known.zone if known else ""),
        "zone_now": reader.zone,
    }
