"""A piece of recorded or simulated events."""

from typing import NamedTuple


class Chunk(NamedTuple):
    """Events that arrived together: NDJSON, and the epoch second up to which they were recorded."""

    until: float
    payload: bytes
