"""Who belongs to whom: from a device's signal to the account it is of, and to the people who can be told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from engine.ids import derive
from engine.issues.findings import Finding
from engine.store.database import insert_all
from engine.store.models import Address, Entity, Preference

if TYPE_CHECKING:
    from engine.events import EntityEvent, PreferenceEvent

ACCOUNT, CONTACT, ASSET = "account", "contact", "asset"
_CHUNK = 5_000
NOTHING_SAID = Preference(person="", at=0.0)
"""Of someone who never said how they want to be told."""


def kind_of(subject: str) -> str:
    """Return what `subject` is by its prefix: account, contact, or else an asset.

    >>> kind_of("account/acme"), kind_of("contact/jane"), kind_of("device/d-17")
    ('account', 'contact', 'asset')
    """
    prefix = subject.partition("/")[0]
    return prefix if prefix in {ACCOUNT, CONTACT} else ASSET


@dataclass(frozen=True, slots=True)
class Person:
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


class Entities:
    """In memory: the parent of every asset and contact. The newest word on each counts, in whatever order they come.

    >>> entities = Entities()
    >>> entities.load({"entities": np.frombuffer(b'{"device/d-17": ["account/acme", 0.0]}', np.uint8)})
    >>> entities.owner("device/d-17")
    'account/acme'
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[str | None, float]] = {}
        self._owners: dict[str, str | None] = {}

    def owner(self, subject: str) -> str | None:
        """Return the account `subject` belongs to, itself if it is one; None if that is not known."""
        if subject not in self._owners:
            self._owners[subject] = self._walk(subject)
        return self._owners[subject]

    def apply(self, event: "EntityEvent") -> bool:
        """Take over an event unless a newer one was; return whether it changed who belongs to whom."""
        parent, at = self._known.get(event.subject, (None, float("-inf")))
        if event.time < at:
            return False
        new = None if event.deleted else event.parent or None
        self._known[event.subject] = (new, event.time)
        if new == parent:
            return False
        self._owners.clear()
        return True

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is known as one array of bytes, the same bytes for the same knowledge."""
        return {"entities": np.frombuffer(msgspec.json.encode(self._known, order="deterministic"), np.uint8)}

    def load(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        known = msgspec.json.decode(state["entities"].tobytes(), type=dict[str, tuple[str | None, float]])
        self._known, self._owners = known, {}

    def _walk(self, subject: str) -> str | None:
        seen: set[str] = set()
        at: str | None = subject
        while at is not None and at not in seen:
            if kind_of(at) == ACCOUNT:
                return at
            seen.add(at)
            at = self._known.get(at, (None, 0.0))[0]
        return None


def save_entities(session: Session, events: "Iterable[EntityEvent]") -> None:
    """Write entities and addresses. An older event changes nothing; addresses a newer one does not name are gone."""
    newest: dict[str, EntityEvent] = {}
    for event in events:
        if event.subject not in newest or event.time >= newest[event.subject].time:
            newest[event.subject] = event
    rows = _rows(session, list(newest))
    taken = {
        subject: event
        for subject, event in newest.items()
        if subject not in rows or event.time >= rows[subject].updated_at
    }
    for subject, row in rows.items():
        if subject in taken:
            _fill(row, taken[subject])
    session.flush()
    new = [_columns(event) for subject, event in taken.items() if subject not in rows]
    insert_all(session, Entity, new)
    _save_addresses(session, list(taken.values()), list(rows))


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
    parent = col(Entity.parent)
    belongs = or_(parent.in_([account, *_above(session, account)]), parent.in_(_assets(account)))
    found = select(Entity).where(Entity.kind == CONTACT, col(Entity.deleted).is_(False), belongs)
    rows = session.exec(found.order_by(col(Entity.id))).all()
    ids = [row.id for row in rows]
    addresses, said = _addresses(session, ids), _preferences(session, ids)
    persons = [_person(row, home, addresses.get(row.id, ()), said.get(row.id, NOTHING_SAID), locale) for row in rows]
    return [person for person in persons if person.has_role(roles)]


def person(session: Session, id_: str, account: str | None, locale: str = "") -> Person | None:
    """Return the contact `id_`, if it is still one that `people` would return for `account`; else None."""
    row = session.get(Entity, id_)
    if account is None or row is None or row.deleted or row.kind != CONTACT or row.parent is None:
        return None
    if row.parent not in {account, *_above(session, account)} and account not in _above(session, row.parent):
        return None
    addresses, said = _addresses(session, [id_]).get(id_, ()), _preferences(session, [id_]).get(id_, NOTHING_SAID)
    return _person(row, session.get(Entity, account), addresses, said, locale)


def with_attributes(session: Session, findings: Sequence[Finding]) -> list[Finding]:
    """Return `findings` with the attributes of the accounts they are about, as they are now."""
    accounts = _rows(session, sorted({finding.account for finding in findings if finding.account}))
    return [
        replace(finding, attributes=accounts[finding.account].attributes) if finding.account in accounts else finding
        for finding in findings
    ]


def _person(
    row: Entity, home: Entity | None, addresses: Sequence[tuple[str, str]], said: Preference, locale: str
) -> Person:
    """Return a person as known now; what they said themselves comes first."""
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


def _rows(session: Session, ids: Sequence[str]) -> dict[str, Entity]:
    rows: dict[str, Entity] = {}
    for start in range(0, len(ids), _CHUNK):
        found = select(Entity).where(col(Entity.id).in_(ids[start : start + _CHUNK]))
        rows.update({row.id: row for row in session.exec(found).all()})
    return rows


def _fill(row: Entity, event: "EntityEvent") -> Entity:
    row.parent = event.parent or None
    row.name, row.locale, row.zone = event.name, event.locale, event.zone
    row.country, row.region = event.country, event.region
    row.roles, row.prefers = list(event.roles), list(event.prefers)
    row.attributes = dict(event.attributes)
    row.deleted, row.updated_at = event.deleted, event.time
    return row


def _columns(event: "EntityEvent") -> dict[str, Any]:
    return {
        "id": event.subject,
        "kind": kind_of(event.subject),
        "parent": event.parent or None,
        "name": event.name,
        "locale": event.locale,
        "zone": event.zone,
        "country": event.country,
        "region": event.region,
        "roles": list(event.roles),
        "prefers": list(event.prefers),
        "attributes": dict(event.attributes),
        "deleted": event.deleted,
        "updated_at": event.time,
    }


def _save_addresses(session: Session, events: "Sequence[EntityEvent]", known: Sequence[str]) -> None:
    """Write the addresses of `events`; those of `known` entities, which had some, replace them."""
    named = {event.subject for event in events}
    old = [subject for subject in known if subject in named]
    for start in range(0, len(old), _CHUNK):
        session.execute(delete(Address).where(col(Address.entity).in_(old[start : start + _CHUNK])))
    rows = [row for event in events for row in _address_rows(event)]
    insert_all(session, Address, rows)


def _address_rows(event: "EntityEvent") -> list[dict[str, Any]]:
    given = {} if event.deleted else {(each.kind, each.value): None for each in event.addresses}
    return [
        {
            "id": derive(f"adr{place:03d}", event.subject, kind, value),
            "entity": event.subject,
            "kind": kind,
            "value": value,
            "updated_at": event.time,
        }
        for place, (kind, value) in enumerate(given)
    ]


def _addresses(session: Session, ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found = select(Address).where(col(Address.entity).in_(ids)).order_by(col(Address.id))
    addresses: dict[str, list[tuple[str, str]]] = {}
    for row in session.exec(found).all():
        addresses.setdefault(row.entity, []).append((row.kind, row.value))
    return addresses


def _preferences(session: Session, ids: Sequence[str]) -> dict[str, Preference]:
    found = session.exec(select(Preference).where(col(Preference.person).in_(ids))).all()
    return {row.person: row for row in found}


def _above(session: Session, account: str) -> list[str]:
    above: list[str] = []
    row = session.get(Entity, account)
    while row is not None and row.parent and row.parent not in {account, *above}:
        above.append(row.parent)
        row = session.get(Entity, row.parent)
    return above


def _assets(account: str) -> Select[tuple[str]]:
    """Return the ids of all assets of `account`; UNION ends where they hang in a circle."""
    assets = select(Entity.id).where(Entity.kind == ASSET, col(Entity.deleted).is_(False))
    tree = assets.where(Entity.parent == account).cte(recursive=True)
    tree = tree.union(assets.join(tree, col(Entity.parent) == tree.c.id))
    return sql_select(tree.c.id)
