"""The same stream, made by a second process, so that the engine has a core of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import NamedTuple

from engine.chunk import Chunk
from engine.errors import Permanent
from engine.simulate import simulate
from engine.simulate.scenario import Scenario


class Fleet(NamedTuple):
    """A fleet whose events are being made."""

    scenario: Scenario
    seed: int
    chunks: Iterator[Chunk]
    """What `simulate` yields."""


@contextmanager
def simulating(scenario: Scenario, seed: int) -> Iterator[Fleet]:
    """Yield a fleet whose events are made ahead in another process; it ends with the block."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(theirs, scenario, seed), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Fleet(scenario, seed, _receive(ours))
    finally:
        ours.close()
        process.terminate()
        process.join()


def _send(pipe: Connection, scenario: Scenario, seed: int) -> None:
    for chunk in simulate(scenario, seed):
        pipe.send_bytes(repr(chunk.until).encode() + b"\n" + chunk.payload)
    pipe.send_bytes(b"")


def _receive(pipe: Connection) -> Iterator[Chunk]:
    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            raise Permanent("the process that simulates the fleet ended early", place="simulation") from None
        if not message:
            return
        until, _, payload = message.partition(b"\n")
        yield Chunk(float(until), payload)
