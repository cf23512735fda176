"""How good predictions are, as lines on a terminal."""

from collections.abc import Iterable

import typer

from detectors.durations import Duration
from engine.commands.output import counted, table
from engine.evaluations import Evaluation, Figures

COLUMNS = (
    "detector",
    "of",
    "outcomes",
    "recall",
    "precision",
    "false_per_outcome",
    "lead",
    "pr_auc",
    "roc_auc",
    "brier",
)


def show(found: Iterable[Evaluation], *, empty: str) -> None:
    """Write two rows for each detector, of about the last 100 outcomes and of all, and what is to be known of them."""
    told = list(found)
    parts = [(each, of, figures) for each in told for of, figures in (("lately", each.lately), ("all", each.so_far))]
    table([_row(each, of, figures) for each, of, figures in parts], COLUMNS, empty=empty)
    for each in told:
        typer.echo(f"{each.detector}: whose word counts: {each.speaker}; {counted(each.alarms, 'drift alarm')}")
        for sentence in each.notes:
            typer.echo(f"{each.detector}: {sentence}")


def _row(evaluation: Evaluation, of: str, figures: Figures) -> dict[str, object]:
    lead = figures.median_lead
    return {
        "detector": evaluation.detector,
        "of": of,
        "outcomes": figures.outcomes,
        "recall": figures.recall,
        "precision": figures.precision,
        "false_per_outcome": figures.false_per_outcome,
        "lead": None if lead is None else str(Duration(60.0 * round(lead / 60.0))),
        "pr_auc": figures.pr_auc,
        "roc_auc": figures.roc_auc,
        "brier": figures.brier,
    }
