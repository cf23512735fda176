"""When messages wait to be told together: the values of `digest:`, in policy.yaml and in a playbook."""

from dataclasses import dataclass
from typing import Literal

from detectors.durations import Duration

NEVER: Literal["never"] = "never"
FEWEST, MOST = 2, 20
"""Issues of one message. A longer list is not read, and a template takes only so many steps."""
TOLD_BY = ("email", "sms", "whatsapp")
"""Kinds of channels by which several issues can be one message; elsewhere each is an item, a thread or a call."""


@dataclass(frozen=True, slots=True)
class DigestConfig:
    """`{wait: 30m, at_most: 8}`: opening messages to one person are gathered for so long, and told in one message."""

    wait: Duration
    """After which a message goes, whether or not there is another; urgent ones never wait."""
    at_most: int = 8
    """Issues of one message; what is more goes in another."""


Digested = DigestConfig | Literal["never"] | None
"""What a playbook says of it: its own terms, never, or nothing, and the policy's hold."""


def terms(policy: DigestConfig | None, playbook: Digested) -> DigestConfig | None:
    """Return what holds for a playbook; None: each of its messages goes by itself.

    >>> terms(DigestConfig(Duration("30m")), None).at_most, terms(DigestConfig(Duration("30m")), "never")
    (8, None)
    """
    if playbook == NEVER:
        return None
    return playbook or policy
