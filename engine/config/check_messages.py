"""What messages owe their readers: an end in the language they were told in, and a word of what they are offered."""

from collections.abc import Iterable, Sequence

from engine.config.check_playbooks import templates_of
from engine.config.check_templates import kinds_of
from engine.config.loaded import Loaded
from engine.config.model import MessageStep
from outreach.render import TemplateError, Templates


def check_messages(loaded: Loaded) -> None:
    """Note messages that end in fewer languages than they began, or keep quiet about what they offer."""
    templates = loaded.templates
    if templates is None:
        return
    known = set(templates.templates())
    for playbook in loaded.playbooks.values():
        steps = [
            (step, channels)
            for step, channels in templates_of(loaded, playbook)
            if isinstance(step, MessageStep) and step.template in known
        ]
        begun = [step.template for step, _ in steps if step.on == "opened"]
        for step, channels in steps:
            _check_offered(loaded, templates, step, kinds_of(loaded, channels))
            if step.on != "opened" and begun:
                _check_ending(loaded, templates, step, begun)


def _check_ending(loaded: Loaded, templates: Templates, step: MessageStep, begun: Sequence[str]) -> None:
    """Note an end in fewer languages than the beginning, or one that WhatsApp would not take (C16)."""
    files, place = templates.files, loaded.where(step.place, "template")
    written = set(files.locales(step.template))
    for locale in sorted({each for name in begun for each in files.locales(name)} - written):
        what = f'"{step.template}" is not written in "{locale}", in which the customers were told'
        loaded.problems.warning(place, what, f"write {step.template}/{locale}/")
    approved = any(files.approval(name, "") for name in begun)
    if approved and files.approval(step.template, "") is None:
        what = f"those who were told by an approved WhatsApp template would never hear the end: {step.template}"
        loaded.problems.error(place, f"{what} has no whatsapp.yaml", "name its approved template there (C12)")


def _check_offered(loaded: Loaded, templates: Templates, step: MessageStep, kinds: Iterable[str]) -> None:
    """Note where what is granted is not said."""
    if step.offer is None:
        return
    place = loaded.where(step.place, "offer")
    for kind in kinds:
        names = _read(templates, step.template, kind, loaded.main.locale if loaded.main else "en")
        if names and not any(name.partition(".")[0] == "remedy" for name in names):
            what = f"{step.template} offers {step.offer.remedy} and does not say so by {kind}"
            loaded.problems.warning(place, what, "include _parts/LOCALE/remedy.txt.j2, or use {{ remedy… }}")


def _read(templates: Templates, template: str, kind: str, locale: str) -> set[str]:
    if templates.files.text(template, kind, "") is None:
        return set()
    try:
        return templates.variables(template, kind, locale)
    except TemplateError:
        return set()  # told of by those who look at templates
