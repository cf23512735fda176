"""What a template is held to, and what is said of one that falls short."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple

Occasion = Literal["", "opened", "closing"]
Purpose = Literal["service", "marketing"]
SMS_SEGMENTS = 3
"""Text messages that one text may take."""


class Problem(NamedTuple):
    """One thing to put right."""

    file: str
    line: int
    message: str
    """Cause; remedy."""
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class Rules:
    """What a template is held to."""

    allowed: Collection[str] = ()
    """Dotted names of the variables that are filled in, and prefixes as `evidence.*`."""
    occasion: Occasion = ""
    """When customers get it; empty: it is for our own people."""
    purpose: Purpose = "service"
    sms_segments: int = SMS_SEGMENTS
    """Text messages that one text may take."""
