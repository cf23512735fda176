"""A compiled kernel is good only as long as no source of ours has changed, also those it only calls."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba

from detectors.kernel_cache import ROOMS, ROOT, own_stamp, stamp

INNER = "from detectors.compiled import compiled\n@compiled\ndef inner(x: float) -> float:\n    return x + {}\n"
OUTER = (
    "from detectors.compiled import compiled\nfrom detectors.inner import inner\n"
    "@compiled\ndef outer(x: float) -> float:\n    return inner(x)\n"
)
ASK = "from detectors.outer import outer; print(outer(0.0), sum(outer.stats.cache_hits.values()))"


def package(folder: Path, number: int) -> None:
    """Write a copy of the room's door to numba and two kernels, one of which calls the other."""
    room = folder / "detectors"
    room.mkdir(exist_ok=True)
    (folder / "engine").mkdir(exist_ok=True)
    for name in ("compiled", "kernel_cache"):
        source = Path(stamp.__code__.co_filename).with_name(f"{name}.py")
        (room / source.name).write_text(source.read_text("utf-8"), "utf-8")
        os.utime(room / source.name, (1.0, 1.0))
    (room / "__init__.py").touch()
    os.utime(room / "__init__.py", (1.0, 1.0))
    (room / "outer.py").write_text(OUTER, "utf-8")
    os.utime(room / "outer.py", (1.0, 1.0))
    (room / "inner.py").write_text(INNER.format(number), "utf-8")
    os.utime(room / "inner.py", (float(number), float(number)))


def ask(folder: Path, question: str = ASK) -> str:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", question], env=environment, cwd=folder, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_an_edit_of_a_called_kernel_is_seen_by_its_caller(tmp_path: Path) -> None:
    package(tmp_path, 1)
    assert ask(tmp_path) == "1.0 0"
    assert ask(tmp_path) == "1.0 1"
    package(tmp_path, 2)
    assert ask(tmp_path) == "2.0 0"


WITH_A_CLASS = (
    "from typing import NamedTuple\nfrom detectors.compiled import compiled\n"
    "class {0}(NamedTuple):\n    x: float\n"
    "@compiled\ndef outer(x: object) -> float:\n    return x.x + 1.0\n"
)
ASK_WITH = "from detectors.outer import outer, {0}; print(outer({0}(0.0)), sum(outer.stats.cache_hits.values()))"


def test_a_list_that_names_a_class_that_was_removed_is_a_miss(tmp_path: Path) -> None:
    """As after an upgrade, in the folder of the version before."""
    package(tmp_path, 1)
    found = []
    for name in ("Old", "New", "New"):
        outer = tmp_path / "detectors" / "outer.py"
        outer.write_text(WITH_A_CLASS.format(name), "utf-8")
        os.utime(outer, (2.0, 2.0) if name == "Old" else (3.0, 3.0))
        found.append(ask(tmp_path, ASK_WITH.format(name)))
    assert found == ["1.0 0", "1.0 0", "1.0 1"]


def test_the_stamp_knows_names_times_and_sizes(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x", "utf-8")
    os.utime(file, (1.0, 1.0))
    first = stamp([tmp_path])
    assert stamp([tmp_path]) == first
    os.utime(file, (2.0, 2.0))
    second = stamp([tmp_path])
    file.rename(tmp_path / "b.py")
    third = stamp([tmp_path])
    (tmp_path / "b.py").write_text("xx", "utf-8")
    os.utime(tmp_path / "b.py", (2.0, 2.0))
    assert len({first, second, third, stamp([tmp_path])}) == 4


def test_the_rooms_named_are_all_that_have_kernels() -> None:
    files = (file for package in ("detectors", "engine", "outreach") for file in (ROOT / package).rglob("*.py"))
    having = {file.parent.relative_to(ROOT).as_posix() for file in files if "detectors.compiled" in file.read_text()}
    assert {room for room in having if not room.startswith("detectors")} == set(ROOMS) - {"detectors"}


def test_other_packages_functions_are_cached_as_ever() -> None:
    config: Any = numba.config
    before = config.CACHE_LOCATOR_CLASSES
    with own_stamp():
        assert before != config.CACHE_LOCATOR_CLASSES
    assert before == config.CACHE_LOCATOR_CLASSES
