"""The status page for operators' programs: what is said on it, and how many hear of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session

from engine.errors import Permanent
from engine.status import book, subscribers
from engine.status.board import known
from engine.status.book import Window
from engine.status.uptime import DAY, DAYS
from engine.store.models import StatusEntry
from engine.web.api import BAD
from engine.web.problems import Refused
from engine.web.schemas import In, Out, Word
from engine.web.services import Services
from engine.web.state import Asking, Injected

router = APIRouter(prefix="/v1/status", responses=BAD, tags=["status page"])
Impact = Literal["none", "minor", "major", "critical"]
Title = Annotated[str, Field(min_length=1, max_length=200)]
Said = Annotated[str, Field(min_length=1, max_length=5000)]
Components = Annotated[list[Word], Field(max_length=100)]


class UpdateOut(Out):
    """One public word."""

    id: str
    at: datetime
    state: str
    impact: str
    text: str


class EntryOut(Out):
    """An incident or a maintenance on the status page."""

    id: str
    key: str
    kind: str
    title: str
    state: str
    impact: str
    components: list[str]
    who: str
    started_at: datetime
    ends_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    updates: list[UpdateOut] = Field(default_factory=list)


class IncidentIn(In):
    """What the public is to know. The same `key` again declares nothing new; without one it is a new incident."""

    title: Title
    text: Said
    components: Components = Field(default_factory=list)
    impact: Impact = "minor"
    key: Word = ""


class MaintenanceIn(IncidentIn):
    """A maintenance window; calendars know of it while it lasts."""

    starts_at: AwareDatetime
    ends_at: AwareDatetime


class UpdateIn(In):
    """Something new of an entry; what is not given stays as it is."""

    text: Said
    state: Word = ""
    impact: Impact | None = None
    components: Components | None = None


class SubscribersOut(BaseModel):
    """How many there are; nobody's address."""

    pending: int = 0
    confirmed: int = 0
    ended: int = 0


@router.get("/entries")
def list_entries(services: Injected) -> list[EntryOut]:
    """List what is going on, is to come, or ended within 90 days, the latest begun first."""
    with services.database.reading() as session:
        rows = book.entries(session, services.clock.time() - DAYS * DAY)
        said = book.updates(session, [row.id for row in rows])
        return [_out(row).model_copy(update={"updates": [_update(each) for each in said[row.id]]}) for row in rows]


@router.post("/incidents", status_code=201)
def declare_incident(services: Injected, caller: Asking, wanted: IncidentIn) -> EntryOut:
    """Declare an incident to the public."""
    now = services.clock.time()
    components = _components(services, wanted.components)
    return _written(
        services,
        lambda session: book.declare(
            session,
            key=wanted.key,
            title=wanted.title,
            components=components,
            impact=wanted.impact,
            text=wanted.text,
            now=now,
            who=caller.name,
        ),
    )


@router.post("/maintenances", status_code=201)
def announce_maintenance(services: Injected, caller: Asking, wanted: MaintenanceIn) -> EntryOut:
    """Announce a maintenance to the public, and to the calendars of detectors."""
    now = services.clock.time()
    components = _components(services, wanted.components)
    return _written(
        services,
        lambda session: book.maintain(
            session,
            key=wanted.key,
            title=wanted.title,
            components=components,
            window=Window(wanted.starts_at.timestamp(), wanted.ends_at.timestamp(), wanted.impact),
            text=wanted.text,
            now=now,
            who=caller.name,
        ),
    )


@router.post("/entries/{entry}/updates", status_code=201)
def say(services: Injected, caller: Asking, entry: str, wanted: UpdateIn) -> EntryOut:
    """Say something new; `state` resolved, completed or cancelled ends the entry."""
    components = None if wanted.components is None else _components(services, wanted.components)
    with services.database.reading() as session:
        _found(session, entry)
    return _written(
        services,
        lambda session: book.update(
            session,
            entry,
            text=wanted.text,
            now=services.clock.time(),
            who=caller.name,
            state=wanted.state,
            impact=wanted.impact or "",
            components=components,
        ),
    )


@router.get("/subscribers")
def count_subscribers(services: Injected) -> SubscribersOut:
    """Say how many are subscribed."""
    with services.database.reading() as session:
        return SubscribersOut(**subscribers.counts(session))


def _components(services: Services, names: list[str]) -> list[str]:
    try:
        return known(services.config().status, names)
    except Permanent as error:
        raise Refused(422, error.line()) from error


def _found(session: Session, entry: str) -> StatusEntry:
    try:
        return book.find(session, entry)
    except Permanent as error:
        raise Refused(404, error.line()) from error


def _written(services: Services, what: Callable[[Session], StatusEntry]) -> EntryOut:
    try:
        with services.database.transaction() as session:
            return _out(what(session))
    except Permanent as error:
        raise Refused(422, error.line()) from error


def _out(row: StatusEntry) -> EntryOut:
    return EntryOut.model_validate(row.model_dump())


def _update(row: object) -> UpdateOut:
    return UpdateOut.model_validate(row)
