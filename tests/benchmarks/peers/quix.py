"""The work in Quix Streams (https://quix.io/docs/quix-streams), in the two ways its documentation has.

`python -m tests.benchmarks.peers.quix SERVER TOPIC EVENTS FOLDER [windows]`, in a virtual environment of its own,
prints one JSON object. Without `windows` a State for each key has the window and what is usual, read and written once
an event: the least work, as an event that comes after its window counts for the next. With it the windows are Quix
Streams' own, which wait for what is late as the engine's do, and a State has what is usual. Changelogs are as by
default. Counted is the processor time from the first event to the last checkpoint.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]  # in an environment of its own

from tests.benchmarks.peers.usual import EMPTY, EVERY, learn, moment, step


class Work:
    """Counts what it does, and stops the application after so many events."""

    def __init__(self, app: Any, most: int) -> None:
        self._app, self._most = app, most
        self.events, self.flagged, self.began = 0, 0, 0.0

    def take(self, event: dict[str, Any], state: Any) -> bool:
        """Take an event, with what is remembered of its key."""
        known = state.get("usual") or list(EMPTY)
        strange = step(known, moment(event["time"]), self.value(event))
        state.set("usual", known)
        self.flagged += strange
        return strange

    def value(self, event: dict[str, Any]) -> float:
        """Return what is measured of an event, and count it."""
        if not self.events:
            self.began = time.process_time()
        self.events += 1
        if self.events == self._most:
            self._app.stop()
        return float(event["data"]["value"])

    def close(self, window: dict[str, Any], state: Any) -> bool:
        """Take a window that is over."""
        known = state.get("usual") or list(EMPTY)
        strange = learn(known, window["value"])
        state.set("usual", known)
        self.flagged += strange
        return strange


def run(server: str, topic: str, events: int, folder: str, *, windows: bool) -> dict[str, float]:
    """Take so many events."""
    app = Application(
        broker_address=server,
        consumer_group=f"quix-{time.time_ns()}",
        auto_offset_reset="earliest",
        state_dir=folder,
        use_changelog_topics=True,
        loglevel="WARNING",
    )
    work, source = Work(app, events), {"key_deserializer": "str", "value_deserializer": "json"}
    if windows:
        frame = app.dataframe(app.topic(topic, timestamp_extractor=_millis, **source))
        means = frame.apply(work.value).tumbling_window(int(1000 * EVERY), grace_ms=int(1000 * EVERY)).mean()
        means.final().apply(work.close, stateful=True)
    else:
        app.dataframe(app.topic(topic, **source)).apply(work.take, stateful=True)
    app.run()
    return {"events": work.events, "cpu_s": time.process_time() - work.began, "flagged": work.flagged}


def _millis(event: dict[str, Any], *given: object) -> int:
    return int(1000 * moment(event["time"]))


if __name__ == "__main__":
    own = sys.argv[5:]
    print(json.dumps(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], windows="windows" in own)))
