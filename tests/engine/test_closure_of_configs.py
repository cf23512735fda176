"""C16 for the playbooks there are: every message that can open is walked to every end, and each end can be said.

Generated from the configuration: by each channel a step may go by, in each language its message is written in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from detectors.base import Signal
from engine.config.load import load_or_raise
from engine.config.model import BEST, PREFERRED, SEVERITIES, Config, MessageStep, PlaybookConfig
from engine.entities import Person
from engine.issues import lifecycle
from engine.issues.findings import Finding
from engine.issues.view import Moved, Rules
from engine.playbooks import CLOSING, open_outreach, plan
from engine.showcase.demo import STAND_INS
from engine.store.models import Intent
from outreach.render import Templates

ROOT = Path(__file__).parents[2]
NOW = 1_749_643_200.0
RULES = Rules(3600.0, 3, 86400.0)
CONFIGS = {"starter": ROOT / "config", "months": ROOT / "tests/months/config"}
SECRETS = {**STAND_INS, "SID": "AC1", "TOKEN": "t"}
ENDS: dict[str, Any] = {
    "resolved": lambda issue: lifecycle.resolve(issue, "ann", NOW + 60.0),
    "dismissed": lambda issue: lifecycle.dismiss(issue, "ann", NOW + 60.0),
    "expired": lambda issue: lifecycle.expire(issue, NOW + 60.0),
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way from an opening message to an end."""

    playbook: str
    detector: str
    severity: str
    template: str
    channel: str
    end: str


def configured(name: str) -> tuple[Config, Templates]:
    config = load_or_raise(CONFIGS[name], SECRETS)
    return config, Templates(config.templates_dir, default_locale=config.main.locale)


def paths(config: Config) -> Iterator[Way]:
    """Yield every way an outreach of a configuration can take."""
    for playbook in config.playbooks.values():
        for detector in config.detectors:
            for severity in SEVERITIES:
                for intent in openings(playbook, began(detector, severity)):
                    for channel in named(config, intent.payload["channels"]):
                        for end in ENDS:
                            yield Way(playbook.name, detector, severity, str(intent.payload["template"]), channel, end)


def named(config: Config, channels: list[str]) -> list[str]:
    """Return the channels that a step may go by: with `preferred` or `best`, any."""
    listed = [name for name in channels if name in config.channels]
    return list(config.channels) if {PREFERRED, BEST} & set(channels) else listed


def began(detector: str, severity: str) -> Moved:
    signal = Signal(detector, "threshold", 0, "raised", NOW - 60, 60.0, 1.0, 1.0, 0.0, 0.0, 0.0)
    return lifecycle.advance(None, Finding(signal, "account/x", "account/x", "account/x", severity), RULES, NOW)


def openings(playbook: PlaybookConfig, moved: Moved) -> list[Intent]:
    roles = ("technical", "billing", "admin", "owner")
    ann = Person("contact/a", roles=roles, zone="UTC", addresses=(("email", "a@x.test"),))
    made = [each for transition in moved.transitions for each in plan(transition, [playbook], [ann], (), NOW)]
    return [each for each in made if each.kind == "message" and each.recipient]


@pytest.mark.parametrize("name", CONFIGS)
def test_c16_every_playbook_is_walked(name: str) -> None:
    config, _ = configured(name)
    telling = {
        playbook.name
        for playbook in config.playbooks.values()
        if any(isinstance(step, MessageStep) and step.on == "opened" for step in playbook.steps)
    }
    walked = list(paths(config))
    assert telling
    assert {path.playbook for path in walked} == telling
    assert {path.end for path in walked} == set(CLOSING)


@pytest.mark.parametrize("name", CONFIGS)
def test_c16_every_way_of_every_playbook_ends_once_where_it_began_and_in_its_language(name: str) -> None:
    config, templates = configured(name)
    wrong: list[str] = []
    for path in paths(config):
        wrong += [f"{path}: {cause}" for cause in walk(config, templates, path)]
    assert wrong == []


def walk(config: Config, templates: Templates, path: Way) -> Iterator[str]:
    """Yield what is wrong with a way from its opening message to its end."""
    playbook, moved = config.playbooks[path.playbook], began(path.detector, path.severity)
    told = next(each for each in openings(playbook, moved) if each.payload["template"] == path.template)
    told.status, told.channel, told.address, told.provider_id = "sent", path.channel, "a@x.test", "<first>"
    assert moved.issue is not None
    closing = [
        intent
        for transition in ENDS[path.end](moved.issue).transitions
        for intent in plan(transition, [playbook], [], open_outreach([told]), NOW + 60.0)
    ]
    if [(each.channel, each.address, each.thread) for each in closing] != [(path.channel, "a@x.test", "<first>")]:
        yield f"ends in {len(closing)} messages, or elsewhere"
        return
    closing[0].status = "sent"
    if open_outreach([told, closing[0]]):
        yield "is open still after its end was told"
    yield from said(config, templates, path, str(closing[0].payload["template"]))


def said(config: Config, templates: Templates, path: Way, template: str) -> Iterator[str]:
    """Yield where the words of an end are missing, or cannot be rendered."""
    kind = config.channels[path.channel].type
    if not templates.has(path.template, kind):
        return
    if not templates.has(template, kind):
        yield f"{template} cannot be said by {kind}"
        return
    for locale in templates.files.locales(path.template):
        shown = templates.preview(template, kind, locale)
        if not shown.text.strip():
            yield f"{template} says nothing by {kind} in {locale}"


def test_c16_the_walk_finds_an_end_that_cannot_be_said(tmp_path: Path) -> None:
    config, templates = configured("months")
    path = next(path for path in paths(config) if path.end == "resolved")
    book = config.playbooks[path.playbook]
    steps = tuple(
        replace(step, template="api-errors/agent") if isinstance(step, MessageStep) and step.on == "resolved" else step
        for step in book.steps
    )
    broken = replace(config, playbooks={path.playbook: replace(book, steps=steps)})
    assert [each for each in walk(broken, templates, path) if "cannot be said" in each]
