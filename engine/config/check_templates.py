"""What templates say: each exists in every language, names only what is filled in, and says all that it must."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from engine.config.check_main import PREFERRED
from engine.config.check_playbooks import templates_of
from engine.config.load import MAIN
from engine.config.loaded import Loaded
from engine.config.model import MessageStep, Place, PlaybookConfig, Step, TicketStep
from engine.config.problems import Problem, nearest
from engine.config.variables import AGENT, MESSAGE
from outreach.lint_rules import SMS_SEGMENTS, Rules
from outreach.render import TemplateError, Templates

TICKET = "ticket"
Occasion = Literal["", "opened", "closing"]
COMMON = {"dismissed": "_common/correction", "expired": "_common/expired"}
"""What closes an outreach where a playbook has no message of its own for it."""


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
    for playbook in loaded.playbooks.values():
        for step, channels in templates_of(loaded, playbook):
            checker.check_step(step, channels)
        opening = [step for step in playbook.steps if isinstance(step, MessageStep) and step.on == "opened"]
        checker.check_endings(playbook, opening)
        for occasion, template in COMMON.items():
            if opening and not any(isinstance(step, MessageStep) and step.on == occasion for step in playbook.steps):
                checker.check_common(opening[0], occasion, template)


class _Checker:
    def __init__(self, loaded: Loaded, templates: Templates, locale: str) -> None:
        self._loaded, self._templates, self._locale = loaded, templates, locale
        self._names = templates.templates()

    def check_step(self, step: Step, channels: Sequence[str]) -> None:
        """Note what is wrong with a step's template."""
        place = self._loaded.where(step.place, "template")
        if step.template not in self._names:
            self._loaded.problems.unknown(place, "template", step.template, self._names)
            return
        kinds = [TICKET] if isinstance(step, TicketStep) else self._kinds(channels)
        self._check_locale(step.template, place)
        if not isinstance(step, MessageStep):
            self._check(step.template, kinds, self._rules("", "service"), place)
            return
        self._check_offered(step, kinds)
        occasion: Occasion = "opened" if step.on == "opened" else "closing"
        self._check(step.template, kinds, self._rules(occasion, step.purpose), place)
        if occasion == "opened" and step.purpose == "service":
            self._check_reclassified(step, place)

    def check_common(self, step: MessageStep, occasion: str, template: str) -> None:
        """Note that the common template, which stands in for a step that is not there, is not there either."""
        if template not in self._names:
            hint = f"add - message: {{on: {occasion}, template: …}}"
            self._loaded.problems.error(step.place, f'no template "{template}" for when it is {occasion}', hint)
        else:
            self._check(template, self._kinds(step.channels), self._rules("closing", "service"), step.place)

    def check_endings(self, playbook: PlaybookConfig, opening: Sequence[MessageStep]) -> None:
        """Note messages that end in fewer languages than they began, or whose end WhatsApp would not take (C16)."""
        begun = [step.template for step in opening if step.template in self._names]
        closing = [step for step in playbook.steps if isinstance(step, MessageStep) and step.on != "opened"]
        for step in closing:
            if step.template in self._names and begun:
                self._check_ending(step, begun)

    def _check_ending(self, step: MessageStep, begun: Sequence[str]) -> None:
        files, place = self._templates.files, self._loaded.where(step.place, "template")
        written = set(files.locales(step.template))
        for locale in sorted({each for name in begun for each in files.locales(name)} - written):
            what = f'"{step.template}" is not written in "{locale}", in which the customers were told'
            self._loaded.problems.warning(place, what, f"write {step.template}/{locale}/")
        approved = any(files.approval(name, "") for name in begun)
        if approved and files.approval(step.template, "") is None:
            what = f"those who were told by an approved WhatsApp template would never hear the end: {step.template}"
            self._loaded.problems.error(place, f"{what} has no whatsapp.yaml", "name its approved template there (C12)")

    def _check_offered(self, step: MessageStep, kinds: Sequence[str]) -> None:
        """What is granted is said."""
        if step.offer is None:
            return
        files, place = self._templates.files, self._loaded.where(step.place, "offer")
        read = {kind: self._read(step.template, kind) for kind in kinds if files.text(step.template, kind, "")}
        for kind, names in read.items():
            if names and not any(name.partition(".")[0] == "remedy" for name in names):
                what = f"{step.template} offers {step.offer.remedy} and does not say so by {kind}"
                self._loaded.problems.warning(place, what, "include _parts/LOCALE/remedy.txt.j2, or use {{ remedy… }}")

    def _read(self, template: str, kind: str) -> set[str]:
        try:
            return self._templates.variables(template, kind, self._locale)
        except TemplateError:
            return set()  # told of as what it is

    def _check_reclassified(self, step: MessageStep, place: Place) -> None:
        """What counts as marketing needs what marketing needs."""
        try:
            words = self._templates.promotion(step.template)
        except TemplateError:
            return  # told of as what it is
        main = self._loaded.main
        if words and main is not None and not main.sender.postal_address.strip():
            what = f"{step.template} says {words!r}, so it is marketing, which needs a postal address"
            self._loaded.problems.error(place, what, "add sender.postal_address to forewarn.yaml, or change the words")

    def _kinds(self, channels: Iterable[str]) -> list[str]:
        """Return the kinds of the channels; the person's own may be any there is."""
        wanted = set(channels)
        known = self._loaded.channels
        return sorted({config.type for name, config in known.items() if name in wanted or PREFERRED in wanted})

    def _check_locale(self, template: str, place: Place) -> None:
        locales = self._templates.files.locales(template)
        if self._locale not in locales:
            what = f'the template "{template}" is not written in "{self._locale}", the default'
            self._loaded.problems.error(place, what, nearest(self._locale, locales))

    def _rules(self, occasion: Occasion, purpose: Literal["service", "marketing"]) -> Rules:
        main = self._loaded.main
        allowed = MESSAGE if occasion else AGENT
        return Rules(allowed, occasion, purpose, main.sms_segments if main else SMS_SEGMENTS)

    def _check(self, template: str, kinds: Sequence[str], rules: Rules, place: Place) -> None:
        for file, line, message, severity in self._templates.problems(template, kinds, rules):
            name = os.path.relpath(Path(file), self._loaded.folder.resolve())
            what, _, hint = message.replace(f"{self._templates.folder}{os.sep}", "").partition("; ")
            at, said = (place, f"{name}: {what}") if line == 0 else (Place(name, line, 1), what)
            self._loaded.problems.found.append(Problem(at, severity, said, hint))
