"""Any anomaly detector, drift detector or forecaster of River, by its name; its raw scores become tail probabilities.

River (https://riverml.xyz) keeps an object a series, so the number of instances is bounded; what is beyond is refused
and counted, never dropped in silence. River is imported when a detector is made, as its import takes two seconds.
"""

import copy
import io
import math
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from detectors.base import Detector, Ints, Observations, Scores, Signal, State
from detectors.river_instance import RAISE, Instance
from detectors.river_models import AREAS, Drift, make_estimator, reader_of

Feature = Literal["value", "change", "hour", "weekday"]
_FLEET = -1


class River(Detector):
    """What an estimator of River's `anomaly`, `drift` or `time_series` says of a series.

    Raw scores of anomaly detectors and absolute residuals of forecasters are held against the last thousand of the same
    instance: the score is 1 − the tail probability, by rank, and beyond the tenth largest by an exponential tail. A
    drift detector scores 1 when it detects and 0 otherwise. Multivariate detectors get `features`, each scaled by its
    own past to about [0.25, 0.75], so that what is new falls outside; supervised ones get the value as `y`.

    `refused` is how many series had no place among `max_instances`: they have no opinion. `failures` counts instances
    that raised or forecast no number, and were started afresh.

    >>> noise = np.random.default_rng(1).normal(10, 1, 301)
    >>> noise[300] = 20
    >>> detector = River(estimator="anomaly.GaussianScorer")
    >>> detector.prepare(60)
    >>> detector.grow(1)
    >>> scores = detector.update(Observations.of([0] * 301, np.arange(301) * 60, noise)).score
    >>> int(np.nanargmax(scores)), bool(scores[300] > 0.99)
    (300, True)
    """

    kind: ClassVar[str] = "river"
    raise_score: ClassVar[float] = RAISE
    needs_window: ClassVar[bool] = False
    examples: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"estimator": "anomaly.GaussianScorer"},
        {"estimator": "river.drift.ADWIN", "params": {"delta": 0.01}},
        {"estimator": "time_series.HoltWinters", "params": {"alpha": 0.3, "beta": 0.1}},
    )

    def __init__(
        self,
        *,
        estimator: str,
        params: dict[str, Any] | None = None,
        max_instances: int = 500,
        per: Literal["series", "fleet"] = "series",
        features: list[Feature] = ["value"],  # noqa: B006 - read only; shows the default in the schema
        warmup: int = 100,
    ) -> None:
        """Use `estimator`, e.g. ``anomaly.HalfSpaceTrees``, made with `params`.

        A parameter that takes another estimator is written as ``{estimator: NAME, params: {...}}``. `max_instances`
        bounds memory: 500 of the largest, HalfSpaceTrees at 1.3 MB, are 650 MB. With `per: fleet` one instance learns
        all series. `features` are what multivariate detectors see: value, change, hour, weekday. `warmup` is how many
        raw scores an instance gives before it has an opinion: 100, the fewest that tell one in a hundred.

        Raises ValueError for names outside River or unknown there, and for parameters the estimator does not take.
        """
        if max_instances < 1:
            raise ValueError(f"max_instances is {max_instances}: it must be 1 or more")
        if warmup < 10:
            raise ValueError(f"warmup is {warmup}: it must be 10 or more observations")
        if per not in ("series", "fleet"):
            raise ValueError(f"per {per!r}: choose series or fleet")
        for feature in features:
            if feature not in get_args(Feature):
                raise ValueError(f"feature {feature!r}: choose of {', '.join(get_args(Feature))}")
        area = estimator.removeprefix("river.").split(".")[0]
        if area not in AREAS:
            raise ValueError(f"estimator {estimator!r}: name one of {', '.join(f'{a}.…' for a in AREAS)}")
        self._prototype = make_estimator(estimator, params or {})
        self._reader = reader_of(estimator, self._prototype)
        self._max, self._per, self._features, self._warmup = max_instances, per, tuple(features), warmup
        self._instances: dict[int, Instance] = {}
        self._refused: set[int] = set()
        self.failures = 0

    @property
    def refused(self) -> int:
        """How many series have no place."""
        return len(self._refused)

    def _grow(self, size: int) -> None:
        """Need no room: an instance is made when its series first comes."""

    def update(self, batch: Observations) -> Scores:
        """Score each observation, then learn from it."""
        scores = Scores.silent(len(batch.value))
        for i, (series, time, value) in enumerate(_rows(batch)):
            instance = self._admit(self._key(series)) if math.isfinite(value) and math.isfinite(time) else None
            if instance is not None:
                _write(scores, i, instance.observe(self._reader, time, value, self._warmup))
                if instance.failed:
                    self._restart(self._key(series))
        return scores

    def score(self, batch: Observations) -> Scores:
        """Score each observation, by a copy of its instance."""
        scores = Scores.silent(len(batch.value))
        for i, (series, time, value) in enumerate(_rows(batch)):
            instance = self._instances.get(self._key(series))
            if instance is not None and math.isfinite(value) and math.isfinite(time):
                _write(scores, i, copy.deepcopy(instance).observe(self._reader, time, value, self._warmup))
        return scores

    def _key(self, series: int) -> int:
        return series if self._per == "series" else _FLEET

    def _admit(self, key: int) -> "Instance | None":
        instance = self._instances.get(key)
        if instance is None and len(self._instances) < self._max:
            instance = self._instances[key] = Instance(self._prototype.clone(), self._features)
            self._refused.discard(key)
        if instance is None:
            self._refused.add(key)
        return instance

    def _restart(self, key: int) -> None:
        self.failures += 1
        self._instances[key] = Instance(self._prototype.clone(), self._features)

    def reset(self, series: Ints) -> None:
        """Drop the instances of the given series, which makes place; what the fleet's instance learned stays."""
        for key in series.tolist():
            self._instances.pop(key, None)
            self._refused.discard(key)

    def state(self) -> State:
        """Return all instances, pickled to bytes."""
        return self._pickled(self.size, self._instances, self._refused)

    def only(self, series: Ints) -> State:
        """Return the instances of some series, numbered anew; the fleet's, which learned of all, stays."""
        new = {old: number for number, old in enumerate(series.tolist())} | {_FLEET: _FLEET}
        instances = {new[key]: each for key, each in self._instances.items() if key in new}
        return self._pickled(len(series), instances, {new[key] for key in self._refused & new.keys()})

    def _pickled(self, size: int, instances: dict[int, Instance], refused: set[int]) -> State:
        kept = (size, instances, sorted(refused), self.failures)
        return {"pickle": np.frombuffer(pickle.dumps(kept, protocol=5), np.uint8)}

    def load(self, state: State) -> None:
        """Take over a state; raises ValueError if it is none, or names anything but River's and our own classes."""
        data = state.get("pickle")
        if data is None or data.dtype != np.uint8 or data.ndim != 1:
            raise ValueError("a river state is one array `pickle` of bytes")
        try:
            self.size, self._instances, refused, self.failures = _Unpickler(io.BytesIO(data.tobytes())).load()
        except (
            pickle.UnpicklingError,
            EOFError,
            ImportError,
            AttributeError,
            TypeError,
            IndexError,
            ValueError,
        ) as error:
            raise ValueError(f"this is no river state: {error}") from error
        self._refused = set(refused)

    def explain(self, signal: Signal) -> str:
        """Say the value and what the estimator says of it."""
        name = type(self._prototype).__name__
        value = f"The value was {signal.value:.4g}"
        if isinstance(self._reader, Drift):
            return f"{value}; {name} finds that the series changed."
        if math.isfinite(signal.expected):
            return f"{value}; {name} had forecast {signal.expected:.4g}."
        return f"{value}; {name} finds it unlike the values before."


class _Unpickler(pickle.Unpickler):
    """Reads only what River's estimators are made of: a mistaken file is refused, not run.

    It is no defence against a forged snapshot; nobody but the engine may write to the folder of snapshots.
    """

    def find_class(self, module: str, name: str) -> Any:
        root = module.partition(".")[0]
        if root in ("river", "numpy", "collections", "random") or (module, name) in _PLAIN:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no business in it")


_PLAIN = {(Instance.__module__, name) for name in ("Instance", "Calibration", "Scale")} | {("functools", "partial")}
_PLAIN |= {
    ("builtins", name) for name in ("set", "frozenset", "dict", "list", "complex", "float", "int", "tuple", "getattr")
}


def _rows(batch: Observations) -> Iterator[tuple[int, float, float]]:
    return zip(batch.series.tolist(), batch.time.tolist(), batch.value.tolist(), strict=True)


def _write(scores: Scores, i: int, found: tuple[float, float, float, float]) -> None:
    scores.score[i], scores.expected[i], scores.low[i], scores.high[i] = found
