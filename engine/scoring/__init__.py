"""Events become observations, observations become findings: the models of one partition."""

from engine.scoring.scorer import Scorer, attributes_wanted, severity
from engine.scoring.station import Subjects, within

__all__ = ["Scorer", "Subjects", "attributes_wanted", "severity", "within"]
