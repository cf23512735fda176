"""What e-mails must say by law: a truthful subject, and in marketing where we live and how to hear no more (C7).

A service message that promotes counts as marketing (C10).
"""

import re
from collections.abc import Iterator, Sequence

from engine.config.check_playbooks import templates_of
from engine.config.loaded import Loaded
from engine.config.model import BEST, PREFERRED, MessageStep
from outreach.render import TemplateError, Templates

EMAIL = "email"
ADDRESS = "sender.postal_address"
WAYS_OUT = ("links.unsubscribe", "links.preferences")
PRETENDS = re.compile(r"\s*(?:re|aw|antw|fwd?|wg|tr|sv|vs)\s*:", re.IGNORECASE)
"""Subjects that look as if the reader had written, or somebody else."""


def check_mail(loaded: Loaded) -> None:
    """Note what is wrong with what e-mails say, in every language."""
    templates = loaded.templates
    if templates is None:
        return
    for playbook in loaded.playbooks.values():
        for step, channels in templates_of(loaded, playbook):
            if isinstance(step, MessageStep):
                _check_message(loaded, templates, step, channels)


def _check_message(loaded: Loaded, templates: Templates, step: MessageStep, channels: Sequence[str]) -> None:
    place, words = loaded.where(step.place, "template"), _promotion(templates, step)
    if words and loaded.main is not None and not loaded.main.sender.postal_address.strip():
        what = f"{step.template} says {words!r}, so it is marketing, which needs a postal address"
        loaded.problems.error(place, what, "add sender.postal_address to forewarn.yaml, or change the words")
    if _by_mail(loaded, channels):
        for what, hint in _wrong(templates, step, marketing=step.purpose == "marketing" or bool(words)):
            loaded.problems.error(place, what, hint)


def _promotion(templates: Templates, step: MessageStep) -> str:
    """Return the words for which a service message counts as marketing; a closing one must have none."""
    if step.on != "opened" or step.purpose != "service":
        return ""
    try:
        return templates.promotion(step.template)
    except TemplateError:
        return ""  # told of by those who look at templates


def _by_mail(loaded: Loaded, channels: Sequence[str]) -> bool:
    wanted = set(channels)
    any_ = not wanted.isdisjoint((PREFERRED, BEST))
    return any(config.type == EMAIL and (any_ or name in wanted) for name, config in loaded.channels.items())


def _wrong(templates: Templates, step: MessageStep, *, marketing: bool) -> Iterator[tuple[str, str]]:
    for locale in templates.files.locales(step.template):
        name = templates.files.own(step.template, EMAIL, locale)
        if not name:
            continue
        try:
            read = templates.variables(step.template, EMAIL, locale)
        except TemplateError:
            continue  # told of by those who look at templates
        subject = templates.files.source(name).partition("\n")[0].removeprefix("Subject:")
        if step.on == "opened" and PRETENDS.match(subject):
            yield f"{name}: the subject {subject.strip()[:60]!r} pretends to be an answer (C7)", "say what it is"
        if marketing and ADDRESS not in read:
            yield f"{name}: marketing must name our postal address (C7)", f"add {{{{ {ADDRESS} }}}}"
        if marketing and not read.intersection(WAYS_OUT):
            yield f"{name}: marketing must say how to hear no more (C7)", f"add {{{{ {WAYS_OUT[0]} }}}}"
