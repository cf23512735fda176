"""The events of a test, as they would stand in the log: the same for the same test, whatever the machine."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from heapq import merge
from typing import Any

from engine.config.tests import At, Choice, Consent, Entity, Expr, Happening, Noise, Offset, PlaybookTest

SOURCE = "test"


def events(test: PlaybookTest) -> Iterator[dict[str, Any]]:
    """Yield CloudEvents in the order of their times: first what is given, at the start, then what happens."""
    for number, given in enumerate(test.given):
        yield _event(f"given-{number}", float(test.start), *_known(given))
    streams = [_stream(test, number, happening) for number, happening in enumerate(test.events)]
    for at, identity, type_, subject, data in merge(*streams, key=lambda each: each[0]):
        yield _event(identity, at, type_, subject, data)


def end(test: PlaybookTest) -> float:
    """Return the epoch second at which the test ends: `until`, or its last event."""
    if test.until is not None:
        return moment(test, test.until)
    return max((_last(test, happening) for happening in test.events), default=float(test.start))


def moment(test: PlaybookTest, at: At) -> float:
    """Return epoch seconds."""
    return float(test.start) + at if isinstance(at, Offset) else float(at)


def _last(test: PlaybookTest, happening: Happening) -> float:
    repeat = happening.repeat
    return moment(test, happening.at) + (0.0 if repeat is None else (repeat.count - 1) * float(repeat.every))


def _known(given: Entity | Consent) -> tuple[str, str, dict[str, Any]]:
    if isinstance(given, Consent):
        keys = ("state", "channel", "purpose", "address", "written")
        return "forewarn.consent", given.consent, {key: getattr(given, key) for key in keys}
    kinds = {"email": given.email, "phone": given.phone, "url": given.url}
    addresses = [{"kind": kind, "value": value} for kind, values in kinds.items() for value in values]
    texts = ("parent", "name", "locale", "zone", "country", "region")
    data: dict[str, Any] = {key: getattr(given, key) for key in texts if getattr(given, key)}
    lists = {"roles": list(given.roles), "prefers": list(given.prefers), "addresses": addresses}
    data |= {key: value for key, value in lists.items() if value}
    return "forewarn.entity", given.entity, data | ({"attributes": dict(given.attributes)} if given.attributes else {})


def _stream(
    test: PlaybookTest, number: int, happening: Happening
) -> Iterator[tuple[float, str, str, str, dict[str, Any]]]:
    repeat = happening.repeat
    begin = moment(test, happening.at)
    noise = random.Random(f"{test.seed}/{number}")  # noqa: S311 -- it makes test data
    for i in range(1 if repeat is None else repeat.count):
        at = begin + (0.0 if repeat is None else i * float(repeat.every))
        for place, subject in enumerate(happening.subject):
            data = {key: _value(value, i, at, noise) for key, value in happening.data.values.items()}
            yield at, f"{number}-{place}-{i}", happening.type, subject, data


def _value(value: Any, i: int, at: float, noise: random.Random) -> Any:
    here: Mapping[str, float] = {"i": float(i), "time": at}
    match value:
        case Expr(of=formula):
            return formula.value(here)
        case Noise(mean=mean, deviation=deviation):
            return noise.gauss(mean.value(here) or 0.0, deviation.value(here) or 0.0)
        case Choice(values=values, weights=weights):
            return noise.choices(values, weights)[0]
        case _:
            return value


def _event(identity: str, at: float, type_: str, subject: str, data: dict[str, Any]) -> dict[str, Any]:
    time = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    return {"id": identity, "source": SOURCE, "type": type_, "time": time, "subject": subject, "data": data}
