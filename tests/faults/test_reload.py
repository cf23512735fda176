"""A configuration that changes under a running engine: taken over whole, or not at all."""

from pathlib import Path

import pytest

from engine.store.models import Issue
from tests.faults.house import FILES, House, call, opened, people, prepared, write

DETECTOR = "config/detectors/errors.yaml"
SLOW = """
name: slow
about: Slow
watch: {event: app.call, by: account, measure: {mean: took}, every: 1m}
model: {kind: threshold, above: 2}
"""


def learned(house: House) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in house.engine.pipelines[0].scorer.state().items()}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({DETECTOR: FILES[DETECTOR].replace("above: 0.5", "abov: 0.5")}, "detectors/errors.yaml:5:"),
        ({DETECTOR: FILES[DETECTOR].replace("failed", "failed +")}, "detectors/errors.yaml:4:"),
        ({DETECTOR: "name: [broken"}, "detectors/errors.yaml:"),
        ({"config/forewarn.yaml": ""}, "forewarn.yaml:1:1"),
    ],
)
def test_an_invalid_one_changes_nothing_and_says_where(changed: dict[str, str], said: str, tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        before = house.engine.config
        write(tmp_path, changed)
        problems = house.engine.reload()
        assert any(said in str(problem) for problem in problems if problem.severity == "error")
        house.hand_in()
        assert house.engine.config is before
        house.trouble()
        assert len(house.email.sent) == 1


def test_a_template_that_cannot_be_filled_is_found_before_it_is_used(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        write(tmp_path, {"templates/all/notice/en/email.txt.j2": "Subject: x\n\n{{ nobody.fills.this }}\n"})
        problems = [str(problem) for problem in house.engine.reload()]
        place = "../templates/all/notice/en/email.txt.j2:3:1"
        assert f"{place}: nothing fills the variable 'nobody.fills.this'" in problems


def test_templates_are_those_of_the_configuration_that_was_accepted(tmp_path: Path) -> None:
    """What is edited shows when a reload takes it over; what is broken is refused with its place, and never used."""
    notice = "templates/all/notice/en/email.txt.j2"
    with opened(prepared(tmp_path)) as house:
        for name, account in (("ann", "account/acme"), ("bob", "account/zen"), ("cid", "account/nil")):
            house.hand_in(*people(account=account, name=name))
        write(tmp_path, {notice: "Subject: broken\n\n{{ issue.subject\n"})
        house.trouble("account/acme")
        assert any(f"../{notice}:3:1: " in str(problem) for problem in house.engine.reload())
        write(tmp_path, {notice: "Subject: edited\n\n{{ issue.subject }}\n"})
        house.trouble("account/zen")
        assert [problem for problem in house.engine.reload() if problem.severity == "error"] == []
        house.trouble("account/nil")
        said = [message.subject for message in house.email.sent if message.subject != "over"]
        assert said == ["trouble", "trouble", "edited"]


def test_what_is_watched_as_before_keeps_what_it_learned(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        house.trouble()
        before = learned(house)
        write(tmp_path, {"config/detectors/slow.yaml": SLOW, "config/policy.yaml": "reopen_within: 2h\n"})
        assert [problem for problem in house.engine.reload() if problem.severity == "error"] == []
        house.hand_in()
        after = learned(house)
        assert before.items() <= after.items()
        assert any(name.startswith("slow/") for name in after)
        house.calm()
        assert [(row.detector, row.status) for row in house.rows(Issue)] == [("errors", "resolved")]
        assert len(house.email.sent) == 2


def test_a_new_detector_starts_and_one_that_is_gone_ends(tmp_path: Path) -> None:
    with opened(prepared(tmp_path)) as house:
        house.hand_in(*people())
        write(tmp_path, {"config/detectors/slow.yaml": SLOW})
        house.engine.reload()
        line = call("account/acme", house.clock.time(), "slow").replace(b'"failed":false', b'"failed":false,"took":9.5')
        house.hand_in(line)
        house.trouble("account/zen")
        assert {(row.detector, row.subject) for row in house.rows(Issue)} == {
            ("slow", "account/acme"),
            ("errors", "account/zen"),
        }
        (tmp_path / "config/detectors/slow.yaml").unlink()
        house.engine.reload()
        house.hand_in(line.replace(b'"id":"slow"', b'"id":"slow-2"'))
        house.trouble("account/nil")
        assert not any(name.startswith("slow/") for name in learned(house))
        assert len([row for row in house.rows(Issue) if row.detector == "slow"]) == 1


def test_under_another_configuration_it_goes_on_after_a_start(tmp_path: Path) -> None:
    """A snapshot of one configuration is read by another, as after an edit while the engine stood still."""
    prepared(tmp_path)
    with opened(tmp_path) as house:
        house.hand_in(*people())
        house.trouble()
        house.engine.snapshot()
        clock = house.clock
    write(tmp_path, {"config/detectors/slow.yaml": SLOW})
    with opened(tmp_path, clock=clock) as house:
        house.calm()
        assert [(row.detector, row.status) for row in house.rows(Issue)] == [("errors", "resolved")]
