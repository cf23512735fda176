"""A template can neither reach into objects nor run away."""

from pathlib import Path
from typing import Any

import pytest

from outreach.render import TemplateError, Templates

VARIABLES: dict[str, Any] = {
    "customer": {"name": "Acme", "tags": ["a", "b"], "long": "x" * 60_000},
    "now": 5,
    "history": [{"at": 1.0}],
}

REFUSED = {
    "{{ ''.__class__ }}": "cannot be read",
    "{{ now.real }}": "cannot be read",
    "{{ customer['__class__'] }}": "there is no '__class__'",
    "{{ range.__globals__ }}": "cannot be read",
    "{{ [1] | map(attribute='real') | join }}": "cannot be read",
    "{{ customer | attr('items') }}": "No filter named 'attr'",
    "{{ customer.name | safe }}": "No filter named 'safe'",
    "{{ 'x' | center(99999999) }}": "No filter named 'center'",
    "{{ 'x'.center(99999999) }}": "cannot be read",
    "{{ 'x' * 99999999 }}": "cannot be computed",
    "{{ [0] * 99999999 }}": "cannot be computed",
    "{{ 9 ** 9 ** 9 }}": "cannot be computed",
    "{{ '%999999999d' % 1 }}": "cannot be computed",
    "{{ range(100000) | list }}": "is more than 1000",
    "{% for i in range(900) %}{% for j in range(900) %}{% endfor %}{% endfor %}": "more than 10000 steps",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}": "steps",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "RecursionError",
    "{% set a = 'aaaaaaaaaaaaaaaa' %}" + "{% set a = a ~ a %}" * 40: "longer than 65536",
    "{% set a = 'aaaaaaaaaaaaaaaa' %}" + "{% set a = a + a %}" * 40: "longer than 65536",
    "{% for i in range(900) %}" + "abcdefgh" * 20 + "{% endfor %}": "longer than 65536",
    "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}": "a recursive loop",
    "{% for i in range(900) %}{{ (customer.long | sort)[0] }}{% endfor %}": "more than 10000 steps",
    "{% for i in range(9) %}{% for c in customer.long if c == '?' %}{% endfor %}{% endfor %}": "more than 10000 steps",
    "{% set a = 999999999 %}" + "{% set a = a * a %}" * 40: "numbers beyond 1e+15",
    "{{ 10000000000000000 + 1 }}": "numbers beyond 1e+15",
    "{{ (customer.long ~ customer.long) | upper }}": "longer than 65536",
    "{% include customer.name %}": "an include without a fixed name",
    "{% include '../secret' %}": "no template file",
    "{% extends 'other' %}": "{% extends %} cannot be used",
    "{% autoescape false %}{% endautoescape %}": "cannot be used",
    "{{ custmer }}": "there is no variable 'custmer'",
    "{{ customer.nmae }}": "did you mean 'name'?",
    "{{ customer.name | duration }}": "is no number of seconds",
    "{% if now %}": "endif",
}


def templates(folder: Path, source: str, file: str = "sms.txt.j2") -> Templates:
    path = folder / "book" / "note" / "en" / file
    path.parent.mkdir(parents=True)
    path.write_text(f"first line\n{source}\n", encoding="utf-8")
    return Templates(folder)


@pytest.mark.parametrize("source", REFUSED)
def test_refused_with_place_and_cause(tmp_path: Path, source: str) -> None:
    subject = templates(tmp_path, source)
    with pytest.raises(TemplateError) as caught:
        subject.render("book/note", "sms", "en", VARIABLES)
    assert REFUSED[source] in str(caught.value)
    assert "sms.txt.j2" in caught.value.place


def test_the_place_is_the_line(tmp_path: Path) -> None:
    subject = templates(tmp_path, "fine\n\n{{ customer.nmae }}")
    with pytest.raises(TemplateError) as caught:
        subject.render("book/note", "sms", "en", VARIABLES)
    assert caught.value.place.endswith("sms.txt.j2:4")
    assert caught.value.remedy


ALLOWED = {
    "{% for h in history %}{{ loop.index }}:{{ h.at }}{% endfor %}": "1:1.0",
    "{{ customer.tags | map('upper') | join('+') }}": "A+B",
    "{{ customer.name ~ ' & ' ~ now }}": "Acme & 5",
    "{{ (now + 1) * 2 % 5 }}": "2",
    "{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(1) }}{{ f(x=2) }}": "<1><2>",
    "{% if customer.plan is defined %}x{% else %}none{% endif %}": "none",
    "{{ customer.plan | default('none') }}": "none",
    "{{ customer.items }}": None,
}


@pytest.mark.parametrize(("source", "expected"), [(s, e) for s, e in ALLOWED.items() if e])
def test_what_a_template_needs_works(tmp_path: Path, source: str, expected: str) -> None:
    shown = templates(tmp_path, source).render("book/note", "sms", "en", VARIABLES)
    assert shown.text == f"first line\n{expected}\n"


def test_names_of_data_win_over_methods(tmp_path: Path) -> None:
    subject = templates(tmp_path, "{{ evidence.items }}")
    assert "7" in subject.render("book/note", "sms", "en", {"evidence": {"items": 7}}).text


def test_one_rendering_does_not_spend_the_steps_of_the_next(tmp_path: Path) -> None:
    subject = templates(tmp_path, "{% for i in range(900) %}{% for j in range(8) %}{% endfor %}{% endfor %}")
    for _ in range(3):
        assert subject.render("book/note", "sms", "en", VARIABLES).text.startswith("first line")


def test_html_is_escaped_and_joined_text_stays_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "book" / "note" / "en"
    folder.mkdir(parents=True)
    (folder / "email.txt.j2").write_text("Subject: Hello\n\nText\n")
    (folder / "email.html.j2").write_text("{{ name }}|{{ name ~ '<i>' }}|{{ '<i>' + name }}")
    html = Templates(tmp_path).render("book/note", "email", "en", {"name": "<b>"}).html
    assert html == "&lt;b&gt;|&lt;b&gt;&lt;i&gt;|&lt;i&gt;&lt;b&gt;"
