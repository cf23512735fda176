"""What it costs to look at events before they are taken: requests of NDJSON through the HTTP endpoint to the disk.

The same requests with the door's decoder and with one that only counts lines, in the same run, turn about, and the
decoder alone. Events are decoded at the door and again in the pipeline; this says what leaving out the first could
save. No socket is part of it: the requests go to the application itself. Times are those of the processor.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and a benchmark in it is called as a package of ours

from engine.clock import FakeClock
from engine.eventlog.memory import MemoryDeadLetters
from engine.eventlog.sqlite import SqliteLog
from engine.events import Decoded, Decoder, Schema
from engine.expressions import Kind
from engine.intake import Intake
from engine.metrics import Metrics
from engine.web.ingest import Ingest

START = 1_750_000_000.0
Run = Callable[[list[bytes]], None]
FIELDS = {"status": Kind.NUMBER, "path": Kind.TEXT}


class Unseen(Decoder):
    """Counts lines, and takes them for events."""

    def decode(self, payload: bytes, arrived: float) -> Decoded:
        """Return a payload that was not looked at."""
        return Decoded(payload.count(b"\n") + 1, [], [], tidy=True)


def bodies(requests: int, events: int) -> list[bytes]:
    """Return `requests` bodies of `events` lines."""
    lines = [
        f'{{"specversion":"1.0","id":"e-{i:09d}","source":"/edge/{i % 7}","type":"api.request",'
        f'"time":"2025-06-15T15:06:40.{i % 1000:03d}Z","subject":"account/a{i % 997:05d}",'
        f'"data":{{"status":{503 if i % 33 == 0 else 200},"latency_ms":{i % 211},"path":"/v1/orders"}}}}'
        for i in range(requests * events)
    ]
    return ["\n".join(lines[start : start + events]).encode() for start in range(0, len(lines), events)]


class Door:
    """The endpoint over a log of its own."""

    def __init__(self, folder: Path, decoder: Decoder) -> None:
        clock = FakeClock(START + 60.0)
        self._log = SqliteLog(folder / "events.db", clock=clock)
        post = Ingest(Intake(self._log, MemoryDeadLetters(), decoder, clock), Metrics(), 1 << 24).post
        self._app = Starlette(routes=[Route("/v1/events", post, methods=["POST"])])

    def take(self, payloads: list[bytes]) -> None:
        """Send the requests, one after the other."""
        asyncio.run(self._send(payloads))

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    async def _send(self, payloads: list[bytes]) -> None:
        transport = httpx.ASGITransport(app=self._app)
        headers = {"content-type": "application/x-ndjson"}
        async with httpx.AsyncClient(transport=transport, base_url="http://door", headers=headers) as client:
            for payload in payloads:
                answer = await client.post("/v1/events", content=payload)
                answer.raise_for_status()


class Result(TypedDict):
    """What was measured."""

    ratio: float
    """Time of a request with the decoder over that without."""
    decode_share: float
    """Of the time of a request, the client's part included."""
    events_per_s: float


def seconds(run: Run, payloads: list[bytes]) -> float:
    """Return how much processor time it took."""
    start = time.process_time()
    run(payloads)
    return time.process_time() - start


def measure(requests: int, events: int, rounds: int) -> Result:
    """Return medians of `rounds`."""
    payloads, decoder = bodies(requests, events), _decoder(Decoder)
    with tempfile.TemporaryDirectory() as seen, tempfile.TemporaryDirectory() as unseen:
        doors = Door(Path(seen), _decoder(Decoder)), Door(Path(unseen), _decoder(Unseen))
        runs: list[Run] = [*(door.take for door in doors), lambda given: _decode(decoder, given)]
        for run in runs:
            run(payloads[:3])
        took = [[seconds(run, payloads) for run in runs] for _ in range(rounds)]
        for door in doors:
            door.close()
    whole = statistics.median(row[0] for row in took)
    return Result(
        ratio=statistics.median(row[0] / row[1] for row in took),
        decode_share=statistics.median(row[2] / row[0] for row in took),
        events_per_s=requests * events / whole,
    )


def _decoder(kind: type[Decoder]) -> Decoder:
    return kind(Schema.build({"api.request": FIELDS}), future=300.0)


def _decode(decoder: Decoder, payloads: list[bytes]) -> None:
    for payload in payloads:
        decoder.decode(payload, START)


def main() -> None:
    """Print one JSON object with `--json`, a table without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--events", type=int, default=100, help="events of a request")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = measure(options.requests, options.events, options.rounds)
    if options.json:
        print(json.dumps(result))
        return
    print(f"through the door          {result['events_per_s']:>10,.0f} events/s")
    print(f"with over without looking {result['ratio']:>10.2f}")
    print(f"decoding                  {result['decode_share']:>10.0%} of a request")


if __name__ == "__main__":
    main()
