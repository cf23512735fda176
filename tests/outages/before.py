"""The version before this one, as far as its code is in the history: a folder with its packages."""

import io
import os
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.brokers.broker import Missing
from tests.faults.house import ROOT

BEFORE = os.environ.get("FOREWARN_BEFORE", "14eec8d3ddc58f4f3fd934607f23736e3826c5e7")
"""A commit: the newest one with the schema, the topics and the rows of models of the release before.

Moved on with every release, as `engine.store.schema.OLDEST` is.
"""
AFRESH = {"shift"}
"""Kinds that judged otherwise then: they start afresh, as the changelog says."""
WIDENED = {"peer"}
"""Kinds whose rows are taken over and made wider, so that the version before does not read them any more."""
PACKAGES = ("engine", "detectors", "outreach", "templates")


def before() -> Path:
    """Return a folder with the packages of the version before. It is kept, as its kernels are compiled in it.

    Raises Missing where there is no such history.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "forewarn-tests" / f"before-{BEFORE}"
    if not folder.exists():
        _take_out(folder)
    return folder


def _take_out(folder: Path) -> None:
    """Take the packages out of the history, and give the folder its name when all are there."""
    archive = ["git", "-C", str(ROOT), "archive", "--format=tar", BEFORE, "--", *PACKAGES]
    try:
        done = subprocess.run(archive, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Missing("there is no git") from error
    if done.returncode:
        raise Missing(f"there is no commit {BEFORE:.12}: {done.stderr.decode().strip()}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent))
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as packed:
        packed.extractall(made, filter="data")
    with suppress(OSError):  # another process was quicker
        made.rename(folder)
