"""The API for agents and operators: what is wrong, what was decided about it, and what they do about it."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Query
from starlette.responses import Response

from engine.config.problems import Problem, errors
from engine.desks import known
from engine.desks.known import Ref
from engine.errors import ForewarnError, Permanent
from engine.eventlog.base import DeadLetter
from engine.intake import Accepted
from engine.issues import silences
from engine.issues.book import history
from engine.policy import stops
from engine.store.models import DecisionRow, Issue, Silence, Ticket, TicketNote
from engine.web import actions, queries
from engine.web.problems import Refused, problem
from engine.web.schemas import (
    ChangeOut,
    DeadLetterOut,
    DecisionDetail,
    DecisionOut,
    IssueDetail,
    IssueOut,
    ListedTicket,
    NoteIn,
    NoteOut,
    Page,
    ProblemOut,
    Reloaded,
    Retried,
    RetryIn,
    SilenceIn,
    SilenceOut,
    StopIn,
    StopOut,
    Taken,
    TextIn,
    TicketDetail,
    TicketOut,
    VerdictIn,
)
from engine.web.schemas import Problem as ProblemBody
from engine.web.services import Services
from engine.web.state import Asking, Injected

BAD: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemBody, "description": text}
    for status, text in (
        (401, "No valid token."),
        (403, "Not with this token."),
        (404, "Not there."),
        (422, "Invalid."),
    )
}
Row = TypeVar("Row")
Out = TypeVar("Out")
router = APIRouter(prefix="/v1", responses=BAD)
Limit = Annotated[int, Query(ge=1, le=500)]
After = Annotated[str, Query(max_length=200, description="`next` of the page before")]
Some = Annotated[str, Query(max_length=200)]
Status = Literal["open", "acknowledged", "resolved", "dismissed"]


@router.get("/issues", tags=["issues"])
def list_issues(
    services: Injected,
    status: Annotated[list[Status] | None, Query()] = None,
    detector: Some = "",
    account: Some = "",
    after: After = "",
    limit: Limit = 50,
) -> Page[IssueOut]:
    """List issues, the latest opened first."""
    with services.database.reading() as session:
        rows = queries.issues(session, queries.Filters(status or (), detector, account), after, limit + 1)
        return _page(rows, limit, IssueOut.model_validate, lambda row: row.id)


@router.get("/issues/{issue}", tags=["issues"])
def show_issue(services: Injected, issue: str) -> IssueDetail:
    """Show an issue, its evidence and its history."""
    with services.database.reading() as session:
        row = queries.need(session, Issue, issue, "issue")
        changes = [ChangeOut.model_validate(each) for each in history(session, issue)]
        plain = IssueOut.model_validate(row).model_dump()
        return IssueDetail(**plain, evidence=row.evidence, history=changes)


@router.post("/issues/{issue}/{what}", status_code=202, tags=["issues"])
def act_on_issue(
    services: Injected,
    caller: Asking,
    issue: str,
    what: Literal["acknowledge", "resolve", "dismiss", "note"],
    said: NoteIn | None = None,
) -> Taken:
    """Acknowledge, resolve or dismiss an issue (a false alarm), or write a note into its history."""
    note = said.note if said else ""
    return Taken(event=actions.on_issue(services, what, issue, caller.name, note))


@router.get("/stops", tags=["stops"])
def list_stops(services: Injected) -> list[StopOut]:
    """List kill switches, those that are on first."""
    with services.database.reading() as session:
        return [StopOut.model_validate(row) for row in stops.thrown(session)]


@router.post("/stops", status_code=201, tags=["stops"])
def throw_stop(services: Injected, caller: Asking, wanted: StopIn) -> StopOut:
    """Throw a kill switch: on return nothing of its scope leaves any more."""
    return StopOut.model_validate(actions.stop(services, wanted.scope, wanted.name or "", caller.name, wanted.why))


@router.post("/stops/{stop_id}/end", tags=["stops"])
def end_stop(services: Injected, caller: Asking, stop_id: str) -> StopOut:
    """Let what was stopped go on."""
    return StopOut.model_validate(actions.go_on(services, stop_id, caller.name))


@router.get("/silences", tags=["silences"])
def list_silences(services: Injected) -> list[SilenceOut]:
    """List silences, those that are over too."""
    with services.database.reading() as session:
        return [SilenceOut.model_validate(row) for row in queries.silences(session)]


@router.post("/silences", status_code=202, tags=["silences"])
def silence(services: Injected, caller: Asking, wanted: SilenceIn) -> Taken:
    """Make a silence: what matches is recorded, and nobody is told of it."""
    now = services.clock.time()
    starts = wanted.starts_at.timestamp() if wanted.starts_at else now
    ends = wanted.ends_at.timestamp() if wanted.ends_at else None
    try:
        silences.check(wanted.matcher, starts, ends, wanted.recurring)
    except (Permanent, TypeError) as error:
        raise Refused(422, error.line() if isinstance(error, ForewarnError) else f"recurring: {error}") from error
    data = {
        "what": "silence",
        "who": caller.name,
        "note": wanted.why,
        "matcher": wanted.matcher,
        "starts_at": starts,
        "ends_at": ends,
        "recurring": wanted.recurring,
    }
    return Taken(event=actions.act(services, "engine/silences", data))


@router.post("/silences/{silence_id}/end", status_code=202, tags=["silences"])
def end_silence(services: Injected, caller: Asking, silence_id: str, said: NoteIn | None = None) -> Taken:
    """End a silence now."""
    with services.database.reading() as session:
        queries.need(session, Silence, silence_id, "silence")
    data = {"what": "unsilence", "who": caller.name, "silence": silence_id, "note": said.note if said else ""}
    return Taken(event=actions.act(services, "engine/silences", data))


@router.get("/decisions", tags=["decisions"])
def list_decisions(
    services: Injected,
    issue: Some = "",
    verdict: Literal["send", "hold", "skip", ""] = "",
    after: After = "",
    limit: Limit = 50,
) -> Page[DecisionOut]:
    """List decisions, the latest first, each with its reason."""
    with services.database.reading() as session:
        rows = queries.decisions(session, after, limit + 1, issue=issue, verdict=verdict)
        return _page(rows, limit, _decision, lambda row: row.id)


@router.get("/decisions/{decision}", tags=["decisions"])
def show_decision(services: Injected, decision: str) -> DecisionDetail:
    """Explain a decision: every rule that was asked, and all that it was taken from."""
    with services.database.reading() as session:
        row = queries.need(session, DecisionRow, decision, "decision")
        plain = _decision(row).model_dump()
        trail = [vars_of(check) for check in queries.trail(row)]
        return DecisionDetail.model_validate({**plain, "trail": trail, "facts": queries.facts(row)})


@router.get("/tickets", tags=["tickets"])
def list_tickets(services: Injected, queue: Some = "", desk: Some = "", limit: Limit = 100) -> list[ListedTicket]:
    """List the tickets of all desks that are not over, the worst first, then the oldest."""
    with services.database.reading() as session:
        return [ListedTicket.of(row) for row in known.open_tickets(session, queue=queue, desk=desk, limit=limit)]


@router.get("/tickets/{desk}/{number}", tags=["tickets"])
def show_desk_ticket(services: Injected, desk: str, number: str) -> ListedTicket:
    """Show what is known of a ticket at another desk: how it stands, and where it is read."""
    with services.database.reading() as session:
        row = known.known_at(session, Ref(desk, number))
    if row is None:
        raise queries.missing("ticket", f"{desk}/{number}")
    return ListedTicket.of(row)


@router.get("/tickets/{number}", tags=["tickets"])
def show_ticket(services: Injected, number: int) -> TicketDetail:
    """Show a ticket with its evidence, next step and notes."""
    ticket, notes = ticket_of(services, number)
    plain = TicketOut.model_validate(ticket).model_dump()
    more = {name: getattr(ticket, name) for name in ("body", "next_step", "evidence", "picture")}
    return TicketDetail(**plain, **more, notes=[NoteOut.model_validate(note) for note in notes])


@router.post("/tickets/{number}/claim", tags=["tickets"], responses={409: {"model": ProblemBody}})
def claim_ticket(services: Injected, caller: Asking, number: int) -> TicketOut:
    """Take a ticket; 409 if somebody else has it."""
    ticket_of(services, number)
    return TicketOut.model_validate(services.tickets.claim(number, caller.name, services.intake))


@router.post("/tickets/{number}/note", status_code=201, tags=["tickets"])
def note_ticket(services: Injected, caller: Asking, number: int, said: TextIn) -> TicketDetail:
    """Write an internal note."""
    ticket_of(services, number)
    services.tickets.note(number, caller.name, said.text)
    return show_ticket(services, number)


@router.post("/tickets/{number}/resolve", tags=["tickets"], responses={409: {"model": ProblemBody}})
def resolve_ticket(services: Injected, caller: Asking, number: int, said: VerdictIn) -> TicketOut:
    """End a ticket with a verdict, from which the detector learns; 409 if it was resolved before."""
    ticket_of(services, number)
    done = services.tickets.resolve(number, caller.name, said.verdict, said.note, services.intake)
    return TicketOut.model_validate(done)


@router.get("/deadletters", tags=["dead letters"])
def list_dead_letters(
    services: Injected, reason: Some = "", after: After = "", limit: Limit = 50
) -> Page[DeadLetterOut]:
    """List what could not be taken as an event, the oldest first."""
    found = dead_letters(services, reason, after, limit + 1)
    return _page(found, limit, DeadLetterOut.model_validate, lambda letter: letter.id)


@router.get("/deadletters/{letter}", tags=["dead letters"])
def show_dead_letter(services: Injected, letter: str) -> DeadLetterOut:
    """Show one, with its bytes as text."""
    found = services.dead_letters.get(letter)
    if found is None:
        raise queries.missing("dead letter", letter)
    return DeadLetterOut.model_validate(found)


@router.post("/deadletters/retry", tags=["dead letters"])
def retry_dead_letters(services: Injected, wanted: RetryIn) -> Retried:
    """Try them again, e.g. after a change of the configuration; those that are taken are dead letters no more."""
    done = services.intake.retry(wanted.ids)
    return Retried(accepted=done.accepted, refused=len(done.rejects), errors=reasons(done, list(wanted.ids)))


@router.post("/reload", tags=["engine"], response_model=Reloaded)
def reload(services: Injected) -> Reloaded | Response:
    """Read the configuration anew. With any error in it the running one stays, and 422 lists what is wrong."""
    found = services.reload()
    listed = [_problem(each) for each in found]
    wrong = errors(found)
    if wrong:
        detail = f"{wrong[0]}; the running configuration stays"
        return problem(422, detail, problems=[each.model_dump() for each in listed])
    return Reloaded(problems=listed)


def ticket_of(services: Services, number: int) -> tuple[Ticket, Sequence[TicketNote]]:
    """Return a ticket and its notes. Raises Refused (404)."""
    if not 0 < number < 2**31:
        raise queries.missing("ticket", number)
    try:
        return services.tickets.get(number)
    except Permanent as error:
        raise queries.missing("ticket", number) from error


def dead_letters(services: Services, reason: str, after: str, limit: int) -> list[DeadLetter]:
    """Return dead letters from the one after id `after` on. Raises Refused (404) if that is none."""
    if after and services.dead_letters.get(after) is None:
        raise queries.missing("dead letter", after)
    return list(services.dead_letters.list(reason=reason or None, after=after, limit=limit))


def reasons(done: Accepted, ids: Sequence[str]) -> list[str]:
    """Return why dead letters that were tried again are still dead."""
    order = list(dict.fromkeys(ids))
    return [f"{order[each.line]}: {each.reason}: {each.detail}" for each in done.rejects]


def vars_of(check: queries.Check) -> dict[str, object]:
    """Return a check as plain values."""
    return {"rule": check.rule, "about": check.about, "passed": check.passed, "detail": check.detail}


def _decision(row: DecisionRow) -> DecisionOut:
    return DecisionOut.model_validate({**row.model_dump(), "because": queries.because(row)})


def _problem(each: Problem) -> ProblemOut:
    file, line, column = each.place
    return ProblemOut(file=file, line=line, column=column, severity=each.severity, what=each.what, hint=each.hint)


def _page(rows: Sequence[Row], limit: int, made: Callable[[Row], Out], key: Callable[[Row], str]) -> Page[Out]:
    """Return a page of `limit`; one row more was asked for, to know whether there is another."""
    following = key(rows[limit - 1]) if len(rows) > limit else None
    return Page(items=[made(row) for row in rows[:limit]], next=following)
