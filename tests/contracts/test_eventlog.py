"""What every event log keeps to. A new one joins by a subclass with its own `make`."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.clock import FakeClock
from engine.eventlog.base import Append, Batch, EventLog
from engine.eventlog.memory import MemoryLog
from engine.eventlog.sqlite import SqliteLog

START = 1_700_000_000.0
Make = Callable[..., EventLog]


def lines(first: int, count: int) -> bytes:
    """Return `count` events, each telling its number."""
    return b"\n".join(b'{"n": %d}' % number for number in range(first, first + count))


def batch(first: int, count: int, partition: int = 0) -> Append:
    return Append(partition, lines(first, count), count)


def events(batches: list[Batch]) -> list[bytes]:
    return [line for one in batches for line in one.payload.split(b"\n")]


def all_events(log: EventLog, partition: int = 0) -> list[bytes]:
    return events(log.read(partition, 0, 1_000_000))


def offsets(batches: list[Batch]) -> list[int]:
    return [one.at(line) for one in batches for line in range(one.count)]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


class EventLogContract(ABC):
    """`make(partitions=…)` opens a log; asked again in one test, it opens another handle on the same events."""

    @pytest.fixture
    @abstractmethod
    def make(self) -> Iterator[Make] | Make: ...

    @pytest.fixture
    def log(self, make: Make) -> EventLog:
        return make(partitions=1)

    def test_an_empty_log(self, log: EventLog) -> None:
        assert (log.begin(0), log.end(0), log.read(0, 0, 100), log.lag(0, 0)) == (0, 0, [], 0)

    def test_events_come_back_in_order_at_the_offsets_that_append_told(self, log: EventLog) -> None:
        told = [*log.append([batch(0, 3), batch(3, 2)]), *log.append([batch(5, 1)])]
        got = log.read(0, 0, 100)
        every = offsets(got)
        assert all_events(log) == lines(0, 6).split(b"\n")
        assert every == sorted(set(every))
        assert told == [every[0], every[3], every[5]]
        assert every[-1] < got[-1].after <= log.end(0)
        assert log.lag(0, 0) > log.lag(0, every[5]) > log.lag(0, log.end(0)) == 0

    def test_several_partitions_are_asked_for_at_once(self, make: Make) -> None:
        log = make(partitions=3)
        log.append([batch(0, 3), batch(3, 2), batch(5, 1, 2)])
        second = log.read(0, 0, 100)[-1].offset
        assert log.lags({0: second, 1: 0, 2: 0}) == {0: log.lag(0, second), 1: 0, 2: log.lag(2, 0)}
        assert log.progress("pipeline") == {}
        log.commit("pipeline", 0, second)
        log.commit("pipeline", 2, log.end(2))
        assert log.progress("pipeline") == {0: second, 2: log.end(2)}

    @pytest.mark.parametrize("size", [3, 5_000])
    def test_a_read_starts_at_any_event(self, log: EventLog, size: int) -> None:
        log.append([batch(0, size), batch(size, size)])
        every = offsets(log.read(0, 0, 1_000_000))
        for nth in (0, 1, size - 1, size, size + 1, 2 * size - 1):
            got = log.read(0, every[nth], 1_000_000)
            assert offsets(got) == every[nth:]
            assert b"\n".join(one.payload for one in got) == lines(nth, 2 * size - nth)

    def test_a_read_goes_on_after_the_batches_of_the_one_before(self, log: EventLog) -> None:
        log.append([batch(10 * i, 10) for i in range(5)])
        offset, seen = 0, []
        while got := log.read(0, offset, 7):
            seen += events(got)
            offset = got[-1].after
        assert seen == lines(0, 50).split(b"\n")
        log.append([batch(50, 1)])
        assert events(log.read(0, offset, 7)) == [lines(50, 1)]

    def test_a_partition_that_was_left_can_be_read_again(self, log: EventLog) -> None:
        log.append([batch(0, 3)])
        first = log.read(0, 0, 10)
        log.leave(0)
        log.leave(0)
        log.append([batch(3, 1)])
        assert events(log.read(0, first[-1].after, 10)) == [lines(3, 1)]
        log.leave(0)
        assert all_events(log) == lines(0, 4).split(b"\n")

    def test_reading_at_and_after_the_end_gives_nothing(self, log: EventLog) -> None:
        log.append([batch(0, 3)])
        end = log.end(0)
        assert log.read(0, end, 10) == log.read(0, end + 96, 10) == []

    def test_the_limit_is_exceeded_by_less_than_one_batch(self, log: EventLog) -> None:
        log.append([batch(4 * i, 4) for i in range(5)])
        every = offsets(log.read(0, 0, 100))
        for limit in (4, 5, 9):
            got = log.read(0, 0, limit)
            assert limit <= sum(one.count for one in got) < limit + 4
        assert offsets(log.read(0, every[3], 2))[:2] == every[3:5]
        assert log.read(0, 0, 0) == []

    def test_payloads_of_any_bytes_come_back_unchanged(self, log: EventLog) -> None:
        payloads = [bytes(b for b in range(256) if b != 10), b"x" * 300_000, b'{"q": "\xc3\xa4"}']
        log.append([Append(0, payload, 1) for payload in payloads])
        assert events(log.read(0, 0, 10)) == payloads

    @pytest.mark.parametrize("bad", [Append(0, b"a\nb", 1), Append(0, b"a", 2), Append(0, b"", 0), Append(9, b"a", 1)])
    def test_a_batch_that_is_not_what_it_says_is_refused_whole(self, log: EventLog, bad: Append) -> None:
        with pytest.raises(ValueError, match=r"events|partition"):
            log.append([batch(0, 1), bad])
        assert log.end(0) == 0

    def test_appending_nothing_is_nothing(self, log: EventLog) -> None:
        assert log.append([]) == []

    def test_partitions_are_separate(self, make: Make) -> None:
        log = make(partitions=3)
        assert log.partitions == 3
        told = log.append([batch(0, 2, 0), batch(0, 4, 2), batch(2, 1, 0)])
        assert [told[0], told[2]] == [offsets(log.read(0, 0, 10))[at] for at in (0, 2)]
        assert told[1] == log.read(2, 0, 10)[0].offset
        assert [log.lag(p, 0) > 0 for p in range(3)] == [True, False, True]
        assert {one.partition for one in log.read(2, 0, 10)} == {2}
        assert all_events(log, 1) == []

    @pytest.mark.parametrize("partition", [-1, 1])
    def test_a_partition_that_is_not_there_is_an_error(self, log: EventLog, partition: int) -> None:
        calls: list[Callable[[], object]] = [
            lambda: log.read(partition, 0, 1),
            lambda: log.begin(partition),
            lambda: log.end(partition),
            lambda: log.commit("g", partition, 0),
        ]
        for call in calls:
            with pytest.raises(ValueError, match=f"partition {partition}"):
                call()

    def test_a_group_finds_what_it_committed(self, make: Make) -> None:
        log = make(partitions=2)
        assert log.committed("engine", 0) is None
        log.commit("engine", 0, 5)
        log.commit("engine", 0, 3)
        log.commit("labels", 0, 1)
        assert (log.committed("engine", 0), log.committed("labels", 0)) == (3, 1)
        assert log.committed("engine", 1) is None

    def test_wait_returns_for_what_was_appended_since_the_last(self, log: EventLog) -> None:
        log.append([batch(0, 1)])
        log.wait(60)
        log.append([batch(1, 1)])
        log.wait(60)
        log.wait(0.001)  # nothing new: the time-out ends it

    def test_wait_is_woken_by_another_thread(self, log: EventLog) -> None:
        waiter = threading.Thread(target=log.wait, args=(60,))
        waiter.start()
        log.append([batch(0, 1)])
        waiter.join(30)
        assert not waiter.is_alive()

    def test_eight_threads_append_without_a_gap(self, log: EventLog) -> None:
        told: list[tuple[int, bytes]] = []
        start = threading.Barrier(8)

        def work(worker: int) -> None:
            start.wait()
            for i in range(25):
                payload = b"%d:%d\n%d:%d+" % (worker, i, worker, i)
                told.append((log.append([Append(0, payload, 2)])[0], payload))

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        got = log.read(0, 0, 1000)
        assert len(offsets(got)) == 400
        lines_at = dict(zip(offsets(got), events(got), strict=True))
        assert all(lines_at[offset] == payload.split(b"\n")[0] for offset, payload in told)
        of_one = [payload for _, payload in sorted(told) if payload.startswith(b"3:")]
        assert of_one == [b"3:%d\n3:%d+" % (i, i) for i in range(25)]


class DurableContract(EventLogContract):
    """What a log on disk adds: another handle, opened later or beside it, sees the same."""

    def test_everything_is_there_after_reopening(self, make: Make) -> None:
        first = make(partitions=2)
        first.append([batch(0, 3, 1)])
        first.commit("engine", 1, 2)
        end = first.end(1)
        first.close()
        again = make(partitions=2)
        assert all_events(again, 1) == lines(0, 3).split(b"\n")
        assert (again.end(1), again.committed("engine", 1)) == (end, 2)
        assert again.append([batch(3, 1, 1)]) == [end]

    def test_two_handles_append_without_a_gap(self, make: Make) -> None:
        one, other = make(partitions=1), make(partitions=1)
        told = [*one.append([batch(0, 2)]), *other.append([batch(2, 3)]), *one.append([batch(5, 1)])]
        assert [offsets(one.read(0, 0, 100))[at] for at in (0, 2, 5)] == told
        assert all_events(one) == all_events(other) == lines(0, 6).split(b"\n")

    def test_wait_sees_what_another_handle_appended(self, make: Make) -> None:
        reader, writer = make(partitions=1), make(partitions=1)
        waiter = threading.Thread(target=reader.wait, args=(60,))
        waiter.start()
        writer.append([batch(0, 1)])
        waiter.join(30)
        assert not waiter.is_alive()


class CountingContract(EventLogContract):
    """What a log adds whose offsets count events, and which keeps batches as they were written."""

    def test_offsets_count_events_from_nought(self, log: EventLog) -> None:
        assert log.append([batch(0, 3), batch(3, 2)]) == [0, 3]
        assert log.append([batch(5, 1)]) == [5]
        assert [(one.offset, one.count) for one in log.read(0, 0, 100)] == [(0, 3), (3, 2), (5, 1)]
        assert (log.end(0), log.lag(0, 4)) == (6, 2)

    def test_the_time_of_appending_is_kept(self, log: EventLog, clock: FakeClock) -> None:
        log.append([batch(0, 1)])
        clock.advance(60)
        log.append([batch(1, 1)])
        assert [one.appended_at for one in log.read(0, 0, 10)] == [START, START + 60]

    def test_trim_takes_old_batches_that_every_group_dealt_with(self, log: EventLog, clock: FakeClock) -> None:
        log.append([batch(0, 2), batch(2, 2)])
        clock.advance(100)
        log.append([batch(4, 2)])
        log.commit("engine", 0, 6)
        log.commit("labels", 0, 3)
        assert log.trim(START) == 0
        assert log.trim(START + 50) == 2
        assert (log.begin(0), log.end(0)) == (2, 6)
        log.commit("labels", 0, 6)
        assert log.trim(START + 50) == 2
        assert log.trim(START + 500) == 2
        assert (log.begin(0), log.end(0)) == (6, 6)

    def test_a_read_before_the_beginning_reads_from_there(self, log: EventLog, clock: FakeClock) -> None:
        log.append([batch(0, 2)])
        clock.advance(100)
        log.append([batch(2, 2)])
        assert log.trim(START + 50) == 2
        assert log.read(0, 0, 10)[0].offset == 2
        assert all_events(log) == lines(2, 2).split(b"\n")

    def test_offsets_go_on_after_everything_was_trimmed(self, log: EventLog, clock: FakeClock) -> None:
        log.append([batch(0, 5)])
        assert log.trim(START + 1) == 5
        assert log.append([batch(5, 1)]) == [5]
        assert log.read(0, 0, 10)[0].offset == 5

    def test_a_group_that_has_not_come_to_a_partition_holds_it(self, make: Make) -> None:
        log = make(partitions=2)
        log.append([batch(0, 2, 0), batch(0, 2, 1)])
        log.commit("engine", 0, 2)
        assert log.trim(START + 1) == 2
        assert (log.begin(0), log.begin(1)) == (2, 0)

    def test_a_clock_that_went_back_leaves_no_hole(self, make: Make, clock: FakeClock) -> None:
        log = make(partitions=1)
        clock.advance(100)
        log.append([batch(0, 1)])
        clock._time = START
        log.append([batch(1, 1)])
        assert log.trim(START + 50) == 0
        assert log.begin(0) == 0

    @pytest.mark.parametrize("size", [3, 5_000])
    def test_events_are_changed_where_they_stand(self, log: EventLog, clock: FakeClock, size: int) -> None:
        log.append([batch(0, size), batch(size, size)])
        log.commit("engine", 0, size)
        clock.advance(60)
        wanted = b'{"n": %d}' % (size + 1)
        assert log.rewrite(lambda line, number: b'{"gone": %d}' % number if line == wanted else line) == 1
        expected = lines(0, 2 * size).split(b"\n")
        expected[size + 1] = b'{"gone": %d}' % (size + 1)
        assert all_events(log) == expected
        assert [(one.offset, one.count, one.appended_at) for one in log.read(0, 0, 9 * size)] == [
            (0, size, START), (size, size, START),
        ]  # fmt: skip
        assert (log.end(0), log.committed("engine", 0)) == (2 * size, size)
        assert log.rewrite(lambda line, _: line) == 0
        with pytest.raises(ValueError, match="one line"):
            log.rewrite(lambda line, _: line + b"\n")
        assert all_events(log) == expected


class TestMemoryLog(CountingContract):
    @pytest.fixture
    def make(self, clock: FakeClock) -> Make:
        return lambda partitions: MemoryLog(clock=clock, partitions=partitions)


class TestSqliteLog(DurableContract, CountingContract):
    @pytest.fixture
    def make(self, tmp_path: Path, clock: FakeClock) -> Iterator[Make]:
        opened: list[EventLog] = []

        def open_one(partitions: int) -> EventLog:
            opened.append(SqliteLog(tmp_path / "log.db", clock=clock, partitions=partitions))
            return opened[-1]

        yield open_one
        for log in opened:
            log.close()
