"""The disk of the snapshots is full: workers go on, say so, and write them again when there is room."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.brokers.broker import Missing
from tests.outages.disk import Disk, Full
from tests.outages.traps import Trap
from tests.outages.twins import Twins


@pytest.fixture
def disk(twins: Twins) -> Iterator[Disk]:
    with ExitStack() as stack:
        try:
            made = stack.enter_context(Disk(twins.town.folder / "shared" / "snapshots"))
        except Missing as error:
            pytest.skip(f"no disk to fill: {error}")
        yield made


def test_the_disk_of_the_snapshots_is_full(twins: Twins, disk: Disk) -> None:
    """A worker is killed meanwhile: its successors go on from the snapshots of before."""
    twins.live([Trap("worker", "commit, made", 3)], crowd=2, meanwhile=Full(disk, twins.town))
