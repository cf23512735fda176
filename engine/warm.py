"""Compiling all kernels once, ahead of the first run, on two cores: ``python -m engine.warm``.

Numba keeps what it compiled beside the sources (or in the user's cache, where those are read-only), so it takes half a
minute after an installation and nothing afterwards. Without it the first command that needs a kernel compiles it.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from engine.measures.meter import Meter

Kind = Literal["count", "ratio", "mean", "quantile", "distinct", "gap", "last"]
KINDS = (
    "seasonal", "forecast", "absence", "threshold", "peer", "novelty", "stall", "composite", "shift", "deadline",
    "change", "ensemble",
)  # fmt: skip
MEASURES: tuple[Kind, ...] = ("count", "ratio", "mean", "quantile", "distinct", "gap", "last")
MINUTE = 60.0


def detectors() -> None:
    """Compile every kind that has a kernel, and the raise rule."""
    from detectors.base import Observations  # noqa: PLC0415 -- each process imports what it compiles
    from detectors.monitor import Monitor  # noqa: PLC0415
    from detectors.raising import RaiseRule  # noqa: PLC0415
    from detectors.registry import detector_class  # noqa: PLC0415

    for kind, arguments in [(name, each) for name in KINDS for each in detector_class(name).examples[:2]]:
        monitor = Monitor(kind, detector_class(kind)(**arguments), RaiseRule(), grace=1.0)
        monitor.detector.introduce(("one", "other"))
        monitor.prepare(MINUTE)
        monitor.grow(1)
        batch = Observations.of([0, 0], [0.0, MINUTE], [1.0, 2.0])
        monitor.observe(batch)
        monitor.scores(batch)
        if monitor.detector.ticks:
            monitor.tick(10 * MINUTE)


def measures() -> None:
    """Compile decoding, deduplication, the series index and every measure."""
    from detectors.durations import Duration  # noqa: PLC0415 -- as above
    from engine.columnar.dedup import Dedup  # noqa: PLC0415
    from engine.config.model import Measure, Watch  # noqa: PLC0415
    from engine.events import Decoder, Schema, Telemetry, make_event  # noqa: PLC0415
    from engine.expressions import Expression  # noqa: PLC0415
    from engine.measures.meter import Meter  # noqa: PLC0415

    of = {"count": None, "gap": None, "ratio": "x > 1 and t == 'a'", "distinct": "t"}
    meters = []
    for kind in MEASURES:
        text = of.get(kind, "x")
        measure = Measure(kind, Expression.parse(text) if text else None)
        meters.append(Meter(Watch("w", ("account",), measure, Duration(MINUTE)), lateness=MINUTE))
    needed = {name: kind for meter in meters for name, kind in meter.fields.items()}
    decoder = Decoder(Schema.build({"w": needed}), future=MINUTE)
    lines = [make_event("w", "account/a", {"x": i, "t": "a"}, id=str(i), source="s", time=MINUTE * i) for i in range(9)]
    decoded = decoder.decode(b"\n".join(lines), 0.0 + MINUTE * 9)
    for run in decoded.runs:
        Dedup().admit(run.identities)
        if isinstance(run.content, Telemetry):
            for columns, _ in run.content.parts():
                for meter in meters:
                    meter.add(columns, np.full(columns.n, -np.inf), lambda _: None)
                    meter.advance(MINUTE * 20)
                    meter.points(0)
    _leave(meters[0])


def _leave(meter: "Meter") -> None:
    """Compile what series need that leave memory and come back."""
    from engine.columnar.filter import Filter  # noqa: PLC0415 -- as above

    series, known = meter.quiet(np.inf), Filter(1)
    known.add(meter.index.hashes(series))
    known.may_hold(meter.index.hashes(series))
    meter.index.among(meter.index.state())
    meter.remove(series)
    meter.load(meter.state())


def main() -> None:
    """Compile on two cores."""
    jobs: tuple[Callable[[], None], ...] = (measures, detectors)
    with ProcessPoolExecutor(len(jobs), mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


if __name__ == "__main__":
    main()
