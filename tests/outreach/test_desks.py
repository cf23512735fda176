"""Every ticket desk, against a stand-in of what is behind it, does what all desks must."""

from collections.abc import Callable, Iterator

import pytest

from outreach import desk_checks
from outreach.desk_bench import DeskBench
from tests.outreach import desk_benches


@pytest.fixture(params=desk_benches.ALL, ids=lambda made: made.__name__)
def bench(request: pytest.FixtureRequest) -> Iterator[DeskBench]:
    with request.param() as made:
        yield made


@pytest.mark.parametrize("check", desk_checks.checks(), ids=lambda check: check.__name__)
def test_desk(bench: DeskBench, check: Callable[[DeskBench], None]) -> None:
    check(bench)
