"""The command line: one table of commands, each module imported only when its command runs.

Exit codes: 0 done; 1 it failed, or something was found to be wrong; 2 the command or the configuration is not usable;
130 interrupted.
"""

import gc
import importlib
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from engine.errors import ConfigError, ForewarnError

FAILED, UNUSABLE, INTERRUPTED = 1, 2, 130
GARBAGE = 10_000, 10, 10
"""`gc.set_threshold`: events make many objects and few circles, so looking for circles as often as Python does by
itself takes a fifth of a start and a twentieth of a replay."""


class Entry(NamedTuple):
    """One line of the help."""

    panel: str
    about: str


START, CONFIGURATION, DATA, DESK, KEEP = "Start", "Configuration", "Data", "Issues and people", "Keeping it well"
CLUSTER = "A cluster's processes"
COMMANDS: Mapping[str, Entry] = {
    "demo": Entry(START, "Run a simulated fleet through the whole engine, with a page at the end."),
    "init": Entry(START, "Write a starter: configuration and templates."),
    "run": Entry(START, "Run everything in one process."),
    "worker": Entry(CLUSTER, "Take partitions of the log, bring events to decisions."),
    "dispatch": Entry(CLUSTER, "Send what is due."),
    "schedule": Entry(CLUSTER, "Do what is due by the clock."),
    "web": Entry(CLUSTER, "Take events, answer the API, show the pages."),
    "check": Entry(CONFIGURATION, "Tell everything that is wrong with the configuration."),
    "test": Entry(CONFIGURATION, "Run the tests beside the playbooks."),
    "preview": Entry(CONFIGURATION, "Show a template as its reader gets it."),
    "kinds": Entry(CONFIGURATION, "Say which kinds of detector there are, and what each takes."),
    "ingest": Entry(DATA, "Put recorded events into the log: NDJSON or CSV."),
    "score": Entry(DATA, "Try a detector on a file of timestamp,value."),
    "simulate": Entry(DATA, "Write the events of a simulated fleet."),
    "backtest": Entry(DATA, "Say what the configuration would have done over recorded events."),
    "report": Entry(DATA, "Tell what was achieved in a span of time."),
    "deadletters": Entry(DATA, "What could not be taken as an event: list, show, retry."),
    "issues": Entry(DESK, "List, show, ack, resolve, dismiss, note."),
    "silences": Entry(DESK, "List, add, end."),
    "changes": Entry(DESK, "Releases, migrations and the like: list, declare."),
    "tickets": Entry(DESK, "List, show, claim, note, resolve."),
    "approvals": Entry(DESK, "May so many be told: list, show, approve, refuse."),
    "incidents": Entry(DESK, "Issues of many customers with one cause: list, show."),
    "defects": Entry(DESK, "What is to be removed, and what it costs: list, show, refer, close."),
    "goodwill": Entry(DESK, "Remedies for customers, within a budget: grant, list."),
    "privacy": Entry(DESK, "What is kept of somebody: export, erase."),
    "stop": Entry(DESK, "The kill switch: all, playbook, channel, stream, template; list, end."),
    "agents": Entry(DESK, "Who answers just now, whatever the roster says: say, show, end."),
    "status": Entry(DESK, "The public status page: declare, update, resolve, maintain; list, subscribers."),
    "outbox": Entry(DESK, "What is to be sent, and what became of it: list, retry."),
    "explain": Entry(DESK, "Say why a message was sent, held or skipped."),
    "models": Entry(KEEP, "What detectors have learned, and how good it is: list, show, keep, revert."),
    "token": Entry(KEEP, "API tokens: create, list, revoke; feed: what a browser reads with."),
    "db": Entry(KEEP, "The database's schema: status, upgrade."),
    "repartition": Entry(KEEP, "Have more partitions, and let every series go on in its own."),
    "log": Entry(KEEP, "The event log, and how far it was processed: status."),
    "doctor": Entry(KEEP, "Look whether everything is in order."),
    "version": Entry(KEEP, "Say which version this is."),
}


class _Commands(TyperGroup):
    """Knows every command's name and help; imports a command when it is to run."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        for name, entry in COMMANDS.items():
            self.add_command(TyperCommand(name, help=entry.about, rich_help_panel=entry.panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that the first of `args` names, now imported."""
        name, _, rest = super().resolve_command(ctx, args)
        assert name is not None
        module = importlib.import_module(f"engine.commands.{name}")
        return name, typer.main.get_command(module.app), rest


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    help="Forewarn tells customers before they tell you.",
    epilog="Exit codes: 0 done, 1 failed, 2 the command or the configuration is not usable.",
)


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show where in the code an error came from.")] = False,
) -> None:
    """Take the options of all commands; `debug` is read by `main`, which is where errors arrive."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(*GARBAGE)
    sys.exit(_run(given, debug="--debug" in given[:1]))


def _run(arguments: list[str], *, debug: bool) -> int:
    """Return the exit code; every error that gets here becomes a line for people."""
    try:
        code = _command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    except ForewarnError as error:
        return _told(error.line(), UNUSABLE if isinstance(error, ConfigError) else FAILED, debug=debug)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _told(f"{place}{error.strerror or error}; check path, permissions and space", FAILED, debug=debug)
    except Exception as error:  # noqa: BLE001 -- the outermost boundary: told, and with --debug shown whole
        name = type(error).__name__
        cause = f"unexpected {name}: {error}; this is a mistake of ours: run it again as `forewarn --debug …` to see it"
        return _told(cause, FAILED, debug=debug)
    return code


def _command(arguments: list[str]) -> int:
    try:
        typer.main.get_command(app).main(arguments, prog_name="forewarn")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED if end.code else 0
    return 0


def _told(line: str, code: int, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    typer.echo(f"forewarn: {line}", err=True)
    return code


def _reader_left() -> int:
    """Whoever read our output wants no more: not an error of anybody's."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
