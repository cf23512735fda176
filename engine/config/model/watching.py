"""What a detector watches, when it raises, and what kind of demand it tells of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from detectors.durations import Duration
from engine.config.model.places import NOWHERE, Of, Place
from engine.expressions import Expression


@dataclass(frozen=True, slots=True)
class Measure:
    """How a window's events become one value: in YAML `count`, or a key and an argument: `{ratio: "status >= 500"}`."""

    kind: Literal["count", "rate", "ratio", "sum", "mean", "min", "max", "quantile", "distinct", "gap", "last"]
    of: Expression | None = None
    """The field or computed value; for ratio the condition whose share is taken; None for count, rate and gap."""
    q: float = 0.95
    """For quantile: ``{quantile: latency_ms, q: 0.99}``."""


@dataclass(frozen=True, slots=True)
class Input:
    """Something a learned kind is told of its subjects; exactly one of event, outcome and detector says where from.

    `{event: machine.error, where: "code == 'e1'"}` that it happened · `{event: machine.state, value: heat}` a number ·
    `{outcome: failure}` what is to be foretold · `{detector: api-errors}` what another detector makes of it.
    """

    event: str = ""
    """A type of event; `forewarn.contact`: the customer reached us."""
    outcome: str = ""
    """The `what` of `forewarn.outcome`; `contact`: the customer reached us."""
    detector: str = ""
    where: Expression | None = None
    value: Expression | None = None
    each: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A field and its values: an input for each, `{event: machine.error, each: {code: [e1, e2]}}`."""
    place: Place = NOWHERE

    @property
    def role(self) -> Literal["event", "signal", "outcome", "score"]:
        """What it is to the kind."""
        if self.outcome:
            return "outcome"
        return "score" if self.detector else "event" if self.value is None else "signal"


STAGE_REACHED = Measure("last", Expression.parse("stage"))
"""Of a sequence of events: the number of the step that was reached last."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Which events become which series; or which other detectors a composite listens to."""

    event: str | tuple[str, ...] = ()
    """One event type; or several, whose position in the list expressions may name as `stage`, from 0."""
    by: tuple[str, ...] = ()
    """Keys of the series: `subject`, `account` (found through the entities), a kind of subject, a field of `data`."""
    measure: Measure = STAGE_REACHED
    """May be left out only for a sequence of event types, where it is the step that was reached last."""
    every: Duration = Duration(60.0)
    """Length of the tumbling window."""
    where: Expression | None = None
    compute: Mapping[str, Expression] = field(default_factory=dict)
    """Computed fields, usable in `where`, `measure` and each other in the order written."""
    min_events: int = 1
    """A window with fewer events yields no observation."""
    missing: Literal["skip", "zero"] | None = None
    """What a window without events is; None: zero for count and rate, else skip."""
    inputs: Mapping[str, Input] = field(default_factory=dict)
    """Instead of an event and a measure: all that a learned kind is told, each under a name."""
    score_on: str = ""
    """Of a learned kind: subjects are scored when such an event of theirs comes, and not every so often."""
    signals: tuple[str, ...] = ()
    """Instead of events: names of the detectors whose signals are watched; `by` is then account, if left out."""
    place: Place = NOWHERE

    @property
    def events(self) -> tuple[str, ...]:
        """The event types, in the order written."""
        return (self.event,) if isinstance(self.event, str) else self.event

    @property
    def names(self) -> tuple[str, ...]:
        """What the numbers in its observations stand for: detectors, or event types."""
        return self.signals or self.events


@dataclass(frozen=True, slots=True)
class Raise:
    """When scores become a signal, and when it is over."""

    score: float | None = None
    """None: the kind's own `raise_score`."""
    for_: Of = Of(1, 1)
    clear: Duration = Duration(0.0)
    """How long it must have been calm."""


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article in another language."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Article:
    """What customers can do themselves: `{title: Make room, url: "https://…", locales: {de: {title: …, url: …}}}`."""

    title: str
    url: str
    locales: Mapping[str, ArticleText] = field(default_factory=dict)
    """The same in other languages."""

    def told(self, locale: str) -> Mapping[str, str]:
        """Return what templates read.

        >>> Article("Room", "https://x", {"de": ArticleText("Platz", "https://y")}).told("de-AT")["title"]
        'Platz'
        """
        tag = locale.replace("_", "-")
        found = self.locales.get(tag) or self.locales.get(tag.partition("-")[0]) or self
        return {"title": found.title, "url": found.url}


@dataclass(frozen=True, slots=True)
class Demand:
    """Which kind of demand this saves, and what generates it."""

    class_: Literal["remove", "automate", "human"] = "automate"
    source: str = ""
    article: Article | None = None
    """Of `automate`: what customers are shown, as `article` in templates."""
