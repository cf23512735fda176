"""PostgreSQL goes away and comes back under load: nothing is lost, nothing is sent twice, and all ends as without."""

import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from engine.errors import Retryable
from engine.store.models import Change, DecisionRow, Intent, Issue, ReceiptRow, StreamHour
from tests import stores
from tests.brokers.broker import Missing
from tests.brokers.postgres import Postgres, Server, running
from tests.faults.house import FILES, START, House, call, opened, people, prepared, tick

ACCOUNTS = [f"account/a{n}" for n in range(8)]
MAIN = FILES["config/forewarn.yaml"]


@pytest.fixture(scope="module")
def fragile() -> Iterator[Postgres]:
    """A server of this module's own, to stop."""
    try:
        with running() as started:
            if started.server is None:
                pytest.skip("the PostgreSQL that is named is not ours to stop")
            yield started
    except Missing as error:
        pytest.skip(f"PostgreSQL: {error}")


@pytest.fixture
def url(fragile: Postgres) -> Iterator[URL]:
    made = fragile.create()
    yield made
    fragile.drop(made)


def house_on(folder: Path, url: URL) -> Path:
    return prepared(folder, **{"config/forewarn.yaml": f"{MAIN}store: {{url: '{stores.text(url)}', pool: 4}}\n"})


def until_done(work: Callable[[], int], done: Callable[[], object]) -> None:
    """Do it until there is nothing to do, as a thread of a running engine does."""
    while True:
        try:
            if not work():
                return
            done()
        except Retryable:
            continue


def live(house: House, done: Callable[[], object] = lambda: None) -> None:
    """Let every account come into trouble, one after the other, and out of it."""
    entities = [line for n, each in enumerate(ACCOUNTS) for line in people(START, each, f"p{n}")]
    house.engine.intake.accept(b"\n".join(entities), "test")
    for failed in (True, False):
        for account in ACCOUNTS:
            now = house.clock.time()
            lines = [call(account, now + n, f"{account}-{now}-{n}", failed=failed) for n in range(3)]
            house.clock.advance(180.0)
            lines += [tick(house.clock.time()), call("account/other", house.clock.time(), f"o-{now}")]
            house.engine.intake.accept(b"\n".join(lines), "test")
            until_done(house.engine.step, done)
            until_done(house.engine.dispatch, done)
    for _ in range(2):  # what is to be taken for left behind is seen twice
        until_done(lambda: house.engine.dispatcher.reconcile() or house.engine.dispatch(), done)
        house.clock.advance(700.0)
    until_done(lambda: house.engine.dispatcher.reconcile() or house.engine.dispatch(), done)


def standing(house: House) -> dict[str, Counter[tuple[object, ...]]]:
    """Return all that counts of what the database holds.

    A ticket of the built-in desk is made in the same database: where that was away, it was tried and decided again.
    """
    away = {row.id for row in house.rows(Intent) if row.kind == "ticket"}
    return {
        "issues": Counter((row.id, row.status, row.opened_at, row.resolved_at) for row in house.rows(Issue)),
        "changes": Counter((row.of, row.what) for row in house.rows(Change)),
        "intents": Counter((row.id, row.kind, row.status, row.recipient) for row in house.rows(Intent)),
        "sent": Counter((row.purpose, row.sent, row.bounced) for row in house.rows(StreamHour)),
        "receipts": Counter(
            (row.intent, row.outcome)
            for row in house.rows(ReceiptRow)
            if not (row.intent in away and row.outcome == "retry")
        ),
        "decided": Counter(
            (row.intent,) for row in house.rows(DecisionRow) if row.verdict == "send" and row.intent not in away
        ),
        "mails": Counter((mail.to, mail.subject) for mail in house.email.sent),
    }


@pytest.fixture(scope="module")
def undisturbed(fragile: Postgres, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[tuple[object, ...]]]:
    url = fragile.create()
    with opened(house_on(tmp_path_factory.mktemp("undisturbed"), url)) as house:
        live(house)
        found = standing(house)
    fragile.drop(url)
    assert found["mails"].total() == 2 * len(ACCOUNTS)
    return found


class Trouble(threading.Thread):
    """Does something bad while something else goes on, each time that this has come a little further."""

    def __init__(self, bad: Callable[[], object], every: int) -> None:
        super().__init__()
        self.times = 0
        self._bad, self._every, self._over = bad, every, threading.Event()
        self._further = threading.Semaphore(0)

    def further(self) -> None:
        self._further.release()

    def run(self) -> None:
        while True:
            for _ in range(self._every):
                self._further.acquire()
            if self._over.is_set():
                return
            self._bad()
            self.times += 1

    def __enter__(self) -> "Trouble":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._further.release(self._every)
        self.join()


def restart(server: Server, chance: random.Random) -> None:
    server.stop(chance.choice([signal.SIGINT, signal.SIGQUIT]))
    server.start()


def test_the_server_is_restarted_and_crashes_under_load(
    fragile: Postgres, url: URL, undisturbed: dict[str, Counter[tuple[object, ...]]], tmp_path: Path
) -> None:
    server, chance = fragile.server, random.Random(7)
    assert server is not None
    with opened(house_on(tmp_path, url)) as house:
        with Trouble(lambda: restart(server, chance), every=10) as trouble:
            live(house, trouble.further)
        assert trouble.times > 1
        assert standing(house) == undisturbed


def test_connections_are_cut_under_load(
    fragile: Postgres, url: URL, undisturbed: dict[str, Counter[tuple[object, ...]]], tmp_path: Path
) -> None:
    with opened(house_on(tmp_path, url)) as house:
        with Trouble(lambda: fragile.cut(make_url(url)), every=3) as trouble:
            live(house, trouble.further)
        assert trouble.times > 5
        assert standing(house) == undisturbed


@pytest.mark.parametrize("fatal", range(1, 40, 6))
def test_the_answer_to_a_commit_is_lost(
    fatal: int,
    fragile: Postgres,
    url: URL,
    undisturbed: dict[str, Counter[tuple[object, ...]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was written, and nobody knows: the connection ends after the commit and before its answer."""
    from sqlalchemy.engine.default import DefaultDialect  # noqa: PLC0415 -- beside its use

    commits = 0
    commit: Callable[[DefaultDialect, object], None] = DefaultDialect.do_commit

    def lost(self: DefaultDialect, connection: object) -> None:
        nonlocal commits
        commit(self, connection)
        commits += 1
        if commits % 40 == fatal:
            fragile.cut(url)
            connection.execute("SELECT 1")  # type: ignore[attr-defined]  # psycopg's, which notices

    with opened(house_on(tmp_path, url)) as house:
        with monkeypatch.context() as patch:
            patch.setattr(DefaultDialect, "do_commit", lost)
            live(house)
        assert commits > fatal
        assert standing(house) == undisturbed
