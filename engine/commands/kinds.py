"""`forewarn kinds`"""

import inspect
from typing import Annotated, Any, get_args, get_origin

import typer

from detectors.base import Detector
from detectors.durations import Duration
from detectors.registry import UnknownKind, detector_class, kinds
from engine.commands.output import emit, table
from engine.commands.shared import AsJson, Unusable
from engine.config.reader import Key, parameters_of

app = typer.Typer(add_completion=False)
INPUTS = {
    "measure": "watch: {event: TYPE, by: KEYS, measure: MEASURE, every: 1m}",
    "sequence": "watch: {event: [FIRST, …, LAST], by: KEYS, every: 1m}",
    "signals": "watch: {signals: [DETECTOR, …], by: account, every: 1m}",
    "everything": "watch: {by: account, inputs: {NAME: INPUT, …}}, an INPUT or more {outcome: WHAT}; others are\n"
    "  {event: TYPE}, {event: TYPE, value: FIELD}, {event: TYPE, each: {FIELD: [VALUES]}} and {detector: DETECTOR}",
}
PREFIX = "watch: {event: TYPE, by: [account, CATEGORY], measure: count, every: 1m}"
"""Of kinds whose series are the categories of a customer."""
COMMON = """Beside name, about, owner and demand every detector takes
  watch        event, by, measure, every; and where: CONDITION, compute: {NAME: EXPRESSION}, min_events: 20,
               missing: skip or zero; or signals, or inputs (and score_on: TYPE), as the kind says
  raise        {score: 0.999, for: 3 of 5, clear: 10m}: from which score on, how often, how long calm until over
  severity     {critical, high, medium, low: CONDITION} over value, score, expected, low, high and the kind's own
  grace        1d: a new series is watched in silence for so long; min_samples: 100, for so many windows
  calendars    {NAME: suspend} or {NAME: {widen: 2}}: at times that calendars.yaml names
  reset_on     [migration]: declared changes after which a series is learned anew
  shadow       true: on trial; what it finds is measured, and causes nothing
"""


@app.command("kinds")
def told(
    kind: Annotated[str, typer.Argument(help="One kind, with all it takes; without it, a line for each.")] = "",
    json: AsJson = False,
) -> None:
    """Tell which kinds of detector there are, and what `model: {kind: …}` takes."""
    if not kind:
        found = [{"kind": name, "about": _first(detector_class(name))} for name in kinds()]
        if json:
            emit(found)
        else:
            table(found, ("kind", "about"), empty="there are none")
            typer.echo(f"\n{COMMON}\n`forewarn kinds KIND` tells what its model takes.")
        return
    cls = _class(kind)
    if json:
        emit(_plain(cls))
    else:
        _show(cls)


def _class(kind: str) -> type[Detector]:
    try:
        return detector_class(kind)
    except UnknownKind as error:
        raise Unusable(str(error)) from error


def _first(cls: type[Detector]) -> str:
    return inspect.getdoc(cls).partition("\n")[0] if inspect.getdoc(cls) else ""  # type: ignore[union-attr]  # asked


def _show(cls: type[Detector]) -> None:
    about = (inspect.getdoc(cls) or "").partition("\n>>>")[0].rstrip()
    typer.secho(f"{cls.kind}: {about}\n")
    typer.echo(f"{PREFIX if cls.grouping == 'prefix' else INPUTS[cls.inputs]}\nmodel: {{kind: {cls.kind}, …}} with\n")
    table(_parameters(cls), ("key", "type", "default"), empty="nothing else")
    typer.echo(f"\n{inspect.getdoc(cls.__init__) or ''}")
    if cls.extras:
        typer.echo(f"\nseverity may also speak of: {', '.join(cls.extras)}")


def _plain(cls: type[Detector]) -> dict[str, Any]:
    return {
        "kind": cls.kind,
        "about": inspect.getdoc(cls),
        "inputs": cls.inputs,
        "parameters": _parameters(cls),
        "extras": cls.extras,
        "raise_score": cls.raise_score,
    }


def _parameters(cls: type[Detector]) -> list[dict[str, str]]:
    defaults = inspect.signature(cls.__init__).parameters
    return [
        {"key": key.key, "type": _type(key.hint), "default": _default(key, defaults[key.name].default)}
        for key in parameters_of(cls)
    ]


def _default(key: Key, value: object) -> str:
    if key.required:
        return "(must be given)"
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _type(hint: Any) -> str:
    """Return a type as people write it.

    >>> _type(Duration | None), _type(list[str]), _type(float)
    ('duration', 'list of text', 'number')
    """
    names = {Duration: "duration", str: "text", float: "number", int: "whole number", bool: "true or false"}
    if hint in names:
        return names[hint]
    parts = [each for each in get_args(hint) if each is not type(None)]
    if get_origin(hint) in (list, tuple):
        return f"list of {_type(parts[0])}" if parts else "list"
    if get_origin(hint) is dict:
        return "mapping"
    if parts:
        return " or ".join(
            dict.fromkeys(_type(each) if isinstance(each, type) or get_args(each) else str(each) for each in parts)
        )
    return getattr(hint, "__name__", str(hint))
