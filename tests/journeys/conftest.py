"""What journeys have to say is shown at the end of a run, whether or not it passed."""

from collections.abc import Callable, Iterable

import pytest

LINES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def told(pytestconfig: pytest.Config) -> Callable[[Iterable[str]], None]:
    """Take lines for the summary."""
    return pytestconfig.stash.setdefault(LINES, []).extend


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write what was taken."""
    if lines := config.stash.get(LINES, []):
        terminalreporter.section("lead time over recorded telemetry")
        for line in lines:
            terminalreporter.write_line(line)
