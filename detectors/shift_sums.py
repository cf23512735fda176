"""The two cumulative sums of `Shift`, and how rarely noise alone would bring them where they are."""

import math
from typing import Any, NamedTuple

from detectors.compiled import compiled, inlined
from detectors.shift_row import CUT, GUARD, SURE, Config

OVERSHOOT = 1.166
"""By how much a sum of normal steps passes a limit, twice over, in units (Siegmund 1985, ρ = 0.583)."""
LEAST_VARIANCE = 1e-30  # nothing divides by 0


class Noise(NamedTuple):
    """What a series' noise does to a cumulative sum."""

    variance: float
    """Of x in the long run: with its first-order autocorrelation."""
    root: float
    allowance: float


class Verdict(NamedTuple):
    """What the higher sum says, or the window."""

    side: int
    tail: float
    odds: float
    """Logarithm of the odds of a shift against none."""


@inlined
def noise_of(row: Any, config: Config) -> Noise:
    """Return what the noise that was learned makes of the sums; the allowance is wider while the level is new."""
    variance = float(row.variance)
    covariance = min(max(float(row.covariance), 0.0), 0.999 * variance)
    longer = max(variance * (variance + covariance) / max(variance - covariance, LEAST_VARIANCE), 1.0)
    root = math.sqrt(longer)
    guard = config.guard if row.age >= config.settled else GUARD / math.sqrt(float(row.age))
    return Noise(longer, root, config.allowance + guard * root)


@inlined
def sum_up(row: Any, config: Config, noise: Noise, x: float, error: float, ahead: float) -> None:
    """Add x to the sums, and the residual to the run of the higher one."""
    up, down, high = float(row.up), float(row.down), config.high * noise.variance
    if max(up, down) >= high:
        _watch(row, config, noise, x, high)
    else:
        row.up = max(config.keep * up + x - noise.allowance, 0.0)
        row.down = max(config.keep * down - x - noise.allowance, 0.0)
        if max(row.up, row.down) >= high:
            _watch_other(row)
    lead = max(row.up, row.down)
    side = 1 if row.up >= row.down else -1
    jump = (2.0 * max(up, down) < CUT) & (side * x >= CUT)  # a small run, and then this
    fresh = (row.run * side <= 0) | jump
    kept = 0.0 if fresh else 1.0
    row.run = side * min(int(kept) * abs(int(row.run)) + 1, 32000) * int(lead > 0.0)
    row.total, row.since = kept * row.total + error, kept * (row.since + ahead)


@compiled
def _watch(row: Any, config: Config, noise: Noise, x: float, high: float) -> None:
    """Add x to a high sum, while the other is one of the log likelihood that x is back from the mean of the run."""
    side = 1 if row.up >= row.down else -1
    lead, other = max(row.up, row.down), min(row.up, row.down)
    mean = lead / max(abs(int(row.run)), 1) + config.allowance
    other = max(other + 0.5 * mean - side * x, 0.0)
    lead = config.keep * lead + side * x - noise.allowance
    if mean * other >= SURE * noise.variance:
        lead = other = 0.0
    elif lead < high:
        other = 0.0
    row.up, row.down = (lead, other) if side > 0 else (other, lead)


@compiled
def _watch_other(row: Any) -> None:
    if row.up >= row.down:
        row.down = 0.0
    else:
        row.up = 0.0


@inlined
def judge(row: Any, config: Config, noise: Noise) -> Verdict:
    """Return the rate at which a series without a shift gets here: the exponent is the root θ of the cumulant function
    κ₂θ²/2 + κ₃θ³/6 − kθ of a step, the rate one in Siegmund's run length, (2.56), of a Brownian motion.
    """
    side = 1 if row.up >= row.down else -1
    lead, skew = max(row.up, row.down), max(side * float(row.skew), 0.0)
    theta = config.four / (noise.variance + math.sqrt(noise.variance * noise.variance + config.tilt * skew))
    above = theta * (lead + OVERSHOOT * noise.root)
    tail = 0.5 * (theta * noise.root) ** 2 / (math.exp(min(above, 700.0)) - above - 1.0)
    return Verdict(side, min(tail, 1.0), theta * lead)
