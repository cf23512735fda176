"""What holds for every test: nothing that one sets up for the whole process is left to the next."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import structlog
from hypothesis import settings

from tests import stores
from tests.brokers.broker import Missing
from tests.brokers.postgres import Postgres, running
from tests.ran import pytest_configure as pytest_configure  # noqa: PLC0414 -- pytest finds hooks by their names
from tests.ran import pytest_sessionfinish as pytest_sessionfinish  # noqa: PLC0414
from tests.ran import pytest_terminal_summary as pytest_terminal_summary  # noqa: PLC0414
from tests.ran import ran

# Peers of a benchmark run in environments of their own, which have what they import.
collect_ignore = ["benchmarks/peers/quix.py", "benchmarks/peers/faust.py"]

# No test is about how long something takes. `make test` tries the same examples each time; `make nightly` new ones.
settings.register_profile("forewarn", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("nightly", settings.get_profile("forewarn"), derandomize=False)
settings.load_profile(os.environ.get("FOREWARN_EXAMPLES", "forewarn"))


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Take back what a command in this process did to the log: its handlers write to a stream that ends with it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL that runs for as long as any test needs it."""
    with ExitStack() as stack:
        try:
            started = stack.enter_context(running())
        except Missing as error:
            pytest.skip(f"PostgreSQL: {error}")
        ran(started.name)
        yield started


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    """The name of a database with all tables, to copy."""
    return stores.migrated(postgres_server)


@pytest.fixture
def postgres(postgres_server: Postgres, postgres_template: str) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    url = postgres_server.create(postgres_template)
    yield stores.text(url)
    postgres_server.drop(url)


@pytest.fixture(autouse=True)
def store_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kind of database that `Database.open` makes of a file's name."""
    kind = getattr(request, "param", "postgres" if stores.EVERYWHERE else "sqlite")
    if kind == "postgres":
        instead = stores.Instead(
            request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
        )
        with pytest.MonkeyPatch.context() as patch:
            stores.install(instead, patch)
            yield kind
        instead.drop()
    else:
        yield kind


@pytest.fixture
def sqlite_only(store_kind: str) -> None:
    """Leave out on PostgreSQL what only a file can be or do."""
    if store_kind != "sqlite":
        pytest.skip("of SQLite only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on both databases what a module says is to be."""
    if getattr(metafunc.module, "BOTH_STORES", False) and not stores.EVERYWHERE:
        metafunc.parametrize("store_kind", ["sqlite", "postgres"], indirect=True)
