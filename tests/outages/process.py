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
        self.stem = stem
        """What it is started from: of which version it is."""
        self.wanted = True
        """Whether it is to run."""
        self.leaving = False
        """Whether it was told to stop."""
        self.pid = 0
        self._clock = clock
        self._said = 0
        """Bytes of the log that earlier lives wrote."""
        self._dying = threading.Lock()

    # -- life and death

    def start(self) -> None:
        """Start it. It is up to it when it is ready."""
        self.leaving = False
        self._said = self.log.stat().st_size if self.log.exists() else 0
        arguments = [self.role, "--config", str(self.config), "--port", "0"]
        self.pid = self.stem.start(arguments, self._clock, self.log)

    def kill(self, at: str) -> None:
        """End it without a word."""
        with self._dying:
            if self.pid:
                self.signal(signal.SIGKILL)
                self.deaths[at] += 1
                self.pid = 0

    def ask_to_stop(self) -> None:
        """Tell it to stop in good order; when it has, it is not there any more."""
        self.wanted, self.leaving = False, True
        self.signal(signal.SIGTERM)

    def signal(self, what: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, what)

    def tend(self) -> None:
        """Start it where it is wanted and not there. Raises AssertionError where it ended by itself."""
        with self._dying:
            if self.pid and not alive(self.pid):
                assert self.leaving, f"{self.name} ended by itself:\n{self.tail()}"
                self.pid = 0
        if self.wanted and not self.pid:
            self.start()

    def close(self) -> None:
        """Kill it, and let go of its proxies."""
        self.kill("the end")
        self.kafka.close()
        self.postgres.close()

    # -- what is heard of it

    def moment(self, what: str) -> bool:
        """Take note of a moment; at that of a trap it is killed. Returns whether it lives on."""
        self.happened[what] += 1
        fatal = sum(trap.springs(what) for trap in self.traps) > 0
        if fatal:
            self.kill(what)
        return not fatal

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
