"""A disk of its own for a folder, that can be full."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import httpx

from tests.brokers.broker import Missing
from tests.outages.process import Process
from tests.outages.town import Town

BALLAST = "ballast"
PAGE = bytes(4096)


class Disk:
    """A small file system in memory where `folder` is, with what was in it. A context manager.

    Raises Missing where none can be mounted: that takes Linux and its administrator.
    """

    def __init__(self, folder: Path, size: str = "64m") -> None:
        self._folder, self._size = folder, size
        self._aside = folder.with_name(f"{folder.name}.aside")

    def __enter__(self) -> "Disk":
        self._folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._folder, self._aside)
        try:
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={self._size}", "forewarn-test", str(self._folder)],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise Missing("there is no mount") from error
        if done.returncode:
            raise Missing(f"no file system can be mounted: {done.stderr.strip()}")
        shutil.copytree(self._aside, self._folder, dirs_exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()
        shutil.copytree(self._folder, self._aside, dirs_exist_ok=True)
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
        shutil.copytree(self._aside, self._folder, dirs_exist_ok=True)

    def fill(self) -> None:
        """Let there be no byte left."""
        with suppress(OSError), (self._folder / BALLAST).open("ab", buffering=0) as file:
            while file.write(PAGE) == len(PAGE):
                pass

    def free(self) -> None:
        """Let there be room again."""
        (self._folder / BALLAST).unlink(missing_ok=True)


class Full:
    """Lets a disk be full for as long as a block lasts, in which workers have to say so. A context manager."""

    def __init__(self, disk: Disk, town: Town) -> None:
        self._disk, self._town = disk, town

    def __enter__(self) -> "Full":
        self._disk.fill()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._town.until(self._told, "no worker says that it cannot write snapshots")
        finally:
            self._disk.free()

    def _told(self) -> bool:
        """Let a minute pass, after which snapshots are due; return whether all workers say what is wrong."""
        self._town.clock.set(self._town.clock.elapsed() + 60.0)
        return all(tells_of_it(each) for each in self._town.of("worker") if each.wanted)


def tells_of_it(worker: Process) -> bool:
    """Return whether a worker is ready, and says what keeps it from writing snapshots."""
    address = worker.address()
    if address is None:
        return False
    try:
        ready, figures = (httpx.get(f"{address}/{path}", timeout=10.0) for path in ("readyz", "metrics"))
    except httpx.TransportError:
        return False
    counted = "forewarn_snapshot_failures_total 0.0" not in figures.text.splitlines()
    said = ready.json().get("warnings", ())
    return (
        ready.status_code == 200
        and counted
        and any("No space left on device; free some space" in each for each in said)
    )
