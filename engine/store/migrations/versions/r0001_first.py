"""The tables as they began."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
KINDS: dict[str, type[sa.types.TypeEngine[Any]]] = {
    "": sa.String,
    "real": sa.Float,
    "integer": sa.Integer,
    "big": sa.BigInteger,
    "flag": sa.Boolean,
    "json": sa.JSON,
    "blob": sa.LargeBinary,
}


class Table(NamedTuple):
    """A table; lists of columns have a space between two."""

    columns: str
    """Each `name:kind` (text where there is no kind), with `?` behind it if it may be NULL."""
    key: str = "id"
    unique: str = ""
    """Columns that are unique together."""
    indexed: str = ""
    """Columns with an index of their own, with `!` behind one that is unique."""
    wide: tuple[tuple[str, str], ...] = ()
    """Indexes over several columns: the last part of the name, and the columns."""


TABLES = {
    "entity": Table(
        "id kind parent? name locale zone country region roles:json prefers:json attributes:json "
        "deleted:flag updated_at:real",
        indexed="kind parent",
    ),
    "address": Table(
        "id entity kind value updated_at:real",
        unique="entity kind value",
        indexed="entity",
        wide=(("value", "kind value"),),
    ),
    "consent": Table(
        "id at:real entity address channel purpose state written:flag source wording",
        indexed="address entity",
    ),
    "suppression": Table("address channel reason at:real", key="address channel"),
    "customer_contact": Table("id at:real subject account? channel text issue", indexed="account issue"),
    "outcome": Table("id at:real subject account? what value:real?", indexed="subject"),
    "signal": Table(
        "id issue detector series state at:real seen_at:real score:real? value:real? evidence:json",
        indexed="detector issue",
    ),
    "issue": Table(
        "id fingerprint detector series subject account? severity status opened_at:real noticed_at:real "
        "updated_at:real resolved_at:real? reopened:integer flapping:flag flapped:json summary "
        "evidence:json",
        indexed="account detector opened_at status subject",
        wide=(("fingerprint", "fingerprint opened_at"),),
    ),
    "change": Table("id of at:real who what before after note", indexed="of"),
    "silence": Table("id matcher:json starts_at:real ends_at:real? recurring:json who why created_at:real"),
    "label": Table("id at:real issue detector series verdict who note", indexed="detector issue"),
    "lead_time": Table("issue account warned_at:real? reached_at:real by lead_s:real?", key="issue account"),
    "decision": Table(
        "id at:real issue intent playbook step recipient channel verdict reason until:real? facts:json",
        indexed="at intent issue reason",
    ),
    "intent": Table(
        "id kind issue episode:integer account? playbook step occasion recipient channel address status "
        "due_at:real created_at:real claimed_by claimed_at:real? attempts:integer detail thread "
        "payload:json provider_id delivery sent_at:real?",
        indexed="account issue provider_id recipient",
        wide=(("due", "status due_at id"),),
    ),
    "receipt": Table("id intent at:real kind outcome code detail raw:json", indexed="intent"),
    "ticket": Table(
        "id number:integer external issue account queue subject body severity requester status assignee "
        "verdict evidence:json picture next_step tags:json opened_at:real updated_at:real "
        "resolved_at:real?",
        unique="external",
        indexed="account issue number! queue status",
    ),
    "ticket_note": Table("id ticket at:real who text", indexed="ticket"),
    "progress": Table("group partition:integer offset:big watermark:real", key="group partition"),
    "job_run": Table("job due_at:real status started_at:real ended_at:real? detail", key="job due_at"),
    "token": Table("id name digest:blob scope created_at:real revoked_at:real?", unique="name"),
}


def upgrade() -> None:
    """Make all tables."""
    for name, table in TABLES.items():
        op.create_table(name, *_columns(table), *_constraints(table))
        for column in table.indexed.split():
            _index(name, column.rstrip("!"), column.rstrip("!"), unique=column.endswith("!"))
        for ending, columns in table.wide:
            _index(name, ending, columns)


def downgrade() -> None:
    """Drop all tables."""
    for name in TABLES:
        op.drop_table(name)


def _columns(table: Table) -> Iterator[sa.Column[Any]]:
    for text in table.columns.split():
        name, _, kind = text.rstrip("?").partition(":")
        yield sa.Column(name, KINDS[kind](), nullable=text.endswith("?"))


def _constraints(table: Table) -> Iterator[sa.Constraint]:
    yield sa.PrimaryKeyConstraint(*table.key.split())
    if table.unique:
        yield sa.UniqueConstraint(*table.unique.split())


def _index(table: str, ending: str, columns: str, *, unique: bool = False) -> None:
    op.create_index(f"ix_{table}_{ending}", table, columns.split(), unique=unique)
