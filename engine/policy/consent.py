"""What a person's consent ledger allows (C1, C2, C4, C11): the latest word that covers a message counts.

- A grant covers what it names: an address (or all of the person's), a channel (or `*`), a purpose (or `*`).
- A withdrawal, and wording that may mean one, stops what it names if the policy's `revocation_scope` is `program`, and
  everything to this person if it is `all`. An objection always stops everything. What is granted anew later is allowed
  again, as far as that grant goes; of two words at one time the one that stops counts.
- Without any word, a message is allowed where consent is implied: of service, on channels that do not ring or text.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from engine.store.models import Consent

ALWAYS_REQUIRED = frozenset({"sms", "whatsapp", "voice"})
"""Kinds of channels that need consent whatever a policy says (C1)."""
Scope = Literal["program", "all"]


class Standing(StrEnum):
    """What the ledger says of one address, channel and purpose."""

    GRANTED = "granted"
    IMPLIED = "implied"
    MISSING = "missing"
    UNWRITTEN = "unwritten"
    """Marketing was consented to, but not in writing."""
    WITHDRAWN = "withdrawn"
    SUSPENDED = "suspended"
    OBJECTED = "objected"


ALLOWED = frozenset({Standing.GRANTED, Standing.IMPLIED})


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One entry of the ledger: `engine.store.models.Consent`, unchanging."""

    at: float
    state: str
    channel: str = "*"
    purpose: str = "*"
    address: str = ""
    written: bool = False

    @classmethod
    def of(cls, row: Consent) -> "Entry":
        """Return the part of `row` that decides."""
        return cls(row.at, row.state, row.channel, row.purpose, row.address, row.written)


class Use(msgspec.Struct, frozen=True, gc=False):
    """What is to be done: write to `address` on a kind of channel for a purpose."""

    address: str
    channel: str
    purpose: str

    def covered(self, entry: Entry) -> bool:
        """Return whether `entry` speaks of this use."""
        return (
            entry.address in {"", self.address}
            and entry.channel in {"*", self.channel}
            and entry.purpose in {"*", self.purpose}
        )


def standing(entries: Sequence[Entry], use: Use, scope: Scope, configured: Mapping[str, str] | None = None) -> Standing:
    """Return what `entries` say of `use`; `configured` is the policy's `consent`.

    >>> standing([], Use("jo@acme.test", "email", "service"), "all")
    <Standing.IMPLIED: 'implied'>
    """
    grants: Sequence[Entry] = ()
    stops: Sequence[Entry] = ()
    if entries:
        stops = [entry for entry in entries if _stops(entry, use, scope)]
        grants = [entry for entry in entries if _grants(entry, use, stops)]
    if grants:
        written = use.purpose != "marketing" or any(entry.written for entry in grants)
        return Standing.GRANTED if written else Standing.UNWRITTEN
    for state in (Standing.OBJECTED, Standing.WITHDRAWN, Standing.SUSPENDED):
        if any(entry.state == state for entry in stops):
            return state
    return Standing.MISSING if required(use, configured or {}) else Standing.IMPLIED


def required(use: Use, configured: Mapping[str, str]) -> bool:
    """Return whether `use` needs a stored consent."""
    if use.channel in ALWAYS_REQUIRED or use.purpose == "marketing":
        return True
    named = configured.get(f"{use.channel}/{use.purpose}", configured.get(use.channel, "implied"))
    return named == "required"


def granting(rows: Sequence[Consent], use: Use, scope: Scope) -> Consent | None:
    """Return the latest of `rows` that allows `use`; None if none does, or marketing and none was written."""
    stops = [Entry.of(row) for row in rows if _stops(Entry.of(row), use, scope)]
    grants = [row for row in rows if _grants(Entry.of(row), use, stops)]
    good = [row for row in grants if row.written or use.purpose != "marketing"]
    return max(good, key=lambda row: row.at, default=None)


def _grants(entry: Entry, use: Use, stops: Sequence[Entry]) -> bool:
    stopped_at = max((stop.at for stop in stops), default=float("-inf"))
    return entry.state == "granted" and use.covered(entry) and entry.at > stopped_at


def _stops(entry: Entry, use: Use, scope: Scope) -> bool:
    if entry.state == Standing.OBJECTED:
        return True
    return entry.state in {Standing.WITHDRAWN, Standing.SUSPENDED} and (scope == "all" or use.covered(entry))
