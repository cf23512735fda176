"""From what a channel understood of its provider's request to what the listener hears."""

from functools import partial

from engine.conversations.listener import Heard
from engine.conversations.people import correspondents
from outreach.base import Channel
from outreach.inbound import CalledBack, Replied


def heard(name: str, channel: CalledBack, told: Replied) -> Heard:
    """Return what was said on the channel called `name` in channels.yaml."""
    kind = channel.address if isinstance(channel, Channel) else ""
    return Heard(
        source=f"{channel.vendor}/{name}",
        key=told.provider_id,
        kind=channel.kind,
        who=partial(correspondents, kind=kind, sender=told.sender, thread=told.thread),
        text=told.text,
        button=told.button,
        understood=told.understood,
        way="later" if channel.reply("") is None else "at once",
        channel=name,
        thread=told.provider_id if channel.kind == "email" else told.thread or told.provider_id,
    )
