"""What lies in the mailboxes of channels: it becomes events, as what is posted to us does (`engine.web.webhooks`)."""

import structlog

from engine.web.problems import Refused
from engine.web.services import Services
from engine.web.webhooks import take
from outreach.inbound import Inbound, Polled

log = structlog.get_logger()


def collect(services: Services) -> int:
    """Take what came since into the mailboxes of all channels; returns how many mails were read.

    A mailbox that cannot be read is said to be so, and tried the next time. Raises Retryable where events cannot be
    written now: what was not written lies there still.
    """
    return sum(
        _collected(services, name, channel)
        for name, channel in list(services.channels.items())
        if isinstance(channel, Polled)
    )


def _collected(services: Services, name: str, channel: Polled) -> int:
    def written(told: Inbound) -> None:
        try:
            take(services, name, channel, told)
        except Refused as error:  # it is a dead letter by now, and would be one each time
            log.warning("mail refused", channel=name, error=error.detail)

    try:
        return channel.poll(written)
    except OSError as error:
        log.warning("mailbox cannot be read", channel=name, error=str(error))
        return 0
