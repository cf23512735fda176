"""The peer kind written plainly, for `compare: ratio`: objects and lists, whole windows kept, in double precision."""

import math
from dataclasses import dataclass, field
from statistics import median

from detectors.peer_cohort import SETTLED, USUAL_RATE
from detectors.peer_kernel import ALIGNED, CUT, ENOUGH, PRIOR, TEACHABLE, UNIT_RATE
from detectors.peer_tails import EARLY, FIRST_TAIL, LEAST_TAIL, TAIL_RATE, TEACHERS

Centre = tuple[float, float, int]
"""Of a window: centre, spread (NaN if the centre is assumed), members."""


@dataclass
class Member:
    """What is known of one series."""

    size: float = 0.0
    weight: float = 0.0
    unit: float = 0.0
    aligned: int = 0
    count: int = 0
    run: int = 0
    since: float = 0.0
    pending: tuple[float, float] | None = None


@dataclass
class PlainPeer:
    """One cohort."""

    members: int
    warmup: int
    share: float
    adopt: float
    tail: float = 0.05
    time: float = -math.inf
    open: list[float] = field(default_factory=list)
    young: int = 0
    closed: dict[float, Centre] = field(default_factory=dict)
    before: Centre | None = None
    times: list[float] = field(default_factory=list)
    last: float = 1.0
    usual: float = 0.0
    level: float = 0.0
    windows: int = 0
    known: dict[int, Member] = field(default_factory=dict)
    tails: list[list[float]] = field(default_factory=lambda: [[float(each) for each in FIRST_TAIL] for _ in range(2)])

    def update(self, series: int, time: float, value: float) -> tuple[float, float]:
        """Return the score and the expected value, then learn."""
        if time > self.time:
            self.close()
            self.time, self.open, self.young = time, [], 0
        member = self.known.setdefault(series, Member())
        settled = self.settle(member)
        said = (math.nan, math.nan)
        if member.aligned and member.count >= self.warmup:
            said = self.judge(member, value, settled)
        member.pending = (time, value)
        if member.aligned < ALIGNED:
            self.young += 1
        else:
            self.open.append(value / member.size)
        return said

    def centre(self) -> Centre | None:
        """Return what is known of the open window."""
        if len(self.open) < self.members or median(self.open) == 0:
            return None
        middle = median(self.open)
        distances = sorted(abs(each - middle) for each in self.open)
        return middle, distances[(len(distances) - 1) // 2], len(self.open)

    def close(self) -> None:
        """Keep the open window's centre."""
        now = self.centre()
        if now is not None:
            rate = max(USUAL_RATE, 1 / (self.windows + 1))
            spread = now[1] / self.swing(now[0], self.usual) if self.windows else now[1]
            for name, new in (("usual", spread), ("level", abs(now[0]))):
                old = getattr(self, name)
                cut = 3 * old if self.windows >= SETTLED and old > 0 else math.inf
                setattr(self, name, old + rate * (min(new, cut) - old))
            self.windows += 1
            self.last = now[0]
        elif len(self.open) < self.members <= len(self.open) + self.young:
            now = self.last, math.nan, len(self.open) + self.young
        self.before = now
        if now is not None:
            self.closed[self.time] = now
        self.times = [*self.times, self.time][-8:]

    def swing(self, centre: float, unit: float) -> float:
        """Return by what departures grow as the cohort does."""
        return (abs(centre) + unit + 1e-30) / (self.level + unit + 1e-30) if self.windows else 1.0

    def unit(self, member: Member, centre: float, spread: float) -> float:
        """Return a member's unit in a window."""
        unit, usual = member.unit * self.swing(centre, member.unit), self.usual * self.swing(centre, self.usual)
        if spread > usual:
            unit = unit * spread / usual if usual > 0 else max(unit, spread)
        return max(unit, 1e-6 * abs(centre), 1e-30)

    def settle(self, member: Member) -> float:
        """Learn from a value whose window is complete; return its departure in units."""
        if member.pending is None or member.pending[0] == self.time:
            return 0.0
        (time, value), member.pending = member.pending, None
        if time not in self.closed or time not in self.times:
            return 0.0
        centre, spread, members = self.closed[time]
        if not member.aligned:
            if value != 0:
                member.size, member.weight, member.aligned = value / centre, centre**2, 1
            return 0.0
        return self.learn(member, time, value / member.size - centre, (centre, spread, members))

    def learn(self, member: Member, time: float, departure: float, view: Centre) -> float:
        """Learn one departure."""
        centre, spread, members = view
        assumed = math.isnan(spread)
        unit = self.unit(member, centre, 0.0 if assumed else spread)
        if member.count >= self.warmup and not assumed:
            self.follow(member, time, departure / unit)
            if member.run > TEACHABLE:
                return departure / unit
            self.teach(departure / unit, members)
        cut = CUT * unit if member.count >= PRIOR else math.inf
        member.weight = (1 - self.share) * member.weight + centre**2
        member.size += max(min(departure, cut), -cut) * member.size * centre / member.weight
        member.aligned += 1
        if assumed:
            return 0.0
        if not member.count:
            member.unit = self.usual
        size = min(abs(departure), cut) / self.swing(centre, member.unit)
        member.unit += max(UNIT_RATE, 1 / (member.count + PRIOR + 1)) * (size - member.unit)
        member.count += 1
        return departure / unit

    def follow(self, member: Member, time: float, z: float) -> None:
        """Count a run outside."""
        first, second, _ = self.tails[int(z < 0)]
        if abs(z) <= first * (1 + second):
            member.run = 0
            return
        member.since = member.since if member.run else time
        member.run += 1
        if time - member.since >= self.adopt:
            member.aligned = member.count = member.run = 0

    def teach(self, z: float, members: int) -> None:
        """Move the tails."""
        weight = min(TEACHERS / members * (1 + EARLY / self.windows), 1)
        first, second, third = self.tails[int(z < 0)]
        for tail in self.tails:
            for j in range(3):
                tail[j] = max(tail[j] * (1 - TAIL_RATE[j] * self.tail * 0.1**j * weight), float(LEAST_TAIL[j]))
        for j, reach in enumerate((first, first * (1 + second), first * (1 + second * (1 + third)))):
            if abs(z) > reach:
                self.tails[int(z < 0)][j] *= 1 + TAIL_RATE[j] * weight

    def judge(self, member: Member, value: float, settled: float) -> tuple[float, float]:
        """Score a value by the nearer of two centres; alone, the one before needs the departure before to agree."""
        latest, now = self.before, self.centre()
        if now is not None and latest is not None and now[2] < ENOUGH * latest[2]:
            now = None
        before = latest if latest is not None and not math.isnan(latest[1]) else None
        if now is None and before is None:
            return math.nan, math.nan
        views = [view for view in (now, latest) if view is not None]
        y = value / member.size
        view = min(views, key=lambda each: abs(y - each[0])) if now is not None else views[0]
        spread = max(each[1] for each in (now, before) if each is not None)
        z = (y - view[0]) / self.unit(member, view[0], spread)
        if now is None:
            z = 0.0 if settled * z <= 0 else min(settled, z, key=abs)
        elif latest is not None and (y - latest[0]) * (y - now[0]) < 0:
            z = 0.0
        return self.score(z), view[0] * member.size

    def score(self, z: float) -> float:
        """Return 1 − tail probability."""
        first, second, third = self.tails[int(z < 0)]
        z = abs(z) / first
        if z < 1:
            return 0.9 * z
        decades = (z - 1) / second
        if decades > 1:
            beyond, growth = (decades - 1) / third, max(third, 1.0)
            bent = beyond > 1 and growth >= 1.001
            decades = 1 + (math.log1p((growth - 1) * beyond) / math.log(growth) if bent else beyond)
        return 1 - 0.1 * math.pow(10, -decades)
