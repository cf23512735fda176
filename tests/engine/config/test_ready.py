"""A channel without its secrets is an error where it is named, and left out where it is not."""

from collections.abc import Callable
from pathlib import Path

from engine.config.load import load_or_raise
from engine.config.ready import ready

Write = Callable[..., Path]
CHANNELS = "mail: {type: memory}\nhook: {type: webhook, secret: {env: HOOK}}\n"
STEP = "  - message: {channels: [hook, mail], template: errors/notice}\n"


def test_a_channel_nobody_names_is_left_out(write: Write) -> None:
    usable, problems = ready(load_or_raise(write({"channels.yaml": CHANNELS}), {}))
    assert (list(usable), problems) == (["mail"], [])


def test_a_channel_a_step_names_is_an_error(write: Write) -> None:
    playbook = f"name: errors\nwhen: {{detector: errors}}\nsteps:\n{STEP}"
    config = load_or_raise(write({"channels.yaml": CHANNELS, "playbooks/errors.yaml": playbook}), {})
    _, problems = ready(config)
    assert [str(problem) for problem in problems] == [
        'channels.yaml:2:7: the channel "hook" cannot be used: the variable HOOK is not set; set it, or name another'
    ]


def test_with_its_secret_it_is_ready(write: Write) -> None:
    usable, problems = ready(load_or_raise(write({"channels.yaml": CHANNELS}), {"HOOK": "whsec_c2VjcmV0"}))
    assert (list(usable), problems) == (["mail", "hook"], [])
