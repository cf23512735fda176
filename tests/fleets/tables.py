"""Recorded fleets from CSV files, found in a folder by their columns."""

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from tests.fleets.recording import DAY, HOUR, Happened, Recording, entity, outcome, unreported

Row = dict[str, str]
TELCO_LATE = 500
"""So many rows after an account its label is known."""


def find(folder: Path, *columns: str) -> list[Row]:
    """Return the rows of the file that has these columns; raises FileNotFoundError if there is none."""
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if set(columns) <= set(reader.fieldnames or ()):
                return list(reader)
    raise FileNotFoundError(f"{folder}: no CSV file with the columns {', '.join(columns)}")


def machines(
    folder: Path,
    *,
    shifted: int | None = None,
    permuted: int | None = None,
    only: Callable[[int], bool] = lambda _: True,
) -> Recording:
    """Return a fleet of machines: errors, maintenance, failures, age and model; asked: a failure within 24 h.

    Maintenance is known from before the first failure could be; until then outcomes count as not reported. With
    `shifted` as a seed errors and maintenance come earlier by a uniform 0 to 5 h each; with `permuted` as a seed
    half-way every type of error and maintenance becomes another. `only` chooses machines by their number.
    """
    known = [row for row in find(folder, "machineID", "model", "age") if only(int(row["machineID"]))]
    errors = _happened(find(folder, "datetime", "machineID", "errorID"), "errorID", "error", only)
    repairs = _happened(find(folder, "datetime", "machineID", "comp"), "comp", "maintenance", only)
    failures = [
        outcome(_epoch(row["datetime"]), _machine(row), "failure")
        for row in find(folder, "datetime", "machineID", "failure")
        if only(int(row["machineID"]))
    ]
    begin = np.ceil(min(each.time for each in errors + failures) / HOUR) * HOUR
    end = max(each.time for each in errors + failures)
    told = _moved(errors + repairs, shifted)
    told = _renamed(told, (begin + end) / 2, permuted)
    start = min(each.time for each in told)
    about = [entity(start, _machine(row), {"model": row["model"], "age": float(row["age"])}) for row in known]
    return Recording(
        name="machines",
        happened=[*about, *sorted(told + failures + unreported(start, float(begin)), key=lambda each: each.time)],
        begin=float(begin),
        end=end,
        horizon=DAY,
        every=3 * HOUR,
        events=sorted({each.type for each in told}),
        attributes=["age", "model"],
    )


def accounts(folder: Path, seed: int) -> Recording:
    """Return accounts in random order, one a minute; each churned or not, which is known 500 accounts later."""
    rows = find(folder, "customerID", "tenure", "Churn")
    order = np.random.default_rng(seed).permutation(len(rows))
    horizon, happened = TELCO_LATE * 60.0, []
    for number, row in enumerate(rows[i] for i in order):
        time, subject = DAY + 60.0 * number, f"account/{row['customerID']}"
        happened += [entity(time, subject, _attributes(row)), Happened(time, "account.reviewed", subject, {})]
        if row["Churn"] == "Yes":
            happened.append(outcome(time + horizon, subject, "churn"))
    end = DAY + 60.0 * len(rows) + horizon
    return Recording(
        "accounts", sorted(happened, key=lambda each: each.time), DAY, end, horizon, 0.0,
        attributes=sorted(_attributes(rows[0])), outcome="churn", scored="account.reviewed",
    )  # fmt: skip


def _attributes(row: Row) -> dict[str, object]:
    return {name: _number_or_text(text) for name, text in row.items() if name not in ("customerID", "Churn")}


def _number_or_text(text: str) -> float | str | None:
    try:
        return float(text)
    except ValueError:
        return text.strip() or None


def _happened(rows: Iterable[Row], column: str, prefix: str, only: Callable[[int], bool]) -> list[Happened]:
    return [
        Happened(_epoch(row["datetime"]), f"{prefix}.{row[column]}", _machine(row), {})
        for row in rows
        if only(int(row["machineID"]))
    ]


def _moved(told: Sequence[Happened], seed: int | None) -> list[Happened]:
    if seed is None:
        return list(told)
    shifts = np.random.default_rng(seed).uniform(0, 5 * HOUR, len(told))
    return [each._replace(time=each.time - shift) for each, shift in zip(told, shifts.tolist(), strict=True)]


def _renamed(told: list[Happened], since: float, seed: int | None) -> list[Happened]:
    if seed is None:
        return told
    types = sorted({each.type for each in told})
    rng = np.random.default_rng(seed)
    new = rng.permutation(len(types))
    while (new == np.arange(len(types))).any():  # every type is to become another
        new = rng.permutation(len(types))
    other = {type_: types[i] for type_, i in zip(types, new, strict=True)}
    return [each._replace(type=other[each.type]) if each.time > since else each for each in told]


def _machine(row: Row) -> str:
    return f"machine/{row['machineID']}"


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
