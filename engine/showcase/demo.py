"""`forewarn demo`: a simulated fleet through the whole engine, and a page that says what became of it.

Nothing here is a shortcut: the events are those a customer's systems would send, the engine is the one of
`engine/app.py`. Only the clock, the log, the database and the channels are of the kind that leaves no trace.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup
from rich.console import Console
from rich.table import Table

from detectors.durations import Duration
from engine.chunk import Chunk
from engine.config.load import load_or_raise
from engine.config.model import Config
from engine.rehearsal import Rehearsal, rehearsal
from engine.replay import replay
from engine.showcase import samples
from engine.showcase.page import count, one, percent, render, span
from engine.showcase.scorecard import Scorecard, score
from engine.showcase.timeline import timeline
from engine.simulate import Scenario, Truth, truth
from engine.simulate.process import Fleet
from engine.starter import starter

Progress = Callable[[float, int], None]
"""Called now and then with the share that is done and the number of events so far."""
SECRET = "whsec_" + "A" * 43 + "="
STAND_INS = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "0" * 32,
    "TWILIO_FROM": "+15005550006",
    "FOREWARN_WEBHOOK_SECRET": SECRET,
}
"""The starter's secrets: its channels are stood in for by memory, so nothing is ever done with them."""
KEPT = Duration("6h")
"""Events the memory log keeps that were dealt with."""


@dataclass(frozen=True, slots=True)
class Run:
    """How the run itself went."""

    events: int
    seconds: float
    chunk: float
    command: str


def run(
    fleet: Fleet,
    out: Path,
    *,
    command: str = "forewarn demo",
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Scorecard:
    """Run the engine over a fleet and write `out`/index.html; returns the scorecard.

    `command` is what does it again. Without `folder` it is the starter's configuration; raises ConfigError if that
    cannot be used.
    """
    begin = time.perf_counter()
    config = _config(folder or starter() / "config")
    known = truth(fleet.scenario, fleet.seed)
    with rehearsal(config, fleet.scenario.starts_at) as held:
        went = play(held, fleet.chunks, fleet.scenario, command, progress)
        seconds = time.perf_counter() - begin
        return tell(held, config, known, replace(went, seconds=seconds), out)


def _config(folder: Path) -> Config:
    config = load_or_raise(folder, STAND_INS)
    retention = replace(config.main.retention, events=KEPT)
    return replace(config, main=replace(config.main, retention=retention))


def play(
    held: Rehearsal, chunks: Iterator[Chunk], scenario: Scenario, command: str, progress: Progress | None = None
) -> Run:
    """Run the engine that is held over the events of `scenario`; `command` is what does it again."""
    begin = time.perf_counter()
    events = 0
    length = scenario.ends_at - scenario.starts_at
    for accepted in replay(held.engine, held.clock, chunks, origin="simulation"):
        events += accepted.accepted
        if progress is not None:
            progress((held.clock.time() - scenario.starts_at) / length, events)
    return Run(events, time.perf_counter() - begin, float(scenario.chunk), command)


def tell(held: Rehearsal, config: Config, known: Truth, went: Run, out: Path) -> Scorecard:
    """Score what the engine did, and write `out`/index.html about it."""
    with held.engine.storage.database.reading() as session:
        card = score(session, known)
        shy = [*card.causeless]
        rows = samples.issues(session, config, shy)
        page = render(
            "demo.html.j2",
            card=card,
            run=went,
            timeline=Markup(timeline(card.moments, known.start, known.end)),  # noqa: S704 -- ours, its texts escaped
            issues=rows,
            most=max((row.total for row in rows), default=0),
            mails=samples.mails(session, ("en", "de"), shy),
            texts=samples.texts(session, shy),
            ticket=samples.ticket(session, shy),
            decisions=samples.decisions(session),
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(page, "utf-8")
    return card


def summary(card: Scorecard) -> None:
    """Print the headline numbers and how each sort of incident fared."""
    console = Console()
    console.print(
        f"[bold green]{percent(card.share_warned)}[/] of the customers who would have called were told first "
        f"({count(card.warned_before)} of {count(card.would_contact)}); median lead time "
        f"[bold]{span(card.lead_median)}[/]; {one(card.without_cause_rate)} messages without cause per thousand "
        f"accounts a week."
    )
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("incident", "affected", "found", "noticed after", "would have called", "told before"):
        table.add_column(name, justify="left" if name == "incident" else "right")
    for wave, found in card.by_wave.items():
        numbers = (found.affected, found.affected_found, span(found.median_delay), found.would_contact)
        table.add_row(wave, *map(str, numbers), str(found.warned_before))
    console.print(table)
