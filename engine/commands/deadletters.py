"""`forewarn deadletters`"""

import difflib
from typing import Annotated

import typer

from engine.app import intake
from engine.commands.output import emit, facts, heading, moment, safe, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import storage
from engine.errors import ForewarnError
from engine.eventlog.base import DeadLetter, DeadLetters

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="What could not be taken as an event, with its reason and its bytes.",
)
COLUMNS = ("id", "at", "reason", "origin", "detail")
MANY = 1_000_000


@app.command("list")
def listed(
    config: ConfigFolder = None,
    reason: Annotated[str, typer.Option(help="malformed, oversized, future, unknown-type, late …")] = "",
    after: Annotated[str, typer.Option(help="Go on after the dead letter with this id.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: AsJson = False,
) -> None:
    """List dead letters, the oldest first, and how many there are by reason."""
    with storage(configured(config)) as opened:
        letters = list(opened.dead_letters.list(reason=reason or None, after=after, limit=limit))
        counts = opened.dead_letters.counts()
    if json:
        emit({"counts": counts, "letters": [_plain(letter) for letter in letters]})
        return
    table([_plain(letter) | {"at": moment(letter.at)} for letter in letters], COLUMNS, empty="no dead letters")
    if counts:
        typer.echo("\n" + ", ".join(f"{count:,} {name}" for name, count in counts.items()))


def _plain(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "at": letter.at,
        "reason": letter.reason,
        "origin": letter.origin,
        "detail": letter.detail,
        "payload": letter.payload.decode(errors="backslashreplace"),
    }


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="ID")], config: ConfigFolder = None, json: AsJson = False
) -> None:
    """Show one with its bytes."""
    with storage(configured(config)) as opened:
        known = _found(opened.dead_letters, letter)
    plain = _plain(known)
    if json:
        emit(plain)
        return
    facts({**plain, "at": moment(known.at), "payload": ""})
    heading("payload")
    typer.echo(safe(plain["payload"]))


def _found(letters: DeadLetters, key: str) -> DeadLetter:
    known = letters.get(key)
    if known is not None:
        return known
    near = difflib.get_close_matches(key, [each.id for each in letters.list(limit=10_000)], n=1, cutoff=0.7)
    remedy = f"did you mean {near[0]!r}?" if near else "list them with `forewarn deadletters list`"
    raise ForewarnError(f"there is no dead letter {key!r}", remedy=remedy)


@app.command()
def retry(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID…", show_default=False)] = None,
    reason: Annotated[
        str, typer.Option(help="All of this reason, as unknown-type after the configuration knows it.")
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Try dead letters again: those that are taken now are removed. Exit code 1 if none is."""
    if not ids and not reason and not everything:
        raise Unusable("nothing was named", remedy="give ids, --reason or --all")
    loaded = configured(config)
    with storage(loaded) as opened:
        letters = opened.dead_letters
        named = [_found(letters, each).id for each in ids or ()]
        chosen = named or [each.id for each in letters.list(reason=reason or None, limit=MANY)]
        done = intake(loaded, opened, CLOCK).retry(chosen)
    if json:
        emit({"accepted": done.accepted, "rejected": len(done.rejects)})
    else:
        typer.echo(f"{done.accepted:,} accepted, {len(done.rejects):,} still refused")
        for reject in done.rejects[:10]:
            typer.echo(f"  {chosen[reject.line]}: {reject.reason}: {safe(reject.detail)}")
    raise typer.Exit(1 if done.rejects and not done.accepted else 0)
