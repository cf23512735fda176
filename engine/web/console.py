"""The console: what is wrong, what was decided, who works on it. Plain pages and forms; no JavaScript."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine.config.model import SEVERITIES
from engine.desks import known
from engine.evaluations import evaluations
from engine.goodwill import grants
from engine.issues.book import history
from engine.letters import evidence_picture
from engine.policy import stops, streams
from engine.store.models import DecisionRow, Issue, LeadTime
from engine.waves.approvals import approvals
from engine.web import actions, queries
from engine.web.api import dead_letters, reasons
from engine.web.auth import COOKIE, Doorkeeper, foreign
from engine.web.goodwill import shown
from engine.web.health import Looking
from engine.web.problems import Refused
from engine.web.services import Services
from engine.web.state import Asking, Form, Injected, doorkeeper_of
from engine.web.views import page

router = APIRouter(include_in_schema=False)
OPEN = ("open", "acknowledged")
SHOWN = 50
REFRESH = 15
"""Seconds after which the first page is loaded again."""
SOON = 2
"""Seconds after which an action shows: then the page is loaded again."""
Action = Literal["acknowledge", "resolve", "dismiss", "note"]
Door = Annotated[Doorkeeper, Depends(doorkeeper_of)]


@router.get("/")
def home(services: Injected, vitals: Looking, caller: Asking) -> Response:
    """Show everything that is going on."""
    sending = services.sending()
    with services.database.reading() as session:
        return render(
            "home.html.j2",
            services,
            who=caller.name,
            refresh=REFRESH,
            issues=_worst_first(queries.issues(session, queries.Filters(OPEN), "", SHOWN)),
            decisions=[(row, queries.because(row)) for row in queries.decisions(session, "", 12)],
            counts=_counts(services, session),
            warned=_warned(session),
            tickets=known.open_tickets(session, limit=20),
            wrong=vitals.wrong(),
            warnings=vitals.warnings(),
            lag=vitals.lag(),
            sending=sending,
            away=sending.away,
            blind=[each.detector for each in evaluations(session) if each.labels_missing],
            streams=streams.unhealthy(session, services.config().policy.streams, services.clock.time()),
            stops=[row for row in stops.thrown(session) if row.ended_at is None],
            asked=approvals(session),
            stoppable=stops.stoppable(services.config()),
        )


@router.post("/stops")
async def stop(services: Injected, caller: Asking, form: Form) -> Response:
    """Throw a kill switch; whoever comes back to the overview sees it."""
    scope, _, name = form.get("what", "").partition(" ")
    await run_in_threadpool(actions.stop, services, scope, name.strip()[:200], caller.name, form.get("why", "")[:2000])
    return RedirectResponse("/", 303)


@router.post("/stops/{stop_id}/end")
async def go_on(services: Injected, caller: Asking, stop_id: str) -> Response:
    """Let what was stopped go on."""
    await run_in_threadpool(actions.go_on, services, stop_id, caller.name)
    return RedirectResponse("/", 303)


@router.get("/issues")
def all_issues(
    services: Injected,
    caller: Asking,
    status: Literal["", "open", "acknowledged", "resolved", "dismissed"] = "",
    detector: Annotated[str, Query(max_length=200)] = "",
    account: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """List issues of every status."""
    filters = queries.Filters((status,) if status else (), detector, account)
    with services.database.reading() as session:
        rows = queries.issues(session, filters, after, SHOWN + 1)
    more = rows[SHOWN - 1].id if len(rows) > SHOWN else ""
    asked = {"status": status, "detector": detector, "account": account}
    return render("issues.html.j2", services, who=caller.name, issues=rows[:SHOWN], more=more, **asked)


@router.get("/issues/{issue}")
def one_issue(services: Injected, caller: Asking, issue: str, done: Action | None = None) -> Response:
    """Show an issue: evidence, history, what was planned and decided. `done`: what was just asked for."""
    with services.database.reading() as session:
        row = queries.need(session, Issue, issue, "issue")
        return render(
            "issue.html.j2",
            services,
            who=caller.name,
            issue=row,
            done=done,
            **({"refresh": f"{SOON}; url=/issues/{row.id}"} if done else {}),
            picture=evidence_picture(row),
            figures=_figures(row.evidence),
            explanation=row.evidence.get("explanation", ""),
            about=_about(services, row.detector),
            history=history(session, issue),
            intents=queries.intents(session, issue),
            decisions=[(each, queries.because(each)) for each in queries.decisions(session, "", SHOWN, issue=issue)],
            tickets=known.of_issue(session, issue),
            goodwill=shown(grants(session, issue=issue)),
        )


@router.post("/issues/{issue}/{what}")
async def act(
    services: Injected,
    caller: Asking,
    issue: str,
    what: Action,
    form: Form,
) -> Response:
    """Do what a button says; the page shows it as soon as the event was processed."""
    note = form.get("note", "")[:10_000]
    await run_in_threadpool(actions.on_issue, services, what, issue, caller.name, note)
    return RedirectResponse(f"/issues/{issue}?done={what}", 303)


@router.get("/decisions/{decision}")
def one_decision(services: Injected, caller: Asking, decision: str) -> Response:
    """Explain a decision."""
    with services.database.reading() as session:
        row = queries.need(session, DecisionRow, decision, "decision")
        issue = session.get(Issue, row.issue)
    return render(
        "decision.html.j2",
        services,
        who=caller.name,
        decision=row,
        because=queries.because(row),
        trail=queries.trail(row),
        facts=queries.told(queries.facts(row)),
        issue=issue,
    )


@router.get("/deadletters")
def show_dead_letters(
    services: Injected,
    caller: Asking,
    reason: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """List dead letters."""
    return _dead_letters(services, caller.name, reason, after, ())


@router.post("/deadletters/retry")
async def retry(services: Injected, caller: Asking, form: Form) -> Response:
    """Try one again; says why if it is refused again."""
    letter = form.get("id", "")
    done = await run_in_threadpool(services.intake.retry, [letter])
    if done.rejects:
        wrong = reasons(done, [letter])
        return await run_in_threadpool(_dead_letters, services, caller.name, "", "", wrong)
    return RedirectResponse("/deadletters", 303)


# -- log-in


@router.get("/login")
def ask_for_token() -> Response:
    """Ask for a token."""
    return HTMLResponse(page("login.html.j2", wrong=False))


@router.post("/login")
async def log_in(services: Injected, request: Request, door: Door, form: Form) -> Response:
    """Keep a token in a cookie that scripts cannot read and other sites cannot send."""
    if foreign(request):
        raise Refused(403, "/login: the form comes from another site's page; open /login itself")
    given = form.get("token", "").strip()
    if not await door.knows(given):
        return HTMLResponse(page("login.html.j2", wrong=True), 401)
    answer = RedirectResponse("/", 303)
    secure = services.config().main.listen.public_url.startswith("https://")
    answer.set_cookie(COOKIE, given, httponly=True, samesite="strict", secure=secure)
    return answer


@router.post("/logout")
def log_out(request: Request) -> Response:
    """Forget the token."""
    if foreign(request):
        raise Refused(403, "/logout: the form comes from another site's page")
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


# -- what the pages show


def render(name: str, services: Services, **values: Any) -> Response:
    """Return a page of the console."""
    company = services.config().main.sender.company
    return HTMLResponse(page(name, now=services.clock.time(), company=company, **values))


def _worst_first(rows: Sequence[Issue]) -> list[Issue]:
    return sorted(rows, key=lambda row: (-SEVERITIES.index(row.severity), -row.opened_at))


def _counts(services: Services, session: Session) -> Mapping[str, Mapping[str, int]]:
    return {
        "issues": queries.counts(session, Issue.status),
        "decisions": queries.counts(session, DecisionRow.verdict),
        "dead": services.dead_letters.counts(),
    }


def _warned(session: Session) -> float | None:
    """Return by how many seconds we were ahead of the customer, in the median of those who were warned."""
    found = session.exec(select(LeadTime.lead_s).where(col(LeadTime.lead_s).is_not(None))).all()
    leads = [lead for lead in found if lead is not None]
    return median(leads) if leads else None


def _about(services: Services, detector: str) -> str:
    found = services.config().detectors.get(detector)
    return found.about if found else ""


def _figures(evidence: Mapping[str, Any]) -> list[tuple[str, Any]]:
    names = ("value", "expected", "low", "high", "score")
    named = [(name, evidence.get(name)) for name in names if evidence.get(name) is not None]
    return [*named, *sorted(evidence.get("extra", {}).items()), *sorted(evidence.get("attributes", {}).items())]


def _dead_letters(services: Services, who: str, reason: str, after: str, wrong: Sequence[str]) -> Response:
    letters = dead_letters(services, reason, after, SHOWN + 1)
    return render(
        "deadletters.html.j2",
        services,
        who=who,
        letters=[(letter, letter.payload[:2000].decode(errors="replace")) for letter in letters[:SHOWN]],
        more=letters[SHOWN - 1].id if len(letters) > SHOWN else "",
        counts=services.dead_letters.counts(),
        reason=reason,
        wrong=wrong,
    )
