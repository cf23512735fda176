"""The starter that `forewarn init` writes: the repository's own `config/` and `templates/`."""

import shutil
from pathlib import Path

from engine.errors import ForewarnError

PARTS = ("config", "templates")
_HERE = Path(__file__).parent


def starter() -> Path:
    """Return the folder that holds the starter: within the installed package, or the repository."""
    for folder in (_HERE / "starter", _HERE.parent):
        if all((folder / part).is_dir() for part in PARTS):
            return folder
    raise ForewarnError("the starter was not installed", place=str(_HERE), remedy="install the package anew")


def default_scenario() -> Path:
    """Return the scenario that comes with the starter."""
    return starter() / "config" / "scenarios" / "fleet.yaml"


def write(target: Path) -> list[Path]:
    """Copy the starter into `target`; returns the files written.

    Raises ForewarnError, and writes nothing, where a part of it is there already.
    """
    taken = [target / part for part in PARTS if (target / part).exists()]
    if taken:
        raise ForewarnError("is there already", place=str(taken[0]), remedy="name another folder, or move it away")
    written: list[Path] = []
    for part in PARTS:
        written += _copied(starter() / part, target / part)
    return written


def _copied(source: Path, target: Path) -> list[Path]:
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and not _is_private(path, source)]
    copies = [target / path.relative_to(source) for path in files]
    for path, copy in zip(files, copies, strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return copies


def _is_private(path: Path, source: Path) -> bool:
    """What an engine wrote while the repository's own configuration ran is no part of it, nor how it is deployed."""
    parts = path.relative_to(source).parts
    return parts[0] in ("var", "deploy") or any(part.startswith(".") for part in parts)
