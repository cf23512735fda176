"""What the API answers and takes: the models that OpenAPI documents. Times are RFC 3339, in UTC."""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from engine.config.model import BUILTIN
from engine.desks.known import Known

T = TypeVar("T")
Word = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=10_000)]


class Out(BaseModel):
    """An answer, made from a row."""

    model_config = ConfigDict(from_attributes=True)


class In(BaseModel):
    """A request; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[T]):
    """Some of a list; `next` is the `after` of the next page, absent on the last."""

    items: list[T]
    next: str | None = None


class Problem(BaseModel):
    """RFC 9457. `detail` says place, cause and remedy."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class IssueOut(Out):
    """One thing that is wrong for one subject."""

    id: str
    detector: str
    series: str
    subject: str
    account: str | None
    severity: str
    status: str
    opened_at: datetime
    noticed_at: datetime
    updated_at: datetime
    resolved_at: datetime | None
    reopened: int
    flapping: bool
    shadow: bool
    """Its detector is on trial: nothing comes of it."""
    summary: str


class ChangeOut(Out):
    """Who did what, and when."""

    at: datetime
    who: str
    what: str
    before: str
    after: str
    note: str


class IssueDetail(IssueOut):
    """An issue with what it was opened for and what happened since."""

    evidence: dict[str, Any]
    history: list[ChangeOut]

    @field_validator("evidence")
    @classmethod
    def _without_track(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Leave out what only the lifecycle reads."""
        return {name: each for name, each in value.items() if name != "track"}


class DecisionOut(Out):
    """Send, hold or skip, and why."""

    id: str
    at: datetime
    issue: str
    intent: str
    playbook: str
    step: str
    recipient: str
    channel: str
    verdict: str
    reason: str
    because: str
    """The reason as a sentence."""
    until: datetime | None


class CheckOut(BaseModel):
    """One rule that was asked, and what it said."""

    rule: str
    about: str
    passed: bool
    detail: str


class DecisionDetail(DecisionOut):
    """A decision with its trail and all that it was taken from."""

    trail: list[CheckOut]
    facts: dict[str, Any]


class TicketOut(Out):
    """A ticket of the built-in desk."""

    number: int
    issue: str
    account: str
    queue: str
    subject: str
    severity: str
    status: str
    assignee: str
    verdict: str
    parent: int | None
    tags: list[str]
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None


class ListedTicket(Out):
    """A ticket, whichever desk has it."""

    desk: str
    number: int | str
    """Of the built-in desk a number; else what the desk calls it by."""
    name: str
    """What people call it."""
    url: str
    """Where an agent reads it: a path here, or the desk's own page; empty where that is not known."""
    issue: str
    account: str
    queue: str
    subject: str
    severity: str
    status: str
    assignee: str
    verdict: str
    opened_at: datetime

    @classmethod
    def of(cls, row: Known) -> "ListedTicket":
        """Return how a ticket is listed."""
        number = int(row.ref.number) if row.ref.desk == BUILTIN else row.ref.number
        rest = {name: getattr(row, name) for name in cls.model_fields if name not in ("desk", "number")}
        return cls.model_validate({"desk": row.ref.desk, "number": number, **rest})


class NoteOut(Out):
    """A note on a ticket."""

    at: datetime
    who: str
    text: str
    picture: str
    """SVG; empty where there is none."""


class TicketDetail(TicketOut):
    """A ticket with all that an agent needs."""

    body: str
    next_step: str
    evidence: dict[str, Any]
    picture: str
    notes: list[NoteOut]


class SilenceOut(Out):
    """What is recorded and not told of."""

    id: str
    matcher: dict[str, str]
    starts_at: datetime
    ends_at: datetime | None
    recurring: dict[str, Any]
    who: str
    why: str


class DeadLetterOut(Out):
    """Bytes that could not be taken as an event, and why."""

    id: str
    reason: str
    detail: str
    origin: str
    at: datetime
    payload: str
    """What is no UTF-8 is shown as �."""

    @field_validator("payload", mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        return value.decode(errors="replace") if isinstance(value, bytes) else value


class NoteIn(In):
    """Why."""

    note: Text = ""


class TextIn(In):
    """A note."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]


class VerdictIn(In):
    """What an agent found out; the detector learns from it."""

    verdict: Literal["true", "false", "unclear"]
    note: Text = ""


class SilenceIn(In):
    """A silence: any of detector, subject, account, severity, each a value or a glob; with an end, or weekly hours."""

    matcher: dict[Word, Word]
    why: Text
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    recurring: dict[str, Any] = {}


class StopIn(In):
    """A kill switch to throw: everything, a playbook, channel (or desk), stream, or template (or folder of them)."""

    scope: Literal["all", "playbook", "channel", "stream", "template"]
    name: Word | None = None
    why: Annotated[str, Field(min_length=1, max_length=2000)]


class StopOut(Out):
    """A kill switch; on until `ended_at`."""

    id: str
    scope: str
    name: str
    who: str
    why: str
    at: datetime
    ended_at: datetime | None
    ended_by: str
    recalled_at: datetime | None


class ApprovalOut(Out):
    """A question to people: may so many be told?"""

    id: str
    playbook: str
    asked_at: datetime
    expires_at: datetime
    why: str
    audience: int
    needed: int
    """How many different people must agree."""
    state: str
    """asked, approved, refused or expired."""
    decided_at: datetime | None


class VoteIn(In):
    """What is said with an answer."""

    note: Annotated[str, Field(max_length=2000)] = ""
    false_alarm: bool = False
    """With a refusal: all of it was a false alarm."""


class VoteOut(Out):
    """What one person said."""

    who: str
    at: datetime
    agreed: bool
    note: str


class WaitingOut(Out):
    """Someone who would be told."""

    person: str
    name: str
    account: str
    locale: str
    since: datetime


class PreviewOut(Out):
    """A text as it would go out."""

    channel: str
    locale: str
    template: str
    recipient: str
    subject: str
    text: str
    html: str
    people: int
    """How many who wait read this language."""
    wrong: str
    """Why there is no text."""


class ApprovalDetail(ApprovalOut):
    """With everything one needs to answer it."""

    votes: list[VoteOut]
    people: list[WaitingOut]
    """The first hundred."""
    texts: list[PreviewOut]


class DefectOut(Out):
    """What makes customers need help who should not."""

    id: str
    detector: str
    owner: str
    source: str
    title: str
    opened_at: datetime
    after: str
    reference: str
    closed_at: datetime | None
    closed_by: str
    note: str
    issues: int
    accounts: int
    contacts: int
    cost: float | None
    """What the contacts cost; absent where no playbook says what one costs."""


class IncidentOut(Out):
    """Issues of many customers with one cause."""

    id: str
    title: str
    detector: str
    status: str
    opened_at: datetime
    ended_at: datetime | None
    wave: str
    cause: str
    """What they have in common, in words; empty where that was not looked for."""
    kind: str
    values: dict[str, str]
    """Dimensions of that kind of subject, with the value in common."""
    issues: int
    active: int
    accounts: int
    ticket: str


class IncidentIssue(Out):
    """An issue of an incident."""

    id: str
    account: str | None
    subject: str
    detector: str
    severity: str
    status: str
    opened_at: datetime
    summary: str


class IncidentDetail(IncidentOut):
    """And its issues, the first opened first."""

    members: list[IncidentIssue]


class DefectIn(In):
    """What was done about it."""

    note: Annotated[str, Field(max_length=2000)] = ""


class RetryIn(In):
    """Dead letters to try again."""

    ids: Annotated[list[Word], Field(min_length=1, max_length=1000)]


class Taken(BaseModel):
    """It is in the log and done within moments."""

    event: str


class Retried(BaseModel):
    """What became of dead letters that were tried again; those refused stay what they are."""

    accepted: int
    refused: int
    errors: list[str]


class ProblemOut(BaseModel):
    """What is wrong with the configuration, and where."""

    file: str
    line: int
    column: int
    severity: str
    what: str
    hint: str


class Reloaded(BaseModel):
    """The new configuration is in force from the next step on; `problems` are warnings."""

    problems: list[ProblemOut]


class FeedTokenIn(In):
    """For whom a token is made."""

    subject: Word
    """`contact/…` or `account/…`."""
    lasts_s: Annotated[float, Field(gt=0, le=30 * 86400.0)] = 3600.0


class FeedTokenOut(BaseModel):
    """A token with which a browser reads what is kept for one person or account."""

    token: str
    url: str
    expires_at: datetime
