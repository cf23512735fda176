"""What lies under config/deploy, and what it can be held against."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from engine.cli import app
from engine.config.check import checked
from engine.config.model import Config
from engine.config.problems import errors

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "config" / "deploy"
SECRET = re.compile(r"\{file: (/[^}]+)\}|(/etc/forewarn/secrets/[\w.-]+)")


def read(name: str) -> Any:
    """Return the one document of a file."""
    return yaml.safe_load((DEPLOY / name).read_text())


def documents(name: str) -> list[Any]:
    """Return the documents of a file."""
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def is_a_command(arguments: Sequence[str]) -> bool:
    """Return whether `forewarn` knows the command, and each option that it is given."""
    if "--help" in arguments:
        return False
    shown = CliRunner().invoke(app, [*(each for each in arguments if not each.startswith("-")), "--help"])
    options = [each for each in arguments if each.startswith("--")]
    return shown.exit_code == 0 and all(each in shown.output for each in options)


def secrets_in(name: str) -> set[str]:
    """Return the files that a main file reads secrets from."""
    return {one or other for one, other in SECRET.findall((DEPLOY / name).read_text())}


def main_file(name: str, folder: Path) -> Config:
    """Return the starter's configuration with this main file, all of whose secrets are there; it has no errors."""
    text = (DEPLOY / name).read_text()
    for path in sorted(secrets_in(name), key=len, reverse=True):
        there = folder / "secrets" / Path(path).name
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text("a secret of more than thirty-two characters")
        text = text.replace(path, str(there))
    for part in ("config", "templates"):
        _link(ROOT / part, folder / part)
    (folder / "config" / "forewarn.yaml").write_text(text)
    config, problems = checked(folder / "config", {})
    assert config is not None, "\n".join(map(str, errors(problems)))
    assert not [problem for problem in problems if problem.place.file == "forewarn.yaml"]
    return config


def _link(source: Path, target: Path) -> None:
    """Let a folder have what another has, but for the main file."""
    target.mkdir(parents=True)
    for each in source.iterdir():
        if each.name not in ("forewarn.yaml", "var"):
            (target / each.name).symlink_to(each)
