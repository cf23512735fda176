"""What detectors learned under a version goes on under the next one, and under the one before after a roll-back."""

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from tests.brokers.broker import Missing
from tests.faults.house import ROOT
from tests.outages.before import AFRESH, WIDENED, before
from tests.outages.kinds import KINDS

pytestmark = pytest.mark.nightly


@pytest.fixture
def older() -> Path:
    try:
        return before()
    except Missing as error:
        pytest.skip(f"no version before: {error}")


def run(code: Path, what: str, folder: Path, kinds: Collection[str] = KINDS) -> str:
    """Let the version in `code` write or read, and return what it says at last."""
    command = [sys.executable, "-m", "tests.outages.kinds", what, str(folder), *kinds]
    environ = {**os.environ, "PYTHONPATH": f"{code}:{ROOT}"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=code, env=environ, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().rpartition("\n")[2]


def test_the_new_version_goes_on_with_what_the_one_before_learned(older: Path, tmp_path: Path) -> None:
    """But for those of which the changelog says that they start afresh."""
    run(older, "write", tmp_path)
    kinds = KINDS.keys() - WIDENED
    assert json.loads(run(ROOT, "read", tmp_path, kinds)) == {kind: kind not in AFRESH for kind in kinds}


def test_the_version_before_goes_on_with_what_the_new_one_learned(older: Path, tmp_path: Path) -> None:
    run(ROOT, "write", tmp_path)
    kinds = KINDS.keys() - AFRESH - WIDENED
    assert json.loads(run(older, "read", tmp_path, kinds)) == dict.fromkeys(kinds, True)
