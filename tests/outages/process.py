"""One process of a town, over all its lives: what it is told, how it is killed, and started again."""

import os
import re
import signal
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.outages.heard import Requests, Transactions
from tests.outages.proxy import Proxy
from tests.outages.stem import Stem, alive
from tests.outages.traps import Trap


class Process:
    """One role's process, behind proxies of its own to the broker and to the database.

    `folder` holds what it says. The configuration is written when both proxies are known, by whoever has the text.
    """

    def __init__(self, name: str, stem: Stem, clock: Path, folder: Path, kafka: int, postgres: int) -> None:
        self.name, self.role = name, name.partition("-")[0]
        self.kafka = Proxy(kafka, lambda: Requests(self.moment))
        self.postgres = Proxy(postgres, lambda: Transactions(self.moment))
        self.config = folder / name / "config"
        self.log = folder / f"{name}.log"
        self.happened = Counter[str]()
        self.deaths = Counter[str]()
        """How often it was killed, at which moments."""
        self.traps: list[Trap] = []
        self.wanted = True
        """Whether it is to run."""
        self.pid = 0
        self._stem, self._clock = stem, clock
        self._said = 0
        """Bytes of the log that earlier lives wrote."""
        self._dying = threading.Lock()

    # -- life and death

    def start(self) -> None:
        """Start it. It is up to it when it is ready."""
        self._said = self.log.stat().st_size if self.log.exists() else 0
        arguments = [self.role, "--config", str(self.config), "--port", "0"]
        self.pid = self._stem.start(arguments, self._clock, self.log)

    def kill(self, at: str) -> None:
        """End it without a word."""
        with self._dying:
            if self.pid:
                with suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGKILL)
                self.deaths[at] += 1
                self.pid = 0

    def ask_to_stop(self) -> None:
        """Tell it to stop in good order."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    @property
    def ended(self) -> bool:
        """Whether it ended although nobody killed it."""
        return self.pid != 0 and not alive(self.pid)

    def close(self) -> None:
        """Kill it, and let go of its proxies."""
        self.kill("the end")
        self.kafka.close()
        self.postgres.close()

    # -- what is heard of it

    def moment(self, what: str) -> bool:
        """Take note of a moment; at that of a trap it is killed. Returns whether it lives on."""
        self.happened[what] += 1
        if any([trap.springs(what) for trap in self.traps]):
            self.kill(what)
        return self.pid != 0

    def address(self) -> str | None:
        """Return where this life of it listens, once it does."""
        if not self.log.exists():
            return None
        with self.log.open("rb") as file:
            file.seek(self._said)
            found = re.search(rb"http://127\.0\.0\.1:\d+", file.read())
        return found[0].decode() if found else None

    def tail(self) -> str:
        """Return the end of what it said."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
