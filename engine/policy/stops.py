"""The kill switch: for everything, a playbook, a channel, a stream or a template; at once, for what waits too.

It is written into the database itself, not into the log: it must act where the log is what went wrong. Every claim
looks at it in its own transaction, so nothing that is claimed after it was thrown leaves. What was due meanwhile is
held, and decided again once it is taken back: by then it may be pointless.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from engine.config.model import BUILTIN, Config
from engine.errors import Permanent
from engine.ids import derive
from engine.store.models import Stop

Scope = Literal["all", "playbook", "channel", "stream", "template"]
PURPOSES = ("service", "marketing")
SCOPES: Mapping[str, str] = {
    "all": "everything",
    "playbook": "what this playbook does",
    "channel": "what goes by this channel, or to this desk",
    "stream": "messages that go by this channel for this purpose, as email/marketing",
    "template": "what this template, or one of this folder, says",
}


def stoppable(config: Config) -> dict[str, list[str]]:
    """Return what a kill switch can be thrown for, by scope: with channels the desks, with templates their folders."""
    from outreach.render import Templates  # noqa: PLC0415 -- heavy: only where somebody asks

    templates = (config.templates or Templates(config.templates_dir)).templates()
    folders = sorted({name.partition("/")[0] for name in templates})
    return {
        "playbook": sorted(config.playbooks),
        "channel": [*config.channels, BUILTIN, *config.desks],
        "stream": [f"{channel}/{purpose}" for channel in config.channels for purpose in PURPOSES],
        "template": [*folders, *(name for name in templates if name not in folders)],
    }


class Halt(msgspec.Struct, frozen=True, omit_defaults=True):
    """A kill switch that is on."""

    id: str
    scope: Scope
    name: str = ""


class Leaving(NamedTuple):
    """What is about to leave, as far as a kill switch looks at it."""

    playbook: str
    template: str
    through: Sequence[str] = ()
    """Names of the channels or the desk it goes by."""
    purpose: str = ""
    """Of a message."""


_ON = sql_select(col(Stop.id), col(Stop.scope), col(Stop.name)).where(col(Stop.ended_at).is_(None))


def halts(session: Session) -> tuple[Halt, ...]:
    """Return the kill switches that are on."""
    return tuple(Halt(*row) for row in session.execute(_ON))


def halted(on: Sequence[Halt], what: Leaving) -> Halt | None:
    """Return the kill switch that keeps `what` from leaving; for a channel, where it is the only way.

    >>> on = (Halt("stp_1", "template", "api-errors"),)
    >>> halted(on, Leaving("api", "api-errors/notice")) is not None, halted(on, Leaving("api", "api/notice"))
    (True, None)
    """
    return next((halt for halt in on if _holds(halt, what)), None)


def blocked(on: Sequence[Halt], channel: str, purpose: str) -> bool:
    """Return whether a channel is stopped, for everything or for messages of this purpose.

    >>> blocked((Halt("stp_1", "stream", "email/marketing"),), "email", "service")
    False
    """
    names = {"channel": channel, "stream": f"{channel}/{purpose}"}
    return any(names.get(halt.scope) == halt.name for halt in on)


def _holds(halt: Halt, what: Leaving) -> bool:
    match halt.scope:
        case "all":
            return True
        case "playbook":
            return halt.name == what.playbook
        case "template":
            return what.template == halt.name or what.template.startswith((f"{halt.name}/", f"{halt.name}@"))
        case "stream":
            return bool(what.through) and all(f"{name}/{what.purpose}" == halt.name for name in what.through)
        case _:
            return bool(what.through) and all(name == halt.name for name in what.through)


def throw(session: Session, scope: str, name: str, who: str, why: str, now: float) -> Stop:
    """Throw a kill switch. Raises Permanent for one that names nothing, or is on already."""
    if scope not in get_args(Scope):
        raise Permanent(f"{scope!r} can't be stopped", remedy=f"stop {', '.join(get_args(Scope))}")
    if bool(name) is (scope == "all"):
        raise Permanent("all has no name, anything else needs one")
    if not why.strip():
        raise Permanent("a stop needs a reason", remedy="say in one sentence why")
    on = next((halt for halt in halts(session) if (halt.scope, halt.name) == (scope, name)), None)
    if on is not None:
        raise Permanent(f"this is stopped already, by {on.id}")
    made = Stop(id=derive("stp", scope, name, repr(now)), scope=scope, name=name, who=who, why=why, at=now)
    session.add(made)
    return made


def take_back(session: Session, id_: str, who: str, now: float) -> Stop:
    """Let what was stopped go on. Raises Permanent if there is no such stop, or it is over."""
    row = session.get(Stop, id_)
    if row is None or row.ended_at is not None:
        raise Permanent(f"no stop {id_!r} is on", remedy="see `forewarn stop list`")
    row.ended_at, row.ended_by = now, who
    session.add(row)
    return row


def thrown(session: Session) -> Sequence[Stop]:
    """Return all stops, those that are on first, then the latest."""
    rows = session.exec(select(Stop).order_by(col(Stop.at).desc(), col(Stop.id))).all()
    return sorted(rows, key=lambda row: row.ended_at is not None)


def unrecalled(session: Session) -> Sequence[Stop]:
    """Return the stops that are on and whose messages providers were not yet asked to give back."""
    on = select(Stop).where(col(Stop.ended_at).is_(None), col(Stop.recalled_at).is_(None))
    return session.exec(on.order_by(col(Stop.at), col(Stop.id))).all()


def recalled(session: Session, id_: str, now: float) -> None:
    """Write down that providers were asked."""
    row = session.get(Stop, id_)
    if row is not None:
        row.recalled_at = now
        session.add(row)
