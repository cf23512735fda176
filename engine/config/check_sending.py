"""What is said of how fast messages go: the sending of channels.yaml, the pace of policy.yaml."""

from zoneinfo import available_timezones

from engine.config.load import POLICY
from engine.config.loaded import Loaded
from engine.config.model import ChannelConfig, Pace, Place, Shift
from engine.config.problems import nearest

MOST_CONNECTIONS, LARGEST_BATCH = 64, 1_000


def check_sending(loaded: Loaded) -> None:
    """Note what is wrong with rates, batches, breakers and the roster."""
    first: dict[str, ChannelConfig] = {}
    for channel in loaded.channels.values():
        _check_numbers(loaded, channel)
        if channel.sending.provider and channel.sending.rate:
            _check_rate(loaded, channel, first.setdefault(channel.sending.provider, channel))
    if loaded.policy.pace is not None and POLICY in loaded.roots:
        _check_pace(loaded, loaded.policy.pace, loaded.roots[POLICY].place)


def _check_numbers(loaded: Loaded, channel: ChannelConfig) -> None:
    sending = channel.sending
    wrong = {
        "rate": sending.rate is not None and sending.rate.count < 1,
        "connections": not 1 <= sending.connections <= MOST_CONNECTIONS,
        "batch": not 1 <= sending.batch <= LARGEST_BATCH,
        "breaker": sending.breaker.count < 1,
        "cool_down": sending.cool_down <= 0,
    }
    remedies = {
        "rate": "to send nothing by it, throw the kill switch: forewarn stop channel",
        "connections": f"write 1 to {MOST_CONNECTIONS}",
        "batch": f"write 1 to {LARGEST_BATCH}",
        "breaker": "write at least one failure, such as 5 per 1m",
        "cool_down": "write a time such as 30s",
    }
    for key in (key for key, is_wrong in wrong.items() if is_wrong):
        place = loaded.where(channel.place, key)
        loaded.problems.error(place, f"{key} of {channel.name} is out of bounds", remedies[key])


def _check_rate(loaded: Loaded, channel: ChannelConfig, first: ChannelConfig) -> None:
    if channel.sending.rate != first.sending.rate:
        cause = f"{channel.name} and {first.name} share the provider {channel.sending.provider}, and so its rate"
        loaded.problems.error(loaded.where(channel.place, "rate"), cause, "write the same rate, or write it once")


def _check_pace(loaded: Loaded, pace: Pace, start: Place) -> None:
    at = ("pace", "contacts_per_agent")
    if pace.contacts_per_agent.count < 1:
        loaded.problems.error(loaded.where(start, *at), "an agent talks to somebody", "write 12 per 1h, say")
    if pace.zone not in available_timezones():
        hint = nearest(pace.zone, available_timezones())
        loaded.problems.error(loaded.where(start, "pace", "zone"), f'no time zone "{pace.zone}"', hint)
    shifts = () if isinstance(pace.agents, int) else pace.agents
    if isinstance(pace.agents, int) and pace.agents < 1:
        loaded.problems.error(loaded.where(start, "pace", "agents"), "nobody is ever on duty", "write how many are")
    for index, shift in enumerate(shifts):
        _check_shift(loaded, shift, loaded.where(start, "pace", "agents", index))


def _check_shift(loaded: Loaded, shift: Shift, place: Place) -> None:
    if shift.agents < 0:
        loaded.problems.error(place, f"{shift.agents} agents cannot be", "write 0 or more")
    if shift.from_ == shift.to:
        loaded.problems.error(place, "this shift is empty", 'write {from: "00:00", to: "24:00"} for the whole day')
