"""Series that are away in tables of the database, where partitions move between machines.

Whoever writes looks, in the same transaction, whether the partition is still its own.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, bindparam, delete, func, select, text, tuple_, update
from sqlmodel import Session, col

from engine.cold.base import Away, ColdStore, ColdStores, Kept, Leaving, Wanted, hash_of, signed, to_bytes, to_text
from engine.ids import derive
from engine.store.database import Database, insert_ignore, upsert
from engine.store.models import QuietSeries, QuietText
from engine.store.progress import PIPELINE, locked

_T = TypeVar("_T")
SOME = 1000
"""Series that one statement asks for."""
_KEYS = ["partition", "watch", "key", "gone"]
_AWAY = col(QuietSeries.back).is_(None)
_LAYOUT = col(QuietText.id) == col(QuietSeries.layout)
_NAMED = select(col(QuietText.id), col(QuietText.text))
_WHOLE = select(
    *map(col, (QuietSeries.key, QuietSeries.watch, QuietSeries.gone, QuietSeries.hash, QuietSeries.mark)),
    col(QuietText.text),
    col(QuietSeries.state),
)
_HELD = {
    "sqlite": text("instr(CAST('|' || CAST(key AS TEXT) || '|' AS BLOB), :part) > 0"),
    "postgresql": text("position(:part in '|'::bytea || key || '|'::bytea) > 0"),
}


class TableStore(ColdStore):
    """The series of one partition that are away, as rows of the database."""

    def __init__(self, database: Database, partition: int) -> None:
        super().__init__()
        self._database, self._partition = database, partition
        self._ours = col(QuietSeries.partition) == partition

    def purge(self, offset: int) -> None:
        """Delete what nobody needs who starts from `offset` or later."""
        self._delete(col(QuietSeries.back) <= offset)

    def keep(self, watches: Collection[str]) -> None:
        """Delete the series of all other watches: nobody asks for them any more."""
        self._delete(col(QuietSeries.watch).not_in([_id(watch) for watch in watches]))

    def close(self) -> None:
        """Do nothing: the database is the engine's."""

    def _put(self, watch: str, leaving: Leaving) -> None:
        ours, layout = _id(watch), _id(leaving.layout)
        with self._database.transaction(shared=True) as session:
            self._lock(session)
            self._write_back(session)
            insert_ignore(session, QuietText, [{"id": ours, "text": watch}, {"id": layout, "text": leaving.layout}])
            rows = zip(leaving.keys, signed(leaving.hashes), leaving.states, strict=True)
            left = [
                self._row(ours, to_bytes(key), self.offset, hash_, leaving.mark, layout, state.tobytes())
                for key, hash_, state in rows
            ]
            upsert(session, QuietSeries, left, _KEYS)  # one that came back and leaves within one batch has one row

    def _look(self, watch: str, keys: Sequence[bytes]) -> Mapping[bytes, Away]:
        """Return those that are away; of a series that left twice, as a commit's answer was lost, as it left last."""
        query = _WHOLE.join(QuietText, _LAYOUT)
        found: dict[bytes, Away] = {}
        with self._database.reading() as session:
            for some in _some(keys):
                hashes = col(QuietSeries.hash).in_([hash_of(key) for key in some])
                where = (self._ours, col(QuietSeries.watch) == _id(watch), hashes, _AWAY)
                rows = session.execute(query.where(*where).order_by(col(QuietSeries.gone))).all()
                found |= {bytes(row.key): Away(row.text, row.mark, bytes(row.state)) for row in rows}
        return {key: found[key] for key in keys if key in found}

    def _hashes(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        with self._database.reading() as session:
            for watch, name in self._watches(session):
                hashes = select(col(QuietSeries.hash)).where(self._ours, col(QuietSeries.watch) == watch, _AWAY)
                yield name, np.fromiter(session.scalars(hashes), np.int64)

    def _watches(self, session: Session) -> Sequence[Any]:
        watches = select(col(QuietSeries.watch)).where(self._ours).distinct()
        return session.execute(_NAMED.where(col(QuietText.id).in_(watches))).all()

    def _flush(self) -> None:
        with self._database.transaction(shared=True) as session:
            self._lock(session)
            self._write_back(session)

    def _rewind(self, offset: int) -> None:
        again = update(QuietSeries).where(self._ours, col(QuietSeries.back) > offset).values(back=None)
        with self._database.transaction(shared=True) as session:
            self._lock(session)
            session.execute(delete(QuietSeries).where(self._ours, col(QuietSeries.gone) > offset))
            session.execute(again)

    def _erase(self, part: bytes) -> None:
        with self._database.transaction(shared=True) as session:
            self._lock(session)
            held = _HELD[session.connection().dialect.name]
            session.execute(delete(QuietSeries).where(self._ours, held), {"part": part})

    def _least_mark(self, watch: str) -> int | None:
        least = select(func.min(QuietSeries.mark)).where(self._ours, col(QuietSeries.watch) == _id(watch), _AWAY)
        with self._database.reading() as session:
            return session.scalar(least)

    def _replace(self, kept: Iterator[Kept]) -> None:
        self._delete(self._ours)
        for some in _some(kept):
            texts = {_id(each): each for one in some for each in (one.watch, one.layout)}
            rows = [
                self._row(_id(each.watch), each.key, 0, each.hash, each.mark, _id(each.layout), each.state)
                for each in some
            ]
            with self._database.transaction(shared=True) as session:
                self._lock(session)
                insert_ignore(session, QuietText, [{"id": id_, "text": text_} for id_, text_ in texts.items()])
                upsert(session, QuietSeries, rows, _KEYS)

    def _retain(self, wanted: Wanted) -> None:
        with self._database.reading() as session:
            keys = session.scalars(select(col(QuietSeries.key)).where(self._ours).distinct()).all()
        for some in _some(key for key in keys if not wanted(to_text(bytes(key)))):
            self._delete(col(QuietSeries.key).in_(some))

    def _away(self) -> Iterator[Kept]:
        """Yield all that is away, one page after the other: whoever takes them may write between two."""
        order = (col(QuietSeries.key), col(QuietSeries.watch), col(QuietSeries.gone))
        query = _WHOLE.join(QuietText, _LAYOUT).where(self._ours, _AWAY).order_by(*order).limit(SOME)
        with self._database.reading() as session:
            names = {row.id: row.text for row in session.execute(_NAMED)}
            rows = session.execute(query).all()
        while rows:
            for row in rows:
                yield Kept(names[row.watch], bytes(row.key), row.hash, row.mark, row.text, bytes(row.state))
            with self._database.reading() as session:
                rows = session.execute(
                    query.where(tuple_(*order) > (rows[-1].key, rows[-1].watch, rows[-1].gone))
                ).all()

    def _count(self) -> int:
        with self._database.reading() as session:
            return session.scalar(select(func.count()).select_from(QuietSeries).where(self._ours, _AWAY)) or 0

    def _row(
        self, watch: str, key: bytes, gone: int, hash_: int, mark: int, layout: str, state: bytes
    ) -> Mapping[str, Any]:
        """Return a row of what leaves."""
        where = {"partition": self._partition, "watch": watch, "key": key, "gone": gone}
        return {**where, "back": None, "hash": hash_, "mark": mark, "layout": layout, "state": state}

    def _write_back(self, session: Session) -> None:
        if self._back:
            of = (col(QuietSeries.watch) == bindparam("of_watch"), col(QuietSeries.key) == bindparam("of_key"))
            hashed = col(QuietSeries.hash) == bindparam("of_hash")
            came = update(QuietSeries).where(self._ours, hashed, *of, _AWAY).values(back=bindparam("at"))
            rows = [
                {"of_watch": _id(watch), "of_key": key, "of_hash": hash_of(key), "at": offset}
                for (watch, key), offset in self._back.items()
            ]
            session.connection().execute(came, rows)

    def _delete(self, which: ColumnElement[bool]) -> None:
        with self._database.transaction(shared=True) as session:
            self._lock(session)
            session.execute(delete(QuietSeries).where(self._ours, which))

    def _lock(self, session: Session) -> None:
        """Let nobody else write of the partition until the transaction ends. Raises Fenced when it is another's now."""
        locked(session, PIPELINE, self._partition, self.epoch())


class Tables(ColdStores):
    """The stores of a database."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def _opened(self, partition: int) -> TableStore:
        return TableStore(self._database, partition)


def _some(all_: Iterable[_T]) -> Iterator[list[_T]]:
    """Yield all in lists, as many in each as one statement asks for."""
    rest = iter(all_)
    while some := list(islice(rest, SOME)):
        yield some


def _id(text_: str) -> str:
    """Return what a watch or a layout is called."""
    return derive("qt", text_)
