"""What is said of telling several issues in one message: how long messages wait, and whether there are words for it."""

from collections.abc import Collection

from engine.config.check_playbooks import given
from engine.config.check_templates import kinds_of
from engine.config.load import POLICY
from engine.config.loaded import Loaded
from engine.config.model import SAFETY, MessageStep, Place, PlaybookConfig, Step, TicketStep
from engine.config.model.digests import FEWEST, MOST, TOLD_BY, DigestConfig, terms
from outreach.render import ENDS, FRAME, TemplateError, Templates
from outreach.segments import segments

TEXTED = ("sms", "whatsapp")


def check_digest(loaded: Loaded) -> None:
    """Note what is wrong with `digest`, in the policy and in playbooks."""
    if loaded.policy.digest is not None and POLICY in loaded.roots:
        _check_terms(loaded, loaded.policy.digest, loaded.roots[POLICY].place)
    gathered = {
        name: rules
        for name, each in loaded.playbooks.items()
        if (rules := terms(loaded.policy.digest, each.digest)) is not None
    }
    for name, rules in gathered.items():
        _check_playbook(loaded, loaded.playbooks[name], rules)
    if gathered:
        _check_frame(loaded, next(iter(gathered)))


def _check_terms(loaded: Loaded, rules: DigestConfig, start: Place) -> None:
    if not rules.wait:
        place = loaded.where(start, "digest", "wait")
        loaded.problems.error(place, "nothing is gathered where nothing waits", "write 30m, say, or leave digest out")
    if not FEWEST <= rules.at_most <= MOST:
        place = loaded.where(start, "digest", "at_most")
        loaded.problems.error(place, f"{rules.at_most} issues in one message", f"write {FEWEST} to {MOST}")


def _check_playbook(loaded: Loaded, playbook: PlaybookConfig, rules: DigestConfig) -> None:
    own = playbook.digest is not None
    place = loaded.where(playbook.place, "digest") if own else playbook.place
    if own:
        _check_terms(loaded, rules, playbook.place)
        _check_urgent(loaded, playbook, place)
    for step in playbook.steps:
        _check_deadline(loaded, playbook, step, rules, place)
    for step in playbook.steps:
        if isinstance(step, MessageStep):
            _check_words(loaded, step, loaded.where(step.place, "template"))


def _check_urgent(loaded: Loaded, playbook: PlaybookConfig, place: Place) -> None:
    """Note terms of a playbook that is never told together, as all that it tells is urgent."""
    severities = playbook.when.severity or given(loaded, playbook.when) or ()
    steps = _opening(playbook)
    urgent = bool(severities) and set(severities) <= set(SAFETY)
    if urgent or (steps and all(step.emergency for step in steps)):
        what = "digest has no effect: all that this playbook tells is urgent, and goes at once"
        loaded.problems.warning(place, what, "leave it out, or write digest: never")


def _check_deadline(loaded: Loaded, playbook: PlaybookConfig, step: Step, rules: DigestConfig, place: Place) -> None:
    """Note a wait that ends after what the playbook does next, or after the issue itself."""
    if rules.wait >= playbook.expire:
        what = f"messages wait for {rules.wait} and the issue expires after {playbook.expire}: they are never sent"
        loaded.problems.error(place, what, "wait for less, or write digest: never in the playbook")
    elif not isinstance(step, MessageStep) and step.after and rules.wait >= step.after:
        kind = "ticket" if isinstance(step, TicketStep) else "escalation"
        what = f"messages wait for {rules.wait}, and the {kind} of {playbook.name} comes after {step.after} already"
        hint = "customers are told after our people act: wait for less, or write digest: never in the playbook"
        loaded.problems.warning(place, what, hint)


def _check_words(loaded: Loaded, step: MessageStep, place: Place) -> None:
    """Note a message that has no words of its own for being told with others, in some language."""
    templates = loaded.templates
    if templates is None or step.template not in templates.templates() or step.purpose != "service" or step.emergency:
        return
    if step.on == "opened" and not set(TOLD_BY) & set(kinds_of(loaded, step.channels)):
        return
    name, frame = step.template, FRAME if step.on == "opened" else ENDS
    lacking = [each for each in templates.files.locales(name) if not templates.digested(name, each, frame)]
    if lacking and templates.has(frame, "email"):
        what = f"in {', '.join(lacking)} these messages go alone: there is no {name}/LOCALE/digest.txt.j2"
        loaded.problems.warning(place, what, "write it, Subject: and a few lines, or digest: never in the playbook")


def _check_frame(loaded: Loaded, playbook: str) -> None:
    """Note that there are no words around what is told together, or around ends, or none for text messages."""
    templates = loaded.templates
    if templates is None:
        return
    place = loaded.playbooks[playbook].place
    if loaded.policy.digest is not None and POLICY in loaded.roots:
        place = loaded.where(loaded.roots[POLICY].place, "digest")
    hint = "copy it from the folder that `forewarn init` writes"
    if not templates.has(FRAME, "email"):
        loaded.problems.error(place, f'no template "{FRAME}": nothing is told together', hint)
        return
    if not templates.has(ENDS, "email"):
        what = f'no template "{ENDS}": ends that are due at the same time are told one by one'
        loaded.problems.warning(place, what, hint)
    if texted := [name for name, each in loaded.channels.items() if each.type in TEXTED]:
        _check_texted(loaded, templates, texted, place)


def _check_texted(loaded: Loaded, templates: Templates, channels: Collection[str], place: Place) -> None:
    """Note where only e-mail tells several issues at once: no short words, or ever too many of them."""
    named = ", ".join(channels)
    if not templates.has(FRAME, "sms"):
        what = f"by {named} each issue is a message of its own: {FRAME} has no sms.txt.j2"
        loaded.problems.warning(place, what, f"write {FRAME}/LOCALE/sms.txt.j2, or leave it at that")
        return
    most = loaded.main.sms_segments if loaded.main else 0
    for locale in templates.files.locales(FRAME):
        try:
            taken = segments(templates.preview(FRAME, "sms", locale).text.strip()).messages
        except TemplateError:
            continue  # told of by those who look at templates
        if most and taken > most:
            what = f"by {named} fewer issues go together in {locale}: those of the sample take {taken} text messages"
            loaded.problems.warning(place, what, f"shorten {FRAME}/{locale}/sms.txt.j2; {most} are enough")


def _opening(playbook: PlaybookConfig) -> list[MessageStep]:
    return [step for step in playbook.steps if isinstance(step, MessageStep) and step.on == "opened"]
