"""Everything in the README is done here, in the order in which a new user does it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine.config.check import check

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FOREWARN = str(Path(sys.executable).with_name("forewarn"))


class Block(NamedTuple):
    path: str
    """The file it is to be written to, which the paragraph before it ends with; empty if it names none."""
    language: str
    text: str


FENCED = re.compile(r"(?:`(shop/[^`]+)`:\n\n)?^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [Block(*found) for found in FENCED.findall(README)]
COMMANDS = [
    line.partition("#")[0].strip() for block in BLOCKS if block.language == "sh" for line in block.text.splitlines()
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the walk-through, after every command but `run`."""
    folder = tmp_path_factory.mktemp("readme")
    write_recording(folder / "recorded.ndjson")
    for block in BLOCKS:
        if block.path:
            (folder / block.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.path).write_text(block.text)
        elif block.language == "sh":
            for command in block.text.splitlines():
                if command.startswith("forewarn") and not command.startswith("forewarn run"):
                    forewarn(folder, *command.split()[1:])
    return folder


def forewarn(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [FOREWARN, *arguments], cwd=folder, capture_output=True, text=True, check=False, env=environment()
    )
    assert done.returncode == 0, f"forewarn {' '.join(arguments)}\n{done.stdout}{done.stderr}"
    return done.stdout


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("FOREWARN", "TWILIO"))}


def write_recording(path: Path) -> None:
    """An afternoon of events like the README's, slow for an hour."""
    example = json.loads(next(block.text for block in BLOCKS if block.language == "json"))
    start = datetime.fromisoformat(example["time"])
    lines = []
    for minute in range(300):
        seconds = 200.0 if 120 <= minute < 180 else example["data"]["seconds"]
        time = (start + timedelta(minutes=minute)).isoformat()
        lines.append(json.dumps({**example, "id": str(minute), "time": time, "data": {"seconds": seconds}}))
    path.write_text("\n".join(lines) + "\n")


def test_every_command_of_the_walk_through_works(shop: Path) -> None:
    assert (shop / "shop" / "config" / "detectors" / "slow-exports.yaml").exists()
    problems = json.loads(forewarn(shop, "check", "--config", "shop", "--json"))
    assert {each["severity"] for each in problems} <= {"warning"}


def test_the_desks_are_right_once_their_secrets_are_there(shop: Path) -> None:
    secrets = dict.fromkeys(re.findall(r"env: (\w+)", README), "x")
    problems = check(shop / "shop" / "config", secrets)
    assert [str(each) for each in problems if each.place.file == "desks.yaml"] == []


def test_the_channel_for_e_mail_is_right_once_its_secrets_are_there(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "shop", tmp_path / "shop")
    folder = tmp_path / "shop" / "config"
    (block,) = (block for block in BLOCKS if block.text.startswith("email:\n"))
    (folder / "channels.yaml").write_text(block.text)
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "dkim.pem").write_bytes(key)
    problems = check(folder, dict.fromkeys(re.findall(r"env: (\w+)", README), "x"))
    assert [str(each) for each in problems if each.place.file == "channels.yaml"] == []
    (limits,) = re.findall(r"^`(streams: .*)`\.$", README, re.MULTILINE)
    (folder / "policy.yaml").write_text(f"{limits}\n")
    assert [str(each) for each in check(folder, {}) if each.place.file == "policy.yaml"] == []


def test_the_engine_runs_and_stops_when_told(shop: Path) -> None:
    main = shop / "shop" / "config" / "forewarn.yaml"
    main.write_text(re.sub(r"port: \d+", "port: 0", main.read_text()))
    command = [FOREWARN, "run", "--config", "shop"]
    with subprocess.Popen(
        command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    ) as process:
        said = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    with urllib.request.urlopen(f"{found.group()}/healthz", timeout=10) as answer:
                        assert answer.status == 200
                    break
        finally:
            process.send_signal(signal.SIGTERM)
        said.append(process.stdout.read())
        assert process.wait(60) == 0, "".join(said)


def test_make_targets_that_it_names_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= targets


def test_commands_that_it_names_exist() -> None:
    listed = forewarn(ROOT, "--help")
    named = set(re.findall(r"`forewarn ([a-z]+)", README)) | {
        command.split()[1] for command in COMMANDS if command.startswith("forewarn")
    }
    assert {name for name in named if name not in listed} == set()


def test_files_and_folders_that_it_names_exist() -> None:
    named = set(re.findall(r"\]\(([A-Z]+\.md)\)", README)) | set(re.findall(r"`((?:engine|tests)/[\w./]*)`", README))
    assert named
    assert {name for name in named if not (ROOT / name).exists()} == set()
