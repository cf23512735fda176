"""Each test of an outage has a town; one that a test left in disorder is not used again."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.brokers.broker import VERSION, Missing, named
from tests.outages.twins import Twins
from tests.ran import ran

HERE = Path(__file__).parent


class Keeper:
    """Keeps a town for the tests of a module."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._opened = ExitStack()
        self._kept: Twins | None = None

    def twins(self) -> Twins:
        """Return the town and its twin; made anew where there are none, or no sound ones."""
        if self._kept is None or not self._kept.sound:
            self.close()
            try:
                self._kept = self._opened.enter_context(Twins(self._folders.mktemp("twins")))
            except Missing as error:
                pytest.skip(f"no town here: {error}")
            ran(f"Apache Kafka {VERSION[1] if VERSION else ''}")
            ran(self._kept.town.server.name)
        return self._kept

    def close(self) -> None:
        """Let the town be gone."""
        self._kept = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # sockets that kafka-python forgets
            self._opened.close()
            gc.collect()


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    if named() is not None:
        pytest.skip("the broker that is named is not ours to kill")
    kept = Keeper(tmp_path_factory)
    yield kept
    kept.close()


@pytest.fixture
def twins(keeper: Keeper) -> Iterator[Twins]:
    """A town, and the same in one process without trouble."""
    yield keeper.twins()
    gc.collect()  # what kafka-python leaves open is found here, and not in another test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sockets that kafka-python forgets when it is closed while it connects are no fault of the test's."""
    for item in items:
        if Path(item.path).parent == HERE:
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
