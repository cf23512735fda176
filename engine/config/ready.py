"""Which channels can be used: those whose secrets are there."""

from collections.abc import Mapping

from engine.config.model import ChannelConfig, Config, MessageStep
from engine.config.problems import Problem
from engine.config.secrets import unset


def ready(config: Config) -> tuple[Mapping[str, ChannelConfig], list[Problem]]:
    """Return the channels that have all their secrets, and an error for each other one that is in use.

    In use is what a message step or an escalation names. One that is only ever somebody's preference is left out in
    silence: the step's next channel takes its place, and `check` has warned.
    """
    usable = {name: channel for name, channel in config.channels.items() if not unset(channel.params)}
    needed = _named(config)
    problems = [
        Problem(channel.place, "error", f'the channel "{name}" cannot be used: {reason}', "set it, or name another")
        for name, channel in config.channels.items()
        if name in needed
        for reason in unset(channel.params)
    ]
    return usable, sorted(problems)


def _named(config: Config) -> set[str]:
    messages = [
        step for playbook in config.playbooks.values() for step in playbook.steps if isinstance(step, MessageStep)
    ]
    escalations = config.main.escalations.values()
    return {name for step in messages for name in step.channels} | {each.channel for each in escalations}
