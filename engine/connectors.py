"""What speaks to the world, made of a configuration: channels and ticket desks by their names."""

from collections.abc import Mapping
from typing import TypeVar

from engine.config.model import BUILTIN, ChannelConfig, Config
from engine.config.ready import ready, ready_desks
from engine.errors import ConfigError
from outreach.base import Channel, TicketDesk
from outreach.channels.inapp import FeedStore, InApp
from outreach.registry import channel_class, desk_class

Connector = TypeVar("Connector", Channel, TicketDesk)


def channels_of(config: Config, feed: FeedStore) -> dict[str, Channel]:
    """Return the channels that can be used; `feed` is where those keep messages that are read inside the product.

    Raises ConfigError for one that is needed and cannot be used.
    """
    usable, problems = ready(config)
    if problems:
        raise ConfigError("\n".join(map(str, problems)))
    return {name: _channel(each, feed) for name, each in usable.items()}


def _channel(config: ChannelConfig, feed: FeedStore) -> Channel:
    made = channel_class(config.type)
    handed = {"keep": lambda: feed} if issubclass(made, InApp) else {}
    return made(**config.params, **handed)


def desks_of(config: Config, own: TicketDesk) -> dict[str, TicketDesk]:
    """Return our own desk and those that can be used. Raises ConfigError for one that is needed and cannot be."""
    usable, problems = ready_desks(config)
    if problems:
        raise ConfigError("\n".join(map(str, problems)))
    return {BUILTIN: own, **{name: desk_class(each.type)(**each.params) for name, each in usable.items()}}


def rehearsed(config: Config, own: TicketDesk) -> dict[str, TicketDesk]:
    """Return our own desk under every desk's name: where nothing may reach the world, no vendor's desk is made."""
    return {BUILTIN: own, **dict.fromkeys(config.desks, own)}


def exchange(current: dict[str, Connector], new: Mapping[str, Connector]) -> list[Connector]:
    """Let `current` hold what `new` does; returns what it held and no longer does, to be closed once it is idle."""
    kept = set(map(id, new.values()))
    retired = [each for each in current.values() if id(each) not in kept]
    current.update(new)  # in place: others hold it too
    for name in current.keys() - new.keys():
        del current[name]
    return retired
