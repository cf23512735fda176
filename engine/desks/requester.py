"""Whose ticket it is: the person at the customer whose name a desk puts on it."""

from collections.abc import Sequence

from sqlmodel import Session

from engine.config.model import PolicyConfig
from engine.entities import people
from engine.policy.consent import ALLOWED, Use, standing
from engine.policy.lookups import consents, suppressions


def requester(session: Session, account: str | None, roles: Sequence[str], policy: PolicyConfig) -> str:
    """Return the e-mail address of the account's first contact with any of `roles`, else of its first; else nothing.

    Desks write to a ticket's customer by themselves: who objected or opted out is passed over (C2, C11), who never
    consented where that is needed (C1), and an address that is dead or refuses us (C9, C14).
    """
    everyone = people(session, account)
    fitting = [person for person in everyone if roles and person.has_role(roles)]
    ledgers, dead = consents(session, everyone), suppressions(session, everyone)
    for person in [*fitting, *everyone]:
        address = person.address("email")
        lost = any(each.address == address and each.channel in ("*", "email") for each in dead.get(person.id, ()))
        said = standing(
            ledgers.get(person.id, ()), Use(address, "email", "service"), policy.revocation_scope, policy.consent
        )
        if address and not lost and said in ALLOWED:
            return address
    return ""
