"""Apache Kafka with a door for each process, that can be killed and started again."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.brokers.broker import JAVA, apache_jars, free_port, prepare, properties_of, wait_for


class Kafka:
    """One broker. Who comes by a door is told to stay at that door, where a proxy may listen. A context manager.

    Raises Missing without Java 17, Maven or what they fetch.
    """

    def __init__(self, folder: Path, doors: int) -> None:
        self.port = free_port()
        self.doors = [free_port() for _ in range(doors)]
        """Ports of the broker, one for each door."""
        self._folder, self._properties = folder, folder / "server.properties"
        self._jars = apache_jars()
        self._process: subprocess.Popen[bytes] | None = None

    def open(self, proxies: Sequence[int]) -> None:
        """Make the data folder, and start; `proxies` are the ports at which each door is to be found."""
        names = [f"DOOR{number}" for number in range(len(self.doors))]
        text = properties_of(self.port, free_port(), self._folder / "data")
        inside = "".join(f",{name}://127.0.0.1:{port}" for name, port in zip(names, self.doors, strict=True))
        outside = "".join(f",{name}://127.0.0.1:{port}" for name, port in zip(names, proxies, strict=True))
        kinds = "".join(f",{name}:PLAINTEXT" for name in names)
        lines = [line + inside if line.startswith("listeners=") else line for line in text.splitlines()]
        lines.append(f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}{outside}")
        lines.append(f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{kinds}")
        lines.append("inter.broker.listener.name=PLAINTEXT")
        self._properties.write_text("\n".join(lines) + "\n")
        prepare(self._jars, self._properties)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self._folder / "kafka.log"
        with log.open("ab") as output:
            command = [*JAVA, "-cp", f"{self._jars}/*", "kafka.Kafka", str(self._properties)]
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_for(self.port, self._process, log)

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Stop it: by SIGKILL at once, by SIGTERM in good order."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None
