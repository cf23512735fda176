"""Doing something again and again while something else goes on."""

import random
import threading
from collections.abc import Callable


class Meanwhile:
    """Calls `act` after waits that `dice` choose, of so many seconds, from a thread of its own. A context manager.

    It is called once at least, at the end of the block where that came before, and `most` times at most.

    What `act` raises is raised at the end of the block, where nothing else was.
    """

    def __init__(
        self, act: Callable[[], None], dice: random.Random, between: tuple[float, float], *, most: int = 1000
    ) -> None:
        self.times = 0
        self._act, self._dice, self._between, self._most = act, dice, between, most
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error: Exception | None = None

    def __enter__(self) -> "Meanwhile":
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def _run(self) -> None:
        try:
            while self.times < self._most and not self._over.wait(self._dice.uniform(*self._between)):
                self._do()
            if not self.times:  # it was over soon
                self._do()
        except Exception as error:  # noqa: BLE001 -- a thread's boundary: raised at the end
            self._error = error

    def _do(self) -> None:
        self._act()
        self.times += 1
