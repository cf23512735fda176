"""Who there is: who belongs to whom, and the people who can be told."""

from engine.entities.belonging import ACCOUNT, ASSET, CONTACT, Entities, kind_of
from engine.entities.persons import (
    NOTHING_SAID,
    Person,
    addresses_of,
    people,
    person,
    person_of,
    prefer,
    preferences_of,
)
from engine.entities.rows import rows, save_entities, with_attributes

__all__ = [
    "ACCOUNT",
    "ASSET",
    "CONTACT",
    "NOTHING_SAID",
    "Entities",
    "Person",
    "addresses_of",
    "kind_of",
    "people",
    "person",
    "person_of",
    "prefer",
    "preferences_of",
    "rows",
    "save_entities",
    "with_attributes",
]
