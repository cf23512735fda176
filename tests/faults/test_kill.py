"""Killed anywhere, started again: nothing is lost, nothing is sent twice, and all is as if nothing had happened."""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.blobs.folder import Folder
from engine.events import make_event
from engine.snapshots import Snapshots

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
START = 1_740_960_000.0
"""Monday 3 March 2025, 00:00 UTC."""
CONFIG = {
    "forewarn.yaml": "sender: {company: Acme}\nsnapshot_every: 10m\nevents: {known: ['app.*']}\n",
    "channels.yaml": "email: {type: email, host: 127.0.0.1, from: a@example.com, tls: none}\n",
    "policy.yaml": "reopen_within: 10m\n",
    "detectors/errors.yaml": """
name: errors
about: Errors
watch: {event: app.call, by: account, measure: {ratio: "failed"}, every: 1m, min_events: 2}
model: {kind: threshold, above: 0.5, recover: 0.1}
raise: {for: 2 of 3, clear: 2m}
""",
    "detectors/silent.yaml": """
name: silent
about: Silent
watch: {event: app.beat, by: device, measure: {last: time}, every: 1m}
model: {kind: absence, after: 5m}
""",
    "playbooks/errors.yaml": """
name: errors
when: {detector: [errors, silent]}
steps:
  - ticket: {queue: tier-2, template: all/agent}
  - message: {channels: [email], template: all/notice}
  - message: {on: resolved, template: all/resolved}
""",
}
TEMPLATES = {
    "all/agent/en/ticket.txt.j2": "Subject: {{ issue.detector }}\n\n{{ issue.summary }}\n",
    "all/notice/en/email.txt.j2": "Subject: {{ issue.detector }}\n\n{{ issue.subject }} is in trouble.\n",
    "all/resolved/en/email.txt.j2": "Subject: over\n\n{{ issue.subject }} is well.\n",
    "_common/correction/en/email.txt.j2": "Subject: sorry\n\nFalse alarm.\n",
    "_common/expired/en/email.txt.j2": "Subject: expired\n\nWe stop watching.\n",
}
COMPARED = {
    "issue": "id, status, severity, opened_at, resolved_at, reopened, summary",
    "change": "of, what, before, after",
    "signal": "id, state, at, value",
    "intent": "id, kind, occasion, recipient, status, address",
    "ticket": "external, issue, subject, body",
    "customer_contact": "id, at, issue",
    "lead_time": "issue, account, lead_s",
    "entity": "id, parent, name",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    for name, text in {**CONFIG}.items():
        write(folder / "config" / name, text)
    for name, text in TEMPLATES.items():
        write(folder / "templates" / name, text)
    layout = ROOT / "templates" / "_layouts"
    shutil.copytree(layout, folder / "templates" / "_layouts")
    write(folder / "chunks.json", json.dumps(chunks()))
    return folder


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    shutil.copytree(prepared, folder)
    return folder, int(run(folder, 0).stdout)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def chunks() -> list[dict[str, Any]]:
    """An hour of 5-minute chunks: four accounts, one of which fails for a while, and one device that falls silent."""
    minutes = [range(5 * chunk, 5 * chunk + 5) for chunk in range(12)]
    lines = [people(), *([line for minute in each for line in events(minute)] for each in minutes)]
    found, after = [], 0
    for number, part in enumerate(lines):
        after += len(part)
        payload = b"\n".join(part).decode()
        found.append({"until": START + 300.0 * number, "after": after, "payload": payload})
    return found


def people() -> list[bytes]:
    lines = []
    for n in range(4):
        account, contact = f"account/a{n}", f"contact/c{n}"
        address = [{"kind": "email", "value": f"c{n}@example.com"}]
        given: list[tuple[str, dict[str, Any]]] = [
            (account, {"name": f"A{n}"}),
            (contact, {"parent": account, "zone": "Asia/Tokyo", "addresses": address}),
            (f"device/d{n}", {"parent": account}),
        ]
        lines += [event("forewarn.entity", subject, data, START, f"e-{subject}") for subject, data in given]
    return lines


def events(minute: int) -> list[bytes]:
    at = START + 60.0 * minute
    found = []
    for n in range(4):
        failing = (n == 1 and 10 <= minute < 25) or (n == 2 and 20 <= minute < 30)
        for k in range(4):
            data = {"failed": failing and k > 0}
            found.append(event("app.call", f"account/a{n}", data, at + k, f"c-{minute}-{n}-{k}"))
        if not (n == 3 and 15 <= minute < 40):
            found.append(event("app.beat", f"device/d{n}", {}, at + 30, f"b-{minute}-{n}"))
    if minute == 27:
        said = {"channel": "phone", "text": "It fails."}
        found.append(event("forewarn.contact", "account/a2", said, at + 40, "contact-1"))
    found.append(event("forewarn.tick", "engine/clock", {}, at + 59, f"t-{minute}"))
    return found


def event(type_: str, subject: str, data: dict[str, Any], at: float, id_: str) -> bytes:
    return make_event(type_, subject, data, id=id_, source="test", time=at)


def run(folder: Path, fatal: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "victim.py"), str(folder), str(fatal)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def outcome(folder: Path) -> dict[str, Any]:
    """Everything that may not differ: the tables, what was sent, and the models bit for bit."""
    connection = sqlite3.connect(folder / "config" / "var" / "forewarn.db")
    tables = {
        name: sorted(connection.execute(f'select {columns} from "{name}"').fetchall(), key=repr)
        for name, columns in COMPARED.items()
    }
    connection.close()
    sent = sorted((folder / "sent.ndjson").read_text().splitlines())
    return {**tables, "sent": [json.loads(line)["id"] for line in sent]}


def survive(prepared: Path, folder: Path, moments: list[int]) -> None:
    """Run, being killed at each of `moments` in turn, and then to the end."""
    shutil.copytree(prepared, folder)
    for fatal in moments:
        killed = run(folder, fatal)
        assert killed.returncode in {-signal.SIGKILL, 0}, killed.stderr
    assert (last := run(folder, 0)).returncode == 0, last.stderr


def check(folder: Path, undisturbed: Path) -> None:
    found, wanted = outcome(folder), outcome(undisturbed)
    assert len(found["sent"]) == len(set(found["sent"])), "something was sent twice"
    for name, rows in wanted.items():
        assert found[name] == rows, name


def test_an_undisturbed_run_does_something(undisturbed: tuple[Path, int]) -> None:
    found = outcome(undisturbed[0])
    assert {row[1] for row in found["issue"]} == {"resolved"}
    assert len(found["issue"]) == 3
    assert len(found["sent"]) == 6
    assert undisturbed[1] > 150


@pytest.mark.parametrize("seed", range(12))
def test_a_killed_run_ends_as_an_undisturbed_one(
    seed: int, prepared: Path, undisturbed: tuple[Path, int], tmp_path: Path
) -> None:
    folder, count = undisturbed
    moment = 1 + (count * seed) // 12 + random.Random(seed).randrange(count // 12)
    survive(prepared, tmp_path / "run", [moment])
    check(tmp_path / "run", folder)


def test_killed_again_and_again(prepared: Path, undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    folder, count = undisturbed
    rng = random.Random(7)
    survive(prepared, tmp_path / "run", [rng.randrange(1, count // 3) for _ in range(5)])
    check(tmp_path / "run", folder)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(150))
def test_killed_at_many_more_points(seed: int, prepared: Path, undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    folder, count = undisturbed
    rng = random.Random(1000 + seed)
    survive(prepared, tmp_path / "run", [rng.randrange(1, count) for _ in range(rng.randrange(1, 4))])
    check(tmp_path / "run", folder)


def test_models_are_the_same_bit_for_bit(prepared: Path, undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    folder, count = undisturbed
    survive(prepared, tmp_path / "run", [count // 2, count // 3])
    one, other = (
        Snapshots(Folder(each / "config" / "var" / "snapshots")).latest(0) for each in (folder, tmp_path / "run")
    )
    assert one is not None
    assert other is not None
    assert one.offset == other.offset
    for name, array in one.arrays.items():
        assert array.tobytes() == other.arrays[name].tobytes(), name
