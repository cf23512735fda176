"""What every store of blobs keeps to. A new one joins by a subclass with its own `make`."""

import errno
import io
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, make_url

from engine.blobs.base import Blobs, Missing
from engine.blobs.folder import Folder
from engine.blobs.objects import Objects
from engine.blobs.table import Table
from engine.errors import ConfigError, ForewarnError, Retryable
from engine.store.database import Database
from tests.brokers.postgres import Postgres
from tests.bucket import Bucket

Make = Callable[[], Blobs]
LARGE = os.urandom(3_500_000)


def read(blobs: Blobs, name: str) -> bytes:
    with blobs.open(name) as file:
        return file.read()


class BlobsContract(ABC):
    """`make()` opens a store; asked again in one test, it opens another handle on the same blobs."""

    @pytest.fixture
    @abstractmethod
    def make(self) -> Iterator[Make] | Make: ...

    @pytest.fixture
    def blobs(self, make: Make) -> Blobs:
        return make()

    def test_there_is_nothing_at_first(self, blobs: Blobs) -> None:
        assert blobs.names() == []
        blobs.delete("a")
        with pytest.raises(Missing) as raised, blobs.open("a"):
            pass
        assert raised.value.place == blobs.place("a")

    @pytest.mark.parametrize(
        "parts", [[], [b""], [b"a"], [b"a", b"", memoryview(b"bc")], [LARGE], [LARGE[:1], LARGE, LARGE, b"end"]]
    )
    def test_the_parts_come_back_as_one(self, make: Make, parts: list[bytes]) -> None:
        make().write("a", parts)
        assert read(make(), "a") == b"".join(parts)

    def test_it_is_read_from_anywhere(self, blobs: Blobs) -> None:
        blobs.write("a", [LARGE, LARGE])
        whole = LARGE + LARGE
        with blobs.open("a") as file:
            assert file.seek(0, io.SEEK_END) == len(whole)
            for start, count in ((0, 20), (len(LARGE) - 5, 10), (1 << 20, 1 << 20), (7, 6_000_000), (6_999_999, 1)):
                file.seek(start)
                assert file.read(count) == whole[start : start + count]
                into = bytearray(count)
                file.seek(start)
                assert file.readinto(into) == count  # type: ignore[attr-defined]
                assert into == whole[start : start + count]
            file.seek(len(whole))
            assert file.read(1) == b""

    def test_names_are_listed_by_what_they_begin_with(self, make: Make) -> None:
        blobs = make()
        names = ["errors/v1-p00000.model", "errors/v2-p00000.model", "p00000-1", "p00000-2", "p00001-1", "p0000_-1"]
        for name in reversed(names):
            blobs.write(name, [name.encode()])
        assert make().names() == names
        assert make().names("p00000-") == ["p00000-1", "p00000-2"]
        assert make().names("p0000_") == ["p0000_-1"]
        assert make().names("P0") == []
        assert make().names("errors/") == names[:2]
        assert make().names("errors/v2") == names[1:2]
        assert read(blobs, "errors/v2-p00000.model") == b"errors/v2-p00000.model"

    def test_what_is_deleted_is_gone(self, make: Make) -> None:
        blobs = make()
        for name in ("a", "b/c"):
            blobs.write(name, [LARGE])
            blobs.delete(name)
            blobs.delete(name)
        assert make().names() == []
        with pytest.raises(Missing), make().open("a"):
            pass

    def test_a_write_cut_off_leaves_nothing(self, make: Make) -> None:
        def parts() -> Iterator[bytes]:
            yield LARGE
            yield LARGE
            raise ZeroDivisionError

        blobs = make()
        blobs.write("other", [b"1"])
        with pytest.raises(ZeroDivisionError):
            blobs.write("a", parts())
        assert make().names() == ["other"]
        blobs.write("a", [b"2"])
        assert read(make(), "a") == b"2"

    def test_nobody_sees_one_that_is_being_written(self, make: Make) -> None:
        seen = list[list[str]]()

        def parts() -> Iterator[bytes]:
            for _ in range(4):
                yield LARGE
                seen.append(make().names())

        make().write("a", parts())
        assert seen == [[]] * 4
        assert make().names() == ["a"]


class TestFolder(BlobsContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: Folder(tmp_path / "blobs")

    def test_a_file_server_that_is_away_is_not_an_empty_folder(
        self, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blobs.write("a", [b"1"])

        def away(path: object) -> None:
            raise OSError(errno.ESTALE, "Stale file handle")

        monkeypatch.setattr(os, "scandir", away)
        with pytest.raises(Retryable, match="blobs: Stale file handle; try again"):
            blobs.names()

    def test_a_disk_that_fails_at_the_end_leaves_nothing(self, blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
        def fails(handle: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fails)
            with pytest.raises(Retryable, match="Input/output error"):
                blobs.write("a", [b"1"])
        assert list(Path(blobs.place()).iterdir()) == []

    def test_no_right_to_read_is_no_empty_folder(self, blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(path: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(os, "scandir", refused)
        with pytest.raises(ForewarnError, match="Permission denied; check folder and permissions") as raised:
            blobs.names()
        assert not isinstance(raised.value, Retryable)


class Unreachable(Exception):
    """What a store's library raises: nothing that anybody knows."""


class TestBucket(BlobsContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: Bucket.at(tmp_path.name)

    @pytest.mark.parametrize("doing", ["upload", "commit"])
    def test_an_upload_that_fails_leaves_nothing(self, make: Make, doing: str) -> None:
        def away(what: str) -> None:
            if what == doing:
                raise Unreachable("no route")

        with Bucket.troubled(away), pytest.raises(Retryable, match="forewarn/a: Unreachable: no route; try again"):
            make().write("a", [LARGE, LARGE, LARGE])
        assert make().names() == []

    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (Unreachable("no route"), "Unreachable: no route; try again"),
            (TimeoutError(), "TimeoutError: ; try again"),
            (OSError(errno.EDQUOT, "Quota exceeded"), "Quota exceeded; free some space"),
            (OSError(errno.EBUSY, "Slow down"), "Slow down; try again"),
            (OSError("something"), "OSError: something; try again"),
        ],
    )
    def test_what_may_pass_is_retryable(self, blobs: Blobs, error: Exception, told: str) -> None:
        blobs.write("a", [b"1"])

        def raises(what: str) -> None:
            raise error

        with Bucket.troubled(raises):
            for ask in (blobs.names, lambda: read(blobs, "a"), lambda: blobs.delete("a")):
                with pytest.raises(Retryable, match=told):
                    ask()
            with pytest.raises(Retryable, match=told):
                blobs.write("b", [LARGE, LARGE])
        assert blobs.names() == ["a"]

    def test_no_right_is_none_that_passes(self, blobs: Blobs) -> None:
        def refused(what: str) -> None:
            raise PermissionError("403")

        with Bucket.troubled(refused), pytest.raises(ForewarnError, match="access was refused; check") as raised:
            blobs.names()
        assert not isinstance(raised.value, Retryable)

    def test_an_upload_that_cannot_be_taken_back_either_is_said(self, blobs: Blobs) -> None:
        def away(what: str) -> None:
            if what in {"commit", "delete"}:
                raise Unreachable("no route")

        with Bucket.troubled(away), pytest.raises(Retryable, match="no route"):
            blobs.write("a", [b"1"])
        assert blobs.names() == []

    def test_mistakes_of_ours_are_not_hidden(self, blobs: Blobs) -> None:
        def wrong(what: str) -> None:
            raise TypeError("unexpected argument")

        with Bucket.troubled(wrong), pytest.raises(TypeError):
            blobs.names()


class TestMemory(BlobsContract):
    """fsspec's own store in memory. It shows what is being written."""

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return lambda: Objects(f"memory://{tmp_path.name}/forewarn")

    def test_nobody_sees_one_that_is_being_written(self, make: Make) -> None:
        """But they do. What reads it finds that it is not whole (`engine.archive`)."""
        make().write("a", (LARGE for _ in range(4) if make().names() == ["a"]))
        assert read(make(), "a") == LARGE * 4


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nothing://bucket/a", r"nothing://bucket/a: Protocol not known: nothing; write s3://"),
        ("abfs://key:hunter2@bucket/a", r"abfs://bucket/a: .*adlfs"),
    ],
)
def test_an_url_that_nobody_knows_is_refused(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Objects(url)


def test_without_fsspec_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ConfigError, match=r"s3://bucket/a: needs fsspec; install forewarn\[objects\]"):
        Objects("s3://bucket/a")


class TableContract(BlobsContract):
    @pytest.fixture
    def make(self, url: str) -> Iterator[Make]:
        with ExitStack() as stack:
            yield lambda: Table(stack.enter_context(closing(Database.open(url))), "snapshots/")

    def test_what_lies_under_another_root_is_not_seen(self, make: Make, url: str) -> None:
        make().write("a", [b"1"])
        with closing(Database.open(url)) as database:
            other = Table(database, "models/")
            assert other.names() == []
            other.write("a", [b"2"])
        assert read(make(), "a") == b"1"

    def test_two_that_write_the_same_name_write_it_once(self, make: Make) -> None:
        make().write("a", [b"first"])
        make().write("a", [b"second"])
        assert read(make(), "a") == b"first"

    def test_one_deleted_while_it_is_read_ends_there(self, make: Make) -> None:
        blobs = make()
        blobs.write("a", [LARGE])
        with blobs.open("a") as file:
            file.read(1)
            blobs.delete("a")
            assert len(file.read()) < len(LARGE)


class TestSqlite(TableContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return str(tmp_path / "forewarn.db")

    def test_a_full_disk_leaves_nothing(self, tmp_path: Path) -> None:
        with closing(Database.open(tmp_path / "forewarn.db")) as database:
            if database.several:
                pytest.skip("everything runs on PostgreSQL")
            blobs = Table(database, "snapshots/")

            def limit(connection: Connection) -> None:
                connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLite takes it for as many as there are

            event.listen(database._engine, "begin", limit)
            with pytest.raises(Retryable, match="no space left to write; free some space"):
                blobs.write("a", [LARGE])
            assert blobs.names() == []


class TestPostgres(TableContract):
    @pytest.fixture
    def url(self, postgres: str) -> str:
        return postgres

    def test_a_connection_cut_while_it_is_written_leaves_nothing(
        self, make: Make, postgres_server: Postgres, postgres: str
    ) -> None:
        blobs = make()

        def parts() -> Iterator[bytes]:
            yield LARGE
            assert postgres_server.cut(make_url(postgres)) > 0
            yield LARGE

        with pytest.raises(Retryable):
            blobs.write("a", parts())
        assert blobs.names() == []
        blobs.write("a", [LARGE])
        assert read(make(), "a") == LARGE

    def test_others_write_meanwhile(self, make: Make) -> None:
        """A large one must not keep the rest of the engine waiting."""
        blobs, other = make(), make()

        def parts() -> Iterator[bytes]:
            yield LARGE
            other.write("b", [LARGE])
            yield LARGE

        blobs.write("a", parts())
        assert blobs.names() == ["a", "b"]
