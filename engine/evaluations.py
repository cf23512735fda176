"""How good predictions are: what learned detectors said against what came, kept by partition, told over all of them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from msgspec import Struct
from sqlalchemy import delete
from sqlmodel import Session, col, select

from detectors.learned import record as records
from detectors.learned.record import Record
from detectors.learned.standing import NOBODY, Standing
from engine.store.models import EvaluationRow

_STATE = (
    "champion", "labels_missing", "on_trial", "alarms", "fits", "positives", "negatives", "horizon", "budget",
)  # fmt: skip


_SPEAKERS = {
    "trees": "boosted trees",
    "line": "logistic regression",
    "recent trees": "trees of recent rows",
    "stack": "all models, weighed",
    "early": "early model",
    "none": "no model yet",
}


class Tenth(Struct, frozen=True):
    """Rows whose probability was in one tenth: what was said, and what came."""

    said: float | None
    """Mean probability; None without rows."""
    came: float | None
    """Share of which the outcome came."""
    rows: int


class Figures(Struct, frozen=True):
    """Every row was scored before its label was known; None where nothing is known yet. Times in seconds."""

    rows: int
    """Scores whose label is known: a subject at a moment."""
    outcomes: int
    pr_auc: float | None
    roc_auc: float | None
    brier: float | None
    log_loss: float | None
    recall: float | None
    """Share of outcomes that an alert preceded, within the horizon."""
    precision: float | None
    """Share of alerts that an outcome followed, within the horizon."""
    false_per_outcome: float | None
    median_lead: float | None
    """From the first alert within the horizon to the outcome."""
    reliability: list[Tenth]


class Evaluation(Struct, frozen=True):
    """One detector over all partitions."""

    detector: str
    at: float
    """Event time up to which it is known."""
    horizon: float
    """Seconds."""
    budget: str
    champion: str
    """Whose word counts: trees, line, recent trees, stack, early (before the first fit) or none."""
    labels_missing: bool
    """Outcomes are not reported, so nothing is learned."""
    drift_alarm: bool
    """Outcomes surprised; a model of recent rows is on trial."""
    alarms: int
    """Drift alarms so far."""
    fits: int
    positives: int
    negatives: int
    """Rows learned from, by label."""
    so_far: Figures
    lately: Figures
    """The same of about the last 100 outcomes."""

    @property
    def speaker(self) -> str:
        """Whose word counts, in words."""
        return ", ".join(_SPEAKERS[each] for each in self.champion.split(", "))

    @property
    def notes(self) -> list[str]:
        """What whoever reads the figures has to know, as sentences."""
        told = {
            "Labels are missing: nothing is learned until outcomes are reported again.": self.labels_missing,
            "Drift alarm: outcomes surprise, and a model of recent rows is on trial.": self.drift_alarm,
            "Nothing can be foretold before there were outcomes, and subjects without one.": self.champion == NOBODY,
            "Too few outcomes for the models; an early one speaks until then.": self.champion == "early",
        }
        return [sentence for sentence, holds in told.items() if holds]


def keep(session: Session, partition: int, standings: Mapping[str, Standing], at: float) -> None:
    """Keep how the detectors of a partition stand at `at` (event time); others of it are forgotten."""
    gone = col(EvaluationRow.detector).not_in(list(standings))
    session.execute(delete(EvaluationRow).where(col(EvaluationRow.partition) == partition, gone))
    for name, standing in standings.items():
        state = {field: getattr(standing, field) for field in _STATE}
        record, lately = _plain(standing.record), _plain(standing.lately)
        session.merge(
            EvaluationRow(detector=name, partition=partition, at=at, record=record, lately=lately, state=state)
        )


def evaluations(session: Session) -> list[Evaluation]:
    """Return how every learned detector stands, by name."""
    rows: dict[str, list[EvaluationRow]] = {}
    for row in session.exec(select(EvaluationRow).order_by(col(EvaluationRow.detector), col(EvaluationRow.partition))):
        rows.setdefault(row.detector, []).append(row)
    return [_evaluation(name, of) for name, of in rows.items()]


def _evaluation(detector: str, rows: Sequence[EvaluationRow]) -> Evaluation:
    states = [row.state for row in rows]
    horizon = float(states[0]["horizon"])
    return Evaluation(
        detector=detector,
        at=min(row.at for row in rows),
        horizon=horizon,
        budget=str(states[0]["budget"]),
        champion=_champion(states),
        labels_missing=any(state["labels_missing"] for state in states),
        drift_alarm=any(state["on_trial"] for state in states),
        alarms=sum(state["alarms"] for state in states),
        fits=sum(state["fits"] for state in states),
        positives=sum(state["positives"] for state in states),
        negatives=sum(state["negatives"] for state in states),
        so_far=_figures((row.record for row in rows), horizon),
        lately=_figures((row.lately for row in rows), horizon),
    )


def _champion(states: Iterable[Mapping[str, Any]]) -> str:
    """Return whose word counts: partitions that have none yet say nothing."""
    names = {str(state["champion"]) for state in states}
    return ", ".join(sorted(names - {NOBODY})) or NOBODY


def _figures(parts: Iterable[Mapping[str, Any]], horizon: float) -> Figures:
    found = records.figures(reduce(records.merged, (_record(part) for part in parts)))
    return Figures(
        rows=found.rows,
        outcomes=found.outcomes,
        pr_auc=_known(found.pr_auc),
        roc_auc=_known(found.roc_auc),
        brier=_known(found.brier),
        log_loss=_known(found.log_loss),
        recall=_known(found.recall),
        precision=_known(found.precision),
        false_per_outcome=_known(found.false_per_outcome),
        median_lead=_known(found.median_lead * horizon),
        reliability=[Tenth(_known(said), _known(came), rows) for said, came, rows in found.reliability],
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _plain(record: Record) -> dict[str, Any]:
    return {name: np.round(array, 6).tolist() for name, array in record._asdict().items()}


def _record(plain: Mapping[str, Any]) -> Record:
    return Record(**{name: np.array(plain[name], np.float64) for name in Record._fields})
