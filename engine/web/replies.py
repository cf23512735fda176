"""What people answer, as a provider tells it: heard, and answered with the same response where there is a way."""

from engine.conversations.listener import Listener
from engine.conversations.received import heard
from engine.web.services import Services
from outreach.inbound import Answer, CalledBack, Replied


def listener(services: Services) -> Listener:
    """Return who hears answers, under the configuration in force."""
    return Listener(services.config(), services.database, services.intake, services.links, services.clock)


def answered(services: Services, name: str, channel: CalledBack, told: Replied) -> Answer | None:
    """Take what a person wrote or pressed; return what is said back at once, if anything."""
    spoken = listener(services).hear(heard(name, channel, told))
    return channel.reply(spoken.text, spoken.locale) if spoken.text else None
