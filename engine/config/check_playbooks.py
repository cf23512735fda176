"""What playbooks say: whom they answer, and whether each step can ever be reached."""

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from engine.config.check_detectors import check_condition
from engine.config.check_main import STANDS_FOR
from engine.config.loaded import Loaded
from engine.config.model import (
    BUILTIN,
    NOWHERE,
    SEVERITIES,
    DetectorConfig,
    EscalateStep,
    MessageStep,
    Place,
    PlaybookConfig,
    Step,
    TicketStep,
    When,
)
from engine.config.variables import WHEN
from engine.config.yamlsource import Scalar

CLOSING = ("resolved", "dismissed", "expired")
IGNORED = ("audience", "channels", "purpose", "emergency", "after", "unless")
"""Keys that a closing message takes from the message it closes."""


def check_playbooks(loaded: Loaded) -> None:
    """Note what is wrong with each playbook, and which detectors none answers."""
    for playbook in loaded.playbooks.values():
        check_when(loaded, playbook.when, playbook.place, "when")
        _check_steps(loaded, playbook)
        _check_closing(loaded, playbook)
    _check_answered(loaded)


def _check_answered(loaded: Loaded) -> None:
    if len(loaded.playbooks) < len(loaded.declared["playbooks"]):
        return  # one that could not be read may answer them
    globs = [glob for playbook in loaded.playbooks.values() for glob in playbook.when.detector]
    for name, place in loaded.declared["detectors"].items():
        if not any(fnmatchcase(name, glob) for glob in globs):
            loaded.problems.warning(place, f'no playbook answers the detector "{name}"', "its issues are only listed")


def check_when(loaded: Loaded, when: When, start: Place, *path: str | int) -> None:
    """Note detectors and severities that do not exist, and severities that none of the detectors gives."""
    names = loaded.declared["detectors"]
    if not when.detector:
        loaded.problems.error(loaded.where(start, *path, "detector"), "no detector is named", "write one, or a glob")
    for index, glob in enumerate(when.detector):
        if not any(fnmatchcase(name, glob) for name in names):
            place = loaded.where(start, *path, "detector", index)
            loaded.problems.unknown(place, "detector", glob, names)
    _check_severities(loaded, when, start, *path)
    if when.where is not None:
        keys = [str(part) for part in path]
        if keys == list(path):
            check_condition(loaded, when.where, set(WHEN), start, *keys, "where")
        else:
            inner = loaded.where(start, *path)
            check_condition(loaded, when.where, set(WHEN), inner, "where")


def _check_severities(loaded: Loaded, when: When, start: Place, *path: str | int) -> None:
    known = given(loaded, when)
    for index, severity in enumerate(when.severity):
        place = loaded.where(start, *path, "severity", index)
        if severity not in SEVERITIES:
            loaded.problems.unknown(place, "severity", severity, SEVERITIES)
        elif known is not None and severity not in known:
            what = f"no detector named here gives the severity {severity}"
            loaded.problems.error(place, what, f"they give {', '.join(known)}")


def given(loaded: Loaded, when: When) -> list[str] | None:
    """Return the severities that the detectors of `when` can give; None if that is not known."""
    matched = [name for name in loaded.declared["detectors"] if any(fnmatchcase(name, glob) for glob in when.detector)]
    known = [loaded.detectors[name] for name in matched if name in loaded.detectors]
    if not matched or len(known) < len(matched):
        return None
    possible = {severity for config in known for severity in severities(config)}
    return [severity for severity in SEVERITIES if severity in possible]


def severities(config: DetectorConfig) -> set[str]:
    """Return the severities a detector can give: those it names, and low where no condition need hold."""
    always = [name for name, condition in config.severity.items() if condition.text == "true"]
    return set(config.severity) | (set() if always else {"low"})


def _check_steps(loaded: Loaded, playbook: PlaybookConfig) -> None:
    if not playbook.steps:
        place = loaded.where(playbook.place, "steps")
        loaded.problems.error(place, "the playbook does nothing", "write a message, ticket or escalate step")
    seen: list[Step] = []
    for step in playbook.steps:
        _check_names(loaded, step)
        _check_reach(loaded, playbook, step)
        alike = replace(step, place=NOWHERE)
        if alike in seen:
            loaded.problems.error(step.place, "this step is never reached", "the same step stands before it")
        seen.append(alike)


def _check_names(loaded: Loaded, step: Step) -> None:
    if isinstance(step, MessageStep):
        _check_message(loaded, step)
    elif isinstance(step, EscalateStep):
        known = loaded.main.escalations if loaded.main else {step.to: None}
        if step.to not in known:
            loaded.problems.unknown(loaded.where(step.place, "to"), "escalation", step.to, known)
    else:
        _check_desk(loaded, step)


def _check_message(loaded: Loaded, step: MessageStep) -> None:
    known = [*loaded.declared["channels"], *STANDS_FOR]
    for index, channel in enumerate(step.channels):
        if channel not in known:
            loaded.problems.unknown(loaded.where(step.place, "channels", index), "channel", channel, known)
    if not step.channels:
        place = loaded.where(step.place, "channels")
        loaded.problems.error(place, "no channel is named", f"there are {', '.join(known)}")
    emergency = loaded.node(step.place, "emergency")
    if isinstance(emergency, Scalar) and not step.emergency.strip():
        loaded.problems.error(emergency.place, "an emergency needs the name of its approver")
    postal = loaded.main is None or loaded.main.sender.postal_address.strip()
    if step.purpose == "marketing" and not postal:
        place = loaded.where(step.place, "purpose")
        loaded.problems.error(place, "marketing needs a postal address", "add sender.postal_address to forewarn.yaml")


def _check_desk(loaded: Loaded, step: TicketStep) -> None:
    desks = [BUILTIN, *loaded.declared["desks"]]
    if step.desk not in desks:
        loaded.problems.unknown(loaded.where(step.place, "desk"), "ticket desk", step.desk, desks)


def _check_reach(loaded: Loaded, playbook: PlaybookConfig, step: Step) -> None:
    closing = isinstance(step, MessageStep) and step.on in CLOSING
    if closing:
        for key in IGNORED:
            if loaded.node(step.place, key) is not None:
                place = loaded.key(step.place, key)
                hint = "a closing message goes to those who were told, as they were told"
                loaded.problems.warning(place, f"{key} has no effect here", hint)
        return
    if step.after >= playbook.expire:
        place = loaded.where(step.place, "after")
        loaded.problems.error(place, "this step is never reached", f"the issue expires after {playbook.expire}")
    immediate = not step.after and not isinstance(step, EscalateStep)
    if step.unless is not None and immediate:
        place = loaded.where(step.place, "unless")
        loaded.problems.error(place, f"nothing is {step.unless} before an immediate step", "add after, or drop unless")


def _check_closing(loaded: Loaded, playbook: PlaybookConfig) -> None:
    """Every outreach about an open issue ends: what opens is closed, and what closes was opened."""
    messages = [step for step in playbook.steps if isinstance(step, MessageStep)]
    opening = [step for step in messages if step.on == "opened"]
    for occasion in CLOSING:
        steps = [step for step in messages if step.on == occasion]
        for step in steps if not opening else steps[1:]:
            hint = "the first one is sent" if opening else "no message opens"
            loaded.problems.error(loaded.where(step.place, "on"), "this step is never reached", hint)
    if opening and not any(step.on == "resolved" for step in messages):
        hint = "add - message: {on: resolved, template: …}"
        loaded.problems.error(opening[0].place, "those who are told never hear that it is over", hint)


def templates_of(loaded: Loaded, playbook: PlaybookConfig) -> Iterator[tuple[Step, tuple[str, ...]]]:
    """Yield each step that uses a template, with the names of the channels its text may go out on."""
    told = [step.channels for step in playbook.steps if isinstance(step, MessageStep) and step.on == "opened"]
    everywhere = tuple(dict.fromkeys(channel for channels in told for channel in channels))
    for step in playbook.steps:
        if isinstance(step, TicketStep):
            yield step, ()
        elif isinstance(step, EscalateStep):
            escalation = loaded.main.escalations.get(step.to) if loaded.main else None
            yield step, (escalation.channel,) if escalation else ()
        else:
            yield step, step.channels if step.on == "opened" else everywhere
