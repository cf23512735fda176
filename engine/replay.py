"""Running the engine over recorded events at full speed, with a clock that the events drive.

The same engine as in production: only the clock, the channels and the place of the log differ. After each chunk of
events everything that fell due in event time is done (follow-ups, held messages, checks of what did not come), so a
fortnight takes seconds; a chunk's length is how exact the times of what is done are.
"""

from collections.abc import Iterable, Iterator

from engine.app import Engine
from engine.chunk import Chunk
from engine.clock import FakeClock
from engine.intake import Accepted

__all__ = ["Chunk", "drain", "replay"]


def replay(engine: Engine, clock: FakeClock, chunks: Iterable[Chunk], *, origin: str) -> Iterator[Accepted]:
    """Drive `engine` through `chunks` in order; yields what was taken of each after it was dealt with."""
    for chunk in chunks:
        clock.set(chunk.until)
        accepted = engine.intake.accept(chunk.payload, origin)
        engine.run_due()
        drain(engine)
        yield accepted


def drain(engine: Engine) -> None:
    """Process and send until there is nothing left to do at this moment."""
    while engine.step() or engine.form() or engine.dispatch():
        pass
