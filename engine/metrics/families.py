"""Figures of one name, with labels."""

from collections.abc import Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Counts = Mapping[Any, float]
"""The values of labels, a tuple → a figure."""


def gauge(name: str, about: str, labels: tuple[str, ...], counts: Counts) -> Metric:
    """Return what may rise and fall."""
    made = GaugeMetricFamily(f"forewarn_{name}", about, labels=labels)
    for values, count in counts.items():
        made.add_metric(values, count)
    return made


def counter(name: str, about: str, labels: tuple[str, ...], counts: Counts) -> Metric:
    """Return what only rises; its name ends with `_total` where it is shown."""
    made = CounterMetricFamily(f"forewarn_{name}", about, labels=labels)
    for values, count in counts.items():
        made.add_metric(values, count)
    return made


def single(name: str, about: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return gauge(name, about, (), {(): value})


def named(counts: Mapping[str, float]) -> Counts:
    """Return figures with one label.

    >>> named({"email": 2.0})
    {('email',): 2.0}
    """
    return {(name,): count for name, count in counts.items()}
