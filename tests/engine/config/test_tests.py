"""The format of `*.test.yaml`: how it is read, what is refused, and the events that it makes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.problems import Problems
from engine.config.tests import ExpectedIssue, ExpectedMessage, PlaybookTest
from engine.config.tests_events import end, events
from engine.config.tests_read import load_tests, read_tests
from engine.config.variables import AGENT, MESSAGE

HEAD = "name: x\nstart: 2025-03-03T00:00:00Z\n"
STARTER = Path(__file__).parents[3] / "config"

Read = Callable[[str], tuple[list[PlaybookTest], list[str]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def reader(text: str) -> tuple[list[PlaybookTest], list[str]]:
        path = tmp_path / "x.test.yaml"
        path.write_text(text)
        problems = Problems()
        tests = read_tests(path, "x.test.yaml", problems)
        return tests, [str(problem) for problem in problems.sorted()]

    return reader


def one(read: Read, text: str) -> PlaybookTest:
    tests, problems = read(HEAD + text)
    assert problems == []
    return tests[0]


def test_what_is_known_before_becomes_reserved_events(read: Read) -> None:
    test = one(
        read,
        "given:\n"
        "  - {entity: account/acme, name: Acme, zone: Europe/Vienna, attributes: {plan: pro}}\n"
        "  - {entity: contact/ann, parent: account/acme, roles: technical, email: ann@acme.example}\n"
        "  - {consent: contact/ann, channel: sms}\n"
        "events: []\nexpect: {}\n",
    )
    account, contact, consent = events(test)
    assert account == {
        "id": "given-0",
        "source": "test",
        "type": "forewarn.entity",
        "time": "2025-03-03T00:00:00Z",
        "subject": "account/acme",
        "data": {"name": "Acme", "zone": "Europe/Vienna", "attributes": {"plan": "pro"}},
    }
    assert contact["data"] == {
        "parent": "account/acme",
        "roles": ["technical"],
        "addresses": [{"kind": "email", "value": "ann@acme.example"}],
    }
    assert (consent["type"], consent["subject"]) == ("forewarn.consent", "contact/ann")
    assert (consent["data"]["state"], consent["data"]["channel"]) == ("granted", "sms")


def test_times_count_from_the_start_or_are_absolute(read: Read) -> None:
    test = one(
        read,
        "events:\n  - {at: +90m, type: a, subject: s}\n  - {at: 2025-03-03T02:00:00+01:00, type: b, subject: s}\n"
        "  - {at: -1d, type: c, subject: s}\nexpect: {}\n",
    )
    assert [(each["type"], each["time"]) for each in events(test)] == [
        ("c", "2025-03-02T00:00:00Z"),
        ("b", "2025-03-03T01:00:00Z"),
        ("a", "2025-03-03T01:30:00Z"),
    ]


def test_repetition_makes_an_event_for_each_subject(read: Read) -> None:
    test = one(
        read,
        "events:\n  - {type: a, subject: [s, t], repeat: {every: 1m, for: 150s}, "
        "data: {v: {expr: 10 * i}}}\nexpect: {}\n",
    )
    made = list(events(test))
    assert [(each["time"][14:19], each["subject"], each["data"]["v"]) for each in made] == [
        ("00:00", "s", 0.0),
        ("00:00", "t", 0.0),
        ("01:00", "s", 10.0),
        ("01:00", "t", 10.0),
        ("02:00", "s", 20.0),
        ("02:00", "t", 20.0),
    ]
    assert len({each["id"] for each in made}) == 6
    assert end(test) - test.start == 120


def test_several_streams_come_in_the_order_of_their_times(read: Read) -> None:
    test = one(
        read,
        "events:\n  - {type: a, subject: s, repeat: {every: 2s, times: 5}}\n"
        "  - {at: +1s, type: b, subject: s, repeat: {every: 2s, times: 5}}\nexpect: {}\n",
    )
    assert "".join(each["type"] for each in events(test)) == "ababababab"


def test_noise_and_choices_are_the_same_each_time_and_follow_the_seed(read: Read) -> None:
    body = (
        "events:\n  - {type: a, subject: s, repeat: {every: 1s, times: 2000}, "
        "data: {v: {noise: [20, 3]}, w: {choose: {200: 3, failed: 1}}, x: 5}}\nexpect: {}\n"
    )
    first, again, other = one(read, body), one(read, body), one(read, f"seed: 2\n{body}")
    assert list(events(first)) == list(events(again)) != list(events(other))
    values = [each["data"]["v"] for each in events(first)]
    assert sum(values) / len(values) == pytest.approx(20, abs=0.3)
    kinds = [each["data"]["w"] for each in events(first)]
    assert set(kinds) == {200, "failed"}
    assert kinds.count(200) / len(kinds) == pytest.approx(0.75, abs=0.05)


def test_the_end_may_be_said(read: Read) -> None:
    assert end(one(read, "until: +3d\nevents: []\nexpect: {}\n")) == 1740960000 + 3 * 86400


def test_expectations_know_their_places_and_what_is_not_looked_at(read: Read) -> None:
    test = one(
        read,
        "events: []\nexpect:\n  issues:\n    - {detector: d, severity: high}\n"
        "  messages: {to: a@b.cd, contains: [x, y]}\n"
        "  tickets: []\n",
    )
    assert test.expect.issues is not None
    assert test.expect.issues[0].place.line == 6
    assert ExpectedIssue("d", severity="high", place=test.expect.issues[0].place) == test.expect.issues[0]
    assert test.expect.messages == (
        ExpectedMessage("a@b.cd", contains=("x", "y"), place=test.expect.messages[0].place),  # type: ignore[index]  # the test says so
    )
    assert test.expect.tickets == ()
    assert test.expect.decisions is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("events: []\n", 'x.test.yaml:1:1: "expect" is missing'),
        ("events: [{type: a, subject: s, at: 5m}]\nexpect: {}\n", 'x.test.yaml:3:36: "5m" is no time: write'),
        ("events: [{type: a, subject: s, at: 2025-03-03}]\nexpect: {}\n", 'x.test.yaml:3:36: "2025-03-03" has no zone'),
        ("events: [{type: a, subject: s, repeat: {every: 1m}}]\nexpect: {}\n", "x.test.yaml:3:10: repeat needs for or"),
        (
            "events: [{type: a, subject: s, repeat: {every: 1s, for: 1000w}}]\nexpect: {}\n",
            "x.test.yaml:3:10: this repetition makes no event, or too many",
        ),
        (
            "events: [{type: a, subject: s, data: {v: {expr: k}}}]\nexpect: {}\n",
            'x.test.yaml:3:49: nothing is called "k"',
        ),
        ("events: [{type: a, subject: s, data: {v: {noise: 5}}}]\nexpect: {}\n", "x.test.yaml:3:50: noise is two"),
        ("events: [{type: a, subject: s, data: {v: {choose: {}}}}]\nexpect: {}\n", "x.test.yaml:3:51: choose needs"),
        (
            "events: []\nexpect: {issues: {severity: hgih}}\n",
            'x.test.yaml:4:18: no severity "hgih"; did you mean "high"?',
        ),
        ("events: []\ngiven: {entity: a, zone: Europe/Wien}\nexpect: {}\n", 'x.test.yaml:1:1: no zone "Europe/Wien"'),
        ("events: []\nexpect: {mesages: []}\n", 'x.test.yaml:4:10: unknown key "mesages"; did you mean "messages"?'),
    ],
)
def test_what_does_not_fit_is_told(read: Read, text: str, problem: str) -> None:
    tests, problems = read(HEAD + text)
    assert tests == []
    assert [each for each in problems if each.startswith(problem)], problems


def test_every_starter_playbook_has_a_test() -> None:
    tests, problems = load_tests(STARTER)
    assert problems == []
    tested = {Path(test.place.file).name.removesuffix(".test.yaml") for test in tests}
    playbooks = {path.stem for path in (STARTER / "playbooks").glob("*.yaml") if not path.name.endswith(".test.yaml")}
    assert tested == playbooks
    assert len(playbooks) >= 6


def test_messages_and_tickets_have_names_in_common_and_of_their_own() -> None:
    assert "person.name" in MESSAGE - AGENT
    assert "next_step" in AGENT - MESSAGE
    assert "issue.summary" in MESSAGE & AGENT
