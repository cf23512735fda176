"""The evidence as a picture: the last points of a series, what was expected, and where it left it. SVG, no scripts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, PAD = 560, 160, 28
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Band:
    """What was expected; infinite or NaN ends are not drawn."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class Labels:
    """How the numbers in a picture are told."""

    expected: str = "expected {value}"
    number: Callable[[float], str] = "{:.4g}".format


PLAIN = Labels()


def picture(points: Points, band: Band, *, title: str, labels: Labels = PLAIN) -> str:
    """Return an SVG image of `points` (epoch seconds, value) with the expected band; the last point is marked.

    >>> picture([(0.0, 1.0), (60.0, 9.0)], Band(0.0, 1.0, 2.0), title="errors").count("<circle")
    1
    """
    finite = [(time, value) for time, value in points if math.isfinite(value)]
    if not finite:
        return _svg(title, [f'<text x="{PAD}" y="{HEIGHT / 2}" fill="#555">no data</text>'])
    scale = _Scale(finite, band)
    return _svg(title, [*_band(scale, band, labels), _line(scale, finite), *_last(scale, finite[-1], labels)])


class _Scale:
    """From (time, value) to pixels."""

    def __init__(self, points: Points, band: Band) -> None:
        values = [value for _, value in points]
        values += [each for each in (band.low, band.expected, band.high) if math.isfinite(each)]
        self._low, self._high = min(values), max(values)
        self._start, self._end = points[0][0], points[-1][0]

    def x(self, time: float) -> float:
        span = self._end - self._start or 1.0
        return round(PAD + (time - self._start) / span * (WIDTH - 2 * PAD), 1)

    def y(self, value: float) -> float:
        span = self._high - self._low or 1.0
        share = min(max((value - self._low) / span, 0.0), 1.0)
        return round(HEIGHT - PAD - share * (HEIGHT - 2 * PAD), 1)


def _svg(title: str, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="11" style="max-width:100%">'
    )
    name = escape(title)
    return f'{head}<title>{name}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>'


def _band(scale: _Scale, band: Band, labels: Labels) -> list[str]:
    parts = []
    top = scale.y(band.high) if math.isfinite(band.high) else PAD
    bottom = scale.y(band.low) if math.isfinite(band.low) else HEIGHT - PAD
    if math.isfinite(band.high) or math.isfinite(band.low):
        parts.append(
            f'<rect x="{PAD}" y="{top}" width="{WIDTH - 2 * PAD}" height="{max(bottom - top, 1)}" fill="#dbe9f6"/>'
        )
    if math.isfinite(band.expected):
        y = scale.y(band.expected)
        parts.append(
            f'<line x1="{PAD}" x2="{WIDTH - PAD}" y1="{y}" y2="{y}" stroke="#6b93b8" stroke-dasharray="4 3"/>'
            f'<text x="{PAD}" y="{y - 4}" fill="#41617d">{_named(labels, band)}</text>'
        )
    return parts


def _named(labels: Labels, band: Band) -> str:
    return escape(labels.expected.replace("{value}", labels.number(band.expected)))


def _line(scale: _Scale, points: Points) -> str:
    path = " ".join(f"{scale.x(time)},{scale.y(value)}" for time, value in points)
    return f'<polyline points="{path}" fill="none" stroke="#1d4e79" stroke-width="1.6"/>'


def _last(scale: _Scale, point: tuple[float, float], labels: Labels) -> list[str]:
    x, y = scale.x(point[0]), scale.y(point[1])
    return [
        f'<circle cx="{x}" cy="{y}" r="4" fill="#b3261e"/>',
        f'<text x="{x - 6}" y="{y - 7}" text-anchor="end" fill="#b3261e">{escape(labels.number(point[1]))}</text>',
    ]
