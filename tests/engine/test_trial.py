"""A detector on trial: it is measured, and nothing comes of it; once the trial ends, what goes on is told."""

from pathlib import Path

from engine.events import make_event
from engine.report import measure
from engine.store.models import CustomerContact, DecisionRow, Intent, Issue
from tests.faults.house import FILES, START, House, opened, people, prepared, write

DETECTOR = "config/detectors/errors.yaml"
ON_TRIAL = {DETECTOR: FILES[DETECTOR] + "shadow: true\n"}


def contact(house: House) -> bytes:
    now = house.clock.time()
    return make_event("forewarn.contact", "account/acme", {"channel": "phone"}, id=f"c{now}", source="t", time=now)


def test_what_it_finds_is_an_issue_that_causes_nothing(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **ON_TRIAL)) as house:
        house.hand_in(*people())
        house.trouble()
        [issue] = house.rows(Issue)
        assert (issue.shadow, issue.status) == (True, "open")
        house.calm()
        assert [row.status for row in house.rows(Issue)] == ["resolved"]
        assert house.email.sent == []
        assert (house.rows(Intent), house.rows(DecisionRow)) == ([], [])


def test_the_report_says_what_it_would_have_been_worth(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **ON_TRIAL)) as house:
        house.hand_in(*people())
        house.trouble()
        [issue] = house.rows(Issue)
        house.clock.advance(600.0)
        house.hand_in(contact(house))
        [known] = house.rows(CustomerContact)
        assert known.issue == ""
        with house.engine.storage.database.reading() as session:
            report = measure(session, START, house.clock.time() + 1)
        assert report.issues.opened == 0
        trial = report.trials["errors"]
        assert (trial.opened, trial.foreseen, trial.median_lead) == (1, 1, known.at - issue.noticed_at)


def test_what_goes_on_when_the_trial_ends_is_told_then(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **ON_TRIAL)) as house:
        house.hand_in(*people())
        house.trouble()
        write(tmp_path, {DETECTOR: FILES[DETECTOR]})
        assert [problem for problem in house.engine.reload() if problem.severity == "error"] == []
        house.trouble()
        [issue] = house.rows(Issue)
        assert (issue.shadow, issue.status) == (False, "open")
        assert len(house.email.sent) == 1


def test_what_ended_on_trial_is_not_brought_back_as_what_was_told(tmp_path: Path) -> None:
    with opened(prepared(tmp_path, **ON_TRIAL)) as house:
        house.hand_in(*people())
        house.trouble()
        house.calm()
        write(tmp_path, {DETECTOR: FILES[DETECTOR]})
        house.engine.reload()
        house.trouble()
        assert sorted((row.shadow, row.status) for row in house.rows(Issue)) == [(False, "open"), (True, "resolved")]
        assert len(house.email.sent) == 1
