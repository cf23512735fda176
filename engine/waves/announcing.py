"""What the public status page says of an incident: nothing before people agreed that it is real, then one entry."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import structlog
from sqlmodel import Session, select

from engine.config.model import Config
from engine.errors import Permanent
from engine.issues.view import ENGINE
from engine.status import board, book
from engine.store.models import Incident
from engine.waves.incidents import members

log = structlog.get_logger()
ASKED = 500
"""Issues of an incident that are asked which components they concern."""
_IMPACT: Mapping[str, book.Impact] = {"critical": "critical", "high": "major"}
Said = Literal["began", "ended"]


class _Words(NamedTuple):
    title: str
    began: str
    ended: str


_WORDS: Mapping[str, _Words] = {
    "en": _Words(
        "Trouble with {components}",
        "Many of you see this now. We are looking for the cause; what we find, we tell here.",
        "It works again, as far as we can see.",
    ),
    "de": _Words(
        "Störung: {components}",
        "Viele von Ihnen sind gerade betroffen. Wir suchen die Ursache; was wir finden, steht hier.",
        "Soweit wir sehen, funktioniert es wieder.",
    ),
}


def begin(session: Session, wave: str, config: Config, now: float) -> None:
    """Declare the incident of a wave that people agreed to, once; where no component is concerned, nothing."""
    incident = session.exec(select(Incident).where(Incident.wave == wave, Incident.status == "open")).first()
    if incident is None or config.status is None:
        return
    issues = members(session, incident.id)
    concerned = {
        name: None
        for issue in issues[:ASKED]
        for name in board.concerned(config.status, issue.detector, issue.evidence.get("attributes", {}))
    }
    if not concerned:
        return
    titles = ", ".join(config.status.components[name].label for name in concerned)
    words = _words(config)
    worst = next((_IMPACT[each] for each in _IMPACT if any(issue.severity == each for issue in issues)), "minor")
    try:
        book.declare(
            session,
            key=incident.id,
            title=words.title.format(components=titles),
            components=list(concerned),
            impact=worst,
            text=words.began,
            now=now,
            who=ENGINE,
        )
    except Permanent as error:  # a component that is called as a customer is: people say it by hand
        log.warning("incident not announced", incident=incident.id, error=str(error))


def end(session: Session, incident: Incident, config: Config, now: float) -> None:
    """Say that an incident is over, if anything was said of it."""
    if book.of_key(session, incident.id) is not None:
        book.resolve(session, incident.id, text=_words(config).ended, now=now, who=ENGINE)


def _words(config: Config) -> _Words:
    return _WORDS.get(config.main.locale.replace("_", "-").partition("-")[0], _WORDS["en"])
