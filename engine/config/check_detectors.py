"""What detectors say: their measures, expressions and severities."""

from collections.abc import Iterator, Mapping, Sequence

from engine.config.inputs import built
from engine.config.loaded import Loaded
from engine.config.model import SEVERITIES, DetectorConfig, Input, Place, Watch
from engine.config.problems import nearest
from engine.config.variables import SEVERITY
from engine.config.yamlsource import Scalar
from engine.expressions import Expression, ExpressionError, Kind

BUILT_IN: Mapping[str, Kind] = {"time": Kind.NUMBER, "subject": Kind.TEXT, "stage": Kind.NUMBER, "type": Kind.TEXT}
"""What every event has beside its data."""
RESULT: Mapping[str, Kind] = {"ratio": Kind.TRUTH, "distinct": Kind.ANY}
"""What the argument of a measure is; of all others a number."""
KEYS = ("account", "subject")
"""Keys of every event; all others are kinds of subject, or fields."""
RESERVED = "forewarn."
CONTACT = "forewarn.contact"
NEEDED: Mapping[str, tuple[str, ...]] = {
    "measure": ("event", "measure"),
    "sequence": ("event",),
    "signals": ("signals",),
    "everything": ("inputs",),
}
"""What a watch must have for the kinds that take it."""


def check_detectors(loaded: Loaded) -> None:
    """Note what is wrong with each detector, and between them."""
    if not loaded.declared["detectors"]:
        loaded.problems.warning(Place("detectors", 1, 1), "there are no detectors", "nothing will be found")
    kinds: dict[tuple[str, str], tuple[Kind, str]] = {}
    for config in loaded.detectors.values():
        _check_watch(loaded, config)
        _check_rule(loaded, config)
        _check_grace(loaded, config)
        _check_severity(loaded, config)
        _check_fields(loaded, config, kinds)
    _check_signals(loaded)


def _check_watch(loaded: Loaded, config: DetectorConfig) -> None:
    watch, start = config.watch, config.place
    _check_inputs(loaded, config)
    for number, event in enumerate(watch.events):
        if "*" in event or event.startswith(RESERVED):
            place = loaded.where(start, "watch", "event", number)
            what = "is reserved for the engine" if event.startswith(RESERVED) else "is no event type"
            loaded.problems.error(place, f'"{event}" {what}', "watch your own events by their types")
    if not watch.by and not watch.signals:
        place = loaded.where(start, "watch", "by")
        loaded.problems.error(place, "there is no key", "write subject, account, a kind of subject or a field")
    for number, key in enumerate(watch.by):
        if key not in KEYS and (close := nearest(key, KEYS)).startswith("did you mean"):
            place = loaded.where(start, "watch", "by", number)
            loaded.problems.warning(place, f'"{key}" is taken for a field of the events', close)
    if watch.every <= 0:
        loaded.problems.error(loaded.where(start, "watch", "every"), "a window is longer than nothing", "write 1m")
    if watch.min_events < 1:
        place = loaded.where(start, "watch", "min_events")
        loaded.problems.error(place, f"min_events is {watch.min_events}", "it is 1 or more")


def _check_inputs(loaded: Loaded, config: DetectorConfig) -> None:
    """Note what a watch lacks, or has too much, for what its kind takes."""
    kind, inputs = config.model.kind, config.model.inputs
    needed = NEEDED[inputs]
    for name in ("event", "measure", "signals", "inputs"):
        given = loaded.node(config.place, "watch", name) is not None
        if name in needed and not given:
            loaded.problems.error(loaded.where(config.place, "watch"), f'"{name}" is missing', f"for kind {kind}")
        if name not in needed and given and not (name == "measure" and inputs == "sequence"):
            place = loaded.key(config.place, "watch", name)
            loaded.problems.error(place, f"kind {kind} takes no {name}", f"it takes {' and '.join(needed)}")
    _check_given(loaded, config)
    if inputs == "sequence" and not _has_names(config):
        place = loaded.where(config.place, "watch", "event")
        loaded.problems.error(place, "a sequence has two steps or more", "write event: [signup.started, signup.done]")
    if config.model.grouping == "prefix" and len(config.watch.by) < 2:
        place = loaded.where(config.place, "watch", "by")
        loaded.problems.error(place, f"kind {kind} needs two keys", "write by: [account, error_code]")


def _check_given(loaded: Loaded, config: DetectorConfig) -> None:
    """Note what is wrong with the inputs of a learned kind."""
    for name, given in config.watch.inputs.items():
        if sum(map(bool, (given.event, given.outcome, given.detector))) != 1:
            place = loaded.where(config.place, "watch", "inputs", name)
            loaded.problems.error(place, "where does it come from?", "give one of event, outcome and detector")
        _check_input(loaded, config, name, given)
    if config.watch.inputs and len(config.watch.by) > 1:
        at = loaded.where(config.place, "watch", "by")
        loaded.problems.error(at, f"kind {config.model.kind} takes one key", "write account, or a kind of subject")


def _check_input(loaded: Loaded, config: DetectorConfig, name: str, given: Input) -> None:
    path = "watch", "inputs", name
    known = loaded.declared["detectors"]
    if given.detector and given.detector not in known:
        loaded.problems.unknown(loaded.where(config.place, *path, "detector"), "detector", given.detector, known)
    own = given.event and not given.event.startswith(RESERVED)
    if given.event and not own and given.event != CONTACT:
        at = loaded.where(config.place, *path, "event")
        loaded.problems.error(at, f'"{given.event}" is reserved for the engine', f"only {CONTACT} may be named here")
    if (given.where or given.value or given.each) and not own:
        at = loaded.where(config.place, *path)
        loaded.problems.error(at, "where, value and each need an event of your own", "leave them out")


def _has_names(config: DetectorConfig) -> bool:
    """Return whether there is all that a sequence of events or a composite is about."""
    fewest = {"sequence": 2, "signals": 1}.get(config.model.inputs, 0)
    return len(set(config.watch.names)) >= fewest


def _check_signals(loaded: Loaded) -> None:
    """Note what composites watch that is not there, or that watches them in turn."""
    watched = {name: config.watch.signals for name, config in loaded.detectors.items() if config.watch.signals}
    for name, members in watched.items():
        for number, member in enumerate(members):
            place = loaded.where(loaded.detectors[name].place, "watch", "signals", number)
            if member not in loaded.declared["detectors"]:
                loaded.problems.unknown(place, "detector", member, loaded.declared["detectors"])
            elif name in _reached(member, watched):
                loaded.problems.error(place, f'"{member}" watches "{name}" in turn', "a circle never ends")


def _reached(name: str, watched: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the names that `name` watches, directly or through others, and itself."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        if (each := waiting.pop()) not in reached:
            reached.add(each)
            waiting += watched.get(each, ())
    return reached


def _check_rule(loaded: Loaded, config: DetectorConfig) -> None:
    score = config.raise_.score
    if score is not None and not 0 < score < 1:
        place = loaded.where(config.place, "raise", "score")
        loaded.problems.error(place, f"the score {score:g} is never reached", "it lies between 0 and 1, as 0.999")
    if config.min_samples < 0:
        place = loaded.where(config.place, "min_samples")
        loaded.problems.error(place, f"min_samples is {config.min_samples}", "it is 0 or more")
    if config.watch.every > 0 and _has_names(config):
        try:
            built(config).prepare(float(config.watch.every))
        except ValueError as error:
            loaded.problems.error(loaded.where(config.place, "model"), str(error))


def _check_grace(loaded: Loaded, config: DetectorConfig) -> None:
    """Note a grace period that would mute for ever: where every series is new, and told of once."""
    fleeting = config.model.grouping == "prefix" or config.model.inputs == "sequence"
    for name, given in (("grace", config.grace), ("min_samples", config.min_samples)):
        if fleeting and given:
            what = f"{name} is counted for each series, and kind {config.model.kind} lives of new ones"
            loaded.problems.error(loaded.key(config.place, name), what, "leave it out")


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
                known = _known(kinds, watch.events, used, (kind, config.name))
            _check_kind(loaded, config, expression, used, known, path)
        if name:
            computed[name] = expression.kind


def _known(
    kinds: dict[tuple[str, str], tuple[Kind, str]], events: Sequence[str], used: str, new: tuple[Kind, str]
) -> tuple[Kind, str]:
    """Return what a field of `events` is known to be, by whom; the first that contradicts `new`, if any does."""
    found = [kinds.setdefault((event, used), new) for event in events]
    for event, known in zip(events, found, strict=True):
        kinds[event, used] = (known[0].meet(new[0]) or known[0], known[1])
    return next((known for known in found if known[0].meet(new[0]) is None), new)


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
        what = f'"{used}" of {" + ".join(config.watch.events)} is used as a {kind} here, as a {known[0]} by {known[1]}'
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
