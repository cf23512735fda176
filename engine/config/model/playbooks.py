"""What is done about an issue: the values of playbooks.yaml."""

from dataclasses import dataclass
from typing import Literal

from detectors.durations import Duration
from engine.config.model.digests import Digested
from engine.config.model.places import NOWHERE, Per, Place
from engine.config.model.watching import Article
from engine.expressions import Expression

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True)
class When:
    """Which issues a playbook answers; all given must match."""

    detector: tuple[str, ...]
    """Names or globs; in YAML one or a list."""
    severity: tuple[str, ...] = ()
    """Empty: any."""
    where: Expression | None = None
    """Over value, score, subject, account and `account.<attribute>`."""


@dataclass(frozen=True, slots=True)
class TicketStep:
    """`ticket: {desk: builtin, queue: tier-2, template: api-errors/agent}`; the desk is a name in desks.yaml."""

    template: str
    desk: str = "builtin"
    queue: str = "default"
    audience: tuple[str, ...] = ()
    """Roles: the ticket's customer is the first with any of them and an e-mail address, else the first with one."""
    after: Duration = Duration(0.0)
    unless: Literal["acknowledged", "resolved"] | None = None
    place: Place = NOWHERE


PREFERRED, BEST = "preferred", "best"
"""What may stand in a step's list of channels instead of a name."""


@dataclass(frozen=True, slots=True)
class Offer:
    """`{remedy: credit-10, when: "severity == 'high'"}`: goodwill that goes with a message, while its budget lasts."""

    remedy: str
    """A name under `goodwill.remedies` of policy.yaml."""
    when: Expression | None = None
    """Over what a playbook's `where` may name; None: always."""


@dataclass(frozen=True, slots=True)
class MessageStep:
    """`message: {audience: technical, channels: [preferred, email, sms], template: api-errors/notice}`"""

    template: str
    on: Literal["opened", "resolved", "dismissed", "expired"] = "opened"
    """resolved, dismissed (a correction) and expired go to those told before, on the same thread and channel."""
    audience: tuple[str, ...] = ()
    """Roles; a person with any of them is told; empty: everyone of the account."""
    channels: tuple[str, ...] = ("preferred",)
    """Tried in this order; `preferred` stands for the person's own, `best` for those after it, as they have worked."""
    purpose: Literal["service", "marketing"] = "service"
    emergency: str = ""
    """Name of the approver who made this an emergency class (C6): passes quiet hours and caps."""
    after: Duration = Duration(0.0)
    unless: Literal["acknowledged", "resolved"] | None = None
    offer: Offer | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class EscalateStep:
    """`escalate: {after: 30m, unless: acknowledged, to: on-call}`"""

    after: Duration
    to: str
    """A name under `escalations:` in forewarn.yaml: a channel and an address."""
    template: str = "_common/escalation"
    unless: Literal["acknowledged", "resolved"] | None = "acknowledged"
    place: Place = NOWHERE


Step = TicketStep | MessageStep | EscalateStep


@dataclass(frozen=True, slots=True)
class WorthConfig:
    """`{contact: 12, calls: 30%, message: 0.05, needless: 1.5, wrong: 10%}`, money in the company's own currency."""

    contact: float
    """What it costs that a customer contacts us."""
    calls: float = 0.3
    """A guess of how likely one does who is not told; the engine learns it."""
    message: float = 0.0
    """What a message costs."""
    needless: float = 0.0
    """What it costs in annoyance that one was told of what was none."""
    wrong: float = 0.1
    """A guess of how often that is; the engine learns it from verdicts."""


SAFETY = ("critical",)
"""Severities of which everyone is told: nobody is held out."""
MOST_HELD_OUT = 0.5
"""A larger share would hold back more than it tells."""


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """`{max: 200, canary: 5%, watch: 30m}`: how many a playbook may tell at about the same time, and how carefully.

    More than usual, and `canary` of `max` are told first; what they make of it is watched for `watch`, and only then
    are others told. More than `max`, and two people must agree. The shares are of those told; more than that of them,
    beyond what chance explains, and nobody else is told before two people agree.
    """

    max: int = 500
    canary: float = 0.05
    watch: Duration = Duration(1800.0)
    opt_outs: float = 0.02
    complaints: float = 0.003
    bounces: float = 0.05
    replies: float = 0.3
    """Customers who contact us after they were told."""
    wrong: float = 0.2
    """Issues that a person found to be false alarms."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a playbook beyond the policy."""

    per_customer: Per | None = None
    blast_radius: BlastRadius = BlastRadius()
    approve: Expression | None = None
    """Over `audience` and `usual`: where it holds, nobody is told before a person agreed: `"audience > 50"`."""


@dataclass(frozen=True, slots=True)
class PlaybookConfig:
    """One file under `playbooks/`."""

    name: str
    when: When
    steps: tuple[Step, ...]
    about: str = ""
    limits: Limits = Limits()
    holdout: float = 0.0
    """Share of issues of which customers are not told, to measure what telling is worth: `5%`; never critical ones."""
    worth: WorthConfig | None = None
    """What telling is worth; None: it is always worth it."""
    expire: Duration = Duration(14 * 86400.0)
    """An issue still open after so long is closed as expired, and those told are told so (C16)."""
    article: Article | None = None
    """What customers can do themselves, instead of the detector's."""
    digest: Digested = None
    """When its messages are told together with others, instead of the policy's; `never`: each goes by itself."""
    place: Place = NOWHERE
