"""Whatever a template says, what a desk gets of it is short enough, in one piece, and no markup of ours or theirs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach import drafts
from outreach.base import Draft
from outreach.rest import Api, base_url


def draft(body: str = "", subject: str = "", next_step: str = "") -> Draft:
    return Draft("int_1", "q", subject, body, "high", "account/a", next_step=next_step)


@given(st.text(max_size=400), st.text(max_size=400), st.integers(200, 400))
def test_a_body_fits_and_ends_with_its_reference(text: str, step: str, most: int) -> None:
    made = drafts.body(draft(text, next_step=step), most)
    assert len(made) <= most
    assert made.splitlines()[-1] == "Forewarn reference: int_1"


@given(st.text(max_size=300), st.integers(8, 200))
def test_a_subject_is_one_line_that_fits_and_is_never_empty(text: str, most: int) -> None:
    made = drafts.subject(draft(subject=text), most)
    assert 0 < len(made) <= most
    assert made.splitlines() == [made]


@given(st.text(max_size=300))
def test_html_is_paragraphs_and_breaks(text: str) -> None:
    made = drafts.html(text)
    assert set(re.findall(r"<[^>]*>", made)) <= {"<p>", "</p>", "<br>"}
    assert made.count("<") == made.count(">")


@given(st.lists(st.text(max_size=120), max_size=5))
def test_tags_have_no_blanks_and_come_once(given_: list[str]) -> None:
    made = drafts.tags(given_)
    assert made[0] == "forewarn"
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[\w.-]{1,80}", each) for each in made)


@pytest.mark.parametrize(
    ("marks", "field", "expected"),
    [
        ([], "", ""),
        ([], None, ""),
        ([], False, ""),
        ([], "nonsense", ""),
        (["Forewarn-True"], "", "true"),
        (["forewarn-true"], "false", "false"),
        (["forewarn-true", "forewarn-unclear"], "", "unclear"),
        (["true", "forewarn-maybe"], "", ""),
        ([], " forewarn-unclear ", "unclear"),
    ],
)
def test_a_verdict_is_a_field_or_a_tag(marks: list[str], field: object, expected: str) -> None:
    assert drafts.verdict(marks, field) == expected


@pytest.mark.parametrize("token", ["two\nlines", "tökén", "a\x00b"])
def test_a_token_that_is_none_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValueError, match="authorization") as caught:
        Api("https://x.example", headers={"authorization": token}, timeout=1.0, now=float)
    assert token not in str(caught.value)


def test_a_desk_on_this_machine_may_do_without_tls() -> None:
    assert base_url("http://127.0.0.1:8080/help/") == "http://127.0.0.1:8080/help"
    with pytest.raises(ValueError, match="https"):
        base_url("http://127.0.0.1.example.com")
