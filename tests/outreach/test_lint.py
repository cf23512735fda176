"""What `forewarn check` says of templates: each mistake at its file and line, with what would be right."""

import json
from pathlib import Path
from typing import Any

import pytest

from outreach.approved import Approved
from outreach.contrast import Colour, colour, ratio
from outreach.lint_html import faults
from outreach.lint_rules import Rules
from outreach.render import TemplateError, Templates
from outreach.settings import Settings

SAYS = "Calls fail.\nYou need not do anything.\nMore by {{ next_update_at | when }}.\n"
ENDS = "See {{ links.page }}. You are a contact for {{ customer.name }}.\n"
WHOLE = f"Subject: Trouble\n\n{SAYS}{ENDS}"
SAMPLE = {
    "customer": {"name": "Acme", "zone": "UTC"},
    "links": {"page": "https://x.example/m/1"},
    "sender": {"help_url": "https://x.example"},
    "next_update_at": 1795367100,
}
LAYOUT = '<html lang="{{ locale }}"><p>{{ mail.subject }}</p></html>\n'
ALLOWED = {"customer.*", "links.*", "sender.*", "next_update_at"}
OPENED, CLOSING = Rules(ALLOWED, "opened"), Rules(ALLOWED, "closing")
SID = "HX" + "0" * 32


def write(folder: Path, **files: str) -> Path:
    """Write files by their path below `book`, and a layout."""
    for name, text in files.items():
        path = folder / "book" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "_layouts").mkdir(exist_ok=True)
    if not (folder / "_layouts/email.html.j2").exists():
        (folder / "_layouts/email.html.j2").write_text(LAYOUT, encoding="utf-8")
    return folder


def book(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the template `book/notice`, with changes by path below it."""
    named = {"notice/en/email.txt.j2": WHOLE, "notice/sample.json": json.dumps(SAMPLE)}
    return write(folder, **{**named, **{f"notice/{name}": text for name, text in (files or {}).items()}})


def found(folder: Path, rules: Rules = OPENED, *channels: str) -> list[str]:
    problems = Templates(folder).problems("book/notice", channels or ("email",), rules)
    at = [(str(Path(each.file).relative_to(folder)), each) for each in problems]
    return [f"{name.removeprefix('book/')}:{each.line}: {each.severity}: {each.message}" for name, each in at]


def only(folder: Path, rules: Rules = OPENED, *channels: str) -> str:
    (problem,) = found(folder, rules, *channels)
    return problem


def test_a_template_that_says_all_it_must_has_no_problem(tmp_path: Path) -> None:
    assert found(book(tmp_path)) == []
    assert found(tmp_path, CLOSING) == []


# -- C10


def test_c10_a_service_message_that_promotes_is_warned_of_at_its_line(tmp_path: Path) -> None:
    folder = book(tmp_path, {"en/email.txt.j2": WHOLE + "Special offer: 20 % off!\n"})
    assert only(folder).startswith(
        "notice/en/email.txt.j2:7: warning: 'Special offer' is promotion (C10); leave it out"
    )
    assert found(folder, Rules(ALLOWED, "opened", "marketing")) == []


def test_c10_it_counts_as_marketing_unless_its_author_says_that_it_is_none(tmp_path: Path) -> None:
    folder = book(tmp_path, {"en/email.txt.j2": WHOLE + "Discount codes do not work at the moment.\n"})
    assert Templates(folder).promotion("book/notice") == "Discount"
    book(tmp_path, {"en/email.txt.j2": WHOLE + "Discount codes do not work.\n", "template.yaml": "promotion: none\n"})
    assert Templates(folder).promotion("book/notice") == ""
    assert found(folder) == []


def test_c10_a_closing_message_that_promotes_is_an_error_as_it_may_then_not_be_sent(tmp_path: Path) -> None:
    folder = book(tmp_path, {"en/email.txt.j2": WHOLE + "Buy now!\n"})
    assert "error: 'Buy now' is promotion" in only(folder, CLOSING)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("de/email.txt.j2", "Nur heute: jetzt sichern!"),
        ("en/email.html.j2", '<html lang="en"><p>Save 30 %</p></html>'),
        ("en/sms.txt.j2", "Order now"),
        ("en/whatsapp.yaml", f"content: {SID}\nbody: 20% off\n"),
    ],
)
def test_c10_every_locale_channel_and_part_counts(tmp_path: Path, file: str, text: str) -> None:
    assert Templates(book(tmp_path, {file: text})).promotion("book/notice")


def test_c10_an_included_part_and_an_arm_count_and_a_comment_does_not(tmp_path: Path) -> None:
    book(tmp_path, {"en/email.txt.j2": WHOLE + "{# Buy now #}\n"})
    assert Templates(tmp_path).promotion("book/notice") == ""
    write(tmp_path, **{"notice@b/en/email.txt.j2": WHOLE + "Act now\n"})
    assert Templates(tmp_path).promotion("book/notice") == "Act now"
    (tmp_path / "_parts").mkdir()
    (tmp_path / "_parts/ad.j2").write_text("Best deal")
    write(tmp_path, **{"other/en/email.txt.j2": WHOLE + '{% include "_parts/ad.j2" %}'})
    assert Templates(tmp_path).promotion("book/other") == "Best deal"


# -- what every message must say

LACKS = {
    "what happened": ("Subject: Calls fail\n\n{% include '_parts/all.j2' %}", ["what happened"]),
    "must I act": (WHOLE.replace("You need not do anything.\n", ""), ["must do anything"]),
    "what next": (WHOLE.replace("{{ next_update_at | when }}", "noon"), ["by when the customer hears more"]),
    "genuine": (WHOLE.replace("{{ links.page }}", "our page"), ["check that it is genuine"]),
    "why me": (WHOLE.replace("{{ customer.name }}", "us"), ["why this person gets it"]),
}


@pytest.mark.parametrize("lack", LACKS)
def test_a_message_that_leaves_a_question_open_is_warned_of(tmp_path: Path, lack: str) -> None:
    text, words = LACKS[lack]
    (tmp_path / "_parts").mkdir()
    (tmp_path / "_parts/all.j2").write_text(SAYS + ENDS)
    assert [word in told for word, told in zip(words, found(book(tmp_path, {"en/email.txt.j2": text})), strict=True)]


def test_a_closing_message_need_not_say_when_more_is_heard(tmp_path: Path) -> None:
    text = WHOLE.replace("{{ next_update_at | when }}", "noon")
    assert found(book(tmp_path, {"en/email.txt.j2": text}), CLOSING) == []


def test_a_text_message_may_say_it_in_words(tmp_path: Path) -> None:
    short = "Calls fail. No action needed. We write again. Type {{ sender.help_url }}. For {{ customer.name }}"
    assert found(book(tmp_path, {"en/sms.txt.j2": short}), OPENED, "sms") == []
    assert "by when" in only(book(tmp_path, {"en/sms.txt.j2": short.replace("We write again. ", "")}), OPENED, "sms")


def test_a_language_whose_words_are_not_known_is_not_judged_by_words(tmp_path: Path) -> None:
    text = WHOLE.replace("You need not do anything.", "Non serve fare nulla.")
    assert found(book(tmp_path, {"it/email.txt.j2": text})) == []


# -- languages, length, parts


def test_a_text_message_s_length_has_a_limit_that_may_be_set(tmp_path: Path) -> None:
    folder = book(tmp_path, {"en/sms.txt.j2": "x" * 400})
    assert found(folder, Rules(ALLOWED), "sms") == []
    told = only(folder, Rules(ALLOWED, sms_segments=2), "sms")
    assert told == "notice/en/sms.txt.j2:0: warning: takes 3 text messages (GSM-7); 2 are enough (sms_segments)"


def test_the_characters_that_cost_twice_or_force_ucs_2_are_counted(tmp_path: Path) -> None:
    euros = book(tmp_path, {"en/sms.txt.j2": "€" * 240})
    assert "takes 4 text messages (GSM-7)" in only(euros, Rules(ALLOWED), "sms")
    greek = book(tmp_path, {"en/sms.txt.j2": "α" + "x" * 230})
    assert "takes 4 text messages (UCS-2, because of 'α')" in only(greek, Rules(ALLOWED), "sms")


def test_an_html_part_without_its_plain_text_is_told(tmp_path: Path) -> None:
    html = '<html lang="de"><p>x</p></html>'
    told = only(book(tmp_path, {"de/email.html.j2": html}))
    assert told == (
        "notice/de/email.txt.j2:0: error: missing: an HTML part alone; write the plain text that goes with it"
    )


def test_a_locale_of_one_channel_is_wanted_of_the_other(tmp_path: Path) -> None:
    short = "Calls fail. No action. We write again. {{ links.page }} {{ customer.name }}"
    folder = book(tmp_path, {"de/email.txt.j2": WHOLE.replace("You need", "Sie brauchen"), "en/sms.txt.j2": short})
    assert "notice/de/sms.txt.j2:0: error: missing: readers of de would get en" in found(folder, OPENED, "sms")


@pytest.mark.parametrize("text", ["http://x.example/help", "see HTTP://x.example".lower()])
def test_a_link_that_is_not_encrypted_is_told_at_its_line(tmp_path: Path, text: str) -> None:
    told = only(book(tmp_path, {"en/email.txt.j2": WHOLE + text + "\n"}))
    assert told.startswith("notice/en/email.txt.j2:7: warning: http://x.example")


def test_a_template_needs_an_example_of_its_variables(tmp_path: Path) -> None:
    (book(tmp_path) / "book/notice/sample.json").unlink()
    told = only(tmp_path)
    assert "cannot be shown with sample.json" in told
    assert "write an example of the variables" in told


# -- HTML

BAD_HTML = {
    '<p style="color:#888888;background:#999">grey</p>': "a contrast of 1.2 to 1 (#888888 on #999999)",
    '<p style="color:#777777">grey</p>': "a contrast of 4.5 to 1",
    '<div style="background:#000"><p style="color:#333">x</p></div>': "a contrast of",
    '<table bgcolor="#000000"><tr><td><font style="color:#222">x</font></td></tr></table>': "a contrast of",
    '<style>.c {color: #aaa}</style><p class="c">x</p>': "a contrast of",
    '<img src="https://x.example/a.png">': "a picture without words",
    '<a href="https://x.example"></a>': "a link without words to https://x.example",
    '<a href="https://x.example"><img src="https://x.example/a" alt=""></a>': "a link without words",
    '<a href="http://x.example">here</a>': "http://x.example is a link that anyone",
    '<img alt="x" src="http://x.example/a.png">': "http://x.example/a.png is a link that anyone",
}
GOOD_HTML = [
    '<p style="color:#767676">grey</p>',
    '<p style="font:24px serif;color:#949494">large</p>',
    '<p style="font:700 19px serif;color:#949494">large and bold</p>',
    '<div style="display:none;color:#fff">unseen</div>',
    '<img src="https://x.example/a.png" alt="">',
    '<a href="https://x.example" aria-label="Help"></a>',
    '<a href="https://x.example"><img src="https://x.example/a" alt="Help"></a>',
    '<style>p .c {color: #aaa}</style><p><b class="c">two elements are not judged</b></p>',
    '<p style="color:#aaa;background:url(https://x.example/dark.png)">not known</p>',
    '<style>.c {color: #aaa !important}</style><style>.c {color: #000 !important}</style><p class="c">last</p>',
]


@pytest.mark.parametrize("html", BAD_HTML)
def test_html_that_some_cannot_read_is_told(html: str) -> None:
    assert BAD_HTML[html] in faults(f'<html lang="en">{html}</html>')[0].message


@pytest.mark.parametrize("html", GOOD_HTML)
def test_html_that_all_can_read_has_no_fault(html: str) -> None:
    assert faults(f'<html lang="en">{html}</html>') == []


def test_the_dark_is_judged_by_its_own_colours() -> None:
    dark = "@media (prefers-color-scheme: dark) { .p { background: #111 !important } .t { color: #333 !important } }"
    page = (
        f'<html lang="en"><style>{dark}</style><body class="p" style="background:#fff"><p class="t">x</p></body></html>'
    )
    (fault,) = faults(page)
    assert fault.message.startswith("in the dark, a contrast of 1.5 to 1 (#333333 on #111111)")


def test_a_page_names_its_language() -> None:
    assert faults("<html><p>x</p></html>")[0].message.startswith("the language is not named")


def test_html_is_told_of_at_its_file_and_line(tmp_path: Path) -> None:
    html = '<html lang="en">\n<p style="color:#cccccc">{{ mail.subject }}</p>\n</html>'
    assert only(book(tmp_path, {"en/email.html.j2": html})).startswith("notice/en/email.html.j2:2: warning: a contrast")
    (tmp_path / "book/notice/en/email.html.j2").unlink()
    (tmp_path / "_layouts/email.html.j2").write_text(f"\n{html}")
    assert only(tmp_path).startswith("_layouts/email.html.j2:3: warning: a contrast of 1.6 to 1")


def test_contrast_is_wcag_s() -> None:
    """The pairs of WCAG's own techniques (G18): #777777 on white fails AA by a hair, #767676 does not."""
    white = Colour(255, 255, 255)
    assert ratio(Colour(0x77, 0x77, 0x77), white) == pytest.approx(4.478, abs=0.001)
    assert ratio(Colour(0x76, 0x76, 0x76), white) == pytest.approx(4.542, abs=0.001)
    assert colour("#fff") == white == colour("rgba(255,255,255,1)")
    assert colour("rgba(0,0,0,0.5)") is None


# -- template.yaml

SETTINGS = {
    "promotion: yes\n": "promotion is True; write none",
    "promotion: some\n": "promotion is 'some'; write none",
    "variant: {a: 10%}\n": "unknown key 'variant'; did you mean 'variants'?",
    "variants: [a]\n": "variants is no mapping",
    "variants: {a: 50%, b: 50%}\n": "the variants take everyone",
    "variants: {a: 0%}\n": "'0%' is no share for a",
    "variants: {a: 120%}\n": "'120%' is no share for a",
    "variants: {a: true}\n": "True is no share for a",
    "variants: {base: 10%}\n": "'base' is no name of a variant",
    "variants: {A b: 10%}\n": "'A b' is no name of a variant",
    "- x\n": "is no mapping; write promotion, variants",
    "{": "is no YAML",
    "variants: {a: 10%}\n": "there is no folder with the words of the variant 'a'",
}


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_that_make_no_sense_are_told(tmp_path: Path, text: str) -> None:
    assert SETTINGS[text] in "\n".join(found(book(tmp_path, {"template.yaml": text})))


def test_settings_are_read() -> None:
    read = Settings.read(b"promotion: none\nvariants: {short: 30%, long: 0.2}\n", "x")
    assert read == Settings(no_promotion=True, variants={"short": 0.3, "long": 0.2})


def test_an_arm_is_looked_over_too_and_shows_the_sample_of_its_template(tmp_path: Path) -> None:
    book(tmp_path, {"template.yaml": "variants: {short: 50%}\n", "de/email.txt.j2": WHOLE + "Bitte.\n"})
    write(tmp_path, **{"notice@short/en/email.txt.j2": WHOLE.replace("customer.name", "customr.name")})
    told = found(tmp_path)
    assert any(
        "notice@short/en/email.txt.j2:6: error: nothing fills the variable 'customr.name'" in each for each in told
    )
    write(tmp_path, **{"notice@short/en/email.txt.j2": WHOLE})
    assert found(tmp_path) == []
    assert Templates(tmp_path).preview("book/notice@short", "email", "en").text.endswith("for Acme.\n")


# -- whatsapp.yaml

APPROVED = {
    "": "is no mapping",
    "body: x\n": "content is missing",
    "content: HX1\nbody: x\n": "content 'HX1' is no ContentSid",
    f"content: {SID}\n": "body is missing",
    f'content: {SID}\nbody: "{{{{1}}}}"\n': "nothing fills {{1}} of the body",
    f'content: {SID}\nbody: x\nvariables: {{"1": x}}\n': "the body has no {{1}}",
    f'content: {SID}\nbody: "{{{{1}}}}"\nvariables: {{"1": "{{{{ customr.name }}}}"}}\n': "no variable 'customr'",
    f'content: {SID}\nbody: "{{{{1}}}}"\nvariables: {{"1": "{{{{ if }}}}"}}\n': "en/whatsapp.yaml:1: error: ",
    f'content: {SID}\nbody: "{{{{1}}}}"\nvariables: {{"1": " "}}\n': "the value of 1 is blank",
    f"content: {SID}\nbody: Buy now\n": "'Buy now' is promotion",
}


@pytest.mark.parametrize("text", APPROVED)
def test_c12_an_approved_template_that_cannot_be_sent_is_told(tmp_path: Path, text: str) -> None:
    told = found(book(tmp_path, {"en/whatsapp.yaml": text}), OPENED, "whatsapp")
    assert APPROVED[text] in "\n".join(told)


def test_c12_a_template_without_an_approved_one_is_warned_of(tmp_path: Path) -> None:
    assert "whatsapp.yaml:0: warning: missing: outside of the 24 hours" in only(book(tmp_path), OPENED, "whatsapp")


def test_c12_values_are_rendered_each_by_itself_on_one_line(tmp_path: Path) -> None:
    values = '{"1": "{{ links.page }}", who: "{{ customer.name }}"}'
    text = f'content: {SID}\nbody: "{{{{1}}}} {{{{who}}}}"\nvariables: {values}\n'
    folder = book(tmp_path, {"en/whatsapp.yaml": text})
    variables: dict[str, Any] = {**SAMPLE, "customer": {"name": "Ac\n{{2}}\tme"}}
    approval = Templates(folder).approval("book/notice", "en-GB", variables)
    assert approval is not None
    assert approval.variables == {"1": "https://x.example/m/1", "who": "Ac {{2}} me"}
    assert approval.text == "https://x.example/m/1 Ac {{2}} me"
    with pytest.raises(TemplateError, match="blank"):
        Templates(folder).approval("book/notice", "en", {**SAMPLE, "customer": {"name": " "}})
    assert Approved.read(text.encode(), "x").content == SID
