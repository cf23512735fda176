"""Who is to be told, of many messages at once: each person as a contact of the account that a message is about."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import select as sql_select
from sqlmodel import Session, col

from engine.entities import CONTACT, NOTHING_SAID, Person, addresses_of, person_of, preferences_of
from engine.store import plain
from engine.store.among import among
from engine.store.models import Entity

_CHUNK = 5_000
_COLUMNS = ("id", "kind", "parent", "name", "locale", "zone", "country", "region", "roles", "prefers", "deleted")
"""What is asked of an entity where somebody is told."""
_ENTITIES = sql_select(*(col(getattr(Entity, name)) for name in _COLUMNS)).where(among(Entity.id, "ids"))


def recipients(
    session: Session, known: Mapping[str, Entity], wanted: Iterable[tuple[str, str | None]], locale: str = ""
) -> dict[tuple[str, str | None], Person]:
    """Return, of pairs of contact and account, each contact that `people` would return for the account.

    `known` are the entities that are named, and those above them (`with_parents`).
    """
    pairs = {(contact, account) for contact, account in wanted if account is not None}
    ids = sorted({contact for contact, _ in pairs})
    addresses, said = addresses_of(session, ids), preferences_of(session, ids)
    return {
        (contact, account): person_of(
            known[contact], known.get(account), addresses.get(contact, ()), said.get(contact, NOTHING_SAID), locale
        )
        for contact, account in pairs
        if contact in known and _belongs(known, known[contact], account)
    }


def _belongs(known: Mapping[str, Entity], row: Entity, account: str) -> bool:
    if row.deleted or row.kind != CONTACT or row.parent is None:
        return False
    return row.parent in {account, *_chain(known, account)} or account in _chain(known, row.parent)


def with_parents(session: Session, ids: Collection[str]) -> dict[str, Entity]:
    """Return the entities with these ids, and all above them, by id: to be read only, no session knows of them."""
    known: dict[str, Entity] = {}
    missing = set(ids)
    while missing:
        found = _read(session, sorted(missing))
        known |= found
        missing = {row.parent for row in found.values() if row.parent} - known.keys()
    return known


def _read(session: Session, ids: Sequence[str]) -> dict[str, Entity]:
    """Return plain rows of `_COLUMNS`."""
    chunks = (ids[start : start + _CHUNK] for start in range(0, len(ids), _CHUNK))
    return {row.id: row for chunk in chunks for row in plain.rows(session, _ENTITIES, {"ids": chunk})}


def _chain(known: Mapping[str, Entity], of: str) -> list[str]:
    above: list[str] = []
    row = known.get(of)
    while row is not None and row.parent and row.parent not in {of, *above}:
        above.append(row.parent)
        row = known.get(row.parent)
    return above
