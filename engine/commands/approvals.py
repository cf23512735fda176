"""`forewarn approvals`"""

from collections.abc import Sequence
from typing import Annotated

import typer

from engine.commands.actions import act
from engine.commands.output import emit, moment, safe, table
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, storage, writing
from engine.config.model import Config
from engine.connectors import channels_of
from engine.conversations.answers import templates_of
from engine.feed import Feed
from engine.letters import Outside
from engine.links import Links
from engine.previews import Preview, Waiting, previews, waiting
from engine.store.database import Database
from engine.store.models import Approval, Vote
from engine.waves import approvals as asked
from engine.wording import Speaker

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Where many people are about to be told at once, people must agree: list, show, approve, refuse.",
)
COLUMNS = ("id", "playbook", "people", "needed", "asked", "until", "state", "why")
SHOWN = 100
Id = Annotated[str, typer.Argument(metavar="APPROVAL")]
Note = Annotated[str, typer.Option(help="One sentence, for those who look later.")]


@app.command("list")
def listed(
    config: ConfigFolder = None,
    past: Annotated[bool, typer.Option("--all", help="Those that are decided too.")] = False,
    json: AsJson = False,
) -> None:
    """List the questions that stand."""
    with database(configured(config)) as opened, opened.reading() as session:
        rows = asked.approvals(session, past=past)
    if json:
        emit([row.model_dump() for row in rows])
    else:
        table([_row(row) for row in rows], COLUMNS, empty="nothing waits for an answer")


def _row(row: Approval) -> dict[str, object]:
    return {
        "id": row.id,
        "playbook": row.playbook,
        "people": row.audience,
        "needed": row.needed,
        "asked": moment(row.asked_at),
        "until": moment(row.expires_at),
        "state": row.state,
        "why": row.why,
    }


@app.command()
def show(id_: Id, config: ConfigFolder = None, json: AsJson = False) -> None:
    """Show a question: who would be told, and every text as it would go out."""
    main = configured(config)
    with database(main) as opened, opened.reading() as session:
        row = session.get(Approval, id_)
        if row is None:
            raise Unusable(f"there is no approval {id_!r}", remedy="see `forewarn approvals list --all`")
        said = asked.votes(session, id_)
        people = waiting(session, row.playbook, SHOWN)
        texts = previews(session, main, _outside(main, opened), row.playbook, CLOCK.time())
    if json:
        plain = {"votes": [each.model_dump() for each in said]}
        rest = {"people": [_plain(each) for each in people], "texts": [_plain(each) for each in texts]}
        emit({**row.model_dump(), **plain, **rest})
    else:
        _print(row, said, people, texts)


def _plain(each: Preview | Waiting) -> dict[str, object]:
    return {name: getattr(each, name) for name in each.__dataclass_fields__}


def _outside(config: Config, database: Database) -> Outside:
    """Return what is needed to write texts; nothing is sent, so links of another secret do."""
    links = Links(config.main.listen.public_url, b"preview")
    return Outside(channels_of(config, Feed(database, CLOCK)), {}, templates_of(config), Speaker(config, links))


def _print(row: Approval, said: Sequence[Vote], people: list[Waiting], texts: list[Preview]) -> None:
    typer.echo(f"{row.id}: {row.playbook} would tell {row.audience} people ({row.state})")
    typer.echo(safe(f"{row.why}\n{row.needed} must agree by {moment(row.expires_at)}"))
    for vote in said:
        what = "agreed" if vote.agreed else "refused"
        typer.echo(safe(f"- {vote.who} {what} {moment(vote.at)}{f': {vote.note}' if vote.note else ''}"))
    for text in texts:
        typer.echo(f"\n== {text.channel}, {text.locale} ({text.people} people), {text.template}")
        typer.echo(safe(text.wrong or "\n\n".join(part for part in (text.subject, text.text) if part)))
    if people:
        typer.echo(f"\n== {len(people)}{' or more' if len(people) == SHOWN else ''} people wait")
        rows = [{"person": each.name or each.person, "account": each.account, "locale": each.locale} for each in people]
        table(rows, ("person", "account", "locale"), empty="")


@app.command()
def approve(id_: Id, config: ConfigFolder = None, who: Who = "", note: Note = "", json: AsJson = False) -> None:
    """Agree. Once enough different people did, the others are told."""
    row = _vote(configured(config), id_, person(who), note, agree=True)
    _said(row, json)


@app.command()
def refuse(
    id_: Id,
    note: Note,
    config: ConfigFolder = None,
    who: Who = "",
    false_alarm: Annotated[
        bool, typer.Option("--false-alarm", help="End these issues as false alarms, and tell so who was told.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Refuse: nobody else is told."""
    main = configured(config)
    by = person(who)
    row = _vote(main, id_, by, note, agree=False)
    if false_alarm:
        with storage(main) as opened:
            with opened.database.reading() as session:
                wrong = asked.dismissals(session, row, by, note)
            for subject, data in wrong:
                act(main, opened, CLOCK, subject, data)
    _said(row, json)


def _vote(config: Config, id_: str, who: str, note: str, *, agree: bool) -> Approval:
    with writing(config) as session:
        row = asked.vote(session, id_, who, CLOCK.time(), agree=agree, note=note)
        session.flush()
        session.refresh(row)
        session.expunge(row)
        return row


def _said(row: Approval, json: bool) -> None:
    if json:
        emit(row.model_dump())
    else:
        typer.echo(f"{row.id}: {row.state}" + ("; somebody else must agree too" if row.state == "asked" else ""))
