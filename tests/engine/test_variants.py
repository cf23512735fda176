"""A/B experiments: drawn by account, stored, seen in the decision, closed in the same words, never in an emergency."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.policy import variants
from engine.policy.facts import StepFacts
from engine.policy.stops import Halt, Leaving, halted
from engine.policy.variants import draw, experiment_of
from engine.store.models import Assignment, Intent
from outreach.settings import Settings
from tests.engine.config.conftest import SAID, SOON
from tests.engine.post import Post

EXPERIMENT = "variant errors/notice: short"
SHORT = {
    "templates/errors/notice/template.yaml": "variants: {short: 50%}\n",
    "templates/errors/notice@short/en/email.txt.j2": f"Subject: Short\n\nIn short, calls fail. {SAID}{SOON}",
    "templates/errors/resolved@short/en/email.txt.j2": f"Subject: Short end\n\nIn short, it is over. {SAID}",
}


def by_arm(arm: str) -> str:
    """Return the name of an account that is drawn into an arm."""
    settings = Settings(variants={"short": 0.5})
    names = (f"a{number}" for number in range(100))
    return next(name for name in names if settings.arm(draw(EXPERIMENT, f"account/{name}")) == arm)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path, SHORT)


@pytest.mark.parametrize(("arm", "subject", "end"), [("short", "Short", "Short end"), ("base", "Trouble", "Over")])
def test_an_account_reads_its_arm_from_the_opening_to_the_end(post: Post, arm: str, subject: str, end: str) -> None:
    account = post.account(by_arm(arm))
    issue = post.issue(account)
    opening = post.tell(f"contact/ann-{by_arm(arm)}", issue)
    post.run()
    post.close(f"contact/ann-{by_arm(arm)}", issue, opening)
    post.run()
    assert [message.subject for message in post.sent()] == [subject, end]


def test_everyone_of_an_account_reads_the_same_for_every_issue_and_it_is_stored_once(post: Post) -> None:
    account = post.account(by_arm("short"), "ann", "bob")
    for number in range(3):
        for person in ("ann", "bob"):
            post.tell(f"contact/{person}-{by_arm('short')}", post.issue(account, f"iss_{number}"))
    post.run()
    assert {message.subject for message in post.sent()} == {"Short"}
    (row,) = post.rows(Assignment)
    assert (row.experiment, row.account, row.arm, row.share) == (EXPERIMENT, account, "short", 0.5)


def test_what_is_stored_holds_when_the_draw_would_be_another(post: Post) -> None:
    name = by_arm("short")
    account = post.account(name)
    step = StepFacts("errors", 0, experiment=EXPERIMENT, arm="base", share=0.5)
    stored = variants.assignment(Intent(account=account, issue="iss_0"), step, 0.0)  # type: ignore[call-arg]  # what it looks at
    assert stored is not None
    post.add(Assignment(**stored))
    post.tell(f"contact/ann-{name}", post.issue(account))
    post.run()
    assert post.sent()[0].subject == "Trouble"


def test_the_decision_and_its_facts_say_so(post: Post) -> None:
    name = by_arm("short")
    intent = post.tell(f"contact/ann-{name}", post.issue(post.account(name)))
    post.run()
    row = post.decision(intent)
    assert f"Arm short of {EXPERIMENT}." in row.facts["decision"]["detail"]
    assert row.facts["facts"]["step"]["template"] == "errors/notice@short"


def test_nobody_is_experimented_on_where_people_may_come_to_harm(post: Post) -> None:
    name = by_arm("short")
    account = post.account(name)
    post.tell(f"contact/ann-{name}", post.issue(account, severity="critical"))
    post.tell(f"contact/ann-{name}", post.issue(account, "iss_2"), emergency="Ann Approver")
    post.run()
    assert [message.subject for message in post.sent()] == ["Trouble", "Trouble"]
    assert post.rows(Assignment) == []


def test_settings_that_cannot_be_read_fail_their_message_with_the_reason_and_no_other(post: Post) -> None:
    (post.folder / "templates/errors/resolved/template.yaml").write_text("variants: half\n")
    post.config = replace(post.config, templates=None)
    broken, whole = (post.tell(f"contact/ann-{name}", post.issue(post.account(name))) for name in ("one", "two"))
    row = post.intent(broken)
    post.add(row.model_copy(update={"payload": row.payload | {"template": "errors/resolved"}}))
    dispatcher = post.another("other")
    dispatcher._batch([broken, whole])
    assert [post.intent(each).status for each in (broken, whole)] == ["failed", "sent"]
    assert "variants is no mapping" in post.intent(broken).detail


def test_an_arm_that_is_not_sent_is_not_stored(post: Post) -> None:
    name = by_arm("short")
    issue = post.issue(post.account(name), status="dismissed")
    post.tell(f"contact/ann-{name}", issue)
    post.run()
    assert post.rows(Assignment) == []


def test_an_end_without_an_arm_of_its_own_is_told_in_the_base_words(tmp_path: Path) -> None:
    post = Post(tmp_path, {name: text for name, text in SHORT.items() if "resolved" not in name})
    name = by_arm("short")
    issue = post.issue(post.account(name))
    opening = post.tell(f"contact/ann-{name}", issue)
    post.run()
    post.close(f"contact/ann-{name}", issue, opening)
    post.run()
    assert [message.subject for message in post.sent()] == ["Short", "Over"]


def test_draws_follow_the_shares_and_are_the_same_for_ever() -> None:
    settings = Settings(variants={"a": 0.2, "b": 0.3})
    arms = [settings.arm(draw("x", f"account/{number}")) for number in range(20_000)]
    assert [arms.count(arm) / len(arms) for arm in ("a", "b", "base")] == pytest.approx([0.2, 0.3, 0.5], abs=0.01)
    assert draw("x", "account/acme") == 0.7905993215326879
    assert experiment_of("t", settings) == "variant t: a, b"


def test_a_stop_of_a_template_stops_its_arms_and_one_of_an_arm_only_that() -> None:
    arm = Leaving("p", "errors/notice@short")
    assert halted([Halt("s", "template", "errors/notice")], arm)
    assert halted([Halt("s", "template", "errors")], arm)
    assert not halted([Halt("s", "template", "errors/notice@short")], Leaving("p", "errors/notice"))
    assert not halted([Halt("s", "template", "errors/not")], arm)
