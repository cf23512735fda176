"""From what a channel understood of its provider's request to what the listener hears."""

from functools import partial

from sqlmodel import Session

from engine.conversations.listener import Heard
from engine.conversations.people import correspondents, sent_as
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
        vouched=partial(_vouched, channel.kind, told),
        thread=told.provider_id if channel.kind == "email" else told.thread or told.provider_id,
    )


def _vouched(kind: str, told: Replied, session: Session) -> bool:
    """Who writes a sender into an e-mail may lie, but knows no message that others got."""
    if kind != "email":
        return True
    asked = sent_as(session, told.thread) if told.thread else None
    return asked is not None and asked.address.lower() == told.sender.lower()
