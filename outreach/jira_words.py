"""Jira's words in ours: names of priorities and of statuses, as Jira Service Management comes with them."""

from collections.abc import Mapping
from typing import Any

from outreach.base import Status

PRIORITIES = {"low": "Low", "medium": "Medium", "high": "High", "critical": "Highest"}
STATUSES = {
    "open": Status.OPEN,
    "waiting for support": Status.OPEN,
    "in progress": Status.OPEN,
    "reopened": Status.OPEN,
    "escalated": Status.OPEN,
    "pending": Status.PENDING,
    "waiting for customer": Status.PENDING,
    "resolved": Status.SOLVED,
    "done": Status.SOLVED,
    "closed": Status.CLOSED,
    "canceled": Status.CLOSED,
}
CATEGORIES = {"new": Status.OPEN, "indeterminate": Status.OPEN, "done": Status.SOLVED}
"""What a status of any other name means, by the key of its category."""


def means(names: Mapping[str, Status], status: Mapping[str, Any]) -> Status:
    """Return what a status means: by its name (small letters), else by the key of its category.

    >>> means(STATUSES, {"name": "Parked", "statusCategory": {"key": "done"}}).value
    'solved'
    """
    category = str((status.get("statusCategory") or {}).get("key"))
    named = names.get(str(status.get("name")).strip().lower())
    return named or CATEGORIES.get(category, Status.OPEN)
