"""`forewarn doctor`"""

from contextlib import closing
from dataclasses import asdict
from typing import Annotated

import typer

from engine.commands.output import emit, safe
from engine.commands.shared import CLOCK, AsJson, ConfigFolder, Unusable, folder_of
from engine.config.check import checked
from engine.config.model import Config
from engine.config.problems import nearest
from engine.config.ready import ready
from engine.doctor import Found, configuration, examine
from engine.ids import derive
from engine.logs import quiet
from outreach.address import kind_of
from outreach.base import Message, Outcome
from outreach.registry import channel_class

app = typer.Typer(add_completion=False)
COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


@app.command()
def doctor(
    config: ConfigFolder = None,
    send: Annotated[str, typer.Option(metavar="ADDRESS", help="Send a test message there.", show_default=False)] = "",
    channel: Annotated[str, typer.Option(help="On this channel; without it, the first for such an address.")] = "",
    json: AsJson = False,
) -> None:
    """Look whether everything is in order: configuration, folders, files, clock, port, channels.

    Exit code 1 if something is not, 2 if the configuration is not usable. Nothing is sent without --send.
    """
    quiet()
    loaded, problems = checked(folder_of(config))
    found = list(configuration(problems))
    if loaded is not None:
        found += examine(loaded, CLOCK)
        if send:
            found.append(_sent(loaded, send, channel))
    if json:
        emit([asdict(each) for each in found])
    else:
        _show(found)
    raise typer.Exit(2 if loaded is None else 1 if any(each.state == "failed" for each in found) else 0)


def _show(found: list[Found]) -> None:
    width = max(len(each.what) for each in found)
    for each in found:
        state = typer.style(each.state.ljust(7), fg=COLOURS[each.state])
        typer.echo(f"{state}  {each.what.ljust(width)}  {safe(each.detail)}".rstrip())


def _sent(config: Config, address: str, name: str) -> Found:
    usable, _ = ready(config)
    chosen = name or _suitable(config, address)
    if chosen not in usable:
        raise Unusable(f"there is no usable channel {chosen!r}", place="--channel", remedy=nearest(chosen, usable))
    company = config.main.sender.company
    key = derive("test", address, repr(CLOCK.time()))
    text = f"This is a test message of Forewarn for {company}. If you can read it, the channel works.\n"
    with closing(channel_class(usable[chosen].type)(**usable[chosen].params)) as channel:
        receipt = channel.send(Message(key, address, text, subject=f"Test message of {company}"))
    good = receipt.outcome is Outcome.ACCEPTED
    return Found(f"test on {chosen}", "ok" if good else "failed", receipt.detail or receipt.outcome.value)


def _suitable(config: Config, address: str) -> str:
    """Return the first usable channel that sends to such an address."""
    kind = kind_of(address) or "phone"
    usable, _ = ready(config)
    return next((name for name, each in usable.items() if channel_class(each.type).address == kind), kind)
