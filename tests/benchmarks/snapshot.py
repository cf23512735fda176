"""How long 1,000,000 series take to be written durably, and to be restored.

Asked: at most 1.5 s each. A series is 168 bytes of state and 40 bytes of index.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from engine.archive import Arrays, copied
from engine.blobs.folder import Folder
from engine.snapshots import Snapshots

ASKED_S = 1.5


def state(series: int) -> Arrays:
    """Return as many bytes as the engine keeps of so many series; random, so that nothing is easier than in life."""
    rng = np.random.default_rng(1)
    rows = np.zeros(series, dtype=[("numbers", "<f8", (20,)), ("count", "<i8")])
    rows["numbers"] = rng.random((series, 20))
    return {"rows": rows, "index": rng.integers(0, 2**62, size=(series, 5))}


def measure(series: int, folder: Path) -> dict[str, float]:
    """Write and restore once; the file is read back from the page cache, as after a restart of the process."""
    arrays, snapshots = state(series), Snapshots(Folder(folder))
    start = time.perf_counter()
    frozen = copied(arrays)
    copy_s = time.perf_counter() - start
    name = snapshots.write(0, 1, frozen, {})
    snapshot_s = time.perf_counter() - start
    start = time.perf_counter()
    restored = snapshots.latest(0)
    restore_s = time.perf_counter() - start
    if restored is None or any(not np.array_equal(restored.arrays[name], arrays[name]) for name in arrays):
        raise SystemExit("what was restored is not what was written")
    size = (folder / name).stat().st_size
    return {"snapshot_s": snapshot_s, "copy_s": copy_s, "restore_s": restore_s, "series": series, "bytes": size}


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--series", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, help="folder to write in; a temporary one by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.data) as folder:
        result = measure(asked.series, Path(folder))
    if asked.json:
        print(json.dumps(result))
        return
    for name in ("snapshot_s", "restore_s"):
        print(f"{name:12} {result[name]:6.2f} s   asked: {ASKED_S} s")
    print(f"{'of which copy':12} {result['copy_s']:5.2f} s   {result['bytes'] / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
