"""The starter templates: complete, in both languages, short enough, and answering what readers ask."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from outreach.lint_rules import Rules
from outreach.render import Rendered, Templates
from outreach.segments import segments
from outreach.text import mark

FOLDER = Path(__file__).parents[2] / "templates"
TEMPLATES = Templates(FOLDER)
COMMON = {"now", "sender.*", "customer.*", "issue.*", "evidence.*"}
TO_CUSTOMERS = COMMON | {
    "person.*",
    "links.page",
    "links.preferences",
    "links.unsubscribe",
    "next_update_at",
    "article.*",
    "remedy.*",
}
TO_AGENTS = COMMON | {"history", "next_step", "links.console"}

NAMES = TEMPLATES.templates()
AGENTS = [name for name in NAMES if name.endswith("/agent")]
ESCALATIONS = ["_common/escalation"]
CUSTOMERS = [name for name in NAMES if name not in AGENTS + ESCALATIONS]
QUESTIONS = {
    "en": ["Do you need to do anything?", "What happens next?", "Is this message genuine?", "You get this"],
    "de": ["Müssen Sie etwas tun?", "Wie geht es weiter?", "Ist diese Nachricht echt?", "Sie erhalten diese"],
}  # fmt: skip


def test_there_is_something_to_test() -> None:
    assert len(AGENTS) >= 6
    assert len(CUSTOMERS) >= 3 * len(AGENTS)


@pytest.mark.parametrize("name", CUSTOMERS)
def test_messages_to_customers_have_no_problem(name: str) -> None:
    occasion: Any = "opened" if name.endswith("/notice") else "closing"
    rules = Rules(TO_CUSTOMERS, occasion, sms_segments=2)
    assert TEMPLATES.problems(name, ["email", "sms", "webhook"], rules) == []
    assert TEMPLATES.files.locales(name) == ["de", "en"]


@pytest.mark.parametrize("name", AGENTS)
def test_tickets_have_no_problem(name: str) -> None:
    assert TEMPLATES.problems(name, ["ticket"], Rules(TO_AGENTS)) == []
    assert TEMPLATES.files.locales(name) == ["de", "en"]


def test_escalations_have_no_problem() -> None:
    assert TEMPLATES.problems("_common/escalation", ["email", "sms"], Rules(TO_AGENTS)) == []


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("name", CUSTOMERS)
def test_every_mail_answers_what_readers_ask(name: str, locale: str) -> None:
    shown = TEMPLATES.preview(name, "email", locale)
    sample = TEMPLATES.files.sample(name)
    assert all(question in shown.text for question in QUESTIONS[locale])
    assert sample["links"]["page"] in shown.text
    assert sample["links"]["preferences"] in shown.text
    assert f"{sample['sender']['help_url']}" in shown.text
    assert "\n\n\n" not in shown.text
    assert len(shown.subject) <= 90
    assert f'href="{sample["links"]["page"]}"' in shown.html


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("name", CUSTOMERS)
def test_text_messages_are_short_even_with_long_names(name: str, locale: str) -> None:
    sample = TEMPLATES.files.sample(name)
    sample["customer"]["name"] = "Vereinigte Großhandelsgesellschaft mbH & Co. KG"
    sample["issue"]["subject_name"] = "a-device-with-a-name-of-some-length"
    text = TEMPLATES.render(name, "sms", locale, sample).text.strip()
    cost = segments(f"{text} {mark('int_1')}")
    assert (cost.messages <= 2, cost.alphabet) == (True, "GSM-7"), text
    assert "STOP" in text


def renderings(name: str, variables: dict[str, Any]) -> list[Rendered]:
    channels = ["ticket"] if name in AGENTS else ["email", "sms"]
    return [TEMPLATES.render(name, c, locale, variables) for c in channels for locale in ("en", "de")]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_known_is_left_out(name: str) -> None:
    """A message is sent with what there is: no number of the evidence is needed, nor a name, nor a help page."""
    bare = copy.deepcopy(TEMPLATES.files.sample(name))
    bare["evidence"] = dict.fromkeys(bare["evidence"])
    bare["sender"] |= {"help_url": "", "postal_address": ""}
    bare["issue"] |= {"summary": "", "detector_about": ""}
    if "person" in bare:
        bare["person"]["name"] = ""
    if "history" in bare:
        bare["history"] = []
    for shown in renderings(name, bare):
        assert "None" not in shown.subject + shown.text
        assert "  " not in shown.text
        assert " ." not in shown.text
        assert " ," not in shown.text


@pytest.mark.parametrize(("days", "word"), [(-3.0, "expired"), (0.2, "within a day"), (10.0, "in 10 days")])
def test_a_card_that_has_expired_is_said_to_have(days: float, word: str) -> None:
    sample = TEMPLATES.files.sample("card-expiry/notice")
    sample["evidence"]["value"] = days
    for channel in ("email", "sms"):
        assert word in TEMPLATES.render("card-expiry/notice", channel, "en", sample).text


def test_samples_are_what_the_engine_fills_in() -> None:
    for path in FOLDER.glob("*/*/sample.json"):
        sample = json.loads(path.read_text(encoding="utf-8"))
        assert {"now", "sender", "customer", "issue", "evidence", "links"} <= set(sample), path


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(
    ("text", "ground"),
    [
        ("#1b2430", "#ffffff"), ("#0b5394", "#ffffff"), ("#ffffff", "#0b5394"), ("#414b55", "#f3f5f7"),
        ("#3c4650", "#f3f5f7"), ("#0b5394", "#f3f5f7"), ("#e8eaed", "#1f2429"), ("#b4bac1", "#15181c"),
        ("#8ab8f0", "#1f2429"), ("#8ab8f0", "#15181c"), ("#10151a", "#8ab8f0"),
    ],
)  # fmt: skip
def test_colours_can_be_read(text: str, ground: str) -> None:
    """WCAG 2.2 AAA, 1.4.6: a contrast of 7 to 1."""
    layout = (FOLDER / "_layouts" / "email.html.j2").read_text(encoding="utf-8")
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    assert text in layout
    assert ground in layout
    assert (light + 0.05) / (dark + 0.05) >= 7
