"""The two cumulative sums of `Shift`, and how rarely noise alone would bring them where they are."""

from typing import Any, NamedTuple

from detectors.compiled import compiled, inlined
from detectors.exponential import exponential
from detectors.shift_row import CUT, SURE, Config

OVERSHOOT = 1.166
"""By how much a sum of normal steps passes a limit, twice over, in units (Siegmund 1985, ρ = 0.583)."""
LEAST_VARIANCE = 1e-30  # nothing divides by 0


class Noise(NamedTuple):
    """What a series' noise does to a cumulative sum."""

    variance: float
    """Of x in the long run: with its first-order autocorrelation."""
    allowance: float


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
    calm = (2.0 * max(up, down) >= CUT) | (side * x < CUT)  # else: a small run, and then this
    kept = 1.0 * ((row.run * side > 0) & calm)
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
def tail_at(far: float, rate: float) -> float:
    """Return the rate at which a series without a shift gets so far: one in Siegmund's run length, (2.56), of a
    Brownian motion.
    """
    return min(rate / (exponential(min(far, 700.0)) - far - 1.0), 1.0)
