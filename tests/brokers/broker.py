"""A broker to test against: one that is named, Apache Kafka itself, or one that needs no Java."""

import contextlib
import hashlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.brokers.kept import kept

POM = Path(__file__).with_name("pom.xml")
VERSION = re.search(r"kafka_2\.13</artifactId>\s*<version>([\d.]+)", POM.read_text())
STARTS = 90.0
"""Seconds a broker may take until it listens."""
NAMED = "FOREWARN_TEST_KAFKA"
JAVA = ("java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
log.dirs={folder}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


class Missing(Exception):
    """Why a broker cannot be started here."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where one listens, and what it is."""

    server: str
    name: str
    folder: Path | None = None
    """Where its data is, of one whose data can be told apart."""


@contextmanager
def apache(folder: Path) -> Iterator[Broker]:
    """Run Apache Kafka with its data in `folder`. Raises Missing without Java 17, Maven or what they fetch."""
    jars = apache_jars()
    port, controller = free_port(), free_port()
    properties = folder / "server.properties"
    properties.write_text(properties_of(port, controller, folder / "data"))
    prepare(jars, properties)
    assert VERSION is not None
    with serving([*JAVA, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)], port, folder / "kafka.log"):
        yield Broker(f"127.0.0.1:{port}", f"Apache Kafka {VERSION[1]}", folder)


def properties_of(port: int, controller: int, folder: Path) -> str:
    """Return the settings of one that is alone, with its data in `folder`."""
    return _PROPERTIES.format(port=port, controller=controller, folder=folder)


def prepare(jars: Path, properties: Path, *more: str) -> None:
    """Make the data folder that `properties` names."""
    tool = [*JAVA, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qk"]
    _run([*tool, "-c", str(properties), *more], "Apache Kafka's data folder cannot be made")


@contextmanager
def noida(folder: Path) -> Iterator[Broker]:
    """Run noida-db's broker with its data in `folder`. Raises Missing where there is none for this machine."""
    found = find_spec("noida_db")
    if found is None or found.origin is None:
        raise Missing("noida-db is not installed")
    port = free_port()
    program = Path(found.origin).with_name("noida-db")
    command = [str(program), "start", "--only", "kafka", "--kafka-port", str(port), "--host", "127.0.0.1"]
    with serving([*command, "--data-dir", str(folder)], port, folder / "noida.log"):
        yield Broker(f"127.0.0.1:{port}", "noida-db")


def named() -> Broker | None:
    """Return the broker that the environment names."""
    server = os.environ.get(NAMED)
    return Broker(server, f"{NAMED}={server}") if server else None


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on now."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def apache_jars() -> Path:
    """Return the folder of Apache Kafka's jars, fetched once for each version of the `pom.xml`."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise Missing(f"there is no {program}")
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    major = re.search(r'version "(\d+)', told)
    if major is None or int(major[1]) < 17:
        raise Missing(f"Java 17 or newer is needed, not {told.splitlines()[:1]}")
    return kept(f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}", _fetch)


def _fetch(folder: Path) -> None:
    """Let Maven fetch the jars."""
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"]
    _run(["mvn", "-q", "-B", "-f", str(POM), *goal], "Maven cannot fetch Apache Kafka")


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise Missing(f"{what}: {(done.stdout + done.stderr).strip()[-500:]}")


@contextmanager
def serving(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Run a server until the block ends. Raises Missing where it does not listen on `port` in time."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_for(port, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a broker listens. Raises Missing where it does not in time."""
    deadline = time.monotonic() + STARTS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.05)
    raise Missing(f"the broker does not listen: {log.read_text(errors='replace')[-500:]}")
