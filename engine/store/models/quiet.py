"""Series that have gone quiet, for those whose partitions move between machines (`engine.cold.table`)."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

_AWAY = text("back IS NULL")


class QuietSeries(SQLModel, table=True):
    """A series that left memory, and when it came back."""

    __tablename__ = "quiet_series"
    __table_args__ = (
        Index("ix_quiet_hash", "partition", "hash", sqlite_where=_AWAY, postgresql_where=_AWAY),
        Index("ix_quiet_mark", "partition", "watch", "mark", sqlite_where=_AWAY, postgresql_where=_AWAY),
        Index("ix_quiet_gone", "partition", "gone"),
        Index("ix_quiet_back", "partition", "back"),
    )
    partition: int = Field(primary_key=True)
    watch: str = Field(primary_key=True)
    """The digest of what is watched; `QuietText` has it whole."""
    key: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    """As bytes: a key may hold what no text of a database may."""
    gone: int = Field(sa_type=BigInteger, primary_key=True)
    """The offset of the log at which it left."""
    back: int | None = Field(default=None, sa_type=BigInteger)
    """The offset at which it came back; NULL: it is away."""
    hash: int = Field(sa_type=BigInteger)
    mark: int = Field(sa_type=BigInteger)
    layout: str
    """The digest of what the state's bytes mean."""
    state: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class QuietText(SQLModel, table=True):
    """A watch or a layout, which many series have in common."""

    __tablename__ = "quiet_text"
    id: str = Field(primary_key=True)
    text: str
