"""What really happened in a simulated fleet, and who would have called about it: never shown to the engine."""

from pathlib import Path

import msgspec
from msgspec import Struct


class Would(Struct, frozen=True, array_like=True):
    """A contact that would have come, had nobody told the customer."""

    account: str
    at: float
    """Epoch seconds."""


class Incident(Struct, frozen=True):
    """One thing that went wrong, for one account or for many at once."""

    id: str
    wave: str
    """The name of its sort in the scenario."""
    what: str
    detectors: tuple[str, ...]
    """Names or globs of the detectors that would be right to speak of it."""
    accounts: tuple[str, ...]
    onset: float
    end: float
    contacts: tuple[Would, ...] = ()


class Truth(Struct, frozen=True):
    """Everything that is to be known to score a run."""

    scenario: str
    seed: int
    start: float
    end: float
    accounts: int
    """How many there are in all."""
    incidents: tuple[Incident, ...]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self)))

    @classmethod
    def read(cls, path: Path) -> "Truth":
        """Read what `write` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)
