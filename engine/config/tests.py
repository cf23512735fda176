"""What a `*.test.yaml` beside a playbook says: who there is, what happens, and what must come of it.

One document is one test::

    name: calls of one account begin to fail
    start: 2025-03-03T00:00:00Z           # a Monday; all times below count from here
    until: +3d                            # how long the engine runs; left out: to the last event
    seed: 1                               # of the noise
    given:                                # known before the start
      - {entity: account/acme, name: Acme, zone: Europe/Vienna}
      - {entity: contact/ann, parent: account/acme, roles: technical, email: ann@acme.example}
      - {consent: contact/ann, channel: sms}          # state: granted, purpose: service
    events:
      - {type: api.request, subject: account/acme, repeat: {every: 10s, for: 2d}, data: {status: 200}}
      - {at: +2d, type: api.request, subject: [account/acme, account/zen], repeat: {every: 10s, times: 300},
         data: {status: {choose: {200: 40, 500: 60}}}}
    expect:
      issues: [{detector: api-errors, subject: account/acme, severity: high, status: open}]
      messages: [{to: ann@acme.example, contains: [fail]}]
      tickets: []                         # none

**Times** (`at`, `until`) are `+90m` and `-1d` from the start, or RFC 3339. **Repetition** is `repeat: {every, for}` or
`repeat: {every, times}`, for each subject. **Values** of `data` are plain, or one of

- `{expr: "50 + 0.2 * i"}`: an expression over `i` (0, 1, 2 …) and `time` (epoch seconds),
- `{noise: [MEAN, DEVIATION]}`: normally distributed; both may be such expressions,
- `{choose: {VALUE: WEIGHT, …}}`: one of the values.

**Expectations**: a key left out may be anything; `contains`, and the `subject` of texts, look for parts. What is listed
under `issues`, `messages` and `tickets` is all that there is, in any order; of `decisions` others may be taken too. A
section that is left out is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from detectors.durations import Duration
from engine.config.model import NOWHERE, Place
from engine.expressions import Expression


class At(float):
    """A moment; which one, its two kinds say."""


class Time(At):
    """An absolute time in epoch seconds."""


class Offset(At):
    """Seconds after the test's start."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Someone or something known before the start: the data of a `forewarn.entity` event."""

    entity: str
    parent: str = ""
    name: str = ""
    locale: str = ""
    zone: str = ""
    country: str = ""
    region: str = ""
    roles: tuple[str, ...] = ()
    prefers: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    phone: tuple[str, ...] = ()
    url: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Consent:
    """A word of a person known before the start: the data of a `forewarn.consent` event."""

    consent: str
    state: Literal["granted", "withdrawn", "suspended", "objected"] = "granted"
    channel: str = "*"
    purpose: str = "service"
    address: str = ""
    written: bool = False


@dataclass(frozen=True, slots=True)
class Expr:
    """`{expr: "50 + i"}`"""

    of: Expression


@dataclass(frozen=True, slots=True)
class Noise:
    """`{noise: [20, 3]}`"""

    mean: Expression
    deviation: Expression


@dataclass(frozen=True, slots=True)
class Choice:
    """`{choose: {200: 98, 500: 2}}`"""

    values: tuple[Any, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """The data of repeated events: plain values and those that differ each time."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Repeat:
    """How often: `{every: 1m, for: 2d}` or `{every: 1m, times: 10}`."""

    every: Duration
    for_: Duration | None = None
    times: int | None = None

    @property
    def count(self) -> int:
        """How many events it makes."""
        if self.times is not None:
            return self.times
        return int(-(-float(self.for_ or 0.0) // float(self.every)))


@dataclass(frozen=True, slots=True)
class Happening:
    """One event, or many alike."""

    type: str
    subject: tuple[str, ...]
    at: At = Offset(0.0)
    repeat: Repeat | None = None
    data: Data = Data({})
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class ExpectedIssue:
    """An issue as it must be at the end."""

    detector: str = ""
    subject: str = ""
    account: str = ""
    severity: str = ""
    status: Literal["", "open", "acknowledged", "resolved", "dismissed"] = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class ExpectedDecision:
    """A decision that must be taken."""

    playbook: str = ""
    step: str = ""
    """As `0:message`: the step's number in the playbook, from 0, and its kind."""
    recipient: str = ""
    channel: str = ""
    verdict: Literal["", "send", "hold", "skip"] = ""
    reason: str = ""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class ExpectedMessage:
    """A message that must go out."""

    to: str = ""
    channel: str = ""
    subject: str = ""
    contains: tuple[str, ...] = ()
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class ExpectedTicket:
    """A ticket that must be made."""

    queue: str = ""
    subject: str = ""
    contains: tuple[str, ...] = ()
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class Expect:
    """What must come of it; None: not looked at."""

    issues: tuple[ExpectedIssue, ...] | None = None
    decisions: tuple[ExpectedDecision, ...] | None = None
    messages: tuple[ExpectedMessage, ...] | None = None
    tickets: tuple[ExpectedTicket, ...] | None = None
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class PlaybookTest:
    """One test."""

    name: str
    start: Time
    events: tuple[Happening, ...]
    expect: Expect
    given: tuple[Entity | Consent, ...] = ()
    until: At | None = None
    seed: int = 1
    place: Place = NOWHERE
