"""What all commands have in common: where the configuration is, and who acts."""

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

from engine.clock import SystemClock
from engine.config.load import MAIN, load_or_raise
from engine.config.model import Config
from engine.errors import ConfigError

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


def person(who: str) -> str:
    """Return who acts: as given, else the user of this session."""
    return who or os.environ.get("USER") or getpass.getuser()
