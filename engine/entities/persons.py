"""The people who can be told: what is known of them, and what they said themselves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import CompoundSelect, String, literal, union_all
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from engine.entities.belonging import ASSET, CONTACT
from engine.store import plain
from engine.store.among import among
from engine.store.database import by_bytes
from engine.store.models import Address, Entity, Preference

if TYPE_CHECKING:
    from engine.events import PreferenceEvent

_ADDRESSES = (
    sql_select(col(Address.entity), col(Address.kind), col(Address.value))
    .where(among(Address.entity, "ids"))
    .order_by(col(Address.id))
)
_PREFERENCES = select(Preference).where(among(Preference.person, "ids"))
NOTHING_SAID = Preference(person="", at=0.0)
"""Of someone who never said how they want to be told."""


class Person(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Someone who can be told, as known now."""

    id: str
    name: str = ""
    account: str | None = None
    locale: str = ""
    """The person's own, or else the account's; empty if neither is known."""
    zone: str = ""
    """IANA zone; empty if unknown."""
    country: str = ""
    region: str = ""
    account_zone: str = ""
    account_country: str = ""
    account_region: str = ""
    roles: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    """Channel names, the preferred first."""
    addresses: tuple[tuple[str, str], ...] = ()
    """(kind, value) in the order they were given in; kind is email, phone or url."""

    def address(self, kind: str) -> str:
        """Return the first address of `kind`, or an empty string."""
        return next((value for known, value in self.addresses if known == kind), "")

    def has_role(self, roles: Sequence[str]) -> bool:
        """Return whether the person has any of `roles`, which none asked for means everyone has."""
        return not roles or not set(roles).isdisjoint(self.roles)


def prefer(session: Session, event: "PreferenceEvent") -> None:
    """Write down how a person wants to be told; an older event changes nothing."""
    known = session.get(Preference, event.subject)
    if known is None or event.time >= known.at:
        row = Preference(
            person=event.subject, prefers=list(event.prefers), locale=event.locale, zone=event.zone, at=event.time
        )
        session.merge(row)


def people(session: Session, account: str | None, roles: Sequence[str] = (), locale: str = "") -> list[Person]:
    """Return the contacts of `account` that have any of `roles` (none given: all), ordered by id.

    Contacts belong to the account, to an account above it, or to one of its assets. `locale` is the default for those
    whose own and whose account's are not known.
    """
    if account is None:
        return []
    home = session.get(Entity, account)
    kind = col(Entity.kind) + ""  # an index of kinds is of no use: SQLite would read every contact there is by it
    belongs = col(Entity.parent).in_(_within(account, _above(session, account)))
    found = select(Entity).where(belongs, kind == CONTACT, col(Entity.deleted).is_(False))
    rows = session.exec(found.order_by(col(Entity.id))).all()
    ids = [row.id for row in rows]
    addresses, said = addresses_of(session, ids), preferences_of(session, ids)
    persons = [person_of(row, home, addresses.get(row.id, ()), said.get(row.id, NOTHING_SAID), locale) for row in rows]
    return [person for person in persons if person.has_role(roles)]


def person(session: Session, id_: str, account: str | None, locale: str = "") -> Person | None:
    """Return the contact `id_`, if it is still one that `people` would return for `account`; else None."""
    row = session.get(Entity, id_)
    if account is None or row is None or row.deleted or row.kind != CONTACT or row.parent is None:
        return None
    if row.parent not in {account, *_above(session, account)} and account not in _above(session, row.parent):
        return None
    addresses, said = addresses_of(session, [id_]).get(id_, ()), preferences_of(session, [id_]).get(id_, NOTHING_SAID)
    return person_of(row, session.get(Entity, account), addresses, said, locale)


def person_of(
    row: Entity, home: Entity | None, addresses: Sequence[tuple[str, str]], said: Preference, locale: str
) -> Person:
    """Return the person that a contact's row is of, in the account `home`; what they `said` themselves comes first."""
    return Person(
        id=row.id,
        name=row.name,
        account=home.id if home else row.parent,
        locale=said.locale or row.locale or (home.locale if home else "") or locale,
        zone=said.zone or row.zone,
        country=row.country,
        region=row.region,
        account_zone=home.zone if home else "",
        account_country=home.country if home else "",
        account_region=home.region if home else "",
        roles=tuple(row.roles),
        prefers=tuple(said.prefers or row.prefers),
        addresses=tuple(addresses),
    )


def addresses_of(session: Session, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Return the addresses of contacts, by id, in the order they were given in."""
    addresses: dict[str, list[tuple[str, str]]] = {}
    for row in plain.rows(session, _ADDRESSES, {"ids": ids}):
        addresses.setdefault(row.entity, []).append((row.kind, row.value))
    return addresses


def preferences_of(session: Session, ids: Sequence[str]) -> dict[str, Preference]:
    """Return what people said of how they want to be told, by their ids."""
    return {row.person: row for row in session.scalars(_PREFERENCES, {"ids": ids})}


def _above(session: Session, account: str) -> list[str]:
    above: list[str] = []
    row = session.get(Entity, account)
    while row is not None and row.parent and row.parent not in {account, *above}:
        above.append(row.parent)
        row = session.get(Entity, row.parent)
    return above


def _within(account: str, above: Sequence[str]) -> CompoundSelect[tuple[str]]:
    """Return the ids of `account`, its assets, and what is `above`; UNION ends where assets hang in a circle."""
    tree = sql_select(by_bytes(literal(account, String)).label("id")).cte(recursive=True)
    assets = sql_select(col(Entity.id)).where(col(Entity.kind) + "" == ASSET, col(Entity.deleted).is_(False))
    tree = tree.union(assets.join(tree, col(Entity.parent) == tree.c.id))
    return union_all(sql_select(tree.c.id), *(sql_select(by_bytes(literal(each, String))) for each in above))
