"""What desks.yaml says."""

from engine.config.loaded import Loaded
from engine.config.model import BUILTIN, DeskConfig
from engine.config.reader import Reader
from engine.config.secrets import unset
from engine.config.special import made


def check_desks(loaded: Loaded) -> None:
    """Note what is wrong with each ticket desk."""
    if BUILTIN in loaded.declared["desks"]:
        place = loaded.declared["desks"][BUILTIN]
        loaded.problems.error(place, f'a desk cannot be called "{BUILTIN}"', "it is the one that comes with Forewarn")
    for config in loaded.desks.values():
        if not unset(config.params):
            _check_desk(loaded, config)


def _check_desk(loaded: Loaded, config: DeskConfig) -> None:
    """Make the desk once, so that its constructor can refuse; nothing is asked."""
    from outreach.registry import desk_class  # noqa: PLC0415 -- heavy: only where there is a desk

    desk = made(Reader(loaded.problems), desk_class(config.type), config.params, loaded.tables[config.place])
    close = getattr(desk, "close", None)
    if close is not None:
        close()
