"""Gradient-boosted trees for a yes-or-no question: small histograms, best leaf first, one thread, the same every time.

Newton boosting of the logistic loss (Friedman, "Greedy function approximation", 2001; histograms, leaf-wise growth and
sampling of rows and columns as in Ke et al., "LightGBM", 2017), compiled. A fitted model is five flat arrays, so it is
scored in a microsecond or two, kept in a snapshot and explained without a library.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bytes, Floats, Ints
from detectors.compiled import compiled, inlined
from detectors.learned.features import Vectors

BINS = 64
"""Histogram bins of a column."""
LEAST_COLUMNS = 8
"""A tree sees so many columns at least: what two say together no tree finds that sees one."""


class Trees(NamedTuple):
    """A sum of trees over a base; node i of tree t is row `t * nodes + i`, its root is node 0."""

    column: Ints
    """Which column a node asks; −1: a leaf."""
    limit: NDArray[np.float32]
    """Left if the value is at most this, or unknown."""
    left: Ints
    """The node to the left; to the right is the one after it."""
    value: Floats
    """What a node would say as a leaf, in log odds; leaves do."""
    base: Floats
    """(1): the log odds to start from."""


class Growth(NamedTuple):
    """How trees are grown."""

    trees: int = 300
    leaves: int = 7
    rate: float = 0.03
    least_rows: int = 10
    column_share: float = 0.25
    row_share: float = 0.8
    ridge: float = 1.0
    least_gain: float = 4.0
    """A split must gain so much: where nothing is to be learned, the best of hundreds gains a few by chance alone."""


def nothing() -> Trees:
    """Return a model that says nothing: even odds, no tree."""
    none = np.zeros(0, np.int32)
    return Trees(none, np.zeros(0, np.float32), none.copy(), np.zeros(0), np.zeros(1))


def fit(rows: Vectors, labels: Floats, weights: Floats, growth: Growth, seed: int) -> Trees:
    """Fit to `rows` (n, columns), `labels` 0 or 1 and `weights`; both labels must occur.

    >>> rows = np.arange(200, dtype=np.float32).reshape(-1, 1)
    >>> model = fit(rows, (rows[:, 0] > 99).astype(float), np.ones(200), Growth(trees=50, rate=0.1), seed=1)
    >>> bool(margin(model, 13, rows[10]) < -2), bool(margin(model, 13, rows[150]) > 2)
    (True, True)
    """
    limits = cuts(rows)
    codes = _encode(rows, limits)
    mean = float(np.average(labels, weights=weights))
    base = np.log(mean / (1.0 - mean))
    nodes = 2 * growth.leaves - 1
    size = growth.trees * nodes
    trees = Trees(
        np.full(size, -1, np.int32),
        np.zeros(size, np.float32),
        np.zeros(size, np.int32),
        np.zeros(size),
        np.array([base]),
    )
    _boost(codes, limits, labels, weights, growth, seed, trees)
    return trees


def cuts(rows: Vectors) -> Vectors:
    """Return, for each column, up to `BINS` − 1 limits between its values, ascending; the rest are +inf."""
    limits = np.full((rows.shape[1], BINS - 1), np.inf, np.float32)
    for column in range(rows.shape[1]):
        values = rows[:, column]
        found = np.unique(values[~np.isnan(values)])
        if len(found) > BINS:
            found = np.unique(np.quantile(values[~np.isnan(values)], np.linspace(0, 1, BINS), method="nearest"))
        limits[column, : max(len(found) - 1, 0)] = _between(found)
    return limits


def _between(found: Vectors) -> Vectors:
    middle = (found[:-1].astype(np.float64) + found[1:]) / 2
    return np.clip(middle.astype(np.float32), found[:-1], np.nextafter(found[1:], np.float32(-np.inf)))


@compiled
def _encode(rows: Vectors, limits: Vectors) -> Bytes:
    n, columns = rows.shape
    codes = np.zeros((columns, n), np.uint8)
    for column in range(columns):
        for i in range(n):
            value = rows[i, column]
            low, high = 0, limits.shape[1]
            while low < high and not np.isnan(value):
                middle = (low + high) >> 1
                if value > limits[column, middle]:
                    low = middle + 1
                else:
                    high = middle
            codes[column, i] = low
    return codes


@compiled
def margin(trees: Trees, nodes: int, row: Vectors) -> float:
    """Return the log odds of one row; `nodes` is how many nodes a tree has room for."""
    total = trees.base[0]
    for root in range(0, trees.column.size, nodes):
        node = root
        while trees.column[node] >= 0:
            goes_right = row[trees.column[node]] > trees.limit[node]
            node = root + trees.left[node] + goes_right
        total += trees.value[node]
    return float(total)


@compiled
def contributions(trees: Trees, nodes: int, row: Vectors, out: Floats) -> None:
    """Add to `out` what each column did to the log odds on the row's paths (Saabas, "Interpreting random forests")."""
    for root in range(0, trees.column.size, nodes):
        node = root
        while trees.column[node] >= 0:
            column = trees.column[node]
            goes_right = row[column] > trees.limit[node]
            below = root + trees.left[node] + goes_right
            out[column] += trees.value[below] - trees.value[node]
            node = below


class _Work(NamedTuple):
    """Room for growing a tree."""

    histograms: Floats
    """(leaves, columns, bins, 3): gradient, curvature and count."""
    best: Floats
    """(leaves, 3): gain, column and bin of the best split."""
    order: NDArray[np.int64]
    """Rows, those of a leaf together."""
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    node: NDArray[np.int64]


@compiled
def _boost(
    codes: Bytes, limits: Vectors, labels: Floats, weights: Floats, growth: Growth, seed: int, trees: Trees
) -> None:
    np.random.seed(seed)
    columns, n = codes.shape
    leaves = growth.leaves
    some = min(max(int(columns * growth.column_share + 0.5), LEAST_COLUMNS), columns)
    scores = np.full(n, trees.base[0])
    slopes = np.zeros((n, 2))
    work = _Work(
        np.zeros((leaves, some, BINS, 3)), np.zeros((leaves, 3)), np.zeros(n, np.int64),
        np.zeros(leaves, np.int64), np.zeros(leaves, np.int64), np.zeros(leaves, np.int64),
    )  # fmt: skip
    for tree in range(growth.trees):
        for i in range(n):
            p = 1.0 / (1.0 + np.exp(-scores[i]))
            slopes[i, 0] = weights[i] * (p - labels[i])
            slopes[i, 1] = weights[i] * p * (1.0 - p)
        chosen = np.random.permutation(columns)[:some]
        taken = 0
        for i in range(n):
            if np.random.random() < growth.row_share:
                work.order[taken] = i
                taken += 1
        if taken > 0:
            root = tree * (2 * leaves - 1)
            work.begin[0], work.end[0] = 0, taken
            _grow(codes, limits, slopes, growth, chosen, work, trees, root)
            _add(codes, limits, trees, root, scores)


@compiled
def _add(codes: Bytes, limits: Vectors, trees: Trees, root: int, scores: Floats) -> None:
    for i in range(scores.size):
        node = root
        while trees.column[node] >= 0:
            column = trees.column[node]
            code = codes[column, i]
            goes_right = code > 0 and limits[column, code - 1] >= trees.limit[node]
            node = root + trees.left[node] + goes_right
        scores[i] += trees.value[node]


@compiled
def _grow(
    codes: Bytes, limits: Vectors, slopes: Floats, growth: Growth, chosen: NDArray[np.int64], work: _Work, trees: Trees,
    root: int,
) -> None:  # fmt: skip
    work.node[0] = 0
    _fill(codes, slopes, chosen, work, 0)
    trees.value[root] = _find(work, growth, 0)
    leaves, used = 1, 1
    while leaves < growth.leaves:
        leaf = 0
        for other in range(1, leaves):
            if work.best[other, 0] > work.best[leaf, 0]:
                leaf = other
        if not work.best[leaf, 0] > 1e-9:
            break
        column, cut = chosen[int(work.best[leaf, 1])], int(work.best[leaf, 2])
        parent = root + work.node[leaf]
        trees.column[parent], trees.limit[parent], trees.left[parent] = column, limits[column, cut], used
        _split(codes, slopes, chosen, column, cut, work, leaf, leaves)
        work.node[leaf], work.node[leaves] = used, used + 1
        trees.value[root + used] = _find(work, growth, leaf)
        trees.value[root + used + 1] = _find(work, growth, leaves)
        leaves, used = leaves + 1, used + 2


@compiled
def _fill(codes: Bytes, slopes: Floats, chosen: NDArray[np.int64], work: _Work, leaf: int) -> None:
    work.histograms[leaf] = 0.0
    for f in range(chosen.size):
        column = codes[chosen[f]]
        bins = work.histograms[leaf, f]
        for at in range(work.begin[leaf], work.end[leaf]):
            i = work.order[at]
            code = column[i]
            bins[code, 0] += slopes[i, 0]
            bins[code, 1] += slopes[i, 1]
            bins[code, 2] += 1.0


@compiled
def _split(
    codes: Bytes, slopes: Floats, chosen: NDArray[np.int64], column: int, cut: int, work: _Work, leaf: int, new: int
) -> None:
    """Move what is right of the cut to leaf `new`; count the smaller side, the other is what is left."""
    begin, end = work.begin[leaf], work.end[leaf]
    low, high = begin, end
    while low < high:
        if codes[column, work.order[low]] <= cut:
            low += 1
        else:
            high -= 1
            work.order[low], work.order[high] = work.order[high], work.order[low]
    work.end[leaf], work.begin[new], work.end[new] = low, low, end
    whole = work.histograms[leaf].copy()
    small, large = (leaf, new) if low - begin <= end - low else (new, leaf)
    _fill(codes, slopes, chosen, work, small)
    work.histograms[large] = whole - work.histograms[small]


@compiled
def _find(work: _Work, growth: Growth, leaf: int) -> float:
    """Note the best split of a leaf; return its value."""
    bins = work.histograms[leaf]
    slope, bend, count = 0.0, 0.0, 0.0
    for b in range(BINS):
        slope, bend, count = slope + bins[0, b, 0], bend + bins[0, b, 1], count + bins[0, b, 2]
    whole = slope * slope / (bend + growth.ridge)
    work.best[leaf] = 0.0
    for f in range(bins.shape[0]):
        left, left_bend, left_count = 0.0, 0.0, 0.0
        for b in range(BINS - 1):
            left, left_bend, left_count = left + bins[f, b, 0], left_bend + bins[f, b, 1], left_count + bins[f, b, 2]
            if left_count < growth.least_rows or bins[f, b, 2] == 0.0:
                continue
            if count - left_count < growth.least_rows:
                break
            gain = _gain(left, left_bend, slope - left, bend - left_bend, growth.ridge) - whole - growth.least_gain
            if gain > work.best[leaf, 0]:
                work.best[leaf, 0], work.best[leaf, 1], work.best[leaf, 2] = gain, f, b
    return -growth.rate * slope / (bend + growth.ridge)


@inlined
def _gain(left: float, left_bend: float, right: float, right_bend: float, ridge: float) -> float:
    return left * left / (left_bend + ridge) + right * right / (right_bend + ridge)
