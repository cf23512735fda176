"""What detectors say: their measures, expressions and severities."""

import copy
from collections.abc import Iterator, Mapping

from engine.config.loaded import Loaded
from engine.config.model import SEVERITIES, DetectorConfig, Place, Watch
from engine.config.problems import nearest
from engine.config.variables import SEVERITY
from engine.config.yamlsource import Scalar
from engine.expressions import Expression, ExpressionError, Kind

BUILT_IN: Mapping[str, Kind] = {"time": Kind.NUMBER, "subject": Kind.TEXT}
"""What every event has beside its data."""
RESULT: Mapping[str, Kind] = {"ratio": Kind.TRUTH, "distinct": Kind.ANY}
"""What the argument of a measure is; of all others a number."""
RESERVED = "forewarn."


def check_detectors(loaded: Loaded) -> None:
    """Note what is wrong with each detector, and between them."""
    if not loaded.declared["detectors"]:
        loaded.problems.warning(Place("detectors", 1, 1), "there are no detectors", "nothing will be found")
    kinds: dict[tuple[str, str], tuple[Kind, str]] = {}
    for config in loaded.detectors.values():
        _check_watch(loaded, config)
        _check_rule(loaded, config)
        _check_severity(loaded, config)
        _check_fields(loaded, config, kinds)


def _check_watch(loaded: Loaded, config: DetectorConfig) -> None:
    watch, start = config.watch, config.place
    if "*" in watch.event or watch.event.startswith(RESERVED):
        place = loaded.where(start, "watch", "event")
        what = "is reserved for the engine" if watch.event.startswith(RESERVED) else "is no event type"
        loaded.problems.error(place, f'"{watch.event}" {what}', "watch one type of your own events")
    if not watch.by:
        place = loaded.where(start, "watch", "by")
        loaded.problems.error(place, "there is no key", "write subject, account, a kind of subject or a field")
    if watch.every <= 0:
        loaded.problems.error(loaded.where(start, "watch", "every"), "a window is longer than nothing", "write 1m")
    if watch.min_events < 1:
        place = loaded.where(start, "watch", "min_events")
        loaded.problems.error(place, f"min_events is {watch.min_events}", "it is 1 or more")


def _check_rule(loaded: Loaded, config: DetectorConfig) -> None:
    score = config.raise_.score
    if score is not None and not 0 < score < 1:
        place = loaded.where(config.place, "raise", "score")
        loaded.problems.error(place, f"the score {score:g} is never reached", "it lies between 0 and 1, as 0.999")
    if config.min_samples < 0:
        place = loaded.where(config.place, "min_samples")
        loaded.problems.error(place, f"min_samples is {config.min_samples}", "it is 0 or more")
    if config.watch.every > 0:
        try:
            copy.deepcopy(config.model).prepare(float(config.watch.every))
        except ValueError as error:
            loaded.problems.error(loaded.where(config.place, "model"), str(error))


def _check_severity(loaded: Loaded, config: DetectorConfig) -> None:
    known = {*SEVERITY, *config.model.extras} if config.severity else set()
    for name, condition in config.severity.items():
        place = loaded.where(config.place, "severity", name)
        if name not in SEVERITIES:
            loaded.problems.unknown(place, "severity", name, SEVERITIES)
        check_condition(loaded, condition, known, config.place, "severity", name)


def check_condition(
    loaded: Loaded, condition: Expression, known: set[str], start: Place, *path: str, kind: Kind = Kind.TRUTH
) -> Expression:
    """Note names that are not `known` (`x.*`: any that starts with `x.`) and a result of another kind."""
    for name in condition.fields:
        prefix = f"{name.split('.')[0]}.*"
        if name not in known and not ("." in name and prefix in known):
            place = _place_in(loaded, condition, name, start, *path)
            loaded.problems.error(place, f'nothing is called "{name}" here', nearest(name, known))
    return _expected(loaded, condition, kind, start, *path)


def _expected(loaded: Loaded, expression: Expression, kind: Kind, start: Place, *path: str) -> Expression:
    try:
        return expression.expect(kind)
    except ExpressionError as error:
        node = loaded.node(start, *path)
        place = node.at(error.offset) if isinstance(node, Scalar) else loaded.where(start, *path)
        loaded.problems.error(place, str(error))
        return expression


def _place_in(loaded: Loaded, expression: Expression, name: str, start: Place, *path: str) -> Place:
    node = loaded.node(start, *path)
    offset = expression.text.find(name)
    return node.at(max(offset, 0)) if isinstance(node, Scalar) else loaded.where(start, *path)


def _check_fields(loaded: Loaded, config: DetectorConfig, kinds: dict[tuple[str, str], tuple[Kind, str]]) -> None:
    """Note fields that two uses take for different kinds, in this detector or since an earlier one of the same type."""
    watch = config.watch
    computed: dict[str, Kind] = {}
    for path, expression in _expressions(loaded, config):
        name = path[-1] if path[1] == "compute" else ""
        for used, kind in expression.fields.items():
            if used in watch.compute:
                _check_order(loaded, config, used, path, computed)
                known = computed.get(used, Kind.ANY), "compute"
            elif used in BUILT_IN:
                known = BUILT_IN[used], "every event"
            else:
                known = kinds.setdefault((watch.event, used), (kind, config.name))
                kinds[watch.event, used] = (known[0].meet(kind) or known[0], known[1])
            _check_kind(loaded, config, expression, used, known, path)
        if name:
            computed[name] = expression.kind


def _check_order(
    loaded: Loaded, config: DetectorConfig, used: str, path: tuple[str, ...], computed: Mapping[str, Kind]
) -> None:
    if path[1] == "compute" and used not in computed:
        place = loaded.where(config.place, *path)
        loaded.problems.error(place, f'"{used}" is not computed yet', "a computed field may use those before it")


def _check_kind(
    loaded: Loaded,
    config: DetectorConfig,
    expression: Expression,
    used: str,
    known: tuple[Kind, str],
    path: tuple[str, ...],
) -> None:
    kind = expression.fields[used]
    if known[0].meet(kind) is None:
        place = _place_in(loaded, expression, used, config.place, *path)
        what = f'"{used}" of {config.watch.event} is used as a {kind} here, as a {known[0]} by {known[1]}'
        loaded.problems.error(place, what, "a field has one kind")


def _expressions(loaded: Loaded, config: DetectorConfig) -> Iterator[tuple[tuple[str, ...], Expression]]:
    """Yield each expression over events with its path, narrowed to what its result must be."""
    watch: Watch = config.watch
    for name, expression in watch.compute.items():
        yield ("watch", "compute", name), expression
    if watch.where is not None:
        path = ("watch", "where")
        yield path, _expected(loaded, watch.where, Kind.TRUTH, config.place, *path)
    if watch.measure.of is not None:
        argument = ("watch", "measure", str(watch.measure.kind))
        kind = RESULT.get(watch.measure.kind, Kind.NUMBER)
        yield argument, _expected(loaded, watch.measure.of, kind, config.place, *argument)
