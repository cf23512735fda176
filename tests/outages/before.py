"""The version before this one, as far as its code is in the history: a folder with its packages."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

from tests.brokers.broker import Missing
from tests.brokers.kept import kept
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
    return kept(f"before-{BEFORE}", _take_out)


def _take_out(folder: Path) -> None:
    """Take the packages out of the history."""
    archive = ["git", "-C", str(ROOT), "archive", "--format=tar", BEFORE, "--", *PACKAGES]
    try:
        done = subprocess.run(archive, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Missing("there is no git") from error
    if done.returncode:
        raise Missing(f"there is no commit {BEFORE:.12}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as packed:
        packed.extractall(folder, filter="data")
