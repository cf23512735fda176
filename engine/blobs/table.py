"""Blobs in the database, in chunks: for those who have a database and nothing else that is shared."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from sqlalchemy import delete, update
from sqlmodel import col, select

from engine.blobs.base import Blobs, Missing, buffered
from engine.store.database import Database, insert_all, insert_ignore
from engine.store.models import Blob, BlobChunk

CHUNK = 1 << 20
"""Bytes in a row."""


class Table(Blobs):
    """The blobs of a database whose names begin with `root`; each is written in one transaction."""

    def __init__(self, database: Database, root: str) -> None:
        self._database, self._root = database, root

    def names(self, prefix: str = "") -> list[str]:
        """Return the names that begin with `prefix`."""
        whole = self._root + prefix
        with self._database.reading() as session:
            found = session.scalars(select(Blob.name).where(col(Blob.name).startswith(whole, autoescape=True))).all()
        # SQLite's LIKE takes capitals for small letters
        return sorted(name.removeprefix(self._root) for name in found if name.startswith(whole))

    def write(self, name: str, parts: Iterable[bytes | memoryview]) -> None:
        """Write a blob; one that another process has just written under the name stays."""
        whole, size = self._root + name, 0
        with self._database.transaction(shared=True) as session:
            if not insert_ignore(session, Blob, [{"name": whole, "size": 0}]):
                return
            for number, data in enumerate(_chunks(parts)):
                insert_all(session, BlobChunk, [{"name": whole, "number": number, "data": data}])
                size += len(data)
            session.execute(update(Blob).where(col(Blob.name) == whole).values(size=size))

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a blob."""
        whole = self._root + name
        with self._database.reading() as session:
            size = session.scalar(select(Blob.size).where(Blob.name == whole))
        if size is None:
            raise Missing("there is no such row", place=self.place(name))
        with buffered(size, lambda start, stop: self._fetch(whole, start, stop)) as file:
            yield file

    def delete(self, name: str) -> None:
        """Delete a blob."""
        whole = self._root + name
        with self._database.transaction(shared=True) as session:
            session.execute(delete(BlobChunk).where(col(BlobChunk.name) == whole))
            session.execute(delete(Blob).where(col(Blob.name) == whole))

    def place(self, name: str = "") -> str:
        """Return the database, and the name in it."""
        return f"{self._database.place}: {self._root}{name}"

    def _fetch(self, whole: str, start: int, stop: int) -> bytes:
        first, last = start // CHUNK, (stop - 1) // CHUNK
        with self._database.reading() as session:
            rows = session.scalars(
                select(BlobChunk.data)
                .where(BlobChunk.name == whole, col(BlobChunk.number).between(first, last))
                .order_by(col(BlobChunk.number))
            ).all()
        return b"".join(rows)[start - first * CHUNK : stop - first * CHUNK]


def _chunks(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of a chunk; only the last is shorter."""
    held = bytearray()
    for part in parts:
        view = memoryview(part)
        while view:
            room = CHUNK - len(held)
            held += view[:room]
            view = view[room:]
            if len(held) == CHUNK:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
