"""Why somebody got a message: as whose contact, by which rule, and what allowed it."""

from engine.config.model import Config
from engine.policy.consent import ALLOWED, Entry, Use, granting, standing
from engine.store.models import Consent
from engine.web.customers.reader import Reader


def rule(reader: Reader, config: Config) -> str:
    """Return what the detector watches for, in its author's words; empty where that is not known any more."""
    detector = config.detectors.get(reader.issue.detector) if reader.issue else None
    return detector.about if detector else ""


def basis(reader: Reader, config: Config, kind: str, at: float) -> str:
    """Return what allowed a message on a kind of channel at a time: an entry of the ledger, or that none is needed."""
    policy, claims = config.policy, reader.claims
    address = reader.intent.address if reader.intent and reader.intent.address else claims.address
    use = Use(address, kind, claims.purpose)
    rows = [row for row in reader.consents if row.at <= at]
    row = granting(rows, use, policy.revocation_scope)
    if row is not None:
        return _granted(reader, row)
    entries = [Entry.of(each) for each in rows]
    allowed = standing(entries, use, policy.revocation_scope, policy.consent) in ALLOWED
    return reader.say("basis_implied" if allowed else "basis_none")


def _granted(reader: Reader, row: Consent) -> str:
    at = reader.when(row.at)
    if not row.wording:
        return reader.say("basis_plain", at=at)
    name = "basis_granted_in" if row.source else "basis_granted"
    return reader.say(name, at=at, wording=row.wording, source=row.source)
