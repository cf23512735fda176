"""Asking what may hang."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLong
from typing import Generic, TypeVar

from engine.errors import Retryable

_T = TypeVar("_T")


class Patient(Generic[_T]):
    """Asks in a thread of its own, and waits for no more than `seconds`. Safe to use from several threads.

    While an answer is outstanding nobody asks anew: however often one looks at what hangs, one thread hangs with it.
    """

    def __init__(self, ask: Callable[[], _T], seconds: float) -> None:
        self._ask, self._seconds = ask, seconds
        self._lock = threading.Lock()
        self._outstanding: Future[_T] | None = None

    def __call__(self) -> _T:
        """Return the answer, or raise what was raised; Retryable where there is none in time."""
        try:
            return self._answer().result(self._seconds)
        except TooLong:
            raise Retryable(f"no answer within {self._seconds:g} s") from None

    def _answer(self) -> "Future[_T]":
        with self._lock:
            if self._outstanding is None or self._outstanding.done():
                self._outstanding = Future()
                threading.Thread(target=self._fill, args=(self._outstanding,), name="asking", daemon=True).start()
            return self._outstanding

    def _fill(self, answer: "Future[_T]") -> None:
        try:
            answer.set_result(self._ask())
        except Exception as error:  # noqa: BLE001 -- it is raised where the answer is waited for
            answer.set_exception(error)
