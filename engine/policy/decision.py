"""What a decision is: send, hold or skip, why, and which rules were asked."""

from typing import Any, Literal

import msgspec

from engine.policy.reasons import Reason

Verdict = Literal["send", "hold", "skip"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One rule and what it said."""

    rule: str
    passed: bool = True
    detail: str = ""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Send, hold until, or skip; and why."""

    verdict: Verdict
    reason: Reason
    until: float | None = None
    """Of a hold: the moment at which it is to be decided again (epoch seconds)."""
    channel: str = ""
    """Name of the channel to send on."""
    address: str = ""
    detail: str = ""
    """One sentence."""
    propensity: float = 1.0
    """With which probability this channel was taken, where several were left to experience."""
    trail: tuple[Check, ...] = ()
    """Every rule that was looked at, in order."""

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def skip(reason: Reason, note: str = "") -> Decision:
    """Return a decision not to do it."""
    return Decision("skip", reason, detail=f"{reason.sentence} {note}".strip())
