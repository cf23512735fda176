"""Whose ticket it is: the person at the customer whose name a desk puts on it."""

from collections.abc import Sequence

from sqlmodel import Session

from engine.entities import Person, people
from engine.policy.consent import Standing, Use, standing
from engine.policy.gather import consents, suppressions


def requester(session: Session, account: str | None, roles: Sequence[str]) -> str:
    """Return the e-mail address of the account's first contact with any of `roles`, else of its first; else nothing.

    Desks write to a ticket's customer by themselves: who objected to being contacted (C11) is passed over, and an
    address that is dead or refuses us (C9, C14).
    """
    everyone = people(session, account)
    fitting = [person for person in everyone if roles and person.has_role(roles)]
    reachable = (person.address("email") for person in [*fitting, *everyone] if _may_be_named(session, person))
    return next(filter(None, reachable), "")


def _may_be_named(session: Session, person: Person) -> bool:
    address = person.address("email")
    if any(each.address == address and each.channel in ("*", "email") for each in suppressions(session, person)):
        return False
    return standing(consents(session, person), Use(address, "email", "service"), "program") is not Standing.OBJECTED
