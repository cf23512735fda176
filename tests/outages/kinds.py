"""What detectors of several kinds have learned, written as a snapshot and read again, by whichever version runs this.

    python -m tests.outages.kinds write FOLDER KIND…
    python -m tests.outages.kinds read FOLDER KIND…

`read` says of each detector whether it goes on with what it knew, as JSON.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.snapshots import Snapshots
from tests.faults.house import START, event, opened, people, prepared

KINDS = {
    "seasonal": "",
    "forecast": ", limit: 500.0, within: 1h",
    "threshold": ", above: 490.0",
    "change": ", over: 5m",
    "shift": ", daily: false",
    "ensemble": "",
    "peer": ", cohort: [plan], members: 3, warmup: 10",
    "river": ", estimator: anomaly.GaussianScorer",
}
DETECTOR = """
name: {kind}
about: {kind}
watch: {{event: app.call, by: account, measure: {{mean: "ms"}}, every: 1m}}
model: {{kind: {kind}{more}}}
"""
MINUTES = 90
ACCOUNTS = tuple(f"account/a{number}" for number in range(5))


def _files(kinds: Iterable[str]) -> dict[str, str]:
    return {f"config/detectors/{kind}.yaml": DETECTOR.format(kind=kind, more=KINDS[kind]) for kind in kinds}


def write(folder: Path, kinds: Iterable[str]) -> None:
    """Let an engine see an hour and a half, and write a snapshot."""
    with opened(prepared(folder / "written", **_files(kinds))) as house:
        for account in ACCOUNTS:
            told, person = people(account=account, name=account.partition("/")[2])
            plan = event(
                "forewarn.entity", account, {"name": account, "attributes": {"plan": "gold"}}, START, f"p{account}"
            )
            house.hand_in(told, person, plan)
        for minute in range(MINUTES):
            house.clock.set(START + 60.0 * (minute + 1))
            house.hand_in(*_calls(minute))
        house.engine.snapshot()


def _calls(minute: int) -> Iterator[bytes]:
    for number, account in enumerate(ACCOUNTS):
        ms = 100.0 + 10.0 * number + 7.0 * ((3 * minute + number) % 11)
        yield event("app.call", account, {"ms": ms}, START + 60.0 * minute + number, f"{account}-{minute}")


def read(folder: Path, kinds: Iterable[str]) -> dict[str, bool]:
    """Return of each detector whether an engine that starts from the snapshot goes on with what it knew."""
    place = prepared(folder / "read", **_files(kinds))
    written = folder / "written" / "config" / "var" / "snapshots"
    shutil.copytree(written, place / "config" / "var" / "snapshots")
    with opened(place) as house:
        kept = house.engine.storage.snapshots
        assert isinstance(kept, Snapshots)
        newest = kept.latest(0)
        house.engine.snapshot()
        again = kept.latest(0)
        assert newest is not None
        assert again is not None
        found = again.arrays
        return {
            kind: all(
                name in found and found[name].tobytes() == array.tobytes()
                for name, array in newest.arrays.items()
                if f"/monitor:{kind}/" in name
            )
            for kind in kinds
        }


if __name__ == "__main__":
    what, where, *which = sys.argv[1:]
    if what == "write":
        write(Path(where), which)
    else:
        print(json.dumps(read(Path(where), which)))  # noqa: T201 -- the answer
