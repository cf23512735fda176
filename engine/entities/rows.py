"""Entities in the store: what `forewarn.entity` says of accounts, people and assets."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from engine.entities.belonging import kind_of
from engine.ids import derive
from engine.issues.findings import Finding
from engine.store.database import insert_all
from engine.store.models import Address, Entity

if TYPE_CHECKING:
    from engine.events import EntityEvent

_CHUNK = 5_000


def save_entities(session: Session, events: "Iterable[EntityEvent]") -> None:
    """Write entities and addresses. An older event changes nothing; addresses a newer one does not name are gone."""
    newest: dict[str, EntityEvent] = {}
    for event in events:
        if event.subject not in newest or event.time >= newest[event.subject].time:
            newest[event.subject] = event
    stored = rows(session, list(newest))
    taken = {
        subject: event
        for subject, event in newest.items()
        if subject not in stored or event.time >= stored[subject].updated_at
    }
    for subject, row in stored.items():
        if subject in taken:
            _fill(row, taken[subject])
    session.flush()
    new = [_columns(event) for subject, event in taken.items() if subject not in stored]
    insert_all(session, Entity, new)
    _save_addresses(session, list(taken.values()), list(stored))


def with_attributes(session: Session, findings: Sequence[Finding]) -> list[Finding]:
    """Return `findings` with the attributes of the accounts they are about, as they are now."""
    accounts = rows(session, sorted({finding.account for finding in findings if finding.account}))
    return [
        replace(finding, attributes=accounts[finding.account].attributes) if finding.account in accounts else finding
        for finding in findings
    ]


def rows(session: Session, ids: Sequence[str]) -> dict[str, Entity]:
    """Return the entities with these ids, by id."""
    found: dict[str, Entity] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = select(Entity).where(col(Entity.id).in_(ids[start : start + _CHUNK]))
        found.update({row.id: row for row in session.exec(chunk).all()})
    return found


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
    insert_all(session, Address, [row for event in events for row in _address_rows(event)])


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
