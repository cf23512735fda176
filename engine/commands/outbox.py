"""`forewarn outbox`"""

from typing import Annotated

import typer
from sqlmodel import col, select

from engine.commands.output import emit, moment, note, table
from engine.commands.rows import found
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import database
from engine.config.problems import nearest
from engine.errors import Permanent
from engine.store import outbox
from engine.store.models import Intent
from engine.store.outbox import Status

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What is to be sent, and what became of it.")
COLUMNS = ("id", "status", "kind", "occasion", "issue", "recipient", "channel", "due", "attempts", "detail")
RISKY = (Status.SENT, Status.UNKNOWN)


@app.command("list")
def listed(
    config: ConfigFolder = None,
    status: Annotated[str, typer.Option(help="pending, sending, sent, failed, skipped, unknown.")] = "",
    issue: Annotated[str, typer.Option(help="About this issue only.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: AsJson = False,
) -> None:
    """List intents, the latest first, and how many there are by status."""
    query = select(Intent).order_by(col(Intent.created_at).desc(), col(Intent.id)).limit(limit)
    if status:
        query = query.where(Intent.status == _status(status))
    if issue:
        query = query.where(Intent.issue == issue)
    with database(configured(config)) as opened, opened.reading() as session:
        rows, counts = session.exec(query).all(), outbox.counts(session)
    if json:
        emit({"counts": counts, "intents": [row.model_dump() for row in rows]})
        return
    table([row.model_dump() | {"due": moment(row.due_at)} for row in rows], COLUMNS, empty="nothing")
    if counts:
        typer.echo("\n" + ", ".join(f"{count:,} {name}" for name, count in counts.items()))


def _status(status: str) -> str:
    if status not in set(Status):
        raise Unusable(f"there is no status {status!r}", remedy=nearest(status, list(Status)))
    return status


@app.command()
def retry(
    intent: Annotated[str, typer.Argument(metavar="INTENT", help="Its id, or how the id begins.")],
    force: Annotated[bool, typer.Option("--force", help="Also what was sent, or may have been.")] = False,
    config: ConfigFolder = None,
) -> None:
    """Try a failed intent again, e.g. after its template was corrected. Consent and policy are asked anew."""
    with database(configured(config)) as opened, opened.transaction() as session:
        row = found(session, Intent, intent, "intent")
        status = Status(row.status)
        _refuse(row.id, status, force=force)
        outbox.revive(session, row.id, CLOCK.time(), origins=(status,))
    if status in RISKY:
        note(f"warning: it was {status}: {row.recipient or 'its recipient'} may get it twice")
    typer.echo(f"{row.id} is tried again at once if the engine is running, else when it starts")


def _refuse(id_: str, status: Status, *, force: bool) -> None:
    if status is Status.FAILED or (force and status in RISKY):
        return
    if status in RISKY:
        remedy = "with --force it is sent once more all the same, and may arrive twice"
        raise Permanent(f"it is {status}, not failed", place=id_, remedy=remedy)
    remedy = f"forewarn explain {id_} says why" if status is Status.SKIPPED else "it is still on its way"
    raise Permanent(f"it is {status}, not failed", place=id_, remedy=remedy)
