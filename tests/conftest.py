"""What holds for every test: nothing that one sets up for the whole process is left to the next."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

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
