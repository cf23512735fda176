"""What `forewarn check` says of answers: the team's own words, the templates, and where conversations go."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from engine.config.check import check
from engine.config.check_templates import REPLIES

Write = Callable[..., Path]
ROOT = Path(__file__).parents[3]


def said(write: Write, changes: Mapping[str, str]) -> list[str]:
    return [str(problem) for problem in check(write(changes))]


@pytest.mark.parametrize(
    ("text", "place", "cause"),
    [
        ("conversations: {desk: zendsk}", "policy.yaml:1:23", 'no ticket desk "zendsk"'),
        ("conversations: {turns: 3}", "policy.yaml:1:24", "3 turns"),
        ("conversations: {turn: 1}", "policy.yaml:1:17", "turn"),
    ],
)
def test_where_conversations_go_is_checked(write: Write, text: str, place: str, cause: str) -> None:
    [problem] = said(write, {"policy.yaml": text + "\n"})
    assert place in problem
    assert cause in problem


def test_a_teams_own_words_are_checked_line_by_line(write: Write) -> None:
    words = {"templates/_replies/words/en.txt": "[fixed]\nall green\nstill broken\n"}
    [problem] = said(write, words)
    assert "templates/_replies/words/en.txt:3:1" in problem
    assert "means broken already" in problem


def test_what_answers_name_is_checked(write: Write) -> None:
    help_ = "templates/_replies/help/en/"
    texts = {help_ + "sms.txt.j2": "{{ numbr }}\n", help_ + "email.txt.j2": "Subject: Help\n\nHelp.\n"}
    problems = said(write, {**texts, "templates/_replies/help/sample.json": '{"number": "1"}'})
    assert any("nothing fills the variable 'numbr'" in each and "sms.txt.j2:1" in each for each in problems)


def test_where_people_answer_missing_texts_are_told(write: Write) -> None:
    text = {"channels.yaml": "mail: {type: memory}\nchat: {type: slack, token: x, signing_secret: y}\n"}
    [problem] = [each for each in said(write, text) if "_replies" in each]
    assert "customers who answer get no text but a person" in problem
    assert "warning" in problem


def test_the_starter_has_every_answer() -> None:
    assert {each.parent.name for each in (ROOT / "templates" / "_replies").glob("*/sample.json")} == {
        name.partition("/")[2] for name in REPLIES
    }
