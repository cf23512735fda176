"""The starter: what `init` writes, from the repository and from an installed wheel."""

import os
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
    forewarn = _installed(_wheel(tmp_path), tmp_path / "venv")
    shop = tmp_path / "shop"
    for arguments in (["init", shop], ["check", "-c", shop], ["test", "-c", shop, "a few failures*"]):
        ran = subprocess.run([forewarn, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [forewarn, "run", "-c", shop, "--port", "0"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, line.startswith("console: http://127.0.0.1:")) == (0, True), line + err


def _wheel(tmp_path: Path) -> Path:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    return wheel


def _installed(wheel: Path, folder: Path) -> Path:
    """Install the wheel alone; what it depends on is seen in the packages of the Python that runs this."""
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--prefix", folder, wheel]
    subprocess.run(install, check=True, capture_output=True)
    _without_ours(packages)
    where = subprocess.run(
        [python, "-c", "import engine; print(engine.__file__)"], check=True, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(folder)), where.stdout
    return folder / "bin/forewarn"


def _without_ours(packages: Path) -> None:
    """Add this Python's packages behind the installed wheel: a plain path, whose own .pth files are not read."""
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
