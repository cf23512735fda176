"""Blobs: whole pieces of bytes by name, for those who keep snapshots in the database."""

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel


class Blob(SQLModel, table=True):
    """A blob that is whole."""

    name: str = Field(primary_key=True)
    size: int = Field(sa_type=BigInteger)


class BlobChunk(SQLModel, table=True):
    """A part of it; all but the last are of the same size."""

    __tablename__ = "blob_chunk"
    name: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
