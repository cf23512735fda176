"""Which channels and desks can be used: those whose secrets are there."""

from collections.abc import Collection, Mapping
from typing import TypeVar

from engine.config.model import ChannelConfig, Config, DeskConfig, MessageStep, TicketStep
from engine.config.problems import Problem
from engine.config.secrets import unset

Connector = TypeVar("Connector", ChannelConfig, DeskConfig)


def ready(config: Config) -> tuple[Mapping[str, ChannelConfig], list[Problem]]:
    """Return the channels that have all their secrets, and an error for each other one that is in use.

    In use is what a message step or an escalation names. One that is only ever somebody's preference is left out in
    silence: the step's next channel takes its place, and `check` has warned.
    """
    return _ready(config.channels, _named(config), "channel")


def ready_desks(config: Config) -> tuple[Mapping[str, DeskConfig], list[Problem]]:
    """Return the ticket desks that have all their secrets, and an error for each other one that a step names."""
    steps = [step for playbook in config.playbooks.values() for step in playbook.steps]
    needed = {step.desk for step in steps if isinstance(step, TicketStep)}
    return _ready(config.desks, needed, "desk")


def _ready(
    given: Mapping[str, Connector], needed: Collection[str], what: str
) -> tuple[Mapping[str, Connector], list[Problem]]:
    problems = [
        Problem(each.place, "error", f'the {what} "{name}" cannot be used: {reason}', "set it, or name another")
        for name, each in given.items()
        if name in needed
        for reason in unset(each.params)
    ]
    return {name: each for name, each in given.items() if not unset(each.params)}, sorted(problems)


def _named(config: Config) -> set[str]:
    messages = [
        step for playbook in config.playbooks.values() for step in playbook.steps if isinstance(step, MessageStep)
    ]
    escalations = config.main.escalations.values()
    return {name for step in messages for name in step.channels} | {each.channel for each in escalations}
