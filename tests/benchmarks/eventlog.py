"""How many events a second the embedded log takes durably, and gives back.

Batches of 1,000 events from one thread, and batches of 100 from 8 threads, who share the fsync of a group commit;
beside them the same 100-event batches from one thread, each with an fsync of its own.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.clock import SystemClock
from engine.eventlog.base import Append
from engine.eventlog.sqlite import SqliteLog


def batch(size: int, number: int) -> Append:
    """Return events of about 180 bytes that differ from one another."""
    lines = (
        b'{"id":"e-%d-%d","source":"/edge/%d","type":"api.request","time":"2024-05-01T%02d:%02d:%02dZ",'
        b'"subject":"account/a%d","data":{"status":%d,"latency_ms":%d}}'
        % (number, i, i % 7, i % 24, i % 60, number % 60, i * 37 % 2000, 200 + i % 5, i * number % 997)
        for i in range(size)
    )
    return Append(0, b"\n".join(lines), size)


def rate(events: int, work: Callable[[], object]) -> float:
    """Return events per second."""
    start = time.perf_counter()
    work()
    return events / (time.perf_counter() - start)


def append_from(log: SqliteLog, threads: int, batches: list[Append]) -> None:
    """Append `batches`, dealt out to `threads`."""

    def work(worker: int) -> None:
        for one in batches[worker::threads]:
            log.append([one])

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def read_all(log: SqliteLog, partition: int = 0) -> None:
    """Read from beginning to end, 10,000 events at a time."""
    offset, end = 0, log.end(partition)
    while offset < end:
        last = log.read(partition, offset, 10_000)[-1]
        offset = last.offset + last.count


def measure(events: int, folder: Path) -> dict[str, float]:
    """Return events per second of each way, and bytes kept of an event."""
    large = [batch(1_000, number) for number in range(events // 1_000)]
    small = [batch(100, number) for number in range(events // 100)]
    logs = [SqliteLog(folder / f"{name}.db", clock=SystemClock()) for name in ("large", "one", "eight")]
    result = {
        "append_1000_per_s": rate(events, lambda: append_from(logs[0], 1, large)),
        "append_100_per_s": rate(events, lambda: append_from(logs[1], 1, small)),
        "append_100_8_threads_per_s": rate(events, lambda: append_from(logs[2], 8, small)),
        "read_per_s": rate(events, lambda: read_all(logs[0])),
    }
    for log in logs:
        log.close()
    result["group_commit_ratio"] = result["append_100_8_threads_per_s"] / result["append_100_per_s"]
    result["bytes_per_event"] = (folder / "large.db").stat().st_size / events
    result["raw_bytes_per_event"] = sum(len(one.payload) for one in large) / events
    return result


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--data", type=Path, help="folder to write in; a temporary one by default")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.data) as folder:
        result = measure(asked.events, Path(folder))
    if asked.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:28} {value:12,.1f}")


if __name__ == "__main__":
    main()
