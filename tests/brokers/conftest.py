"""Each test of a broker runs against every one there can be here; which ran, and which could not and why, is told."""

import gc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.brokers.broker import Broker, Missing, apache, named, noida
from tests.ran import ran

HERE = Path(__file__).parent
STARTERS = {"apache": apache, "noida": noida}


@pytest.fixture(scope="session", params=["named"] if named() else list(STARTERS))
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that runs for as long as any test needs it."""
    if (given := named()) is not None:
        yield given
        return
    with ExitStack() as stack:
        try:
            started = stack.enter_context(STARTERS[request.param](tmp_path_factory.mktemp(request.param)))
        except Missing as error:
            pytest.skip(f"{request.param}: {error}")
        ran(started.name)
        yield started


@pytest.fixture(autouse=True)
def no_sockets_left() -> Iterator[None]:
    """Let what kafka-python leaves open be found here, and not in another test."""
    yield
    gc.collect()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sockets that kafka-python forgets when it is closed while it connects are no fault of the test's."""
    for item in items:
        if Path(item.path).parent == HERE:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
