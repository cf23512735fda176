"""Whether what speaks to the world can be made: a channel, a ticket desk."""

from collections.abc import Callable

from engine.config.loaded import Loaded
from engine.config.model import ChannelConfig
from engine.config.reader import BROKEN, Reader
from engine.config.secrets import unset
from engine.config.special import made


def check_connector(loaded: Loaded, config: ChannelConfig, find: Callable[[str], type]) -> None:
    """Make it once, so that its constructor can refuse; nothing is sent or asked. Without its secrets it is not made.

    `find` returns the class of a type.
    """
    if unset(config.params):
        return
    connector = made(Reader(loaded.problems), find(config.type), config.params, loaded.tables[config.place])
    if connector is not BROKEN:
        connector.close()
