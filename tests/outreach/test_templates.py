"""The starter templates: complete, in both languages, short enough, and answering what readers ask."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.config.variables import DIGEST, NEWS
from outreach.lint_rules import Rules
from outreach.render import ENDS, FRAME, Rendered, Templates
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

REPLIES = [name for name in TEMPLATES.templates() if name.startswith("_replies/")]
HANDED = "_replies/agent"
ANSWERS = [name for name in REPLIES if name != HANDED]
NAMES = [name for name in TEMPLATES.templates() if name not in [*REPLIES, FRAME, ENDS]]
NOTICES = [name for name in NAMES if name.endswith("/notice")]
ENDINGS = [name for name in NAMES if name.rpartition("/")[2] in ("resolved", "correction", "expired")]
INCIDENT = "_common/incident"
AGENTS = [name for name in NAMES if name.endswith("/agent") or name == INCIDENT]
ESCALATIONS = ["_common/escalation", "_common/approval", "_common/defect"]
SUBSCRIBERS = ["_status/confirm", "_status/update"]
CUSTOMERS = [name for name in NAMES if name not in AGENTS + ESCALATIONS + SUBSCRIBERS]
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


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_have_no_problem_and_are_short(name: str) -> None:
    allowed = {"now", "sender.*", "customer.*", "person.*", "links.page", "links.preferences", "number", "choices"}
    assert TEMPLATES.problems(name, ["email", "sms"], Rules(allowed)) == []
    assert TEMPLATES.files.locales(name) == ["de", "en"]
    for locale in ("en", "de"):
        sample = TEMPLATES.files.sample(name)
        for links in (sample["links"], {"page": "", "preferences": ""}):
            shown = TEMPLATES.render(name, "email", locale, {**sample, "links": links})
            assert "\n\n\n" not in shown.text
            assert ("/m/" in shown.text) == bool(links["page"] or sample.get("choices"))


def told_together(locale: str, variables: dict[str, Any] | None = None, count: int = 6) -> dict[str, Any]:
    """Return the variables of the template around them, with what the starter's messages say there."""
    sample = TEMPLATES.files.sample(FRAME)
    items = []
    for name in NOTICES[:count]:
        shown = TEMPLATES.render(name, "digest", locale, {**TEMPLATES.files.sample(name), **(variables or {})})
        text = "\n".join(line for line in shown.text.splitlines() if line.strip())
        items.append({"headline": shown.subject, "text": text, "link": sample["links"]["page_1"]})
    return {**sample, **(variables or {}), "items": items}


def ended_together(locale: str) -> dict[str, Any]:
    """Return the variables of the template around ends, with what the starter's messages say there."""
    sample = TEMPLATES.files.sample(ENDS)
    shown = [TEMPLATES.render(name, "digest", locale, TEMPLATES.files.sample(name)) for name in ENDINGS]
    link = sample["links"]["page_1"]
    texts = ["\n".join(line for line in each.text.splitlines() if line.strip()) for each in shown]
    items = [{"headline": each.subject, "text": text, "link": link} for each, text in zip(shown, texts, strict=True)]
    return {**sample, "items": items}


def test_what_is_told_together_has_no_problem() -> None:
    assert TEMPLATES.problems(FRAME, ["email", "sms"], Rules(DIGEST, "opened")) == []
    for name in NOTICES:
        assert TEMPLATES.problems(name, ["digest"], Rules(TO_CUSTOMERS)) == []
        assert all(TEMPLATES.digested(name, locale) for locale in ("de", "en")), name


def test_ends_that_are_told_together_have_no_problem() -> None:
    assert TEMPLATES.problems(ENDS, ["email", "sms"], Rules(DIGEST, "closing")) == []
    assert len(ENDINGS) >= 2 * len(NOTICES) + 3
    for name in ENDINGS:
        assert TEMPLATES.problems(name, ["digest"], Rules(TO_CUSTOMERS)) == [], name
        assert all(TEMPLATES.digested(name, locale, ENDS) for locale in ("de", "en")), name


@pytest.mark.parametrize("locale", ["en", "de"])
def test_ends_told_together_say_of_each_how_it_ended_and_whether_to_act(locale: str) -> None:
    together = ended_together(locale)
    shown = TEMPLATES.render(ENDS, "email", locale, together)
    act, _, *once = QUESTIONS[locale]
    assert shown.text.count(act) == len(together["items"])
    assert [shown.text.count(question) for question in once] == [1, 1]
    assert "\n\n\n" not in shown.text
    for two in range(0, len(together["items"]) - 1, 2):
        pair = {**together, "items": together["items"][two : two + 2]}
        text = TEMPLATES.render(ENDS, "sms", locale, pair).text.strip()
        assert (segments(text).messages <= 3, segments(text).alphabet) == (True, "GSM-7"), text


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_digest_answers_what_readers_ask_of_each_and_once_what_is_the_same(locale: str) -> None:
    shown = TEMPLATES.render(FRAME, "email", locale, told_together(locale))
    act, *once = QUESTIONS[locale]
    assert shown.text.count(act) >= len(NOTICES)
    assert [shown.text.count(question) for question in once] == [1, 1, 1]
    assert shown.text.count("/m/") == len(NOTICES)
    assert "\n\n\n" not in shown.text
    text = TEMPLATES.render(FRAME, "sms", locale, told_together(locale, count=2)).text.strip()
    assert (segments(text).messages <= 3, segments(text).alphabet) == (True, "GSM-7"), text


@pytest.mark.parametrize("locale", ["en", "de"])
def test_a_digest_leaves_out_what_is_not_known(locale: str) -> None:
    sample = TEMPLATES.files.sample("api-errors/notice")
    bare = {
        "evidence": dict.fromkeys(sample["evidence"]),
        "sender": sample["sender"] | {"help_url": "", "postal_address": ""},
        "person": sample["person"] | {"name": ""},
        "article": None,
    }
    for channel in ("email", "sms"):
        shown = TEMPLATES.render(FRAME, channel, locale, told_together(locale, bare))
        assert "None" not in shown.subject + shown.text
        assert [sign for sign in ("  ", " .", " ,") if sign in shown.text] == []


@pytest.mark.parametrize("locale", ["en", "de"])
def test_the_ticket_of_a_conversation_holds_all_of_it(locale: str) -> None:
    sample = TEMPLATES.files.sample(HANDED)
    unknown = {**sample, "issue": dict.fromkeys(sample["issue"], ""), "links": {"console": ""}, "why": "unclear"}
    unknown["person"] = {**sample["person"], "name": "", "phone": "", "email": ""}
    for variables in (sample, unknown):
        shown = TEMPLATES.render(HANDED, "ticket", locale, variables)
        at = [shown.text.index(entry["text"]) for entry in sample["thread"]]
        assert at == sorted(at)
        assert "None" not in shown.subject + shown.text


def test_distress_gets_one_honest_sentence() -> None:
    for locale, word in (("en", "automatic"), ("de", "automatische")):
        text = TEMPLATES.preview("_replies/distress", "sms", locale).text
        assert word in text
        assert text.strip().count(".") == 1


@pytest.mark.parametrize("name", AGENTS)
def test_tickets_have_no_problem(name: str) -> None:
    more = {"incident.*"} if name == INCIDENT else set()
    assert TEMPLATES.problems(name, ["ticket"], Rules(TO_AGENTS | more)) == []
    assert TEMPLATES.files.locales(name) == ["de", "en"]


@pytest.mark.parametrize("name", SUBSCRIBERS)
def test_mails_to_subscribers_have_no_problem(name: str) -> None:
    assert TEMPLATES.problems(name, ["email"], Rules(NEWS)) == []
    assert TEMPLATES.files.locales(name) == ["de", "en"]


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("name", SUBSCRIBERS)
@pytest.mark.parametrize("bare", [False, True])
def test_mails_to_subscribers_say_who_writes_and_how_it_ends(name: str, locale: str, *, bare: bool) -> None:
    sample = copy.deepcopy(TEMPLATES.files.sample(name))
    if bare:
        sample["sender"] |= {"help_url": "", "postal_address": ""}
        sample["entry"] |= {"components": []}
    shown = TEMPLATES.render(name, "email", locale, sample)
    wanted = ["confirm"] if name == "_status/confirm" else ["leave", "choose"]
    assert all(sample["links"][link] in shown.text for link in wanted)
    assert all(f'href="{sample["links"][link]}"' in shown.html for link in wanted)
    assert sample["sender"]["company"] in shown.text
    assert "\n\n\n" not in shown.text
    assert "None" not in shown.text
    assert len(shown.subject) <= 90


def test_maintenance_is_told_with_its_window() -> None:
    sample = TEMPLATES.files.sample("_status/update")
    sample["entry"] |= {"kind": "maintenance", "ends_at": 1795355400.0}
    assert "to Sunday, 22 November 2026 at 13:50" in TEMPLATES.render("_status/update", "email", "en", sample).text


@pytest.mark.parametrize("name", ESCALATIONS)
def test_escalations_have_no_problem(name: str) -> None:
    assert TEMPLATES.problems(name, ["email", "sms"], Rules(TO_AGENTS | {"approval.*", "defect.*"})) == []


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


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("name", CUSTOMERS)
def test_a_call_asks_nobody_to_write_back(name: str, locale: str) -> None:
    """It says what the text message says, and offers a key to whoever wants no more calls."""
    spoken, written = (TEMPLATES.preview(name, channel, locale).text for channel in ("voice", "sms"))
    assert "STOP" not in spoken
    assert written.startswith(spoken.strip())


def renderings(name: str, variables: dict[str, Any]) -> list[Rendered]:
    channels = ["ticket"] if name in AGENTS else ["email", "sms"]
    return [TEMPLATES.render(name, c, locale, variables) for c in channels for locale in ("en", "de")]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SUBSCRIBERS])
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
    own = ("_replies", "digest", "ends")
    for path in (each for each in FOLDER.glob("*/*/sample.json") if not {*own} & {*each.parts[-3:-1]}):
        sample = json.loads(path.read_text(encoding="utf-8"))
        news = {"now", "sender", "page", "entry", "updates", "links"}
        message = {"now", "sender", "customer", "issue", "evidence", "links"}
        assert (news if path.parts[-3] == "_status" else message) <= set(sample), path


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


@pytest.mark.parametrize(("locale", "words"), [("en", 5), ("de", 5)])
@pytest.mark.parametrize("channel", ["email", "sms"])
def test_every_word_that_is_offered_is_understood(channel: str, locale: str, words: int) -> None:
    text = TEMPLATES.preview("_replies/help", channel, locale).text
    offered = re.findall(r"\b[A-ZÄÖÜ]{3,}(?: [A-ZÄÖÜ]{2,})*\b", text)
    assert len(offered) == words
    meant = {str(TEMPLATES.grammar.read(word, locale).meaning) for word in offered}
    assert meant == {"fixed", "broken", "not_mine", "call", "stop"}
