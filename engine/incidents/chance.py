"""How likely it is that as many as were seen, or more, are so by chance. Tails are summed from their largest term."""

from collections.abc import Callable
from math import exp, inf, lgamma, log

NEGLIGIBLE = 1e-12
"""Terms that add less than this share to a sum are left out."""


def drawn(seen: int, draws: int, marked: int, of: int) -> float:
    """Return how likely `seen` or more of `draws` are marked, drawn at random of `of`, of which `marked` are.

    The tail of the hypergeometric distribution; what is no possible draw is brought to the nearest that is.

    No more than is to be expected counts as 1, as nobody asks how likely that is.

    >>> round(drawn(14, 16, 30, 100), 9)  # 14 of 16 affected customers live where 30 of 100 do
    2.69e-07
    >>> drawn(0, 16, 30, 100), drawn(16, 16, 100, 100)
    (1.0, 1.0)
    """
    draws, marked = min(draws, of), min(marked, of)
    most = min(draws, marked)
    if seen * of <= draws * marked:
        return 1.0
    if seen > most:
        return 0.0
    return _sum(_ways(seen, draws, marked, of), lambda k: _next(k, draws, marked, of), most)


def _ways(k: int, draws: int, marked: int, of: int) -> tuple[float, int]:
    """Return the logarithm of the probability of exactly `k`, with `k`."""
    return _choose(marked, k) + _choose(of - marked, draws - k) - _choose(of, draws), k


def _next(k: int, draws: int, marked: int, of: int) -> float:
    return (marked - k) * (draws - k) / ((k + 1.0) * (of - marked - draws + k + 1.0))


def counted(seen: int, mean: float, shape: float) -> float:
    """Return how likely `seen` or more come, where `mean` are expected, themselves not known better than `shape` tells.

    The tail of the negative binomial distribution: a Poisson count whose mean follows a Gamma distribution of that
    shape. The larger the shape, the better the mean is known.

    >>> round(counted(17, 1.0, 1.0), 7), counted(0, 1.0, 1.0)
    (7.6e-06, 1.0)
    >>> counted(5, 0.02, 1.0) < 1e-8 < counted(5, 0.02, 0.1)
    True
    """
    if seen <= 0 or seen <= mean:
        return 1.0
    if mean <= 0:
        return 0.0
    odds = log(mean) - log(shape + mean)
    first = lgamma(seen + shape) - lgamma(shape) - lgamma(seen + 1.0) - shape * log(1.0 + mean / shape) + seen * odds
    return min(1.0, _sum((first, seen), lambda k: (k + shape) / (k + 1.0) * exp(odds)))


def _choose(n: int, k: int) -> float:
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0)


def _sum(first: tuple[float, int], ratio: Callable[[int], float], last: float = inf) -> float:
    """Add up terms up to number `last`, each `ratio` times the one before; `first` is a logarithm and a number."""
    term, k = exp(first[0]), first[1]
    total = term
    while term > NEGLIGIBLE * total and k < last:
        term *= ratio(k)
        total += term
        k += 1
    return total
