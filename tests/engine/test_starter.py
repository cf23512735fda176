"""The starter: what `init` writes, from the repository and from an installed wheel."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from engine import starter
from engine.config.check import check
from engine.config.problems import errors
from engine.errors import ForewarnError

ROOT = Path(__file__).parents[2]


def test_the_starter_is_copied_and_is_whole(tmp_path: Path) -> None:
    files = starter.write(tmp_path / "new")
    assert tmp_path / "new/config/forewarn.yaml" in files
    assert all(path.is_file() for path in files)
    assert not errors(check(tmp_path / "new", {}))


@pytest.mark.parametrize("part", starter.PARTS)
def test_nothing_is_overwritten(tmp_path: Path, part: str) -> None:
    (tmp_path / part).mkdir()
    with pytest.raises(ForewarnError, match="is there already"):
        starter.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [part]


def test_what_an_engine_wrote_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    starter.write(source)
    (source / "config/var").mkdir()
    (source / "config/var/links.key").write_text("secret")
    monkeypatch.setattr(starter, "starter", lambda: source)
    assert not [path for path in starter.write(tmp_path / "copy") if "var" in path.parts[-2:]]


def test_a_package_without_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_HERE", tmp_path / "engine")
    with pytest.raises(ForewarnError, match="was not installed"):
        starter.starter()


def test_an_installed_wheel_works_from_an_empty_folder(tmp_path: Path) -> None:
    forewarn = str(_installed(_wheel(tmp_path), tmp_path / "venv"))
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for arguments in (["init", "shop"], ["check", "-c", "shop"], ["test", "-c", "shop", "a few failures*"]):
        ran = subprocess.run([forewarn, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    command = [forewarn, "run", "-c", "shop", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, line.startswith("console: http://127.0.0.1:")) == (0, True), line + err


def _wheel(tmp_path: Path) -> Path:
    build: list[str] = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    return wheel


def _installed(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone; what it depends on is seen in the packages of the Python that runs this."""
    venv.create(folder, with_pip=False)
    python = str(folder / "bin/python")
    pip: list[str] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    [packages] = folder.glob("lib/python*/site-packages")
    # behind the wheel's own: of a plain path, the .pth files (our editable install is one) are not read
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    _give_kernels(packages)
    told = [python, "-c", "import engine; print(engine.__file__)"]
    where = subprocess.run(told, cwd=folder, check=True, capture_output=True, text=True)
    assert where.stdout.startswith(str(folder)), where.stdout
    return folder / "bin/forewarn"


def _give_kernels(packages: Path) -> None:
    """Hand over what was compiled for the same sources here: compiling anew takes a minute and is not asked for."""
    for source in [path for part in ("detectors", "engine") for path in (ROOT / part).rglob("*.py")]:
        installed = packages / source.relative_to(ROOT)
        if installed.exists():
            shutil.copystat(source, installed)  # what is compiled belongs to a source of this very time
    for kernel in [path for part in ("detectors", "engine") for path in (ROOT / part).rglob("__pycache__/*.nb[ic]")]:
        copy = packages / kernel.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy2(kernel, copy)
