"""A page that is filled in is the page that would be rendered."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.layout import Mail, blocks
from outreach.render import LAYOUT, TemplateError, Templates
from outreach.skeleton import fillable, outlined

STARTER = Path(__file__).parents[2] / "templates"
LINK = "https://status.example.com/m/abc"
LINES = st.sampled_from(
    [
        "Hello <Ada> & co,",
        "What now?",
        "- one",
        "- two 'quoted'",
        f"See here: {LINK}",
        f"Text. Go {LINK} now",
        "--",
        "",
        "",
    ]
)


def values(**more: Any) -> dict[str, Any]:
    return {"locale": "en", "sender": {"company": "A & B"}, "links": {"page": LINK}, **more}


@given(st.lists(LINES, max_size=14), st.text(max_size=30))
def test_filled_in_it_is_what_would_be_rendered(lines: list[str], subject: str) -> None:
    templates, given_ = Templates(STARTER), values()
    mail = Mail.of(given_, subject.replace("\x00", ""), "\n".join(lines))
    filled = templates._skeletons.filled(LAYOUT, *mail.outlined(given_))
    assert filled == templates._run(LAYOUT, {**given_, "mail": mail.data()})


@given(st.lists(LINES, max_size=14))
def test_a_block_knows_its_outline(lines: list[str]) -> None:
    for part in blocks("\n".join(lines), {LINK}):
        for block in part:
            assert block.outlined == outlined(block.data())


def test_the_starter_s_layout_can_be_filled_in() -> None:
    assert fillable(Templates(STARTER)._names, LAYOUT)


def folder(tmp_path: Path, layout: str) -> Templates:
    notice = tmp_path / "x" / "y" / "en"
    notice.mkdir(parents=True)
    (tmp_path / "_layouts").mkdir()
    (tmp_path / LAYOUT).write_text(layout)
    (notice / "email.txt.j2").write_text("Subject: Hi {{ customer.name }}\n\nHello {{ customer.name }},\n\nbye\n")
    return Templates(tmp_path)


@pytest.mark.parametrize(
    "layout",
    [
        "{{ mail.subject | upper }}",
        "{% if mail.subject == 'Hi a' %}A{% endif %}",
        "{% if mail.subject | length > 4 %}long{% endif %}",
        "{{ customer.name }}",
        "{% set it = mail.subject %}{{ it }}",
        "{{ mail.subject ~ 'x' }}",
        "{{ mail['subject'] }}",
        "{% for each in mail.body if each.heading %}x{% endfor %}",
        "{% for each in range(3) %}{{ each }}{% endfor %}",
    ],
)
def test_a_layout_that_does_more_than_show_is_rendered(tmp_path: Path, layout: str) -> None:
    templates = folder(tmp_path, layout)
    assert not fillable(templates._names, LAYOUT)
    for name in ("a", "somebody"):
        given_ = values(customer={"name": name})
        mail = Mail.of(given_, f"Hi {name}", f"Hello {name},\n\nbye\n").data()
        expected = templates._run(LAYOUT, {**given_, "zone": "", "mail": mail})
        assert templates.render("x/y", "email", "en", given_).html == expected


@pytest.mark.parametrize("layout", ["{% for each in mail.subject %}({{ each }}){% endfor %}", "{{ mail.body }}"])
def test_a_text_that_is_looked_into_is_not_filled_in(tmp_path: Path, layout: str) -> None:
    templates, given_ = folder(tmp_path, layout), values(customer={"name": "Ada"})
    assert fillable(templates._names, LAYOUT)
    html = templates.render("x/y", "email", "en", given_).html
    assert "Ada" in html or "(A)(d)(a)" in html


def test_what_a_layout_misses_is_said_as_ever(tmp_path: Path) -> None:
    templates = folder(tmp_path, "{{ sender.compny }}")
    with pytest.raises(TemplateError, match="did you mean 'company'"):
        templates.render("x/y", "email", "en", values(customer={"name": "Ada"}))


def test_a_page_filled_in_is_bounded_too(tmp_path: Path) -> None:
    templates = folder(tmp_path, "{{ mail.subject }}" * 1_000)
    given_ = values(customer={"name": "A" * 100})
    with pytest.raises(TemplateError, match="longer than"):
        templates.render("x/y", "email", "en", given_)
    short = templates.render("x/y", "email", "en", values(customer={"name": "A"}))
    assert short.html == "Hi A" * 1_000


def test_a_sender_of_more_than_texts_is_rendered(tmp_path: Path) -> None:
    templates = folder(tmp_path, "{{ sender.company }}")
    assert templates.render("x/y", "email", "en", values(customer={"name": "A"}, sender={"company": 7})).html == "7"
