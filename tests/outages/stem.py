"""Processes of the engine, each started in a tenth of a second: forked from one that has imported everything.

    python -m tests.outages.stem FOLDER

What is forked runs the command line as ever, with another clock (`SharedClock`). It is a process of its own, with its
own connections, and dies as one. The stem itself does nothing but fork, and ends when nobody writes to it any more.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.outages.clock import SharedClock

ROOT = Path(__file__).parents[2]


class Stem:
    """What processes are started from. Use it as a context manager."""

    def __init__(self, folder: Path, code: Path = ROOT) -> None:
        """`folder` is empty: to try everything out once, and to write what the stem itself says.

        The engine is that of the packages in `code`.
        """
        self._folder, self._code = folder, code

    def __enter__(self) -> "Stem":
        self._folder.mkdir()
        self._said = (self._folder / "stem.log").open("wb")
        command = [sys.executable, "-m", "tests.outages.stem", str(self._folder / "warm")]
        environ = {**os.environ, "PYTHONPATH": f"{self._code}:{ROOT}", "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=self._code,
            env=environ,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()
        self._said.close()

    def start(self, arguments: list[str], clock: Path, log: Path) -> int:
        """Start a process, and return its number; what it says is added to `log`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = {"arguments": arguments, "clock": str(clock), "log": str(log)}
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the stem is gone: {(self._folder / 'stem.log').read_text()[-2000:]}")
        return int(answer)


def alive(pid: int) -> bool:
    """Say whether there is such a process still."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def warm(folder: Path) -> None:
    """Import and compile what any role needs, by running a small engine once."""
    import kafka  # type: ignore[import-untyped]  # noqa: F401, PLC0415 -- only in the stem
    import psycopg  # noqa: F401, PLC0415
    import uvicorn  # noqa: F401, PLC0415

    from engine.commands import serving  # noqa: F401, PLC0415
    from tests.outages.life import CONFIG, accounts, minutes, people  # noqa: PLC0415
    from tests.outages.undisturbed import Undisturbed  # noqa: PLC0415

    with Undisturbed(folder, CONFIG) as engine:
        engine.hand_in(people(of := accounts("warm")), 0.0)
        for now, lines in minutes(of, range(8), failing=True):
            engine.hand_in(lines, now)


def child(told: dict[str, Any]) -> None:
    """Be a process of the engine, until it ends."""
    from engine.cli import main  # noqa: PLC0415 -- as above
    from engine.commands import serving  # noqa: PLC0415
    from engine.config import check_log  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, goal in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(number, goal)
    vars(serving)["CLOCK"] = SharedClock(Path(told["clock"]))  # in place of the machine's
    check_log.SHORTEST = 1.0  # the broker of these tests is told that sessions may be short
    sys.argv = ["forewarn", *told["arguments"]]
    main()


def serve() -> None:
    """Fork whenever a line comes; when no more come, end all that was forked."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended: the system forgets them by itself
    forked: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                child(json.loads(line))
            finally:
                sys.stdout.flush()
                os._exit(1)
        forked.append(pid)
        print(pid, flush=True)  # noqa: T201 -- the answer
    for pid in filter(alive, forked):
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    warm(Path(sys.argv[1]))
    serve()
