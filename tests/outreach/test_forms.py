"""A message that is filled in is the message that would be rendered."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outreach.filling import MAIL
from outreach.forms import is_plain, is_settled
from outreach.render import LAYOUT, Rendered, TemplateError, Templates
from outreach.skeleton import fillable
from outreach.values import Said

STARTER = Path(__file__).parents[2] / "templates"
LINK = "https://status.example.com/m/abc"


def no_forms(name: str, *, has_subject: bool) -> None:
    """Return that a text has no forms."""


FILLING, RENDERING = Templates(STARTER), Templates(STARTER)
RENDERING._filling.forms = no_forms  # type: ignore[method-assign]  # every message by itself
WRITTEN = sorted(
    (template, locale, Path(name).name.partition(".")[0])
    for template in FILLING.templates()
    for name in FILLING.files.texts(template)
    if name.endswith(".txt.j2")
    for locale in [name.split("/")[2]]
)
LIKE_MARKUP = [
    "a\nb",
    "- item",
    "--",
    "What?",
    "Yes!",
    "so:",
    " x",
    "x ",
    "",
    "https://evil.example/x",
    LINK,
    "//x",
    "/x",
]
LIKE_WORDS = ["Ann & Co.", "<b>", "{{ x }}", "12\u00a0%", "a. b", "A" * 300, "Ünï 例え", "'\"", "5"]
ODD = st.sampled_from([*LIKE_MARKUP, *LIKE_WORDS, "\ufdd05\ufdd1", "\u202e", "\x00"])
VALUE = st.one_of(ODD, st.text(max_size=20), st.none(), st.integers(), st.floats(), st.booleans())


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where values stand in nested mappings."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from leaves(each, (*at, key))
    else:
        yield at


def changed(value: Any, at: tuple[Any, ...], to: Any) -> Any:
    """Return the same with one value changed."""
    return {**value, at[0]: changed(value.get(at[0], {}), at[1:], to)} if at else to


def said(templates: Templates, written: tuple[str, str, str], values: Mapping[str, Any]) -> Rendered | str:
    """Return what is rendered, or why nothing is."""
    template, locale, channel = written
    try:
        return templates.render(template, channel, locale, values)._replace(laid=None)
    except TemplateError as error:
        return str(error)


@settings(max_examples=400)
@given(st.sampled_from(WRITTEN), st.data())
def test_filled_in_it_is_what_would_be_rendered(written: tuple[str, str, str], data: st.DataObject) -> None:
    values = FILLING._sample(written[0], written[1])
    places = list(leaves(values))
    for at in data.draw(st.lists(st.sampled_from(places), max_size=3)):
        values = changed(values, at, data.draw(VALUE))
    assert said(FILLING, written, values) == said(RENDERING, written, values)


@pytest.mark.parametrize(
    ("at", "to"),
    [
        (("sender", "company"), 0),
        (("sender", "company"), False),
        (("evidence", "value"), 1e300),
        (("evidence", "value"), "many"),
        (("issue", "opened_at"), 6.8e16),
        (("links",), {}),
    ],
)
def test_odd_values_are_treated_as_ever(at: tuple[str, ...], to: object) -> None:
    for written in WRITTEN:
        values = changed(FILLING._sample(written[0], written[1]), at, to)
        assert said(FILLING, written, values) == said(RENDERING, written, values)


@pytest.mark.parametrize(
    "written", [each for each in WRITTEN if each[2] in ("email", "sms") and each[0][0] != "_"], ids="/".join
)
def test_what_customers_read_is_filled_in(written: tuple[str, str, str]) -> None:
    template, locale, channel = written
    name = f"{template}/{locale}/{channel}.txt.j2"
    values = Said(FILLING._sample(template, locale), locale=locale, zone="Europe/Vienna", spoken=False)
    filled = FILLING._filling.filled(name, values, has_subject=channel == "email")
    assert filled is not None
    assert (filled.laid is not None) == name.endswith(MAIL)


LINES = ["Hello {{ customer.name }},", "What now?", "- {{ customer.name }}", "- one", "--", "", "{{ customer.name }}"]
LINES += ["Go: {{ links.page }}", "For {{ customer.name }}: {{ links.page }}", "{{ links.page }}{{ customer.name }}"]
LINES += ["For {{ customer.name }}. Go: {{ links.page }}.", "https://{{ customer.name }}", "{{ customer.name }}://x"]
LINES += ["{% if customer.vip %}You: {% endif %}{{ customer.name | upper }}", "{{ 'a' if customer.vip else 'b' }}"]
LINES += [
    "-{{ customer.name }}",
    "{{ customer.name }}?",
    "{{ article.title }}: {{ article.url }}",
    "http:{{ customer.name }}",
]


@given(st.lists(st.sampled_from(LINES), max_size=8), st.lists(ODD, min_size=2, max_size=3), st.booleans())
@example(["For {{ customer.name }}: {{ links.page }}"], ["a. b", "c"], True)
def test_whatever_a_template_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], names: list[str], vip: bool
) -> None:
    folder = tmp_path_factory.mktemp("templates")
    page(folder, (STARTER / LAYOUT).read_text(), "\n".join(lines))
    filling, rendering = Templates(folder), Templates(folder)
    rendering._filling.forms = no_forms  # type: ignore[method-assign]
    for name in names:
        values = customers(name, vip=vip)
        assert said(filling, ("x/y", "en", "email"), values) == said(rendering, ("x/y", "en", "email"), values)


def customers(name: str, **more: Any) -> dict[str, Any]:
    article = {"title": "Calls that fail", "url": "https://help.example.com/calls"}
    links = {"page": LINK, "preferences": f"{LINK}/p"}
    return {"customer": {"name": name, **more}, "sender": {"company": "A & B"}, "links": links, "article": article}


def page(folder: Path, layout: str, body: str = "Hello {{ customer.name }},\n\nbye") -> None:
    notice = folder / "x" / "y" / "en"
    notice.mkdir(parents=True)
    (folder / "_layouts").mkdir()
    (folder / LAYOUT).write_text(layout)
    (notice / "email.txt.j2").write_text(f"Subject: Hi {{{{ customer.name }}}}\n\n{body}\n")


def test_the_starter_s_layout_can_be_filled_in() -> None:
    assert fillable(FILLING._names, LAYOUT)


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
    page(tmp_path, layout)
    filling, rendering = Templates(tmp_path), Templates(tmp_path)
    rendering._filling.forms = no_forms  # type: ignore[method-assign]
    assert not fillable(filling._names, LAYOUT)
    for name in ("a", "somebody"):
        written = "x/y", "en", "email"
        assert said(filling, written, customers(name)) == said(rendering, written, customers(name))


@pytest.mark.parametrize("layout", ["{% for each in mail.subject %}({{ each }}){% endfor %}", "{{ mail.body }}"])
def test_a_text_that_is_looked_into_is_not_filled_in(tmp_path: Path, layout: str) -> None:
    page(tmp_path, layout)
    templates = Templates(tmp_path)
    assert fillable(templates._names, LAYOUT)
    html = templates.render("x/y", "email", "en", customers("Ada")).html
    assert "Ada" in html or "(A)(d)(a)" in html


def test_what_a_layout_misses_is_said_as_ever(tmp_path: Path) -> None:
    page(tmp_path, "{{ sender.compny }}")
    with pytest.raises(TemplateError, match="did you mean 'company'"):
        Templates(tmp_path).render("x/y", "email", "en", customers("Ada"))


def test_a_page_filled_in_is_bounded_too(tmp_path: Path) -> None:
    page(tmp_path, "{{ mail.subject }}" * 1_000)
    templates = Templates(tmp_path)
    with pytest.raises(TemplateError, match="longer than"):
        templates.render("x/y", "email", "en", customers("A" * 100))
    assert templates.render("x/y", "email", "en", customers("A")).html == "Hi A" * 1_000


@pytest.mark.parametrize("body", ["{{ customer.name | upper }}" * 500, "{% include 'x/y/en/email.txt.j2' %}"])
def test_a_template_without_end_is_bounded_as_ever(tmp_path: Path, body: str) -> None:
    page(tmp_path, "{{ mail.subject }}", body)
    filling, rendering = Templates(tmp_path), Templates(tmp_path)
    rendering._filling.forms = no_forms  # type: ignore[method-assign]
    written, values = ("x/y", "en", "email"), customers("A" * 900)
    assert said(filling, written, values) == said(rendering, written, values)
    assert isinstance(said(filling, written, values), str)


def test_a_value_that_changes_the_layout_is_not_plain() -> None:
    assert all(map(is_plain, ["Ann", "5", "a. b", "A <b>"]))
    assert not any(map(is_plain, ["", "-", "a:", "a\u2028b", "x//y", " a", "a\u00a0", "\ufdd0"]))


def test_lines_whose_label_is_not_known_are_not_settled() -> None:
    link = "https://\ufdd21\ufdd1"
    assert is_settled(f"For \ufdd00\ufdd1. Go there: {link}", {link})
    assert not is_settled(f"For \ufdd00\ufdd1: {link}", {link})
    assert not is_settled("https://example.com/\ufdd00\ufdd1", {link})


def test_forms_are_not_kept_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreach.forms.MOST", 3)
    page(tmp_path, "{{ sender.company }}")
    templates = Templates(tmp_path)
    for number in range(10):
        values = {**customers("Ada"), "sender": {"company": f"No {number}"}}
        assert templates.render("x/y", "email", "en", values).html == f"No {number}"
    forms = templates._filling._forms["x/y/en/email.txt.j2"]
    assert forms is not None
    assert len(forms._known) <= 3


def test_values_that_no_key_can_hold_are_rendered(tmp_path: Path) -> None:
    page(tmp_path, "{{ sender.company }}")
    values = json.loads(json.dumps({**customers("Ada"), "sender": {"company": "A", "more": ["list"]}}))
    assert Templates(tmp_path).render("x/y", "email", "en", values).html == "A"
