"""What all commands have in common: where the configuration is, and how the data folder is opened."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from engine.clock import SystemClock
from engine.config.load import MAIN, load_or_raise
from engine.config.model import Config
from engine.errors import ConfigError, ForewarnError
from engine.storage import DATABASE, Storage
from engine.store.database import Database

ConfigFolder = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="FOREWARN_CONFIG",
        metavar="DIR",
        help="Folder of forewarn.yaml; without it ./config if it is there, else this folder.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
Who = Annotated[str, typer.Option("--who", help="Who does it; without it, the user of this session.")]
CLOCK = SystemClock()


class Unusable(ConfigError):
    """What was asked for cannot be meant: exit code 2."""


def folder_of(given: Path | None) -> Path:
    """Return the folder of the configuration. Raises Unusable if `given` is no folder."""
    if given is None:
        return Path("config") if (Path("config") / MAIN).exists() else Path()
    if not given.is_dir():
        raise Unusable("there is no such folder", place=str(given), remedy="name the folder that forewarn.yaml is in")
    return given


def configured(given: Path | None) -> Config:
    """Return the configuration. Raises ConfigError that lists everything wrong with it."""
    return load_or_raise(folder_of(given))


@contextmanager
def storage(config: Config) -> Iterator[Storage]:
    """Open the data folder: safe beside a running engine."""
    opened = Storage.embedded(config, CLOCK)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def database(config: Config) -> Iterator[Database]:
    """Open the database of an engine that has run. Raises ConfigError if there is none yet."""
    opened = Database.open(config.data_dir / DATABASE, create=False)
    try:
        yield opened
    finally:
        opened.close()


def person(who: str) -> str:
    """Return who acts: as given, else the user of this session."""
    return who or os.environ.get("USER") or getpass.getuser()


def not_found(what: str, key: str, near: str) -> ForewarnError:
    """Return the error for an id that is nobody's; `near` names the nearest, or how to list them."""
    return ForewarnError(f"there is no {what} {key!r}", remedy=near)
