"""The work in Quix Streams (https://quix.io/docs/quix-streams), as its documentation has it: State, with a changelog.

Run in a virtual environment of its own: `python -m tests.benchmarks.peers.quix SERVER TOPIC EVENTS FOLDER`; prints one
JSON object. Counted is the processor time from the first event to the last checkpoint.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # in an environment of its own

from tests.benchmarks.peers.usual import EMPTY, moment, step


class Work:
    """Counts what it does."""

    def __init__(self) -> None:
        self.events, self.flagged, self.began = 0, 0, 0.0

    def __call__(self, event: dict[str, Any], state: Any) -> bool:
        """Take an event, with what is remembered of its key."""
        if not self.events:
            self.began = time.process_time()
        self.events += 1
        known = state.get("usual") or list(EMPTY)
        strange = step(known, moment(event["time"]), event["data"]["value"])
        state.set("usual", known)
        self.flagged += strange
        return strange


def run(server: str, topic: str, events: int, folder: str) -> dict[str, float]:
    """Take so many events."""
    app = Application(
        broker_address=server,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        state_dir=folder,
        use_changelog_topics=True,
        loglevel="WARNING",
    )
    work = Work()
    frame = app.dataframe(app.topic(topic, key_deserializer="str", value_deserializer="json"))
    frame.apply(work, stateful=True)
    app.run(count=events, collect=False)
    return {"events": work.events, "cpu_s": time.process_time() - work.began, "flagged": work.flagged}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))
