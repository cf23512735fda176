"""What was measured, in words that need no explanation: how much, what is usual for this customer, and since when."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal, format_percent

from engine.config.model import DetectorConfig
from engine.picture import Band, Labels, picture
from engine.store.models import Issue
from engine.web.customers.reader import Reader, language

Form = Literal["share", "length", "date", "number"]
_BY_KIND: Mapping[str, Form] = {"absence": "length", "deadline": "date"}
"""Of kinds whose values are not in the measure's unit."""
_BY_MEASURE: Mapping[str, Form] = {"ratio": "share", "gap": "length"}


@dataclass(frozen=True, slots=True)
class Seen:
    """The evidence, as a page shows it."""

    sentences: tuple[str, ...]
    picture: str
    """SVG; empty where there is nothing to draw."""
    alt: str


def seen(reader: Reader, issue: Issue, detector: DetectorConfig | None) -> Seen:
    """Return what was measured."""
    speak = _speaker(reader, form_of(detector))
    sentences = tuple(_sentences(reader, issue, speak))
    alt = reader.say("picture", text=" ".join(sentences))
    points = issue.evidence.get("points", [])
    return Seen(sentences, _drawn(reader, issue, alt, speak) if len(points) > 1 else "", alt)


def form_of(detector: DetectorConfig | None) -> Form:
    """Return what a detector's values are."""
    if detector is None:
        return "number"
    return _BY_KIND.get(detector.model.kind) or _BY_MEASURE.get(detector.watch.measure.kind, "number")


def _sentences(reader: Reader, issue: Issue, speak: Callable[[float], str]) -> Iterator[str]:
    value, low, high = (_finite(issue.evidence.get(name)) for name in ("value", "low", "high"))
    if value is not None:
        yield reader.say("measured_value", value=speak(value))
    if low is not None and high is not None:
        yield reader.say("measured_usual", low=speak(low), high=speak(high))
    elif high is not None:
        yield reader.say("measured_above", high=speak(high))
    elif low is not None:
        yield reader.say("measured_below", low=speak(low))
    expected = _finite(issue.evidence.get("expected"))
    if expected is not None:
        yield reader.say("measured_expected", value=speak(expected))
    yield reader.say("measured_since", at=reader.when(issue.opened_at))


def _speaker(reader: Reader, form: Form) -> Callable[[float], str]:
    locale = language(reader.locale)
    speakers: Mapping[Form, Callable[[float], str]] = {
        "share": lambda value: format_percent(
            value, "#,##0.#\u00a0%" if locale.language == "de" else "#,##0.#%", locale
        ),
        "length": lambda value: format_timedelta(timedelta(seconds=abs(value)), threshold=1.5, locale=locale),
        "date": lambda value: format_date(datetime.fromtimestamp(value, UTC), "long", locale),
        "number": lambda value: format_decimal(value, "#,##0.##", locale),
    }
    speak = speakers[form]

    def spoken(value: float) -> str:
        try:
            return speak(value)
        except (ValueError, ArithmeticError, OSError):  # no date, length of time or number that anyone would write out
            return f"{value:.4g}"

    return spoken


def _drawn(reader: Reader, issue: Issue, title: str, speak: Callable[[float], str]) -> str:
    ends = (_or_nan(issue.evidence.get(name)) for name in ("low", "expected", "high"))
    points = [(at, _or_nan(value)) for at, value in issue.evidence.get("points", [])]
    return picture(points, Band(*ends), title=title, labels=Labels(reader.say("expected", value="{value}"), speak))


def _or_nan(value: object) -> float:
    found = _finite(value)
    return math.nan if found is None else found


def _finite(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
