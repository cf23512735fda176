"""What a person allows, as a table of switches: one for each purpose and each channel that reaches them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from engine.config.model import Config
from engine.ids import derive
from engine.policy.consent import ALLOWED, Entry, Use, standing
from engine.web.actions import consent
from engine.web.customers.reader import SOURCE, Reader
from engine.web.services import Services

PURPOSES: Final = ("service", "marketing")


class Key(NamedTuple):
    """Which switch."""

    purpose: str
    kind: str
    """Of the channel."""


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch."""

    key: Key
    address: str
    on: bool
    wording: str
    """What the person says by turning it on: it is shown, and it is what is kept."""

    @property
    def name(self) -> str:
        """The name of the field in the form."""
        return f"on-{self.key.purpose}-{self.key.kind}"


def switches(services: Services, reader: Reader) -> list[Switch]:
    """Return every switch as it stands now, by purpose, then by channel."""
    config, entries = services.config(), [Entry.of(row) for row in reader.consents]
    reached = reach(services, reader)
    return [
        Switch(
            Key(purpose, kind),
            address,
            _allowed(config, entries, Use(address, kind, purpose)),
            wording(reader, config, purpose, kind, address),
        )
        for purpose in PURPOSES
        for kind, address in reached.items()
    ]


def reach(services: Services, reader: Reader) -> dict[str, str]:
    """Return the kinds of channels that reach this person, each with the address it would write to."""
    first = dict(reversed(reader.addresses))
    return {each.kind: first[each.address] for each in services.channels.values() if each.address in first}


def turned(before: Sequence[Switch], form: Mapping[str, str]) -> list[Switch]:
    """Return the switches as a form has them."""
    return [replace(each, on=each.name in form) for each in before]


def wording(reader: Reader, config: Config, purpose: str, kind: str, address: str) -> str:
    """Return what a person says by turning a switch on; where they are told inside the product there is no address."""
    company, here = config.main.sender.company, "_here" if address == reader.claims.person else ""
    return reader.say(f"wording_{purpose}{here}", channel=reader.spoken(kind), address=address, company=company)


def changes(
    reader: Reader, before: Sequence[Switch], wanted: Sequence[Switch], *, stops_all: bool, now: float
) -> Iterator[bytes]:
    """Yield what was taken back, and then what was given.

    Where one withdrawal stops everything (C4), what stays on is given anew: it comes after the withdrawal.
    """
    was = {each.key: each.on for each in before}
    stopped = [each for each in wanted if was[each.key] and not each.on]
    anew = bool(stopped) and stops_all
    given = [each for each in wanted if each.on and (anew or not was[each.key])]
    yield from (_change(reader, each, "withdrawn", now) for each in stopped)
    yield from (_change(reader, each, "granted", now + 0.001) for each in given)


def _change(reader: Reader, switch: Switch, state: str, at: float) -> bytes:
    purpose, kind = switch.key
    data = {
        "state": state,
        "address": switch.address,
        "channel": kind,
        "purpose": purpose,
        "source": "preferences page",
        "wording": switch.wording,
        "written": state == "granted",
    }
    key = derive("prf", reader.claims.person, state, purpose, kind, switch.address, repr(at))
    return consent(reader.claims.person, key, SOURCE, data, at)


def _allowed(config: Config, entries: Sequence[Entry], use: Use) -> bool:
    return standing(entries, use, config.policy.revocation_scope, config.policy.consent) in ALLOWED
