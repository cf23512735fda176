"""From signals, one after the other, to incidents: more at once than is usual, or in one place more than chance has it.

Two things make an incident of signals of one detector that came within `within`:

- *burst*: more accounts are affected than the detector's own past lets expect, anywhere or among those with one value.
  That needs a day of history.
- *agreement*: those affected share a value more often than the population does. That needs to know how many there are.

Each window may find by chance an equal part of the incidents that `false_per_month` allows, over all detectors; within
it look number k gets 1/(k(k+1)) of that part, so that all looks together get no more, however many there are; and each
look divides it by the number of values that it looks at (Bonferroni). So where signals are independent of each other
and come as often as they did, no more than `false_per_month` incidents a month are expected to be none.

Which cause is named is another question, asked once there is an incident: the value that is least likely to be shared
by chance, a conjunction of two where the second explains significantly more, or none.

Everything is a function of the signals in their order, so whoever reads them again finds the same. Memory is bounded:
so many signals a window, and a few open cases, are all that is kept.
"""

from collections.abc import Iterable, Iterator

from engine.config.model.incidents import MONTH, IncidentConfig
from engine.ids import derive
from engine.incidents.cases import MOST, Case, Grown, Raised, Window
from engine.incidents.causes import SURE, Candidate, Cause, Search, worded
from engine.incidents.population import Fleet
from engine.incidents.usual import Usual

KNOWN = 100_000
"""Signals that are known by their ids: each may come again."""
CASES = 50
"""Cases that are open at the same time."""
GROWN = 1.2
"""Those affected are looked at again when they are so many times as many, or after a part of the window."""
PARTS = 6


class Former:
    """Forms incidents under one configuration, of `detectors` detectors."""

    def __init__(self, rules: IncidentConfig, detectors: int) -> None:
        self._rules = rules
        self._window = float(rules.within)
        self._part = rules.false_per_month * self._window / MONTH / max(detectors, 1)
        self.fleet = Fleet()
        self._windows: dict[str, Window] = {}
        self._cases: list[Case] = []
        self._known: dict[str, None] = {}
        self._since = self._now = float("-inf")

    def pass_(self, time: float) -> None:
        """Take note that time has come so far."""
        self._since = time if self._since == float("-inf") else self._since
        self._now = max(self._now, time)

    def take(self, raised: Raised) -> Grown | None:
        """Take one signal; one that was there before is nothing new."""
        if raised.id in self._known:
            return None
        self._remember(raised.id)
        self.pass_(raised.time)
        watched = self._watched(raised.detector)
        self._count(watched, raised)
        self._cases = [case for case in self._cases if case.last >= self._now - self._window]
        if (case := self._case_of(raised)) is not None:
            case.add(raised)
            self._look_closer(case, watched)
            return Grown(case, [raised])
        return self._wait(watched, raised)

    # -- what is usual ------------------------------------------------------------------------------------------------

    def _watched(self, detector: str) -> Window:
        if detector not in self._windows:
            self._windows[detector] = Window(Usual(self._window), self._since)
        watched = self._windows[detector]
        number = int((self._now - watched.since) // self._window)
        if number > watched.number:
            watched.usual.close(len(watched.counted))
            watched.usual.quiet(number - watched.number - 1)
            watched.usual.learn(watched.values)
            watched.number, watched.looks = number, 0
            watched.counted.clear()
            watched.values.clear()
        return watched

    def _count(self, watched: Window, raised: Raised) -> None:
        """Let a signal teach what is usual; of those with one value in a window only the first few."""
        if raised.affected.account in watched.counted or len(watched.counted) >= MOST:
            return
        watched.counted.add(raised.affected.account)
        for kind, _, values in raised.affected.holders():
            for at, value in enumerate(values):
                if value and watched.values[kind, at, value] < self._rules.at_least:
                    watched.values[kind, at, value] += 1

    # -- incidents ----------------------------------------------------------------------------------------------------

    def _wait(self, watched: Window, raised: Raised) -> Grown | None:
        watched.add(raised, self._now - self._window)
        accounts = len(watched.accounts)
        if accounts < self._rules.at_least or not self._due(watched, accounts):
            return None
        watched.looks += 1
        watched.looked = self._now, accounts
        found = self._found(watched, accounts, self._part / (watched.looks * (watched.looks + 1)))
        return None if found is None else self._formed(watched, raised.detector, *found)

    def _due(self, watched: Window, accounts: int) -> bool:
        at, before = watched.looked
        return accounts >= GROWN * before or self._now - at >= self._window / PARTS

    def _found(self, watched: Window, accounts: int, part: float) -> tuple[Cause, str] | None:
        """Return the cause of an incident, and its words, if there is one; `part` is what a look may err by."""
        usual = watched.usual
        search = self._search(watched, watched.recent)
        singles = [each for each in search.singles() if each.lift >= self._rules.lift]
        values = max(self.fleet.values, 1)
        best = singles[0] if singles else None
        agree = best is not None and best.chance * values <= part / 2
        burst = usual.settled and usual.chance(accounts) <= part / 4
        local = [each for each in singles if usual.settled and self._bursts(usual, each) * values <= part / 4]
        if best is not None and (agree or ((burst or local) and best.chance * values <= SURE)):
            return self._named(search, best, SURE)
        if local:
            return self._named(search, local[0], SURE)
        return (Cause(), self._everywhere(usual, accounts)) if burst else None

    def _bursts(self, usual: Usual, each: Candidate) -> float:
        return usual.chance(each.accounts, each.share)

    def _search(self, watched: Window, among: Iterable[Raised]) -> Search:
        affected = (each.affected for each in among)
        return Search(affected, self.fleet, watched.usual.share, self._rules.at_least)

    def _named(self, search: Search, single: Candidate, sure: float) -> tuple[Cause, str]:
        narrowed = search.narrowed(single, sure)
        shown = worded(single, self._rules.dimensions)
        if narrowed is not single:
            (also,) = set(narrowed.cause.values) - set(single.cause.values)
            shown += f"; {narrowed.seen} of these {single.seen} have {self._rules.dimensions[also[0]]} {also[1]}"
        return narrowed.cause, shown

    def _everywhere(self, usual: Usual, accounts: int) -> str:
        minutes = f"{self._window / 60.0:.0f} minutes"
        return f"nothing found in common: {accounts} accounts within {minutes}, where {usual.mean:.2g} are usual"

    def _formed(self, watched: Window, detector: str, cause: Cause, words: str) -> Grown:
        members = watched.take_out(cause)
        watched.looked = self._now, 0
        case = self._alike(cause)
        if case is None:
            first = members[0]
            key = derive("case", detector, cause.kind, cause.values, first.id, repr(first.time))
            case = Case(key, detector, cause, words, first.time, members[-1].time)
            self._cases = [*self._cases[-CASES + 1 :], case]
        for each in members:
            case.add(each)
        case.looked = len(case.members)
        return Grown(case, members)

    def _alike(self, cause: Cause) -> Case | None:
        """Return the open case of another detector with the same cause: it shows in several ways."""
        return next((case for case in self._cases if cause.values and case.cause == cause), None)

    def _case_of(self, raised: Raised) -> Case | None:
        """Return the open case a signal belongs to, the most special first."""
        found = (case for case in self._open_of(raised.detector) if case.takes(raised, self._window))
        return max(found, key=lambda case: len(case.cause.values), default=None)

    def _open_of(self, detector: str) -> Iterator[Case]:
        for case in self._cases:
            if detector in case.detectors:
                yield case

    def _look_closer(self, case: Case, watched: Window) -> None:
        """See whether more members tell more of the cause."""
        if len(case.cause.values) > 1 or len(case.members) < GROWN * case.looked or len(case.members) == MOST:
            return
        case.looked = len(case.members)
        case.looks += 1
        sure = SURE / (case.looks * (case.looks + 1))
        search = self._search(watched, [*case.members, *watched.recent])
        singles = search.singles()
        if case.cause.values:
            singles = [each for each in singles if each.cause == case.cause]
        elif singles and (singles[0].chance * self.fleet.values > sure or singles[0].lift < self._rules.lift):
            singles = []
        if singles:
            case.cause, case.words = self._named(search, singles[0], sure)

    def _remember(self, id_: str) -> None:
        self._known[id_] = None
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
