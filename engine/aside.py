"""Snapshots that are written beside the work: one at a time, and what came of each."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

from engine.pipeline import Frozen, Pipeline


class Inline(Executor):
    """Does at once what it is given: where there is to be no thread."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> "Future[Any]":
        """Do it, and return what came of it."""
        answer = Future[Any]()
        try:
            answer.set_result(work(*args, **options))
        except Exception as error:  # noqa: BLE001 -- it is raised where the answer is looked at
            answer.set_exception(error)
        return answer


class Written(NamedTuple):
    """A snapshot that was written."""

    oldest: int
    """The offset of the oldest one that is kept."""
    seconds: float


class Aside(NamedTuple):
    """A snapshot that is being written."""

    pipeline: Pipeline
    offset: int
    size: int
    answer: "Future[Written]"


def timed(frozen: Frozen) -> Written:
    """Write a snapshot."""
    begun = time.perf_counter()
    return Written(frozen.write(), time.perf_counter() - begun)
