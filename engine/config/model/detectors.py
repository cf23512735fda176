"""One detector: an entry of a file in detectors/."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from detectors.base import Detector
from detectors.durations import Duration
from engine.config.model.calendars import Widen
from engine.config.model.places import NOWHERE, Place
from engine.config.model.watching import Demand, Raise, Watch
from engine.expressions import Expression


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """One file under `detectors/`."""

    name: str
    about: str
    watch: Watch
    model: Detector
    """Already built, never fed: each use deep-copies it."""
    owner: str = ""
    raise_: Raise = Raise()
    severity: Mapping[str, Expression] = field(default_factory=dict)
    """Severity → condition over value, score, expected, low, high, extras; the worst that holds counts; none: low."""
    grace: Duration = Duration(0.0)
    """A new series is scored in silence for so long after its first observation."""
    min_samples: int = 0
    """And for so many observations."""
    demand: Demand = Demand()
    shadow: bool = False
    """On trial: what it finds is recorded and measured, and causes nothing."""
    calendars: Mapping[str, Literal["suspend"] | Widen] = field(default_factory=dict)
    """Name in calendars.yaml → suspend (nothing is judged, nothing is learned) or widen."""
    reset_on: tuple[str, ...] = ()
    """Declared changes after which a series is learned anew: migration, plan-change …"""
    place: Place = NOWHERE
