"""What a cohort's latest whole window was, in 32 bytes: to be told across partitions, and merged there."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUMMARY = np.dtype([("time", "f8"), ("centre", "f8"), ("spread", "f8"), ("members", "i4"), ("spare", "i4")])
"""Start of the window in epoch seconds; median and median absolute deviation on the cohort's scale; members seen."""


def summarised(groups: NDArray[Any]) -> NDArray[Any]:
    """Return the latest closed window of each of `groups` (rows of `peer_cohort.GROUP`) as a `SUMMARY`.

    `members` is 0 where it had no centre of its own: too few members, or too new.
    """
    found = np.zeros(len(groups), SUMMARY)
    at = (np.arange(len(groups)), groups["latest"])
    known = (groups["closed_members"][at] > 0) & ~np.isnan(groups["closed_spread"][at])
    for name in ("time", "centre", "spread", "members"):
        found[name] = np.where(known, groups[f"closed_{name}"][at], 0)
    return found


def merge(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Merge summaries of the same cohorts, one array a partition, row for row: of the latest window any of them has.

    Centre and spread are means weighted by members, which is what medians of random parts of one cohort estimate. Parts
    that are a window behind are left out.

    >>> one = np.array([(60.0, 1.0, 0.1, 30, 0)], SUMMARY)
    >>> other = np.array([(60.0, 2.0, 0.2, 10, 0)], SUMMARY)
    >>> merge([one, other]).tolist()
    [(60.0, 1.25, 0.125, 40, 0)]
    """
    stack = np.stack(parts)
    known = stack["members"] > 0
    latest = np.where(known, stack["time"], -np.inf).max(axis=0)
    weight = np.where(known & (stack["time"] == latest), stack["members"], 0)
    merged = np.zeros(stack.shape[1], SUMMARY)
    merged["members"] = weight.sum(axis=0)
    share = weight / np.maximum(merged["members"], 1)
    merged["time"] = np.where(np.isfinite(latest), latest, 0.0)
    for name in ("centre", "spread"):
        merged[name] = (share * stack[name]).sum(axis=0)
    return merged
