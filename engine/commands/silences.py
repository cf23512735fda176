"""`forewarn silences`"""

from typing import Annotated

import typer
from sqlmodel import col, select

from detectors.durations import Duration
from engine.commands.actions import act, said
from engine.commands.output import emit, moment, table
from engine.commands.rows import found
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, Who, configured, person
from engine.commands.stores import database, storage
from engine.errors import Permanent
from engine.issues import silences as rules
from engine.store.models import Silence

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Silences: what matches one is recorded, and nobody is contacted."
)
COLUMNS = ("id", "matches", "from", "until", "weekly", "who", "why", "state")


@app.command("list")
def listed(
    config: ConfigFolder = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over too.")] = False,
    json: AsJson = False,
) -> None:
    """List silences, the latest first."""
    now = CLOCK.time()
    with database(configured(config)) as opened, opened.reading() as session:
        rows = session.exec(select(Silence).order_by(col(Silence.created_at).desc(), col(Silence.id))).all()
    rows = [row for row in rows if everything or row.ends_at is None or row.ends_at > now]
    if json:
        emit([row.model_dump() for row in rows])
    else:
        table([_row(row, now) for row in rows], COLUMNS, empty="no silences")


def _row(row: Silence, now: float) -> dict[str, object]:
    over = row.ends_at is not None and row.ends_at <= now
    return {
        "id": row.id,
        "matches": _pairs(row.matcher),
        "from": moment(row.starts_at),
        "until": moment(row.ends_at),
        "weekly": _pairs(row.recurring),
        "who": row.who,
        "why": row.why,
        "state": "over" if over else "in force" if rules.in_force(row, now) else "waiting",
    }


def _pairs(values: dict[str, object]) -> str:
    return " ".join(f"{key}={','.join(value) if isinstance(value, list) else value}" for key, value in values.items())


@app.command()
def add(
    matches: Annotated[list[str], typer.Argument(metavar="KEY=GLOB…", help=f"Any of {', '.join(rules.KEYS)}.")],
    why: Annotated[str, typer.Option(help="One sentence: why nobody is to be contacted.")],
    lasts: Annotated[str, typer.Option("--for", help="How long, as 2h; without it, until ended.")] = "",
    days: Annotated[str, typer.Option(help="Weekly, on these days: sat,sun.")] = "",
    hours: Annotated[str, typer.Option(help="Weekly, at these hours: 22:00-06:00.")] = "",
    zone: Annotated[str, typer.Option(help="IANA zone of --hours.")] = "UTC",
    config: ConfigFolder = None,
    who: Who = "",
) -> None:
    """Make a silence from now on. It is in force for an issue that matches every KEY=GLOB."""
    now = CLOCK.time()
    matcher = dict(_pair(each) for each in matches)
    ends = now + _seconds(lasts) if lasts else None
    weekly = _weekly(days, hours, zone)
    _checked(matcher, now, ends, weekly)
    loaded = configured(config)
    data = {"what": "silence", "who": person(who), "note": why, "matcher": matcher, "starts_at": now}
    with storage(loaded) as stores:
        subject = matcher.get("subject") or matcher.get("account") or "engine/silences"
        act(loaded, stores, CLOCK, subject, {**data, "ends_at": ends, "recurring": weekly})
    said("silence")


def _pair(text: str) -> tuple[str, str]:
    key, equals, glob = text.partition("=")
    if not equals:
        raise Unusable(f"{text!r} is no KEY=GLOB", remedy="write account=account/acme, or detector=api-*")
    return key, glob


def _seconds(text: str) -> float:
    try:
        return float(Duration(text))
    except ValueError as error:
        raise Unusable(str(error), place="--for") from error


def _weekly(days: str, hours: str, zone: str) -> dict[str, object]:
    if not days and not hours:
        return {}
    first, _, last = hours.partition("-")
    return {
        **({"days": [day.strip().lower() for day in days.split(",")]} if days else {}),
        **({"from": first, "to": last} if hours else {}),
        "zone": zone,
    }


def _checked(matcher: dict[str, str], now: float, ends: float | None, weekly: dict[str, object]) -> None:
    """Raise Unusable for a silence that makes no sense: the engine could only write that to its log."""
    try:
        rules.check(matcher, now, ends, weekly)
    except Permanent as error:
        raise Unusable(error.cause, remedy="see forewarn silences add --help") from error


@app.command()
def end(
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="Its id, or how the id begins.")],
    config: ConfigFolder = None,
    who: Who = "",
    why: Annotated[str, typer.Option(help="One sentence for the history.")] = "",
) -> None:
    """End a silence now."""
    loaded = configured(config)
    with database(loaded) as opened, opened.reading() as session:
        row = found(session, Silence, silence, "silence")
    with storage(loaded) as stores:
        subject = str(row.matcher.get("subject") or row.matcher.get("account") or "engine/silences")
        data = {"what": "unsilence", "silence": row.id, "who": person(who), "note": why}
        act(loaded, stores, CLOCK, subject, data)
    said(f"end of silence {row.id}")
