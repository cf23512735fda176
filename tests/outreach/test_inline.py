"""Styles written into tags: as css-inline does it to what a reader gets, while the template stays a template."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from css_inline import CSSInliner

from outreach import files
from outreach.inline import InlineError, inlined
from outreach.lint_rules import Rules
from outreach.render import TemplateError, Templates

FOLDER = Path(__file__).parents[2] / "templates"
MAILS = [
    (template, locale)
    for template in Templates(FOLDER).templates()
    for locale in Templates(FOLDER).files.locales(template)
    if Templates(FOLDER).has(template, "email")
]


class Shown(HTMLParser):
    """The tags of a page, each with its styles, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.styles: list[dict[str, str]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        style = given.pop("style", "")
        self.tags.append((tag, tuple(sorted(given.items()))))
        pairs = (each.partition(":") for each in style.split(";") if each.strip())
        self.styles.append({name.strip(): value.strip().replace('"', "'") for name, _, value in pairs})

    def handle_data(self, data: str) -> None:
        self.text += data.split() if self.lasttag != "style" else []


@pytest.mark.parametrize(("template", "locale"), MAILS)
def test_every_template_reads_as_if_its_mail_had_been_inlined(
    template: str, locale: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Templates(FOLDER).preview(template, "email", locale).html
    monkeypatch.setattr(files, "inlined", lambda source: source)
    plain = Templates(FOLDER).preview(template, "email", locale).html
    wanted = Shown(CSSInliner(keep_style_tags=True).inline(plain).replace("<tbody>", ""))
    shown = Shown(once)
    assert (shown.tags, shown.text) == (wanted.tags, wanted.text)
    assert shown.styles == wanted.styles
    assert sum(map(bool, shown.styles)) > 10
    assert once.count("@media (prefers-color-scheme: dark)") == 1
    assert "{#" not in once


def test_what_jinja_says_stays_where_it_is() -> None:
    source = """{% macro row(x) %}<b class="k">{{ x }}</b>{% endmacro %}
<style>
.k { color: red; }
td { padding: 1px }
</style>
<table>{% for x in xs %}<tr>
{% if x %}<td class="k" title="{{ x }}">{{ row(x) }}</td>{% else %}<td>-</td>{% endif %}</tr>
{% endfor %}</table>"""
    made = inlined(source)
    assert made.count("\n") == source.count("\n"), "so that errors name the right line"
    assert made.split("</style>")[1] == source.split("</style>")[1].replace(
        '<td class="k" title="{{ x }}">', '<td class="k" title="{{ x }}" style="padding:1px;color:red">'
    ).replace("<td>-", '<td style="padding:1px">-')
    assert '<b class="k" style="color:red">{{ x }}</b>{% endmacro %}' in made


@pytest.mark.parametrize(
    ("tag", "becomes"),
    [
        ('<p class="a" style="margin:0">', '<p class="a" style="color:red;margin:0">'),
        ("<p class=a style='width:{{ w }}px'>", '<p class=a style="color:red;width:{{ w }}px">'),
        ('<img class="a" src="{{ url }}"/>', '<img class="a" src="{{ url }}" style="color:red"/>'),
        (
            '<a class="a" {% if x %}href="/"{% endif %}>',
            '<a class="a" {% if x %}href="/"{% endif %} style="color:red">',
        ),
        ('<a {% if x %}class="a"{% endif %}>', None),
        ('<p class="a"><p>', '<p class="a" style="color:red"><p>'),
    ],
)
def test_a_tag_keeps_what_it_has(tag: str, becomes: str | None) -> None:
    if becomes is None:
        with pytest.raises(InlineError, match="variable decides"):
            inlined(f"<style>.a{{color:red}}</style>{tag}")
    else:
        assert inlined(f"<style>.a{{color:red}}</style>{tag}") == f"<style></style>{becomes}"


def test_what_cannot_be_inlined_stays_and_counts_over_what_is() -> None:
    css = "a{color:red}a:hover{color:blue}@media print{a{color:black;background:url('x;y')}b{color:red !important}}"
    left = inlined(f"<style>{css}</style><a>").split("</style>")[0].replace(" ", "").replace("\n", "")
    assert "a:hover{color:blue!important" in left
    assert left.endswith("@mediaprint{a{color:black!important;background:url('x;y')!important}b{color:red!important}}")
    assert not left.startswith("<style>a{")


def test_the_stronger_rule_counts() -> None:
    css = "#i{color:green}.a{color:red}p{color:blue;margin:0 !important}.a{margin:9px}"
    assert inlined(f'<style>{css}</style><p class="a" id="i">').endswith('style="margin:0 !important;color:green">')


def test_without_a_style_nothing_changes() -> None:
    assert inlined('<p class="{{ x }}">{% raw %}{{{% endraw %}') == '<p class="{{ x }}">{% raw %}{{{% endraw %}'


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("\n<style>.a{color:{{ c }}}</style>", 2, "variables in <style>"),
        ('<style>.a{}</style>\n\n<p class="{{ c }}">', 3, "variable decides"),
        ('<style>.a{color:red}</style>\n<td class="a">', 2, "cannot stand here"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(source: str, line: int, words: str) -> None:
    with pytest.raises(InlineError, match=words) as refused:
        inlined(source)
    assert refused.value.line == line


def test_a_template_that_cannot_be_inlined_is_told_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "all" / "notice"
    (folder / "en").mkdir(parents=True)
    (folder / "sample.json").write_text("{}")
    (folder / "en" / "email.txt.j2").write_text("Subject: Hi\n\nHello\n")
    page = folder / "en" / "email.html.j2"
    page.write_text('<style>.a{color:red}</style>\n<p class="{{ mail.subject }}">')
    with pytest.raises(TemplateError, match="variable decides") as refused:
        Templates(tmp_path).preview("all/notice", "email", "en")
    assert refused.value.place == f"{page}:2"
    (problem,) = Templates(tmp_path).problems("all/notice", ["email"], Rules())
    assert f"{page}:2" in problem.message
