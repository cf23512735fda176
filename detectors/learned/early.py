"""The learner of the first hours: River's scaler and logistic regression, from the first label on.

River is imported when the first row is asked about or learned, as its import takes a second.
"""

import io
import math
import pickle
from typing import Any

import numpy as np

from detectors.base import Bytes
from detectors.learned.features import Vectors


class Early:
    """River's pipeline over the columns of a row by their number."""

    def __init__(self) -> None:
        self._model: Any = None
        self._labels: set[bool] = set()
        self._outcomes = 0

    def ask(self, row: Vectors) -> float:
        """Return the probability of an outcome; −1 before both labels were seen."""
        if len(self._labels) < 2:
            return -1.0
        p = float(self._model.predict_proba_one(_features(row)).get(True, 0.0))
        return _tempered(p, self._outcomes) if math.isfinite(p) else -1.0

    def learn(self, row: Vectors, label: bool) -> None:
        """Learn from a row with its label."""
        if self._model is None:
            self._model = _made()
        self._model.learn_one(_features(row), label)
        self._labels.add(label)
        self._outcomes += label

    def state(self) -> Bytes:
        """Return all that is learned, pickled to bytes."""
        return np.frombuffer(pickle.dumps((self._model, sorted(self._labels), self._outcomes), protocol=5), np.uint8)

    def load(self, state: Bytes) -> None:
        """Take over a state; raises ValueError if it names anything but River's own classes."""
        try:
            self._model, labels, self._outcomes = _Unpickler(io.BytesIO(state.tobytes())).load()
        except (pickle.UnpicklingError, EOFError, ImportError, AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"this is no state of an early learner: {error}") from error
        self._labels = set(labels)


class _Unpickler(pickle.Unpickler):
    """Reads only what River's own classes are made of; no defence against a forged snapshot (see `detectors.river`)."""

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] in ("river", "numpy", "collections") or (module, name) in _PLAIN:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no business in it")


_PLAIN = {("builtins", name) for name in ("set", "dict", "list", "float", "int", "tuple", "getattr")}
_PLAIN |= {("functools", "partial")}


def _tempered(p: float, outcomes: int) -> float:
    """Return a probability that is no surer than so many outcomes allow, by Laplace's rule of succession; in the same
    order as before.

    >>> round(_tempered(0.999999, 3), 2), round(_tempered(0.3, 30), 2)
    (0.8, 0.3)
    """
    odds = math.log(max(p, 1e-6) / max(1.0 - p, 1e-6))
    most = math.log(outcomes + 1.0)
    return 1.0 / (1.0 + math.exp(-most * math.tanh(odds / most)))


def _made() -> Any:
    from river import linear_model, optim, preprocessing  # noqa: PLC0415 -- heavy: only where there is need of it

    return preprocessing.StandardScaler() | linear_model.LogisticRegression(optimizer=optim.SGD(0.02), l2=0.001)


def _features(row: Vectors) -> dict[int, float]:
    return {i: value for i, value in enumerate(row.tolist()) if not math.isnan(value)}
