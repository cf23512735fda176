"""The page of a message: that it is genuine, how it stands, what was measured, why it came, and what to say to it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from fastapi import APIRouter
from sqlmodel import Session, col, select
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.conversations.listener import Heard
from engine.conversations.people import Correspondent, recipient
from engine.ids import derive
from engine.issues.view import ACTIVE
from engine.store import pages
from engine.store.models import Conversation, Turn
from engine.web.customers import evidence, reasons
from engine.web.customers.reader import Reader, invalid, kind_of, links, read, shown
from engine.web.customers.words import words
from engine.web.goodwill import promised
from engine.web.problems import Refused
from engine.web.replies import listener
from engine.web.services import Services
from engine.web.state import Form, Injected

router = APIRouter(include_in_schema=False)
COPY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; frame-ancestors 'self'"
"""For the copy of a message: it looks as it did, and can do nothing."""
PAGE: Final = "page"
SAYABLE = ("fixed", "broken", "not_mine", "call")
NUMBER = 40
"""Characters of a telephone number that somebody types."""


@router.get("/m/{token}")
def message(services: Injected, token: str) -> Response:
    """Mirror a message."""
    reader = read(services, token, "page")
    if reader is None or reader.intent is None:
        return invalid(services)
    with services.database.reading() as session:
        remedies = promised(session, services.config().policy.goodwill, reader.intent, reader.say)
    found = links(services, reader.claims)
    return shown("message.html.j2", reader, services, links=found, remedies=remedies, **_sent(services, reader))


@router.get("/m/{token}/copy")
def copy(services: Injected, token: str) -> Response:
    """Show the HTML of a message as it was sent, for the frame in its mirror."""
    reader = read(services, token, "page")
    if reader is None or reader.intent is None:
        return invalid(services)
    with services.database.reading() as session:
        html = pages.html(session, reader.intent.payload)
    return HTMLResponse(html, headers={"Content-Security-Policy": COPY})


@router.post("/m/{token}")
def say(services: Injected, token: str, form: Form) -> Response:
    """Take what the person says to a message. The same button of the same page, pressed twice, says it once."""
    reader = read(services, token, "page")
    if reader is None or reader.intent is None:
        return invalid(services)
    said = form.get("say", "")
    if said not in SAYABLE:
        raise Refused(422, f"say: {said[:80]!r} is nothing that can be said here; use one of {', '.join(SAYABLE)}")
    listener(services).hear(_heard(reader, said, form))
    return RedirectResponse(links(services, reader.claims)["page"] + "#say", 303)


def _heard(reader: Reader, said: str, form: Mapping[str, str]) -> Heard:
    claims = reader.claims
    return Heard(
        source="forewarn/page",
        key=derive("say", claims.intent, claims.person, said, form.get("after", "")[:80]),
        kind=PAGE,
        who=partial(_speaker, reader=reader),
        button=said,
        number=form.get("number", "").strip()[:NUMBER] if said == "call" else "",
    )


def _speaker(session: Session, reader: Reader) -> list[Correspondent]:
    return [recipient(session, reader.claims.person, reader.claims.address, reader.intent)]


def _sent(services: Services, reader: Reader) -> Mapping[str, Any]:
    intent, issue, config = reader.intent, reader.issue, services.config()
    assert intent is not None
    sent_at = intent.sent_at or intent.claimed_at or intent.created_at
    address, kind = intent.address or reader.claims.address, kind_of(services, intent)
    detector = config.detectors.get(issue.detector) if issue else None
    status = issue.status if issue else "gone"
    return {
        "subject": str(intent.payload.get("subject", "")),
        "text": str(intent.payload.get("text", "")),
        "has_html": pages.any_of(intent),
        "status": status,
        "state": reader.say(status, at=reader.when(issue.resolved_at if issue else None)),
        "next": reader.say("next_open" if status in ACTIVE else "next_over") if issue else "",
        "genuine": reader.say("genuine_more", company=config.main.sender.company, at=reader.when(sent_at)),
        "evidence": evidence.seen(reader, issue, detector) if issue else None,
        "why": reader.say("why_more", account=reader.account, channel=reader.spoken(kind), address=address),
        "rule": reasons.rule(reader, config),
        "basis": reasons.basis(reader, config, kind, sent_at),
        **_saying(services, reader, active=status in ACTIVE),
    }


def _saying(services: Services, reader: Reader, *, active: bool) -> Mapping[str, Any]:
    """Return what can be said, and what was said last."""
    last = _last(services, reader)
    phone = next((value for kind, value in reader.addresses if kind == "phone"), "")
    return {
        "choices": [each for each in SAYABLE if each != ("broken" if active else "fixed")],
        "said": reader.say(_answered(reader, last), at=reader.when(last.at)) if last else "",
        "after": last.id if last else "",
        "number": reader.say("say_number", number=f"…{phone[-4:]}") if phone else reader.say("say_number_none"),
    }


def _answered(reader: Reader, last: Turn) -> str:
    """Return the name of the words for what was said last."""
    if last.meaning == "other" and not last.hand_over:
        return "said_which"
    return f"said_{last.meaning}" if f"said_{last.meaning}" in words(reader.locale) else "said_other"


def _last(services: Services, reader: Reader) -> Turn | None:
    """Return what the person said last on this matter, on whatever channel."""
    intent = reader.intent
    assert intent is not None
    ours = select(Conversation.id).where(
        Conversation.person == reader.claims.person, Conversation.issue == intent.issue
    )
    said = select(Turn).where(col(Turn.conversation).in_(ours), Turn.way == "in")
    with services.database.reading() as session:
        return session.exec(said.order_by(col(Turn.at).desc(), col(Turn.id))).first()
