"""`forewarn token`"""

from typing import Annotated

import typer

from detectors.durations import Duration
from engine import tokens
from engine.commands.output import emit, moment, note, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, configured
from engine.commands.stores import database, storage
from engine.feed import pass_for
from engine.links import Links

app = typer.Typer(add_completion=False, no_args_is_help=True, help="API tokens.")
COLUMNS = ("name", "scope", "created", "revoked")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The program or person that will use it.")],
    scope: Annotated[str, typer.Option(help=f"{', '.join(tokens.SCOPES)}.")] = "ingest",
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Make a token and show it, this once."""
    with database(configured(config)) as opened:
        secret = tokens.create(opened, name, scope, CLOCK)
    note("keep it: it cannot be shown again")
    if json:
        emit({"name": name, "scope": scope, "token": secret})
    else:
        typer.echo(secret)


@app.command("list")
def listed(config: ConfigFolder = None, json: AsJson = False) -> None:
    """List tokens, revoked ones too; what they are is not stored."""
    with database(configured(config)) as opened:
        rows = tokens.list(opened)
    plain = [
        {"name": row.name, "scope": row.scope, "created": row.created_at, "revoked": row.revoked_at} for row in rows
    ]
    if json:
        emit(plain)
        return
    shown = [row | {"created": moment(rows[place].created_at)} for place, row in enumerate(plain)]
    shown = [row | {"revoked": moment(rows[place].revoked_at)} for place, row in enumerate(shown)]
    table(shown, COLUMNS, empty="no tokens: whoever reaches the console on this machine may use it")


@app.command()
def feed(
    subject: Annotated[str, typer.Argument(help="Who may read with it: contact/ann or account/acme.")],
    lasts: Annotated[str, typer.Option("--for", help="How long it works, as 1h; 30d at most.")] = "1h",
    config: ConfigFolder = None,
    json: AsJson = False,
) -> None:
    """Make a token with which a browser may read what an in-app channel keeps for a person or account."""
    loaded = configured(config)
    try:
        claims = pass_for(subject, CLOCK.time(), float(Duration(lasts)))
    except ValueError as error:
        raise Unusable(str(error), place="--for") from error
    with storage(loaded) as stores:
        token = Links(loaded.main.listen.public_url, stores.secret).token(claims)
    if json:
        emit({"subject": subject, "token": token, "expires_at": claims.expires})
    else:
        typer.echo(token)


@app.command()
def revoke(name: Annotated[str, typer.Argument()], config: ConfigFolder = None) -> None:
    """Make a token worthless."""
    with database(configured(config)) as opened:
        tokens.revoke(opened, name, CLOCK)
    typer.echo(f"{name} is revoked; a running engine knows within seconds")
