"""What people do to issues and silences, as events in the log: done by the engine when it comes to them."""

from collections.abc import Mapping

import typer

from engine.clock import Clock
from engine.config.model import Config
from engine.errors import ForewarnError
from engine.events import Decoder, Schema, make_event
from engine.ids import derive
from engine.intake import Intake
from engine.storage import Storage

SOURCE = "forewarn/cli"


def intake(config: Config, storage: Storage, clock: Clock) -> Intake:
    """Return a way in for the engine's own events alone: no detector needs to be looked at."""
    decoder = Decoder(Schema.build({}), future=float(config.main.events.future))
    return Intake(storage.log, storage.dead_letters, decoder, clock)


def act(config: Config, storage: Storage, clock: Clock, subject: str, data: Mapping[str, object]) -> None:
    """Write a `forewarn.action` event. Raises ForewarnError if it is refused."""
    write(config, storage, clock, ("forewarn.action", subject), data)


def write(config: Config, storage: Storage, clock: Clock, what: tuple[str, str], data: Mapping[str, object]) -> None:
    """Write an event of a reserved type about a subject, given as a pair. Raises ForewarnError if it is refused."""
    now = clock.time()
    kind, subject = what
    key = derive("act", *what, sorted(data.items()), repr(now))
    event = make_event(kind, subject, data, id=key, source=SOURCE, time=now)
    if rejects := intake(config, storage, clock).accept(event, "cli").rejects:
        raise ForewarnError(f"the event was refused: {rejects[0].detail}", remedy="correct it and do it again")


def said(what: str) -> None:
    """Tell what was written, and when it takes effect."""
    typer.echo(f"{what}: written into the log; the engine does it at once if it is running, else when it starts")
