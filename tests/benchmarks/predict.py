"""How well `kind: risk` predicts, on recorded fleets and a made one: strictly causal, one configuration for all.

Of a fleet of machines (errors, maintenance, failures): a failure within 24 h, scored every 3 h, the first fifth of the
time not counted; as recorded, with errors and maintenance moved earlier by 0 to 5 h each, and with all their types
permuted half-way (counted: the days 30 to 60 after). Of telephone accounts in random order: churn, known 500 accounts
later. Of a made fleet of sensors that runs to failure: failure within 30 cycles. An outcome counts as warned of if an
alert came within the horizon before; alerts are where the detector's own threshold, set online from a budget of half a
false alert an outcome, says so. `vectors_per_s` is of processor time, fits included.

`--engine` takes the same events through the whole engine as well (log, decoder, scoring, issues, tickets), which is
configured in `tests/fleets/config`; its figures stand under `engine`, and are the same.

`--files` takes further folders of the same shape; the files are found by their columns.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from tests.fleets.feed import Feed, Told, detector_for
from tests.fleets.judge import Verdict, judge
from tests.fleets.recording import DAY, Recording
from tests.fleets.sensors import run_to_failure
from tests.fleets.tables import accounts, machines
from tests.fleets.throughout import configured, throughout

DATA = Path(os.environ.get("FOREWARN_DATA", Path(__file__).parents[3] / "shared" / "data"))
UNSCORED = 0.2
Result = dict[str, float]


class Speed:
    """Vectors and processor time of all runs."""

    def __init__(self) -> None:
        self.vectors, self.seconds = 0, 0.0

    def run(self, recording: Recording) -> Told:
        """Return what was said of a recording."""
        told = self.told(recording)
        self.vectors += len(told.time)
        self.seconds += told.seconds
        return told

    def told(self, recording: Recording) -> Told:
        """Let the detector alone say it."""
        return Feed(recording, detector_for(recording)).run()


class EngineSpeed(Speed):
    """The same by way of the whole engine, under the configuration that is named as the recording."""

    def told(self, recording: Recording) -> Told:
        """Let the detector say it where it is part of an engine."""
        with TemporaryDirectory() as folder:
            events, config = Path(folder) / "events.ndjson", configured(recording.name)
            with throughout(recording, config, events) as (_, heard):
                return heard.told()


def main() -> None:
    """Print one JSON object with `--json`, a line a figure without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="more folders of the same shape")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", action="store_true", help="by way of the whole engine too")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    speed = Speed()
    warm(speed)
    results: dict[str, object] = dict(measure(asked.data, asked.seed, speed))
    results["vectors_per_s"] = speed.vectors / speed.seconds
    if asked.engine:
        results["engine"] = dict(measure(asked.data, asked.seed, EngineSpeed()))
    for folder in asked.files:
        results[str(folder)] = dict(measure(folder, asked.seed, speed))
    print(json.dumps(results) if asked.json else "\n".join(f"{key:16} {value}" for key, value in results.items()))


def warm(speed: Speed) -> None:
    """Compile, and count nothing of it."""
    speed.run(run_to_failure(seed=0, units=4))
    speed.vectors, speed.seconds = 0, 0.0


def measure(folder: Path, seed: int, speed: Speed) -> Iterator[tuple[str, Result]]:
    """Yield what is to be found in a folder, by key."""
    below = {name: folder / name if (folder / name).is_dir() else folder for name in ("azure-pdm", "telco-churn")}
    jobs: dict[str, Callable[[], Result]] = {
        "azure": lambda: of_machines(machines(below["azure-pdm"]), speed),
        "azure_shifted": lambda: of_machines(machines(below["azure-pdm"], shifted=seed), speed),
        "azure_drift": lambda: of_drift(machines(below["azure-pdm"], permuted=seed), speed),
        "telco": lambda: of_accounts(accounts(below["telco-churn"], seed), speed),
        "sensors": lambda: of_machines(run_to_failure(seed), speed),
    }
    for key, job in jobs.items():
        try:
            yield key, job()
        except FileNotFoundError:
            continue


def of_machines(recording: Recording, speed: Speed) -> Result:
    """Return the figures from a fifth of the time on."""
    begin = recording.begin + UNSCORED * (recording.end - recording.begin)
    return _told(judge(recording, speed.run(recording), begin, recording.end))


def of_drift(recording: Recording, speed: Speed) -> Result:
    """Return the figures of the days 30 to 60 after half the time."""
    half = (recording.begin + recording.end) / 2
    return _told(judge(recording, speed.run(recording), half + 30 * DAY, half + 60 * DAY + recording.horizon))


def of_accounts(recording: Recording, speed: Speed) -> Result:
    """Return the figures of all but the first fifth of the accounts."""
    last = recording.end - recording.horizon
    begin = recording.begin + UNSCORED * (last - recording.begin)
    verdict = judge(recording, speed.run(recording), begin, recording.end)
    return {"roc_auc": verdict.roc_auc, "pr_auc": verdict.pr_auc}


def _told(verdict: Verdict) -> Result:
    keys = ("pr_auc", "recall", "false_per_failure", "median_lead_h", "roc_auc", "failures")
    return {key: getattr(verdict, key) for key in keys}


if __name__ == "__main__":
    main()
