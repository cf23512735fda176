"""A recording through the whole engine, from a configuration and events to issues, as `forewarn backtest` runs it."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from detectors.base import Floats, Observations, Scores
from detectors.risk import Risk
from engine.app import Engine
from engine.chunk import Chunk
from engine.columnar.index import SeriesIndex
from engine.config.check import checked
from engine.config.model import Config
from engine.recordings.chunks import chunks
from engine.rehearsal import rehearsal
from engine.replay import replay
from tests.fleets.feed import Told
from tests.fleets.recording import Recording

CONFIGS = Path(__file__).parent / "config"
STEP = 6 * 3600.0
"""Seconds of events that arrive together: what is scored, and when, does not depend on it."""
QUIET = 86400.0
"""Seconds after the end at which even an engine that saw events arrive late takes all up to then to be in."""


@dataclass
class Heard:
    """What a detector in an engine said, and what it knows in the end."""

    detector: Risk
    index: SeriesIndex
    seconds: float = 0.0
    _batches: list[tuple[Observations, Scores]] = field(default_factory=list)

    def listen(self) -> None:
        """Keep what the detector says from now on, and how long it takes."""
        update = self.detector.update

        def heard(batch: Observations) -> Scores:
            begun = time.process_time()
            scores = update(batch)
            self.seconds += time.process_time() - begun
            self._batches.append((batch, scores))
            return scores

        self.detector.update = heard  # type: ignore[method-assign]

    def told(self) -> Told:
        """Return what was said at every tick, as `Feed.run` does."""
        tick = self.detector.channel("tick")
        rows = [(batch, scores, batch.channel == tick) for batch, scores in self._batches]
        return Told(
            subjects=[self.index.key(number) for number in range(len(self.index))],
            series=np.concatenate([batch.series[at] for batch, _, at in rows]),
            time=np.concatenate([batch.time[at] for batch, _, at in rows]),
            probability=_column(scores.extra["probability"][at] for _, scores, at in rows),
            score=_column(scores.score[at] for _, scores, at in rows),
            seconds=self.seconds,
        )


def _column(parts: Iterable[Floats]) -> Floats:
    return np.concatenate(list(parts))


def configured(name: str) -> Config:
    """Return one of the configurations beside this file."""
    config, problems = checked(CONFIGS / name, {})
    assert config is not None, problems
    return config


@contextmanager
def throughout(recording: Recording, config: Config, events: Path) -> Iterator[tuple[Engine, Heard]]:
    """Yield an engine after it took the recording in, by way of the file `events`, and what its one risk said."""
    events.write_bytes(b"\n".join(recording.lines()))
    pieces = _ended(chunks([events], STEP), recording.end)
    with rehearsal(config, recording.happened[0].time) as held:
        held.engine.restore()
        [pipeline] = held.engine.pipelines
        [dossier] = pipeline.scorer.dossiers
        [monitor] = dossier.monitors.values()
        assert isinstance(monitor.detector, Risk)
        heard = Heard(monitor.detector, dossier.index)
        heard.listen()
        for accepted in replay(held.engine, held.clock, pieces, origin="recording"):
            assert not accepted.rejects, accepted.rejects
        yield held.engine, heard


def _ended(pieces: Iterable[Chunk], end: float) -> Iterator[Chunk]:
    """Yield the pieces, and then that nothing more came."""
    yield from pieces
    yield Chunk(end + QUIET, b"")
