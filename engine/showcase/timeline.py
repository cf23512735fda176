"""A fortnight in one picture: what went wrong, when customers were told, and when they would have called. SVG."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from engine.showcase.scorecard import Moment

WIDTH, LEFT, RIGHT, TOP = 960, 150, 12, 26
ROW, LANE = 7, 16
DAY = 86400.0


@dataclass(frozen=True, slots=True)
class _Scale:
    start: float
    end: float

    def x(self, moment: float) -> float:
        share = (min(max(moment, self.start), self.end) - self.start) / (self.end - self.start)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def timeline(moments: Sequence[Moment], start: float, end: float) -> str:
    """Return an SVG picture of `moments`: a lane for each sort of incident, a bar for each account it touched.

    A dot is our first message, a stroke the contact that would have come: of the class `late` where no message came
    before it. Colours are CSS variables of the page.
    """
    scale = _Scale(start, end)
    parts: list[str] = []
    top = float(TOP)
    for wave, of_wave in _by_wave(moments).items():
        rows = _pack(of_wave)
        parts.append(f'<text x="{LEFT - 10}" y="{top + 6}" class="lane">{escape(wave.replace("-", " "))}</text>')
        for number, row in enumerate(rows):
            for moment in row:
                parts += _mark(scale, moment, top + number * ROW)
        top += len(rows) * ROW + LANE
    height = int(top)
    grid = "".join(_grid(scale, height))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" class="timeline">'
        f"<title>Incidents, first messages and the contacts that would have come</title>{grid}{''.join(parts)}</svg>"
    )


def _by_wave(moments: Sequence[Moment]) -> Mapping[str, list[Moment]]:
    found: dict[str, list[Moment]] = {}
    for moment in moments:
        found.setdefault(moment.wave, []).append(moment)
    return found


def _pack(moments: Sequence[Moment]) -> list[list[Moment]]:
    """Return rows in which no two moments lie over each other."""
    rows: list[list[Moment]] = []
    ends: list[float] = []
    for moment in sorted(moments, key=lambda each: (each.onset, each.end)):
        last = max(moment.end, moment.told_at or 0.0, moment.contact_at or 0.0)
        free = next((row for row, end in enumerate(ends) if end + DAY / 12 <= moment.onset), None)
        if free is None:
            rows.append([moment])
            ends.append(last)
        else:
            rows[free].append(moment)
            ends[free] = last
    return rows


def _mark(scale: _Scale, moment: Moment, y: float) -> Iterator[str]:
    left = scale.x(moment.onset)
    width = max(scale.x(moment.end) - left, 1.5)
    yield f'<rect x="{left}" y="{y}" width="{width:.1f}" height="4" rx="2" class="incident"/>'
    if moment.contact_at is not None:
        late = moment.told_at is None or moment.told_at >= moment.contact_at
        kind = "contact late" if late else "contact"
        yield f'<rect x="{scale.x(moment.contact_at) - 1}" y="{y - 1.5}" width="2" height="7" class="{kind}"/>'
    if moment.told_at is not None:
        yield f'<circle cx="{scale.x(moment.told_at)}" cy="{y + 2}" r="2.6" class="told"/>'


def _grid(scale: _Scale, height: int) -> Iterator[str]:
    moment = scale.start
    step = max(1, round((scale.end - scale.start) / DAY / 14)) * DAY
    while moment < scale.end:
        x, day = scale.x(moment), datetime.fromtimestamp(moment, UTC)
        weekend = day.weekday() >= 5 and step == DAY
        if weekend:
            width = scale.x(moment + DAY) - x
            yield f'<rect x="{x}" y="14" width="{width:.1f}" height="{height - 14}" class="weekend"/>'
        yield f'<line x1="{x}" x2="{x}" y1="14" y2="{height}" class="day"/>'
        yield f'<text x="{x + 2}" y="10" class="date">{day.day} {day:%b}</text>'
        moment += step
