"""`forewarn goodwill`"""

from typing import Annotated, Any

import typer

from engine import goodwill
from engine.commands.actions import intake
from engine.commands.output import emit, moment, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, storage
from engine.config.model import Config
from engine.errors import ForewarnError
from engine.goodwill import Wish
from engine.ids import derive
from engine.storage import Storage
from engine.store.models import GoodwillGrant

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Remedies for customers: grant one, list them.")
COLUMNS = ("at", "id", "remedy", "amount", "currency", "account", "issue", "who", "status", "why")


@app.command()
def grant(
    remedy: Annotated[str, typer.Argument(metavar="REMEDY", help="Its name in policy.yaml.")],
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="As account/acme.")],
    why: Annotated[str, typer.Option(help="One sentence.")],
    issue: Annotated[str, typer.Option(help="The issue it makes up for.")] = "",
    config: ConfigFolder = None,
    who: Who = "",
    json: AsJson = False,
) -> None:
    """Grant a customer a remedy, if the budget allows it."""
    loaded = configured(config)
    with storage(loaded) as stores:
        row = _granted(loaded, stores, (remedy, account, issue), (person(who), why))
        left = _left(loaded, stores)
    if json:
        emit(_plain(row) | {"left": left.left})
    else:
        typer.echo(f"granted {row.remedy} to {row.account}: {row.id}; {left.left:g} {left.currency} are left")


@app.command("list")
def listed(
    config: ConfigFolder = None,
    account: Annotated[str, typer.Option(help="Of this account only.")] = "",
    issue: Annotated[str, typer.Option(help="Of this issue only.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 100,
    json: AsJson = False,
) -> None:
    """List what was granted or is reserved, the latest first."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = goodwill.grants(session, issue=issue, account=account, limit=limit)
    if json:
        emit([_plain(row) for row in rows])
    else:
        table([_plain(row) | {"at": moment(row.at)} for row in rows], COLUMNS, empty="nothing was granted yet")


def _granted(config: Config, stores: Storage, what: tuple[str, str, str], said: tuple[str, str]) -> GoodwillGrant:
    (remedy, account, issue), (who, why), now = what, said, CLOCK.time()
    wish = Wish(derive("gwl", account, remedy, issue, who, repr(now)), remedy, account, who, issue, why)
    try:
        with stores.database.transaction() as session:
            rules = config.policy.goodwill
            return goodwill.by_agent(session, rules, wish, now, lambda event: _written(config, stores, event))
    except goodwill.Refused as error:
        raise Unusable(error.cause, remedy=error.remedy) from error


def _written(config: Config, stores: Storage, event: bytes) -> None:
    if rejects := intake(config, stores, CLOCK).accept(event, "cli").rejects:
        raise ForewarnError(f"the event was refused: {rejects[0].detail}", remedy="correct it and do it again")


def _left(config: Config, stores: Storage) -> goodwill.Left:
    assert config.policy.goodwill is not None
    with stores.database.reading() as session:
        return goodwill.left(session, config.policy.goodwill, CLOCK.time())


def _plain(row: GoodwillGrant) -> dict[str, Any]:
    return row.model_dump() | {"amount": goodwill.major(row.amount, row.currency)}
