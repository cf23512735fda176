"""Subject, text and HTML of a message, in the reader's locale; and what is wrong with a template."""

import json
from pathlib import Path
from typing import Any

import pytest

from outreach.lint_rules import Rules
from outreach.render import TemplateError, Templates
from outreach.text import one_line

SUNDAY = 1795352700.0  # 2026-11-22T13:05:00Z
NOTICE = """Subject: {{ customer.name }}: calls fail

Hello,

since {{ issue.opened_at | when(customer.zone) }} {{ evidence.value | percent }} of calls fail.

What now?
Nothing. It lasts {{ 32400 | duration }}.

See what we see: {{ links.page }}

--
{{ sender.company }}, not {{ customer.name }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "_layouts/email.html.j2", Path("templates/_layouts/email.html.j2").read_text())
    write(tmp_path, "book/notice/en/email.txt.j2", NOTICE)
    write(tmp_path, "book/notice/de/email.txt.j2", NOTICE.replace("Hello", "Guten Tag"))
    write(tmp_path, "book/notice/en/sms.txt.j2", "{{ customer.name }}: calls fail")
    write(tmp_path, "book/notice/sample.json", json.dumps(variables()))
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def variables(name: str = "Acme") -> dict[str, Any]:
    return {
        "customer": {"name": name, "zone": "Europe/Vienna", "locale": "en"},
        "issue": {"opened_at": SUNDAY},
        "evidence": {"value": 0.123},
        "links": {"page": "https://example.org/i/1"},
        "sender": {"company": "Example Ltd", "help_url": "https://example.org/help"},
    }


@pytest.mark.parametrize(
    ("locale", "written", "time"),
    [
        ("en", "en", "Sunday, 22 November 2026 at 14:05 CET"),
        ("de", "de", "Sonntag, 22. November 2026 um 14:05 MEZ"),
        ("de-AT", "de", "Sonntag, 22. November 2026 um 14:05 MEZ"),
        ("de_CH", "de", "Sonntag, 22. November 2026 um 14:05 MEZ"),
        ("fr", "en", "Sunday, 22 November 2026 at 14:05 CET"),
        ("", "en", "Sunday, 22 November 2026 at 14:05 CET"),
        ("nonsense-locale", "en", "Sunday, 22 November 2026 at 14:05 CET"),
    ],
)
def test_locale_falls_back(folder: Path, locale: str, written: str, time: str) -> None:
    shown = Templates(folder).render("book/notice", "email", locale, variables())
    assert shown.locale == written
    assert time in shown.text


def test_any_locale_is_better_than_none(folder: Path) -> None:
    write(folder, "book/only/it/email.txt.j2", "Subject: Ciao\n\nCiao\n")
    assert Templates(folder).render("book/only", "email", "fr", variables()).locale == "it"


def test_the_locale_with_a_text_for_the_channel_is_used(folder: Path) -> None:
    assert Templates(folder).render("book/notice", "sms", "de", variables()).locale == "en"


def test_durations_speak_the_language(folder: Path) -> None:
    assert "9 Stunden" in Templates(folder).render("book/notice", "email", "de", variables()).text
    assert "9 hours" in Templates(folder).render("book/notice", "email", "en", variables()).text


def test_a_name_cannot_inject_headers_or_html_or_links(folder: Path) -> None:
    evil = "Acme\r\nBcc: all@example.org\u202e <script>https://evil.example/</script>"
    shown = Templates(folder).render("book/notice", "email", "en", variables(evil))
    assert shown.subject == "Acme Bcc: all@example.org <script>https://evil.example/</script>: calls fail"
    assert "\r" not in shown.text
    assert "\u202e" not in shown.text
    assert "<script>" not in shown.html
    assert 'href="https://evil.example' not in shown.html
    assert 'href="https://example.org/i/1"' in shown.html


def test_html_shows_the_text(folder: Path) -> None:
    html = Templates(folder).render("book/notice", "email", "en", variables()).html
    assert "What now?</h2>" in html
    assert ">See what we see</a>" in html
    assert 'lang="en"' in html
    assert "Example Ltd, not Acme" in html


def test_other_channels_say_what_the_email_says(folder: Path) -> None:
    shown = Templates(folder).render("book/notice", "webhook", "en", variables())
    assert shown.text.startswith("Hello,")
    assert Templates(folder).has("book/notice", "webhook")
    assert not Templates(folder).has("book/notice", "ticket")


def test_no_text_for_a_channel_is_an_error_with_a_remedy(folder: Path) -> None:
    with pytest.raises(TemplateError, match=r"no text for 'ticket'; write .*ticket\.txt\.j2"):
        Templates(folder).render("book/notice", "ticket", "en", variables())


def test_preview_and_variables(folder: Path) -> None:
    subject = Templates(folder)
    assert subject.preview("book/notice", "sms", "en").text == "Acme: calls fail\n"
    assert subject.variables("book/notice", "sms", "en") == {"customer.name"}
    assert "evidence.value" in subject.variables("book/notice", "email", "de")
    (folder / "book/notice/sample.json").write_text("{")
    with pytest.raises(TemplateError, match="is no JSON"):
        Templates(folder).preview("book/notice", "sms", "en")


def test_what_is_edited_later_does_not_show(folder: Path) -> None:
    before = Templates(folder)
    write(folder, "book/notice/en/sms.txt.j2", "{{ broken")
    write(folder, "book/notice/de/sms.txt.j2", "new")
    (folder / "_layouts/email.html.j2").unlink()
    assert before.render("book/notice", "sms", "de", variables()).text == "Acme: calls fail\n"
    assert "<html" in before.render("book/notice", "email", "en", variables()).html
    assert before.files.locales("book/notice") == ["de", "en"]


def test_a_file_that_is_no_utf8_is_a_problem_with_its_line(folder: Path) -> None:
    (folder / "book/notice/en/sms.txt.j2").write_bytes(b"calls\nfail\xff")
    cause = "byte 0xff is not UTF-8: save the file as UTF-8"
    assert messages(folder, ["sms"])[-1] == f"sms.txt.j2:2: {cause}"
    with pytest.raises(TemplateError, match=rf"sms\.txt\.j2:2: {cause}"):
        Templates(folder).render("book/notice", "sms", "en", variables())


ALLOWED = {"customer.*", "issue.*", "evidence.*", "links.page", "sender.*", "person.name"}


def messages(folder: Path, channels: list[str], template: str = "book/notice") -> list[str]:
    found = Templates(folder).problems(template, channels, Rules(ALLOWED))
    return [f"{Path(p.file).name}:{p.line}: {p.message}" for p in found]


def test_nothing_to_report(folder: Path) -> None:
    assert messages(folder, ["email"]) == []


def test_every_problem_is_reported_at_once(folder: Path) -> None:
    write(folder, "book/notice/en/sms.txt.j2", "Hi {{ persn.name }}\n{{ links.pgae }}" + "x" * 330)
    write(folder, "book/notice/de/sms.txt.j2", "{% if %}")
    write(folder, "book/notice/de/email.txt.j2", "No subject\nSpecial offer for you\n")
    found = "\n".join(messages(folder, ["email", "sms", "ticket"]))
    assert "sms.txt.j2:1: nothing fills the variable 'persn.name'; did you mean 'person.name'?" in found
    assert "sms.txt.j2:2: nothing fills the variable 'links.pgae'; did you mean 'links.page'?" in found
    assert "sms.txt.j2:1: Expected an expression, got 'end of statement block'" in found
    assert "email.txt.j2:1: the first line must be `Subject: …`" in found
    assert "email.txt.j2:2: 'Special offer' is promotion" in found
    assert "ticket.txt.j2:0: missing: nothing can be sent by ticket" in found
    assert "sms.txt.j2:0: cannot be shown with sample.json" in found


def test_long_text_messages_are_reported_with_the_reason(folder: Path) -> None:
    write(folder, "book/notice/en/sms.txt.j2", "ł" + "x" * 210)
    assert any("takes 4 text messages (UCS-2, because of 'ł')" in line for line in messages(folder, ["sms"]))


def test_a_missing_locale_tells_who_gets_what(folder: Path) -> None:
    assert "sms.txt.j2:0: missing: readers of de would get en" in messages(folder, ["sms"])


def test_an_unknown_template_has_a_nearest_name(folder: Path) -> None:
    assert "did you mean 'book/notice'?" in messages(folder, ["email"], "book/notise")[0]


def test_variables_of_included_files_are_checked_too(folder: Path) -> None:
    write(folder, "_parts/en.txt.j2", "\n{{ customr.name }}")
    write(folder, "book/notice/en/email.txt.j2", "Subject: x\n\n{% include '_parts/en.txt.j2' %}")
    assert any(line.startswith("en.txt.j2:2: nothing fills") for line in messages(folder, ["email"]))


def test_an_include_that_is_not_there(folder: Path) -> None:
    write(folder, "book/notice/en/email.txt.j2", "Subject: x\n\n{% include '_parts/no.j2' %}")
    assert any("includes '_parts/no.j2', which is not there" in line for line in messages(folder, ["email"]))


@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "a\x00b", "a\u2028b", "a\x85b", "a\tb"])
def test_one_line_is_one_line(text: str) -> None:
    assert one_line(text) == "a b"


def test_a_tag_takes_a_line_away_only_where_it_stands_alone(folder: Path) -> None:
    text = (
        "a{% if customer %}b{% endif %}\n{% if customer %}\nc\n{% endif %}\n\nd {# x #}{% if customer %}{% endif %}\ne"
    )
    write(folder, "book/notice/en/sms.txt.j2", text)
    assert Templates(folder).render("book/notice", "sms", "en", variables()).text == "ab\nc\n\nd \ne\n"


def test_text_messages_lose_the_typography_that_doubles_their_price(folder: Path) -> None:
    write(folder, "book/notice/en/sms.txt.j2", "“{{ evidence.value | percent }}” – …")
    assert Templates(folder).render("book/notice", "sms", "de", variables()).text == '"12%" - ...\n'


def test_times_are_shown_where_the_reader_lives(folder: Path) -> None:
    write(folder, "book/notice/en/sms.txt.j2", "{{ issue.opened_at | clock }}")
    subject = Templates(folder)
    assert subject.render("book/notice", "sms", "en", variables()).text == "14:05 CET\n"
    abroad = variables() | {"person": {"zone": "Asia/Tokyo"}}
    assert subject.render("book/notice", "sms", "en", abroad).text == "22:05 JST\n"


@pytest.mark.parametrize("channel", ["voice", "whatsapp"])
def test_who_is_called_or_texted_gets_the_words_of_the_text_message(channel: str) -> None:
    folder = Path(__file__).parents[2] / "templates"
    templates = Templates(folder)
    for locale in ("en", "de"):
        said = templates.preview("api-errors/notice", channel, locale)
        assert templates.preview("api-errors/notice", "sms", locale).text.startswith(said.text.strip())
        assert "/m/" not in said.text
