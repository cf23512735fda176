"""From the outbox to the mail server: prepared (decided, rendered, committed), sent, and claimed out of a million.

`prepared_per_s` and its ratio to one message at a time are of this process's time on the processor. `dispatched_per_s`
is by the wall clock, over real SMTP connections to a sink in another process, from what is due to what is written down
as sent; `dispatched_per_cpu_s` is the same by this process's time on the processor, which tells more where the machine
is shared. `claim_ratio_1m`: the time to claim a batch of 256 out of an outbox with 1,000,000 due intents over that with
1,000. E-mails have text and HTML, from the starter's templates; SQLite as in production (WAL, synchronous=FULL).
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

if sys.path[0] == str(Path(__file__).parent):
    del sys.path[0]  # a script's own folder comes first, and this one is called as the package it measures

from engine.cli import GARBAGE
from engine.clock import FakeClock
from engine.config.load import load_or_raise
from engine.config.model import BlastRadius, Config, Sending
from engine.dispatching import Dispatcher, batching
from engine.letters import Outside
from engine.links import Links
from engine.playbooks import message_payload
from engine.store import batches, outbox
from engine.store.database import Database, insert_all
from engine.store.models import Address, Entity, Intent, Issue
from engine.wording import Speaker
from outreach.base import Channel
from outreach.channels.email import Email
from outreach.channels.memory import MemoryChannel
from outreach.render import Templates

ROOT = Path(__file__).parents[2]
NOON = 1_741_003_200.0
"""Monday 3 March 2025, 12:00 UTC."""
PLAYBOOK = "api-errors"
Row = dict[str, Any]


def config() -> Config:
    """Return the starter's configuration, with as many mails written down as leaving at once as a batch has.

    A blast radius without an end: here everyone is told at once, which is what it is there to prevent.
    """
    given = load_or_raise(ROOT / "config", {})
    wide = BlastRadius(max=10**7, canary=1.0)
    told = given.playbooks[PLAYBOOK]
    playbook = replace(told, limits=replace(told.limits, blast_radius=wide))
    email = replace(given.channels["email"], sending=Sending(batch=batching.LARGEST))
    return replace(given, channels={"email": email}, playbooks={**given.playbooks, PLAYBOOK: playbook})


def fill(database: Database, given: Config, count: int) -> None:
    """Put `count` customers into the database, each with an open issue and a message that is due."""
    numbers = range(count)
    with database.transaction() as session:
        insert_all(session, Entity, [row for n in numbers for row in (_account(n), _contact(n))])
        insert_all(session, Address, [_address(n) for n in numbers])
        insert_all(session, Issue, [_issue(n) for n in numbers])
        insert_all(session, Intent, [_intent(given, n) for n in numbers])


def _account(n: int) -> Row:
    return _entity(f"account/a{n}", "account", None, f"Customer {n} Ltd", zone="Europe/Vienna")


def _contact(n: int) -> Row:
    return _entity(f"contact/c{n}", "contact", f"account/a{n}", f"Person {n}", roles=["technical"], prefers=["email"])


def _entity(id_: str, kind: str, parent: str | None, name: str, **more: Any) -> Row:
    given = {"locale": "en", "zone": "UTC", "country": "AT", "region": "", "roles": [], "prefers": [], **more}
    return {"id": id_, "kind": kind, "parent": parent, "name": name, "attributes": {}, "deleted": False} | given | {
        "updated_at": NOON - 1e6
    }  # fmt: skip


def _address(n: int) -> Row:
    value = f"person{n}@customer{n % 500}.example"
    return {"id": f"adr_{n}", "entity": f"contact/c{n}", "kind": "email", "value": value, "updated_at": NOON - 1e6}


def _issue(n: int) -> Row:
    points = [[NOON - 60.0 * k, 0.01 * k] for k in range(30)]
    evidence = {"value": 0.31, "expected": 0.01, "low": 0.0, "high": 0.05, "score": 0.9999, "points": points}
    row = Issue(
        id=f"iss_{n}", fingerprint=f"f{n}", detector="api-errors", series=f"account/a{n}", subject=f"account/a{n}",
        account=f"account/a{n}", status="open", severity="high", opened_at=NOON - 300,
        noticed_at=NOON - 300, updated_at=NOON - 300, summary="31% of calls fail", evidence=evidence,
    )  # fmt: skip
    return {name: getattr(row, name) for name in Issue.model_fields}


def _intent(given: Config, n: int, due: float = NOON - 60.0) -> Row:
    step = next(each for each in given.playbooks[PLAYBOOK].steps if getattr(each, "on", "") == "opened")
    row = Intent(
        id=f"int_{n:07d}", kind="message", issue=f"iss_{n}", account=f"account/a{n}", playbook=PLAYBOOK,
        step="1:message", occasion="opened", recipient=f"contact/c{n}", status="pending", due_at=due,
        created_at=due, payload=message_payload(step),  # type: ignore[arg-type]  # a message step, as it has `on`
    )  # fmt: skip
    return {name: getattr(row, name) for name in Intent.model_fields}


@contextmanager
def desk(count: int, channel: Channel, **more: Any) -> Iterator[tuple[Dispatcher, Database]]:
    """Yield a dispatcher over a database with `count` messages due."""
    given = config()
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "forewarn.db")
        fill(database, given, count)
        outside = Outside(
            channels={"email": channel},
            desks={},
            templates=Templates(given.templates_dir),
            speaker=Speaker(given, Links("https://status.example.com", b"k" * 32)),
        )
        yield Dispatcher(given, database, outside, FakeClock(NOON), **more), database
        database.close()


def prepared(count: int, size: int) -> float:
    """Return how many messages a second of the processor are decided, rendered and committed, `size` at a time."""
    with desk(count, MemoryChannel.like(Email)()) as (dispatcher, database):
        with database.reading() as session:
            ids = [each.id for each in batches.upcoming(session, NOON, count)]
        dispatcher._prepare(ids[:size])
        began = time.process_time()
        leaving = [dispatcher._prepare(ids[start : start + size]).leaving for start in range(size, count, size)]
        took = time.process_time() - began
    assert sum(map(len, leaving)) == count - size
    return (count - size) / took


def dispatched(count: int, at_once: bool) -> tuple[float, float]:
    """Return how many messages a second go to the sink, written down before and after; or one after the other.

    By the wall clock, and by this process's time on the processor.
    """
    with sink() as port:
        channel = Email(host="127.0.0.1", port=port, from_="Example <status@example.com>", tls="none")
        with desk(count, channel) as (dispatcher, database):
            kept = batching.LARGEST
            batching.LARGEST = kept if at_once else 1
            try:
                began = time.process_time()
                took = _timed(lambda: _drain(dispatcher))
                busy = time.process_time() - began
            finally:
                batching.LARGEST = kept
            with database.reading() as session:
                assert outbox.counts(session) == {"sent": count}
        channel.close()
    return count / took, count / busy


def _drain(dispatcher: Dispatcher) -> None:
    while dispatcher.run_once():
        pass


def claim(rows: int, rounds: int) -> float:
    """Return the seconds it takes to see what is due and to claim a batch of it, out of `rows` that are."""
    like = _intent(config(), 0)
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(Path(folder) / "forewarn.db", synchronous="OFF")
        for start in range(0, rows, 50_000):
            ends = range(start, min(start + 50_000, rows))
            with database.transaction() as session:
                insert_all(session, Intent, [{**like, "id": f"int_{n:07d}", "due_at": NOON - 1e6 + n} for n in ends])
        took = [_timed(lambda: _claim(database)) for _ in range(rounds)]
        database.close()
    return statistics.median(took)


def _claim(database: Database) -> None:
    with database.reading() as session:
        due = batches.upcoming(session, NOON + 1e9, batching.LARGEST)
    with database.transaction() as session:
        claimed = outbox.claim(session, [each.id for each in due], "bench", NOON)
        assert len(claimed) == batching.LARGEST
        session.rollback()


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def sink() -> Iterator[int]:
    """Yield the port of a mail server in another process, which takes everything and keeps nothing."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    asyncio.run(_listen(pipe))


async def _listen(pipe: Connection) -> None:
    server = await asyncio.start_server(_talk, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak as much SMTP as a client needs (RFC 5321)."""
    writer.write(b"220 sink ESMTP\r\n")
    while line := await reader.readline():
        match line[:4].upper():
            case b"EHLO":
                writer.write(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            case b"DATA":
                writer.write(b"354 go on\r\n")
                await writer.drain()
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 2.0.0 taken\r\n")
            case b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            case _:
                writer.write(b"250 2.0.0 well\r\n")
        await writer.drain()
    writer.close()


def measured(count: int, rows: int) -> dict[str, float]:
    """Return every figure."""
    batched, single = prepared(count, batching.LARGEST), prepared(min(count, 1_500), 1)
    (all_, busy), (each, _) = dispatched(count, at_once=True), dispatched(min(count, 1_500), at_once=False)
    return {
        "prepared_per_s": round(batched),
        "prepared_ratio": round(batched / single, 2),
        "dispatched_per_s": round(all_),
        "dispatched_per_cpu_s": round(busy),
        "dispatched_ratio": round(all_ / each, 2),
        "claim_ratio_1m": round(claim(rows, 9) / claim(1_000, 9), 2),
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=6_000, help="messages")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the large outbox")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    gc.set_threshold(*GARBAGE)  # as the command does
    found = measured(given.count, given.rows)
    lines = [f"{name}: {value:,}" for name, value in found.items()]
    print(json.dumps(found) if given.json else "\n".join(lines))


if __name__ == "__main__":
    main()
