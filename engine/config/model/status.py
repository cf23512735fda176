"""The typed values of `status.yaml`: what the public status page is of, and who may be told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.durations import Duration
from engine.config.model.places import NOWHERE, Per, Place


@dataclass(frozen=True, slots=True)
class ComponentConfig:
    """`api: {label: API, group: Platform, detectors: [api-*], attributes: {region: eu}}`, a part customers know."""

    label: str
    """As the public reads it."""
    group: str = ""
    about: str = ""
    detectors: tuple[str, ...] = ()
    """Names or globs: whose issues concern it."""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Only issues of accounts whose attributes have one of these values; none: of every account."""
    place: Place = NOWHERE


@dataclass(frozen=True, slots=True)
class StatusConfig:
    """`status.yaml`. Without the file there is no status page."""

    components: Mapping[str, ComponentConfig]
    title: str = ""
    """Of the page; empty: the company's name."""
    channel: str = ""
    """The channel by which subscribers are told; empty: nobody can subscribe by mail."""
    webhook: str = ""
    """The channel by which systems of others are told; empty: none can be subscribed."""
    confirm_within: Duration = Duration(48 * 3600.0)
    """How long a subscription can be confirmed."""
    confirmations: Per = Per(200, 3600.0, calendar=False)
    """At most so many mails that ask for a confirmation, to all addresses together."""
    change: str = "maintenance"
    """What a maintenance window is to calendars that name it under `changes`."""
    place: Place = NOWHERE

    def by(self, kind: str) -> str:
        """Return the channel by which subscribers with an address of a kind are told; empty: they are not.

        >>> StatusConfig({}, channel="mail").by("email"), StatusConfig({}, channel="mail").by("url")
        ('mail', '')
        """
        return {"email": self.channel, "url": self.webhook}.get(kind, "")
