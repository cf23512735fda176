"""`forewarn run`, as a process of its own: it starts, takes events, reloads, stops; and says why where it does not."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.app import Engine
from engine.clock import SystemClock
from engine.config.load import load_or_raise
from engine.errors import ForewarnError, Retryable
from engine.lock import locked
from engine.serve import Runner, running
from engine.storage import Storage

BIN = Path(sys.executable).with_name("forewarn")
Wait = Callable[[str], str]


class Running:
    """A process, its address, and what it has logged so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.process = process
        line = process.stdout.readline()
        found = re.search(r"http://[\d.:]+", line)
        assert found, line + process.communicate()[1]
        self.url = found[0]

    def logged(self, what: str) -> dict[str, Any]:
        """Wait for a line of the log with this event; fails if the process ends before."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{") and (entry := json.loads(line))["event"] == what:
                found: dict[str, Any] = entry
                return found
        raise AssertionError(f"{what!r} was never logged")

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal and wait for the end; returns the exit code and the rest of the log."""
        self.process.send_signal(number)
        err = self.process.communicate(timeout=60)[1]
        return self.process.returncode, err


@contextmanager
def started(folder: Path) -> Iterator[Running]:
    env = os.environ | {"PYTHONWARNINGS": "error"}
    command = [str(BIN), "run", "--config", str(folder)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    guard = threading.Timer(90, process.kill)
    guard.start()
    try:
        yield Running(process)
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def test_it_takes_events_reloads_and_stops(shop: Path) -> None:
    with started(shop) as engine:
        assert httpx.get(f"{engine.url}/healthz").status_code == 200
        assert httpx.get(f"{engine.url}/readyz").status_code == 200
        event = {"id": "1", "source": "s", "type": "api.request", "subject": "account/acme", "data": {"status": 503}}
        kind = {"content-type": "application/cloudevents+json"}
        sent = httpx.post(f"{engine.url}/v1/events", content=json.dumps(event), headers=kind)
        assert sent.is_success, sent.text
        second = subprocess.run([BIN, "run", "--config", shop], capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert f"an engine is running on it already (process {engine.process.pid})" in second.stderr
        listed = subprocess.run([BIN, "issues", "list", "-c", shop], capture_output=True, timeout=60, check=False)
        assert listed.returncode == 0
        _reloads(engine, shop / "config/policy.yaml")
        code, log = engine.stop()
    assert (code, "Traceback" in log) == (0, False), log
    assert [*(shop / "config/var/snapshots").glob("*.snapshot")]


def _reloads(engine: Running, policy: Path) -> None:
    good = policy.read_text()
    policy.write_text("hurs: {}\n")
    engine.process.send_signal(signal.SIGHUP)
    refused = engine.logged("configuration not taken over")
    assert "policy.yaml:1:1" in refused["problems"][0]
    assert httpx.get(f"{engine.url}/readyz").status_code == 200
    policy.write_text(good)
    engine.process.send_signal(signal.SIGHUP)
    engine.logged("configuration taken over")


def test_an_interrupt_stops_it_too(shop: Path) -> None:
    with started(shop) as engine:
        code, log = engine.stop(signal.SIGINT)
    assert (code, "Traceback" in log) == (0, False), log


# -- threads that fail


@pytest.fixture
def engine(shop: Path) -> Iterator[Engine]:
    config, clock = load_or_raise(shop), SystemClock()
    made = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"))
    yield made
    made.close()


@pytest.mark.parametrize("error", [ValueError("a mistake"), ForewarnError("the log is damaged")])
def test_what_waiting_does_not_mend_ends_the_process(
    engine: Engine, shop: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> int:
        raise error

    monkeypatch.setattr(engine, "step", fail)
    ended = threading.Event()
    runner = Runner(engine)
    runner.on_failure = ended.set
    with running(runner):
        assert ended.wait(30)
        assert runner.failure is error
        assert runner.unready()
    assert not [*(shop / "config/var/snapshots").glob("*")], "models in the midst of a batch are not kept"


def test_what_may_pass_is_waited_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = threading.Event()

    def fail() -> int:
        seen.set()
        raise Retryable("the disk is full")

    monkeypatch.setattr(engine, "step", fail)
    runner = Runner(engine)
    with running(runner):
        assert seen.wait(30)
    assert runner.failure is None


def test_a_job_that_is_broken_ends_the_process(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    runner = Runner(engine)
    runner.on_failure = ended.set
    monkeypatch.setattr(engine.schedule, "run_due", lambda: 1 / 0)
    with running(runner):
        assert ended.wait(30)
    assert isinstance(runner.failure, ZeroDivisionError)


def test_a_folder_is_locked_once_and_free_again(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(ForewarnError, match=str(os.getpid())), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_an_address_that_is_taken_or_open_to_all_is_refused(shop: Path, forewarn: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = forewarn("run", "--port", taken.getsockname()[1])
    assert ran.code == 1
    assert "cannot listen" in ran.err
    refused = forewarn("run", "--host", "0.0.0.0", "--port", 0)
    assert refused.code == 2
    assert "no token" in refused.err
