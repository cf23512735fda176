"""Which servers the tests ran against: told at the end, whichever process it was that ran them."""

from typing import Any

import pytest

_RAN: set[str] = set()


def ran(name: str) -> None:
    """Take note that tests run against `name`."""
    _RAN.add(name)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of several processes, let the one that reports know."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["ran"] = sorted(_RAN)


class Gathering:
    """What the process that reports hears of the others."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what another process ran against."""
        _RAN.update(getattr(node, "workeroutput", {}).get("ran", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Listen to other processes, if there are any."""
    config.pluginmanager.register(Gathering(), "forewarn-ran")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests ran against."""
    for name in sorted(_RAN):
        terminalreporter.write_line(f"ran against: {name}")
