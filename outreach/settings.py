"""What holds for a template in all its locales: the `template.yaml` in its folder::

promotion: none              # what looks like advertising in it is none (C10)
variants: {short: 50%}       # half of the accounts read NAME@short, the others this one
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outreach.yamlfile import mapping

SETTINGS = "template.yaml"
BASE = "base"
"""The arm of those who read the template itself."""
_KEYS = ("promotion", "variants")
_ARM = re.compile(r"[a-z0-9][a-z0-9-]*")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one template."""

    no_promotion: bool = False
    """Its author says: no word in it is advertising."""
    variants: Mapping[str, float] = field(default_factory=dict)
    """Arm → share of the accounts; the rest reads the template itself."""

    @classmethod
    def read(cls, raw: bytes, place: str) -> "Settings":
        """Return what a file says. Raises ValueError with its place, the cause and a remedy."""
        found = mapping(raw, place, _KEYS)
        promotion = found.get("promotion")
        if promotion not in (None, "none"):
            raise ValueError(f"{place}: promotion is {promotion!r}; write none, or leave it out")
        return cls(promotion == "none", _shares(found.get("variants") or {}, place))

    def arm(self, draw: float) -> str:
        """Return the arm that a draw from 0 to under 1 falls into.

        >>> [Settings(variants={"short": 0.3}).arm(draw) for draw in (0.1, 0.3)]
        ['short', 'base']
        """
        for arm, share in self.variants.items():
            if draw < share:
                return arm
            draw -= share
        return BASE


def _shares(given: Any, place: str) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{place}: variants is no mapping; write {{short: 50%}}")  # noqa: TRY004 -- what a file says
    shares = {str(arm): _share(str(arm), value, place) for arm, value in given.items()}
    if sum(shares.values()) >= 1.0:
        raise ValueError(f"{place}: the variants take everyone; leave a share for the template itself")
    return shares


def _share(arm: str, value: object, place: str) -> float:
    if not _ARM.fullmatch(arm) or arm == BASE:
        raise ValueError(f"{place}: {arm!r} is no name of a variant; use small letters, digits and -, and not {BASE}")
    match = _PERCENT.fullmatch(str(value))
    share = float(match[1]) / 100 if match else value
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.0 < share < 1.0:
        raise ValueError(f"{place}: {value!r} is no share for {arm}; write a percentage, as 50%")
    return float(share)
