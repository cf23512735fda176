"""What desks.yaml says."""

from engine.config.check_connectors import check_connector
from engine.config.loaded import Loaded
from engine.config.model import BUILTIN, DeskConfig

SHORTEST = 10.0
"""Seconds between two pollings at least: a desk's requests are needed for tickets."""


def check_desks(loaded: Loaded) -> None:
    """Note what is wrong with each ticket desk."""
    from outreach.registry import desk_class  # noqa: PLC0415 -- heavy: only where there is a desk

    if BUILTIN in loaded.declared["desks"]:
        place = loaded.declared["desks"][BUILTIN]
        loaded.problems.error(place, f'a desk cannot be called "{BUILTIN}"', "it is the one that comes with Forewarn")
    for config in loaded.desks.values():
        _check_poll(loaded, config)
        check_connector(loaded, config, desk_class)


def _check_poll(loaded: Loaded, config: DeskConfig) -> None:
    if 0.0 < config.poll < SHORTEST:
        place = loaded.where(config.place, "poll")
        loaded.problems.error(place, f"{config.poll} is too often to ask a desk", "write 1m, or never")
