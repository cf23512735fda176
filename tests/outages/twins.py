"""A town and the same in one process without trouble: what goes into both has to come out the same."""

import random
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import count
from pathlib import Path

from tests.outages.deliveries import Minute, Way, post
from tests.outages.life import CALM, CONFIG, DAY, DAYS, START, accounts, minutes, people
from tests.outages.state import Alike, differences, identical
from tests.outages.town import Town
from tests.outages.traps import LONGEST, WHILE, Trap
from tests.outages.undisturbed import Undisturbed


class Twins:
    """Both, day after day. Use it as a context manager."""

    def __init__(self, folder: Path, *, before: Path | None = None, alike: Alike = identical) -> None:
        """The town begins with processes of the version `before`, if it is given; its models have to be `alike`."""
        self._folder, self._before, self._alike = folder, before, alike
        self._opened = ExitStack()
        self._day = 0
        self.sound = True
        """Whether all days ended as they should."""

    def __enter__(self) -> "Twins":
        with ExitStack() as stack:
            (self._folder / "town").mkdir()
            self.calm = stack.enter_context(Undisturbed(self._folder / "calm", CONFIG))
            self.town = stack.enter_context(Town(self._folder / "town", before=self._before))
            self._opened = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def live(
        self,
        traps: Sequence[Trap] = (),
        *,
        crowd: int = 1,
        meanwhile: AbstractContextManager[object] | None = None,
        refused: Collection[str] = (),
        way: Way = post,
    ) -> None:
        """Let a day pass: people come, some fall into trouble, and out of it; processes fall into traps.

        There are `crowd` accounts in each partition. `meanwhile` goes on all day, until all has come and while the town
        comes to where its twin is. `refused` are reasons for which events may be dead letters before they are taken.
        By which `way` events come makes no difference.

        Raises AssertionError unless in the end all is the same in both.
        """
        self.sound = False
        before = self.town.dead()
        day, self._day = self._day, self._day + 1
        of = accounts(f"d{day}", crowd)
        self._come([(START + day * DAY, people(of))], way)
        self.same()
        with meanwhile or nullcontext(), self._set(traps, random.Random(day)):
            self._come(list(minutes(of, range(CALM), failing=True, day=day)), way)
            self.same()
            self._come(list(minutes(of, range(CALM, DAYS.stop), failing=False, day=day)), way)
            self._spring(traps)
            self.same()
        self.same()  # whoever came back at the end has changed nothing
        self.same_models()
        assert (self.town.dead() - before).keys() <= set(refused)
        self.sound = True

    def _come(self, told: Sequence[Minute], way: Way) -> None:
        for now, lines in told:
            self.calm.hand_in(lines, now)
        way(self.town, told)

    def same(self) -> None:
        """Wait until the town has come to where the other is."""
        wanted = self.calm.state()

        def reached() -> bool:
            if not differences(self.town.state(), wanted):
                return True
            self.town.pass_()
            return False

        self.town.until(reached, lambda: self._told(differences(self.town.state(), wanted)))

    def same_models(self) -> None:
        """Wait until snapshots hold what the other's models remember."""
        wanted = self.calm.models()
        clock, looks = self.town.clock, count()

        def unlike() -> list[str]:
            found = self.town.models()
            return [
                f"partition {number}: {name}"
                for number, arrays in wanted.items()
                for name in arrays
                if not self._alike(name, found.get(number, {}).get(name, b""), arrays[name])
            ]

        def written() -> bool:
            if next(looks) % 20 == 0:  # once for those who live now, and again for who was restarted since
                clock.set(clock.elapsed() + 60.0)
            return not unlike()

        self.town.until(written, lambda: self._told(unlike()))

    @contextmanager
    def _set(self, traps: Sequence[Trap], dice: random.Random) -> Iterator[None]:
        """Have traps set while the block lasts; those without a moment spring after a while."""
        for each in self.town.processes.values():
            each.traps = [trap for trap in traps if trap.role == each.role]
        timers = [
            threading.Timer(dice.uniform(0.0, LONGEST), self._kill(trap, dice)) for trap in traps if trap.what == WHILE
        ]
        for timer in timers:
            timer.start()
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()
            for each in self.town.processes.values():
                each.traps = []

    def _spring(self, traps: Sequence[Trap]) -> None:
        """Kill one for each trap whose moment has not come, at the latest now."""
        for trap in traps:
            if not trap.sprung:
                self._kill(trap, random.Random(trap.nth))()

    def _kill(self, trap: Trap, dice: random.Random) -> Callable[[], None]:
        victims = [each for each in self.town.of(trap.role) if each.wanted]

        def kill() -> None:
            if trap.springs(trap.what) or not trap.sprung:
                dice.choice(victims).kill(WHILE)

        return kill

    def _told(self, wrong: Sequence[str]) -> str:
        return "\n".join([*wrong, self.town.said()])
