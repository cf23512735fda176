"""Every vendor's desk in the engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.desks.world import World, world
from tests.outreach import desk_benches


@pytest.fixture(params=desk_benches.REMOTE, ids=lambda made: made.__name__)
def any_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Yield an engine at each vendor's desk in turn."""
    with request.param() as bench, world(tmp_path, bench) as made:
        yield made


@pytest.fixture
def zendesk(tmp_path: Path) -> Iterator[World]:
    """Yield an engine at one desk, for what does not depend on the vendor."""
    with desk_benches.zendesk() as bench, world(tmp_path, bench) as made:
        yield made
