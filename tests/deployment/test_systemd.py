"""The units: they run what there is, and systemd takes them."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.cluster.roles import ALL
from engine.commands.serving import GRACE
from tests.deployment.deployed import DEPLOY, is_a_command

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def service(unit: Path) -> Mapping[str, list[str]]:
    """Return what a unit says, each key with all its values."""
    told: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        key, found, value = line.partition("=")
        if found and not line.startswith("#"):
            told.setdefault(key, []).append(value)
    return told


def test_what_is_no_command_is_found() -> None:
    assert is_a_command(["db", "upgrade"])
    assert not is_a_command(["db", "upgraed"])
    assert not is_a_command(["work"])
    assert not is_a_command(["web", "--prot", "1"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_runs_what_there_is(unit: Path) -> None:
    (command,) = service(unit)["ExecStart"]
    program, *arguments = command.split()
    assert program == "/opt/forewarn/bin/forewarn"
    for role in sorted(ALL) if arguments == ["%i"] else [""]:
        assert is_a_command([each.replace("%i", role) for each in arguments])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_starts_again_but_not_with_a_configuration_that_cannot_be_used(unit: Path) -> None:
    told = service(unit)
    assert told["Type"] == ["exec"], "nothing of ours speaks sd_notify"
    assert told["Restart"] == ["on-failure"]
    assert told["RestartPreventExitStatus"] == ["2"]
    assert int(told["TimeoutStopSec"][0]) >= 3 * GRACE


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_it_has_no_more_rights_than_it_needs(unit: Path) -> None:
    told = service(unit)
    assert told["NoNewPrivileges"] == ["yes"]
    assert told["ProtectSystem"] == ["strict"]
    assert told["CapabilityBoundingSet"] == [""]
    assert all("/etc/forewarn/secrets/" in each for each in told["LoadCredential"])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_it(unit: Path, tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("there is no systemd-analyze")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/forewarn/bin/forewarn", "/bin/true"))
    done = subprocess.run([tool, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert copy.stem not in done.stderr, done.stderr
