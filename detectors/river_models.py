"""River's estimators by name, and how to ask each family of them for a raw score."""

import difflib
import importlib
import inspect
import math
from collections.abc import Mapping
from typing import Any

AREAS = ("anomaly", "drift", "time_series")
_SEED = 1
_ALMOST_ONE = math.nextafter(1.0, 0.0)


def make_estimator(name: str, params: Mapping[str, Any]) -> Any:
    """Return the River estimator of that dotted name, made with `params`.

    What draws at random gets a fixed seed if none is given, so that a replay is exact.

    Raises ValueError with the nearest name, or with what the estimator says of its parameters.

    >>> make_estimator("drift.ADWING", {})
    Traceback (most recent call last):
    ValueError: River has no 'drift.ADWING'; did you mean 'drift.ADWIN'?
    """
    found = _find(name.removeprefix("river."))
    allowed = inspect.signature(found).parameters
    for param in params:
        if param not in allowed:
            near = difflib.get_close_matches(param, allowed, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(allowed) or 'none'}"
            raise ValueError(f"{name} has no parameter {param!r}; {hint}")
    made = {param: _value(value) for param, value in params.items()}
    if "seed" in allowed:
        made.setdefault("seed", _SEED)
    try:
        return found(**made)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{name} cannot be made with {dict(params)!r}: {error}") from error


def _value(value: Any) -> Any:
    if isinstance(value, dict) and "estimator" in value:
        return make_estimator(value["estimator"], value.get("params") or {})
    return value


def _find(name: str) -> Any:
    """Return a class that River exports, by its dotted name below `river`."""
    path, _, last = name.rpartition(".")
    module = _module(path)
    found = getattr(module, last, None) if last in _exports(module) else None
    if inspect.isclass(found) and found.__module__.startswith("river."):
        return found
    known = {each.lower(): f"{path}.{each}" for each in _exports(module)}
    near = difflib.get_close_matches(last.lower(), known, n=1)
    hint = f"did you mean {known[near[0]]!r}?" if near else f"it has {', '.join(known.values()) or 'no such module'}"
    raise ValueError(f"River has no {name!r}; {hint}")


def _module(path: str) -> Any:
    try:
        return importlib.import_module(f"river.{path}") if path.replace(".", "_").isidentifier() else None
    except ModuleNotFoundError:
        return None


def _exports(module: Any) -> list[str]:
    names = getattr(module, "__all__", [])
    return [name for name in names if inspect.isclass(getattr(module, name, None))]


class Reader:
    """How to ask one family of estimators for a raw score, and to teach it."""

    def read(self, model: Any, features: dict[str, float], value: float) -> tuple[float, float]:
        """Return a raw score, the higher the stranger, and what was expected; NaN where not known."""
        raise NotImplementedError

    def teach(self, model: Any, features: dict[str, float], value: float) -> None:
        """Let the estimator learn."""
        raise NotImplementedError

    calibrated = True
    """Whether a raw score has to be held against earlier ones; else it is the score."""


class _Unsupervised(Reader):
    def read(self, model: Any, features: dict[str, float], value: float) -> tuple[float, float]:
        return float(model.score_one(features)), math.nan

    def teach(self, model: Any, features: dict[str, float], value: float) -> None:
        model.learn_one(features)


class _Supervised(Reader):
    def read(self, model: Any, features: dict[str, float], value: float) -> tuple[float, float]:
        score = float(model.score_one(features, value))
        if type(model).__name__ == "GaussianScorer":  # a probability that comes to 1 too soon to rank by
            score = -math.log1p(-min(score, _ALMOST_ONE))
        return score, math.nan

    def teach(self, model: Any, features: dict[str, float], value: float) -> None:
        model.learn_one(features, value)


class _Forecaster(Reader):
    def read(self, model: Any, features: dict[str, float], value: float) -> tuple[float, float]:
        forecast = float(model.forecast(horizon=1)[0])
        if not math.isfinite(forecast):
            raise ArithmeticError("the forecast is no number")
        return abs(value - forecast), forecast

    def teach(self, model: Any, features: dict[str, float], value: float) -> None:
        model.learn_one(value)


class Drift(Reader):
    """A drift detector learns first; what it then detects is the raw score."""

    calibrated = False

    def __init__(self, *, binary: bool) -> None:
        self._binary = binary

    def read(self, model: Any, features: dict[str, float], value: float) -> tuple[float, float]:
        model.update(bool(value) if self._binary else value)
        return float(model.drift_detected), math.nan

    def teach(self, model: Any, features: dict[str, float], value: float) -> None:
        """Have learned already."""


def reader_of(name: str, model: Any) -> Reader:
    from river import base, time_series  # noqa: PLC0415 - two seconds

    if isinstance(model, base.BinaryDriftDetector):
        return Drift(binary=True)
    if isinstance(model, base.DriftDetector):
        return Drift(binary=False)
    if isinstance(model, time_series.base.Forecaster):
        return _Forecaster()
    inner = getattr(model, "anomaly_detector", model)
    if isinstance(inner, base.SupervisedAnomalyDetector):
        return _Supervised()
    if isinstance(inner, base.AnomalyDetector):
        return _Unsupervised()
    raise ValueError(f"{name} is no anomaly detector, drift detector or forecaster")
