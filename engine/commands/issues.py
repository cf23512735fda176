"""`forewarn issues`"""

from typing import Annotated, Any

import typer
from sqlmodel import Session, col, select

from engine.commands.actions import act, said
from engine.commands.output import emit, facts, heading, moment, table
from engine.commands.rows import found
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Who, configured, person
from engine.commands.stores import database, storage
from engine.config.problems import nearest
from engine.issues.book import history
from engine.issues.view import ACTIVE
from engine.store.models import DecisionRow, Issue

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Issues: what is wrong, and for whom.")
IssueId = Annotated[str, typer.Argument(metavar="ISSUE", help="Its id, or how the id begins.")]
Why = Annotated[str, typer.Option("--why", help="One sentence for the history.")]
STATUSES = ("open", "acknowledged", "resolved", "dismissed")
COLUMNS = ("id", "severity", "status", "detector", "subject", "account", "opened", "summary")


@app.command("list")
def listed(
    config: ConfigFolder = None,
    status: Annotated[str, typer.Option(help="open, acknowledged, resolved, dismissed, active or all.")] = "active",
    detector: Annotated[str, typer.Option(help="Of this detector only.")] = "",
    account: Annotated[str, typer.Option(help="Of this account only, as account/acme.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: AsJson = False,
) -> None:
    """List issues, the latest first: without --status those that are open or acknowledged."""
    query = select(Issue).order_by(col(Issue.opened_at).desc(), col(Issue.id)).limit(limit)
    if status != "all":
        query = query.where(col(Issue.status).in_(_statuses(status)))
    if detector:
        query = query.where(Issue.detector == detector)
    if account:
        query = query.where(Issue.account == account)
    with database(configured(config)) as opened, opened.reading() as session:
        rows = session.exec(query).all()
    if json:
        emit([row.model_dump() for row in rows])
    else:
        table([_listed(row) for row in rows], COLUMNS, empty="no such issues")


def _listed(row: Issue) -> dict[str, Any]:
    status = f"{row.status} (on trial)" if row.shadow else row.status
    return row.model_dump() | {"opened": moment(row.opened_at), "status": status}


def _statuses(status: str) -> tuple[str, ...]:
    if status == "active":
        return ACTIVE
    if status not in STATUSES:
        known = (*STATUSES, "active", "all")
        raise typer.BadParameter(f"no status {status!r}; {nearest(status, known)}", param_hint="--status")
    return (status,)


@app.command()
def show(issue: IssueId, config: ConfigFolder = None, json: AsJson = False) -> None:
    """Show one issue: its evidence, its history and what was decided about it."""
    with database(configured(config)) as opened, opened.reading() as session:
        row = found(session, Issue, issue, "issue")
        changes = [each.model_dump() for each in history(session, row.id)]
        decisions = [each.model_dump(exclude={"facts"}) for each in _decisions(session, row.id)]
    if json:
        emit(row.model_dump() | {"history": changes, "decisions": decisions})
        return
    _show(row)
    heading("history")
    table(_timed(changes), ("at", "who", "what", "before", "after", "note"), empty="none")
    heading("decisions")
    table(_timed(decisions), ("at", "id", "step", "recipient", "channel", "verdict", "reason"), empty="none yet")


def _decisions(session: Session, issue: str) -> list[DecisionRow]:
    query = select(DecisionRow).where(DecisionRow.issue == issue).order_by(col(DecisionRow.at), col(DecisionRow.id))
    return list(session.exec(query).all())


def _show(row: Issue) -> None:
    evidence = {key: row.evidence.get(key) for key in ("value", "expected", "low", "high", "score")}
    times = {"opened": moment(row.opened_at), "resolved": moment(row.resolved_at)}
    named = ("id", "severity", "status", "detector", "series", "subject", "account", "reopened", "shadow")
    told = {name: getattr(row, name) for name in named}
    facts({**told, **times, **evidence, "summary": row.summary})


def _timed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"at": moment(row["at"])} for row in rows]


@app.command()
def ack(issue: IssueId, config: ConfigFolder = None, who: Who = "", why: Why = "") -> None:
    """Look after an issue: escalations that wait for this are not sent."""
    _act("acknowledge", issue, config, who, why)


@app.command()
def resolve(issue: IssueId, config: ConfigFolder = None, who: Who = "", why: Why = "") -> None:
    """Say that it is over: those who were told of it are told so."""
    _act("resolve", issue, config, who, why)


@app.command()
def dismiss(issue: IssueId, config: ConfigFolder = None, who: Who = "", why: Why = "") -> None:
    """Say that it was a false alarm: those who were told of it get a correction."""
    _act("dismiss", issue, config, who, why)


@app.command()
def note(issue: IssueId, text: Annotated[str, typer.Argument()], config: ConfigFolder = None, who: Who = "") -> None:
    """Write a note into an issue's history."""
    _act("note", issue, config, who, text)


def _act(what: str, issue: str, config: ConfigFolder, who: str, why: str) -> None:
    loaded = configured(config)
    with database(loaded) as opened, opened.reading() as session:
        row = found(session, Issue, issue, "issue")
    with storage(loaded) as stores:
        act(loaded, stores, CLOCK, row.subject, {"what": what, "issue": row.id, "who": person(who), "note": why})
    said(f"{what} {row.id}")
