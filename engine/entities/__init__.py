"""Who there is: who belongs to whom, and the people who can be told."""

from engine.entities.belonging import ACCOUNT, ASSET, CONTACT, Entities, kind_of
from engine.entities.persons import Person, people, person, prefer
from engine.entities.rows import save_entities, with_attributes

__all__ = [
    "ACCOUNT",
    "ASSET",
    "CONTACT",
    "Entities",
    "Person",
    "kind_of",
    "people",
    "person",
    "prefer",
    "save_entities",
    "with_attributes",
]
