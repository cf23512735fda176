"""`forewarn explain`"""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from sqlmodel import Session, col, select

from engine.commands.output import emit, facts, heading, moment, safe, table
from engine.commands.rows import found
from engine.commands.shared import AsJson, ConfigFolder, configured
from engine.commands.stores import database
from engine.errors import ForewarnError
from engine.store.models import DecisionRow, Intent, Issue, ReceiptRow
from engine.web import queries

app = typer.Typer(add_completion=False)
TRIES = ("at", "intent", "kind", "by", "outcome", "code", "detail")
COLUMNS = ("at", "id", "issue", "playbook", "step", "recipient", "channel", "verdict", "why")


@app.command()
def explain(
    decision: Annotated[
        str, typer.Argument(metavar="ID", help="Of a decision, an intent or an issue; none: list the latest decisions.")
    ] = "",
    config: ConfigFolder = None,
    limit: Annotated[int, typer.Option(min=1, help="Of the list.")] = 100,
    json: AsJson = False,
) -> None:
    """Say why a message was sent, held or skipped: sentence, rules, facts; and what came of each try to send it."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = _decisions(session, decision) if decision else queries.decisions(session, "", limit)
        tries = _tries(session, rows) if decision else ()
    if json:
        emit([_plain(row, tries) for row in rows])
    elif decision:
        _tell(rows, tries)
    else:
        table([_listed(row) for row in rows], COLUMNS, empty="nothing was decided yet")


def _plain(row: DecisionRow, tries: Sequence[ReceiptRow]) -> dict[str, Any]:
    of_it = [each.model_dump() for each in tries if each.intent == row.intent]
    return row.model_dump() | {"sentence": queries.because(row), "tries": of_it}


def _listed(row: DecisionRow) -> dict[str, Any]:
    return row.model_dump() | {"at": moment(row.at), "why": queries.because(row)}


def _try(row: ReceiptRow) -> dict[str, Any]:
    return row.model_dump() | {"at": moment(row.at), "by": f"{row.channel} {row.address}".strip()}


def _tries(session: Session, rows: Sequence[DecisionRow]) -> Sequence[ReceiptRow]:
    """Return what came of what was decided: each attempt, and each word of a provider."""
    of = col(ReceiptRow.intent).in_({row.intent for row in rows if row.intent})
    return session.exec(select(ReceiptRow).where(of).order_by(col(ReceiptRow.at), col(ReceiptRow.id))).all()


def _tell(rows: Sequence[DecisionRow], tries: Sequence[ReceiptRow]) -> None:
    for row in rows:
        _show(row, whole=len(rows) == 1)
    if tries:
        heading("tries")
        table([_try(each) for each in tries], TRIES, empty="")
    if len(rows) > 1:
        typer.echo(f"\n{len(rows)} decisions; forewarn explain DECISION shows the facts of one")


def _decisions(session: Session, key: str) -> Sequence[DecisionRow]:
    by: dict[str, tuple[Any, str, Any]] = {
        "iss_": (Issue, "issue", DecisionRow.issue),
        "int_": (Intent, "intent", DecisionRow.intent),
    }
    table, what, column = by.get(key[:4], (DecisionRow, "decision", DecisionRow.id))
    row: Any = found(session, table, key, what)
    query = select(DecisionRow).where(col(column) == row.id).order_by(col(DecisionRow.at), col(DecisionRow.id))
    if rows := session.exec(query).all():
        return rows
    raise ForewarnError("nothing was decided about it yet", place=row.id, remedy="is the engine running?")


def _show(row: DecisionRow, *, whole: bool) -> None:
    heading(f"{row.verdict}: {safe(queries.because(row))}")
    times = {"at": moment(row.at), "until": moment(row.until)}
    named = ("id", "issue", "intent", "playbook", "step", "recipient", "channel", "reason")
    facts({**{name: getattr(row, name) for name in named}, **times})
    typer.echo("rules, in the order asked:")
    for check in queries.trail(row):
        mark = "passed" if check.passed else "STOPS "
        typer.echo(f"  {mark}  {check.rule}: {safe(check.detail or check.about)}")
    if whole:
        typer.echo("facts:")
        for name, value in queries.told(queries.facts(row)):
            typer.echo(f"  {name}: {safe(value)}")
