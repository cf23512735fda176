"""The starter that `forewarn init` writes out."""

from pathlib import Path

from engine.config.check import checked
from engine.config.ready import ready

STARTER = Path(__file__).parents[3] / "config"
SECRETS = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM", "FOREWARN_WEBHOOK_SECRET")


def test_only_secrets_are_missing() -> None:
    config, problems = checked(STARTER, {})
    assert [problem.what for problem in problems] == [f"the variable {name} is not set" for name in SECRETS]
    assert config is not None
    assert min(len(config.detectors), len(config.playbooks)) >= 6


def test_it_runs_without_them() -> None:
    config, _ = checked(STARTER, {})
    assert config is not None
    usable, problems = ready(config)
    assert (list(usable), problems) == (["email"], [])


def test_with_them_nothing_is_missing() -> None:
    values = ("AC" + "0" * 32, "0" * 32, "+15005550006", "whsec_" + "c2VjcmV0" * 4)
    _, problems = checked(STARTER, dict(zip(SECRETS, values, strict=True)))
    assert problems == []


def test_every_detector_says_what_it_is_about_and_who_owns_it() -> None:
    config, _ = checked(STARTER, {})
    assert config is not None
    assert all(each.about and each.owner and each.demand.source for each in config.detectors.values())


def test_every_playbook_closes_in_each_way_there_is() -> None:
    config, _ = checked(STARTER, {})
    assert config is not None
    for playbook in config.playbooks.values():
        occasions = {getattr(step, "on", "") for step in playbook.steps}
        assert {"opened", "resolved", "dismissed", "expired"} <= occasions
