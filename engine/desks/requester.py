"""Whose ticket it is: the person at the customer whose name a desk puts on it."""

from collections.abc import Sequence

from sqlmodel import Session

from engine.config.model import PolicyConfig
from engine.entities import Person, people
from engine.policy.consent import ALLOWED, Use, standing
from engine.policy.gather import consents, suppressions


def requester(session: Session, account: str | None, roles: Sequence[str], policy: PolicyConfig) -> str:
    """Return the e-mail address of the account's first contact with any of `roles`, else of its first; else nothing.

    Desks write to a ticket's customer by themselves: who objected or opted out is passed over (C2, C11), who never
    consented where that is needed (C1), and an address that is dead or refuses us (C9, C14).
    """
    everyone = people(session, account)
    fitting = [person for person in everyone if roles and person.has_role(roles)]
    named = (person for person in [*fitting, *everyone] if _may_be_named(session, person, policy))
    return next((person.address("email") for person in named), "")


def _may_be_named(session: Session, person: Person, policy: PolicyConfig) -> bool:
    address = person.address("email")
    dead = any(each.address == address and each.channel in ("*", "email") for each in suppressions(session, person))
    if not address or dead:
        return False
    use = Use(address, "email", "service")
    return standing(consents(session, person), use, policy.revocation_scope, policy.consent) in ALLOWED
