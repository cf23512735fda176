"""What bounds a playbook: how often, how many, whom not, and whether it is worth it."""

from fnmatch import fnmatchcase

from engine.config.check_detectors import check_condition
from engine.config.check_playbooks import given
from engine.config.loaded import Loaded
from engine.config.model import MOST_HELD_OUT, SAFETY, MessageStep, PlaybookConfig, TicketStep

APPROVE = {"audience", "usual"}
"""What `approve` may name."""
SHARES = ("canary", "opt_outs", "complaints", "bounces", "replies", "wrong")


def check_limits(loaded: Loaded) -> None:
    """Note what is wrong with the bounds of each playbook."""
    for playbook in loaded.playbooks.values():
        _check_per_customer(loaded, playbook)
        _check_radius(loaded, playbook)
        _check_approve(loaded, playbook)
        _check_holdout(loaded, playbook)
        _check_worth(loaded, playbook)
        _check_human(loaded, playbook)


def _check_per_customer(loaded: Loaded, playbook: PlaybookConfig) -> None:
    if playbook.limits.per_customer is not None and playbook.limits.per_customer.count < 1:
        place = loaded.where(playbook.place, "limits", "per_customer")
        loaded.problems.error(place, "this playbook may never contact anyone", "write at least 1 per 24h")


def _check_radius(loaded: Loaded, playbook: PlaybookConfig) -> None:
    radius = playbook.limits.blast_radius
    if radius.max < 1:
        place = loaded.where(playbook.place, "limits", "blast_radius", "max")
        loaded.problems.error(place, "this playbook may never contact anyone", "write at least 1")
    for name in SHARES:
        if not 0.0 <= getattr(radius, name) <= 1.0:
            place = loaded.where(playbook.place, "limits", "blast_radius", name)
            loaded.problems.error(place, "a share is 0% to 100%")


def _check_approve(loaded: Loaded, playbook: PlaybookConfig) -> None:
    if playbook.limits.approve is None:
        return
    check_condition(loaded, playbook.limits.approve, APPROVE, playbook.place, "limits", "approve")
    if not loaded.policy.approvals.to:
        place = loaded.where(playbook.place, "limits", "approve")
        hint = "add approvals: {to: …} to policy.yaml, a name under escalations"
        loaded.problems.warning(place, "nobody is told that an approval is needed", hint)


def _check_holdout(loaded: Loaded, playbook: PlaybookConfig) -> None:
    """Nobody is kept from hearing of what may harm them."""
    place = loaded.where(playbook.place, "holdout")
    if not 0.0 <= playbook.holdout <= MOST_HELD_OUT:
        loaded.problems.error(
            place, f"{playbook.holdout:g} is no share to hold out", f"write 0% to {MOST_HELD_OUT:.0%}"
        )
    if playbook.holdout <= 0.0:
        return
    if any(isinstance(step, MessageStep) and step.emergency for step in playbook.steps):
        loaded.problems.error(place, "an emergency is held back from nobody", "take holdout out, or the emergency step")
    severities = playbook.when.severity or given(loaded, playbook.when) or ()
    if severities and set(severities) <= set(SAFETY):
        loaded.problems.error(place, "critical issues are held back from nobody", "take holdout out")


def _check_worth(loaded: Loaded, playbook: PlaybookConfig) -> None:
    if playbook.worth is None:
        return
    for name in ("contact", "message", "needless"):
        if getattr(playbook.worth, name) < 0:
            loaded.problems.error(loaded.where(playbook.place, "worth", name), "a cost is 0 or more")
    for name in ("calls", "wrong"):
        if not 0.0 <= getattr(playbook.worth, name) <= 1.0:
            loaded.problems.error(loaded.where(playbook.place, "worth", name), "a probability is 0% to 100%")


def _check_human(loaded: Loaded, playbook: PlaybookConfig) -> None:
    """Where a person is to deal with it, there is a ticket by which one knows."""
    human = [name for name, each in loaded.detectors.items() if each.demand.class_ == "human"]
    answered = [name for name in human if any(fnmatchcase(name, glob) for glob in playbook.when.detector)]
    ticketed = any(isinstance(step, TicketStep) for step in playbook.steps)
    if answered and not ticketed:
        what = f"{', '.join(answered)} needs a person, and no ticket is made"
        loaded.problems.warning(playbook.place, what, "add a ticket step: messages wait for it")
