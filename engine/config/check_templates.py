"""What templates say: each exists in every language, names only what is filled in, and says all that it must."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from engine.config.check_main import STANDS_FOR
from engine.config.check_playbooks import templates_of
from engine.config.load import MAIN
from engine.config.loaded import Loaded
from engine.config.model import Escalation, MessageStep, Place, Step, TicketStep
from engine.config.problems import Problem, nearest
from engine.config.variables import AGENT, ANSWER, APPROVAL, DEFECT, DIGEST, HANDOVER, INCIDENT, MESSAGE, NEWS
from outreach.lint_rules import SMS_SEGMENTS, Occasion, Purpose, Rules
from outreach.render import ENDS, FRAME, Templates
from outreach.replies.lexicon import faults

TICKET, TOGETHER = "ticket", "digest"
SUBSCRIBERS = ("_status/confirm", "_status/update")
"""What subscribers of the status page are written."""
COMMON = {"dismissed": "_common/correction", "expired": "_common/expired"}
"""What closes an outreach where a playbook has no message of its own for it."""

HANDED = "_replies/agent"
_ANSWERS = ("broken", "call", "distress", "fixed", "help", "not_mine", "person", "started", "stopped", "which")
REPLIES = (HANDED, *(f"_replies/{name}" for name in _ANSWERS))
"""What is said to those who answer, and to the agent who takes over."""
HEARD = ("sms", "whatsapp", "voice", "slack")
"""Types of channels on which people answer without further ado."""


def check_templates(loaded: Loaded) -> None:
    """Note what is wrong with every template that a playbook uses; those looked over are kept, compiled."""
    if loaded.main is None:
        return
    folder = (loaded.folder / loaded.main.templates).resolve()
    if not folder.is_dir():
        place = loaded.where(loaded.roots[MAIN].place, "templates")
        loaded.problems.error(place, f"there is no folder {folder}", "it is relative to the configuration")
        return
    loaded.templates = Templates(folder, default_locale=loaded.main.locale)
    checker = _Checker(loaded, loaded.templates, loaded.main.locale)
    checker.check_words()
    for playbook in loaded.playbooks.values():
        for step, channels in templates_of(loaded, playbook):
            checker.check_step(step, channels)
        opening = [step for step in playbook.steps if isinstance(step, MessageStep) and step.on == "opened"]
        checker.check_replies(opening)
        for occasion, template in COMMON.items():
            if opening and not any(isinstance(step, MessageStep) and step.on == occasion for step in playbook.steps):
                checker.check_common(opening[0], occasion, template)
    if loaded.status is not None and loaded.status.channel:
        for template in SUBSCRIBERS:
            checker.check_own(template, ["email"], NEWS, loaded.where(loaded.status.place, "channel"))
    _check_ours(loaded, checker)


def _check_ours(loaded: Loaded, checker: "_Checker") -> None:
    """Note what is wrong with the templates that no step names: of a digest, an approval, and an incident's ticket.

    Where there is none for an incident, its ticket is written like any other of the playbook's.
    """
    messages = [step for each in loaded.playbooks.values() for step in each.steps if isinstance(step, MessageStep)]
    if not messages:
        return
    start = loaded.roots[MAIN].place
    frames: Mapping[str, Occasion] = {FRAME: "opened", ENDS: "closing"}
    for frame, occasion in frames.items():
        if checker.knows(frame):
            texts = [kind for kind in ["sms"] if loaded.templates and loaded.templates.has(frame, kind)]
            checker.check_own(frame, ["email", *texts], DIGEST, start, occasion)
    if checker.knows("_common/incident"):
        checker.check_own("_common/incident", [TICKET], INCIDENT, start)
    to = _escalations(loaded).get(loaded.policy.approvals.to)
    if to is not None:
        checker.check_own("_common/approval", checker.kinds([to.channel]), APPROVAL, start)
    owners = {each.owner for each in loaded.detectors.values() if each.demand.class_ == "remove"}
    for escalation in [each for name, each in _escalations(loaded).items() if name in owners]:
        checker.check_own("_common/defect", checker.kinds([escalation.channel]), DEFECT, start)


def kinds_of(loaded: Loaded, channels: Iterable[str]) -> list[str]:
    """Return the kinds of the channels; the person's own may be any there is."""
    wanted = set(channels)
    known = loaded.channels
    return sorted({config.type for name, config in known.items() if name in wanted or wanted & STANDS_FOR.keys()})


def _escalations(loaded: Loaded) -> Mapping[str, Escalation]:
    return loaded.main.escalations if loaded.main else {}


class _Checker:
    def __init__(self, loaded: Loaded, templates: Templates, locale: str) -> None:
        self._loaded, self._templates, self._locale = loaded, templates, locale
        self._names = templates.templates()
        self._replies_checked = False

    def check_step(self, step: Step, channels: Sequence[str]) -> None:
        """Note what is wrong with a step's template."""
        place = self._loaded.where(step.place, "template")
        if step.template not in self._names:
            self._loaded.problems.unknown(place, "template", step.template, self._names)
            return
        kinds = [TICKET] if isinstance(step, TicketStep) else self.kinds(channels)
        self._check_locale(step.template, place)
        if isinstance(step, MessageStep):
            occasion: Occasion = "opened" if step.on == "opened" else "closing"
            self._check(step.template, kinds, self._rules(MESSAGE, occasion, step.purpose), place)
            if self._templates.has(step.template, TOGETHER):
                self._check(step.template, [TOGETHER], self._rules(MESSAGE, "", step.purpose), place)
        else:
            self._check(step.template, kinds, self._rules(AGENT), place)

    def check_common(self, step: MessageStep, occasion: str, template: str) -> None:
        """Note that the common template, which stands in for a step that is not there, is not there either."""
        if template not in self._names:
            hint = f"add - message: {{on: {occasion}, template: …}}"
            self._loaded.problems.error(step.place, f'no template "{template}" for when it is {occasion}', hint)
        else:
            self._check(template, self.kinds(step.channels), self._rules(MESSAGE, "closing"), step.place)

    def check_replies(self, opening: Sequence[MessageStep]) -> None:
        """Note what is wrong with what is said to those who answer a message."""
        if self._replies_checked or not opening:
            return
        self._replies_checked = True
        place, missing = opening[0].place, sorted({*REPLIES} - {*self._names})
        if missing and any(channel.type in HEARD for channel in self._loaded.channels.values()):
            what = f"customers who answer get no text but a person: there is no template {', '.join(missing)}"
            self._loaded.problems.warning(place, what, "copy templates/_replies from `forewarn init`")
        for name in (each for each in REPLIES if each in self._names):
            agent = name == HANDED
            rules = self._rules(HANDOVER if agent else ANSWER)
            self._check(name, [TICKET] if agent else ["email", "sms"], rules, place)

    def check_words(self) -> None:
        """Note what is wrong with the team's own words for what customers answer."""
        for file, line, message in faults(self._templates.folder):
            what, _, hint = message.partition("; ")
            self._loaded.problems.error(
                Place(os.path.relpath(file, self._loaded.folder.resolve()), line, 1), what, hint
            )

    def knows(self, template: str) -> bool:
        """Return whether there is such a template."""
        return template in self._names

    def check_own(
        self, template: str, kinds: Sequence[str], allowed: frozenset[str], place: Place, occasion: Occasion = ""
    ) -> None:
        """Note what is wrong with a template that the engine itself asks for."""
        if template not in self._names:
            hint = "copy it from the folder that `forewarn init` writes"
            self._loaded.problems.error(place, f'no template "{template}"', hint)
        else:
            self._check(template, kinds, self._rules(allowed, occasion), place)

    def kinds(self, channels: Iterable[str]) -> list[str]:
        """Return the kinds of the channels."""
        return kinds_of(self._loaded, channels)

    def _check_locale(self, template: str, place: Place) -> None:
        locales = self._templates.files.locales(template)
        if self._locale not in locales:
            what = f'the template "{template}" is not written in "{self._locale}", the default'
            self._loaded.problems.error(place, what, nearest(self._locale, locales))

    def _rules(self, allowed: frozenset[str], occasion: Occasion = "", purpose: Purpose = "service") -> Rules:
        main = self._loaded.main
        return Rules(allowed, occasion, purpose, main.sms_segments if main else SMS_SEGMENTS)

    def _check(self, template: str, kinds: Sequence[str], rules: Rules, place: Place) -> None:
        for file, line, message, severity in self._templates.problems(template, kinds, rules):
            name = os.path.relpath(Path(file), self._loaded.folder.resolve())
            what, _, hint = message.replace(f"{self._templates.folder}{os.sep}", "").partition("; ")
            at, said = (place, f"{name}: {what}") if line == 0 else (Place(name, line, 1), what)
            self._loaded.problems.found.append(Problem(at, severity, said, hint))
