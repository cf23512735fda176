"""The work in Faust (https://faust-streaming.github.io/faust), as its documentation has it: an agent and a Table.

Run in a virtual environment of its own: `python -m tests.benchmarks.peers.faust SERVER TOPIC EVENTS FOLDER`; prints one
JSON object. The table is in memory, quicker than RocksDB, with its changelog in Kafka. Counted is the processor time
from the first event to the last, without what is then still to be sent to the changelog.
"""

import json
import os
import sys
import time
from typing import Any

import faust  # type: ignore[import-not-found]  # in an environment of its own

from tests.benchmarks.peers.usual import EMPTY, moment, step


def application(server: str, topic: str, events: int, folder: str) -> Any:
    """Return the application; it ends the process after so many events."""
    app = faust.App(
        f"faust-{time.time_ns()}",
        broker=f"kafka://{server}",
        store="memory://",
        datadir=folder,
        topic_partitions=1,
        web_enabled=False,
        value_serializer="json",
    )
    usual = app.Table("usual", default=lambda: list(EMPTY))

    async def take(stream: Any) -> None:
        began, flagged, count = 0.0, 0, 0
        async for event in stream:
            count += 1
            if count == 1:
                began = time.process_time()
            subject = event["subject"]
            known = usual[subject]
            flagged += step(known, moment(event["time"]), event["data"]["value"])
            usual[subject] = known
            if count == events:
                _end({"events": count, "cpu_s": time.process_time() - began, "flagged": flagged})

    app.agent(app.topic(topic, value_serializer="json"))(take)
    return app


def _end(figures: dict[str, float]) -> None:
    """Print them, to where Faust has not put its log, and end: a worker that is stopped takes its time."""
    print(json.dumps(figures), file=sys.__stdout__, flush=True)
    os._exit(0)


if __name__ == "__main__":
    own = application(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
    faust.Worker(own, loglevel="WARN").execute_from_commandline()
