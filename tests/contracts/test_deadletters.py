"""What every store of dead letters keeps to. A new one joins by a subclass with its own `letters`."""

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import ForewarnError, Retryable
from engine.eventlog.base import DeadLetter, DeadLetters
from engine.eventlog.deadletters import SqliteDeadLetters
from engine.eventlog.memory import MemoryDeadLetters


def letter(number: int, reason: str = "malformed") -> DeadLetter:
    return DeadLetter(reason, f"detail {number}", b"\xff{%d" % number, float(number), f"http:{number}")


class DeadLettersContract(ABC):
    """`letters` is an empty store."""

    @pytest.fixture
    @abstractmethod
    def letters(self) -> Iterator[DeadLetters] | DeadLetters: ...

    def test_an_empty_store(self, letters: DeadLetters) -> None:
        assert (list(letters.list()), letters.counts(), letters.get("dead_1")) == ([], {}, None)

    def test_what_was_added_comes_back_whole_with_an_id(self, letters: DeadLetters) -> None:
        letters.add([letter(1)])
        (found,) = letters.list()
        assert found.id.startswith("dead_")
        assert found == DeadLetter("malformed", "detail 1", b"\xff{1", 1.0, "http:1", found.id)
        assert letters.get(found.id) == found

    def test_the_same_twice_is_kept_once(self, letters: DeadLetters) -> None:
        letters.add([letter(1), letter(1)])
        letters.add([letter(1), letter(1, "oversized")])
        assert letters.counts() == {"malformed": 1, "oversized": 1}

    def test_ids_tell_apart_origin_reason_and_bytes(self, letters: DeadLetters) -> None:
        for reason, payload, origin in (("a", b"x", "o"), ("a", b"y", "o"), ("b", b"x", "o"), ("a", b"x", "p")):
            letters.add([DeadLetter(reason, "", payload, 1.0, origin)])
        assert len({one.id for one in letters.list()}) == 4

    def test_they_are_listed_in_the_order_they_came(self, letters: DeadLetters) -> None:
        letters.add([letter(3), letter(1)])
        letters.add([letter(2)])
        assert [one.detail for one in letters.list()] == ["detail 3", "detail 1", "detail 2"]

    def test_a_list_goes_on_after_an_id(self, letters: DeadLetters) -> None:
        letters.add(letter(number) for number in range(250))
        first = list(letters.list(limit=120))
        second = list(letters.list(after=first[-1].id, limit=1000))
        assert [one.at for one in first + second] == [float(number) for number in range(250)]

    def test_a_list_of_one_reason(self, letters: DeadLetters) -> None:
        letters.add(letter(number, ("late", "malformed")[number % 2]) for number in range(10))
        late = list(letters.list(reason="late", limit=3))
        assert [one.at for one in late] == [0.0, 2.0, 4.0]
        assert [one.at for one in letters.list(reason="late", after=late[-1].id)] == [6.0, 8.0]

    def test_a_limit_of_nothing_gives_nothing(self, letters: DeadLetters) -> None:
        letters.add([letter(1)])
        assert list(letters.list(limit=0)) == []

    def test_going_on_after_one_that_is_gone_is_an_error(self, letters: DeadLetters) -> None:
        with pytest.raises(ForewarnError, match=r"no dead letter 'dead_x'; .*list from the beginning"):
            letters.list(after="dead_x")

    def test_they_can_be_removed_while_they_are_listed(self, letters: DeadLetters) -> None:
        letters.add(letter(number) for number in range(250))
        seen = 0
        for one in letters.list(limit=1000):
            letters.remove([one.id])
            seen += 1
        assert (seen, letters.counts()) == (250, {})

    def test_removing_what_is_not_there_does_nothing(self, letters: DeadLetters) -> None:
        letters.add([letter(1)])
        letters.remove(["dead_x"])
        assert letters.counts() == {"malformed": 1}

    def test_one_that_was_removed_can_come_back(self, letters: DeadLetters) -> None:
        letters.add([letter(1)])
        letters.remove([one.id for one in letters.list()])
        letters.add([letter(1)])
        assert letters.counts() == {"malformed": 1}

    def test_trim_deletes_the_older_ones(self, letters: DeadLetters) -> None:
        letters.add(letter(number) for number in range(10))
        assert letters.trim(4.0) == 4
        assert [one.at for one in letters.list()] == [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]

    def test_eight_threads_add(self, letters: DeadLetters) -> None:
        def work(worker: int) -> None:
            for number in range(10):
                letters.add([letter(100 * worker + number), letter(number, "late")])

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert letters.counts() == {"late": 10, "malformed": 80}


class TestMemoryDeadLetters(DeadLettersContract):
    @pytest.fixture
    def letters(self, tmp_path: Path) -> DeadLetters:
        return MemoryDeadLetters()


class TestSqliteDeadLetters(DeadLettersContract):
    @pytest.fixture
    def letters(self, tmp_path: Path) -> Iterator[DeadLetters]:
        opened = SqliteDeadLetters(tmp_path / "state" / "dead.db")
        yield opened
        opened.close()

    def test_they_are_there_after_reopening(self, letters: DeadLetters, tmp_path: Path) -> None:
        letters.add([letter(1)])
        again = SqliteDeadLetters(tmp_path / "state" / "dead.db")
        assert list(again.list()) == list(letters.list())
        again.close()

    def test_adding_is_durable(self, letters: SqliteDeadLetters) -> None:
        assert letters._connection.execute("PRAGMA synchronous").fetchone() == (2,)

    def test_a_locked_file_is_retryable(self, tmp_path: Path) -> None:
        letters = SqliteDeadLetters(tmp_path / "dead.db", busy_timeout=0.01)
        other = sqlite3.connect(tmp_path / "dead.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Retryable, match=r"dead\.db: locked"):
            letters.add([letter(1)])
        other.execute("ROLLBACK")
        other.close()
        assert letters.counts() == {}
        letters.close()

    def test_a_full_disk_keeps_all_or_nothing(self, letters: SqliteDeadLetters) -> None:
        (pages,) = letters._connection.execute("PRAGMA page_count").fetchone()
        letters._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        with pytest.raises(Retryable, match=r"dead\.db: no space left"):
            letters.add([letter(1), DeadLetter("oversized", "", b"x" * 300_000, 1.0)])
        assert letters.counts() == {}
        letters.add([letter(1)])

    def test_a_damaged_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "dead.db").write_bytes(b"nonsense, for long enough to be looked at" * 50)
        with pytest.raises(ForewarnError, match=r"dead\.db: the file is damaged"):
            SqliteDeadLetters(tmp_path / "dead.db")
