"""What the engine keeps of itself: progress, jobs, tokens."""

from sqlalchemy import BigInteger, Column, LargeBinary, text
from sqlmodel import Field, SQLModel


class Progress(SQLModel, table=True):
    """Up to which offset the effects of a partition are in this database (exactly once, by transaction)."""

    group: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    offset: int = Field(sa_type=BigInteger)
    watermark: float
    epoch: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often the partition was taken: only who took it last may write."""
    holder: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    """Who took it last."""


class JobRun(SQLModel, table=True):
    """A scheduled run; the key makes a doubled one impossible."""

    __tablename__ = "job_run"
    job: str = Field(primary_key=True)
    due_at: float = Field(primary_key=True)
    status: str
    """running, done or failed; begun: nothing was due, the job is new."""
    started_at: float
    ended_at: float | None = None
    detail: str = ""


class Token(SQLModel, table=True):
    """An API token: only its hash is kept."""

    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    scope: str
    """ingest, agent or admin."""
    created_at: float
    revoked_at: float | None = None
