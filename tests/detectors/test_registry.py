"""Kinds are found by their files and by entry points, and imported only when asked for."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors import registry
from detectors.registry import UnknownKind, detector_class, kinds
from detectors.threshold import Threshold

PACKAGE = """
from detectors.threshold import Threshold

class Ours(Threshold):
    kind = "ours"
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path in which a package of somebody else is installed."""
    info = tmp_path / "somebody_else-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebody-else\nVersion: 1.0\n")
    (tmp_path / "somebody_else.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield info
    registry._found.cache_clear()
    sys.modules.pop("somebody_else", None)


def _offer(info: Path, line: str) -> None:
    (info / "entry_points.txt").write_text(f"[forewarn.detectors]\n{line}\n")
    registry._found.cache_clear()


def test_a_kind_is_known_by_its_file() -> None:
    assert {"absence", "threshold"} <= set(kinds())
    assert detector_class("threshold") is Threshold


def test_every_kind_loads_and_is_what_it_says() -> None:
    assert all(detector_class(kind).kind == kind for kind in kinds())


def test_looking_for_kinds_imports_none() -> None:
    code = (
        "import sys; from detectors.registry import kinds; found = kinds(); "
        "assert not {f'detectors.{kind}' for kind in found} & set(sys.modules), sys.modules; print(*found)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == kinds()


def test_an_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UnknownKind, match="no detector kind 'absense'; did you mean 'absence'"):
        detector_class("absense")
    with pytest.raises(UnknownKind, match=r"there are .*absence.*threshold"):
        detector_class("zzz")


def test_a_package_of_others_adds_a_kind(installed: Path) -> None:
    _offer(installed, "ours = somebody_else:Ours")
    assert "ours" in kinds()
    assert detector_class("ours").__module__ == "somebody_else"


def test_a_package_of_others_cannot_replace_a_kind(installed: Path) -> None:
    _offer(installed, "threshold = somebody_else:Ours")
    with pytest.raises(ValueError, match="another package offers the detector kind 'threshold' too"):
        kinds()


def test_what_is_offered_must_be_a_detector_of_that_kind(installed: Path) -> None:
    _offer(installed, "theirs = somebody_else:Ours")
    with pytest.raises(TypeError, match=r"the entry point 'theirs' .* no Detector of that kind"):
        detector_class("theirs")
