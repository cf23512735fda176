"""Figures for Prometheus: what this process counted, how it stands, and what the database says."""

from engine.metrics.counted import Metrics
from engine.metrics.state import State

__all__ = ["Metrics", "State"]
