"""Each test of a broker runs against every one there can be here; which ran, and which could not and why, is told."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.brokers.broker import Broker, Missing, apache, named, noida

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
        RAN.append(started.name)
        yield started


RAN: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which brokers the tests ran against."""
    for name in sorted(set(RAN)):
        terminalreporter.write_line(f"broker: {name}")
