"""status.yaml: the public page's components, and who may subscribe."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.check import check, checked
from engine.config.model import Per
from engine.config.problems import errors

Write = Callable[..., Path]
STATUS = (
    "channel: mail\ncomponents:\n  api: {label: API, group: Platform, detectors: [err*], attributes: {region: eu}}\n"
)
TEMPLATES = {
    "templates/_status/confirm/en/email.txt.j2": "Subject: Confirm\n\n{{ links.confirm }}\n",
    "templates/_status/confirm/sample.json": '{"links": {"confirm": "https://x/status/c/t"}}',
    "templates/_status/update/en/email.txt.j2": "Subject: {{ entry.title }}\n\n"
    "{% for each in updates %}{{ each.text }}{% endfor %}\n",
    "templates/_status/update/sample.json": '{"entry": {"title": "Trouble"}, "updates": [{"text": "We look."}]}',
}


def told(folder: Path) -> list[str]:
    return [str(problem) for problem in check(folder, {})]


def test_a_page_is_read_with_its_components(write: Write) -> None:
    more = "confirmations: 10 per 2h\nconfirm_within: 1d\nchange: works\ntitle: Example status\n"
    config, problems = checked(write({"status.yaml": STATUS + more, **TEMPLATES}), {})
    assert errors(problems) == []
    assert config is not None
    status = config.status
    assert status is not None
    api = status.components["api"]
    assert (api.label, api.group, api.detectors, api.attributes) == ("API", "Platform", ("err*",), {"region": ("eu",)})
    assert (status.channel, status.change, status.title) == ("mail", "works", "Example status")
    assert (status.confirmations, float(status.confirm_within)) == (Per(10, 7200.0, calendar=False), 86400.0)
    assert "status.yaml" in config.files


def test_without_the_file_there_is_no_page(write: Write) -> None:
    config, _ = checked(write(), {})
    assert config is not None
    assert config.status is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("components: {}", "status.yaml:1:13: the page is of nothing; name a component"),
        ("channel: mail", '"components" is missing'),
        ("components: {API: {label: API}}", 'status.yaml:1:14: "API" is no name; use small letters'),
        ("components: {api: {label: ' '}}", "the public must know what it is"),
        ("components: {api: {labl: API}}", 'unknown key "labl"; did you mean "label"?'),
        ("components: {api: {label: API, detectors: [erors]}}",
         'status.yaml:1:44: no detector "erors"; did you mean "errors"?'),
        ("components: {a: {label: API}, b: {label: API}}", '"API" is the label of a too; call one otherwise'),
        ("components: {api: {label: API}}\nchannel: mial", 'status.yaml:2:10: no channel "mial"; did you mean "mail"?'),
        ("components: {api: {label: API}}\nchannel: hook", "hook is no e-mail; subscribers are told by e-mail"),
        ("components: {api: {label: API}}\nwebhook: mail", "mail is no webhook; systems are told by webhook"),
        ("components: {api: {label: API}}\nwebhook: hok", 'no channel "hok"; did you mean "hook"?'),
        ("components: {api: {label: API}}\nwebhook: near", "near may ask addresses inside your network"),
        ("components: {api: {label: API}}\nconfirm_within: 31d", "up to 30 days; write 48h"),
        ("components: {api: {label: API}}\nconfirmations: 0 per 1h", "nobody could ever subscribe"),
        ("[]", "expected a mapping"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(write: Write, text: str, words: str) -> None:
    given = "type: webhook, secret: whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
    hook = f"mail: {{type: memory}}\nhook: {{{given}}}\nnear: {{{given}, allow_internal: true}}\n"
    found = told(write({"status.yaml": f"{text}\n", "channels.yaml": hook, **TEMPLATES}))
    assert any(words in each for each in found), found


def test_attributes_without_detectors_are_warned_of(write: Write) -> None:
    found = told(write({"status.yaml": "components: {api: {label: API, attributes: {region: eu}}}\n"}))
    assert found == ["status.yaml:1:44: warning: attributes have no effect without detectors; name detectors"]


def test_subscribers_need_templates_that_name_what_is_filled_in(write: Write) -> None:
    assert [each for each in told(write({"status.yaml": STATUS})) if "_status/confirm" in each and "copy it" in each]
    wrong = TEMPLATES | {"templates/_status/update/en/email.txt.j2": "Subject: X\n\n{{ customer.name }}\n"}
    found = told(write({"status.yaml": STATUS, **wrong}))
    assert any("nothing fills the variable 'customer.name'" in each for each in found), found


def test_an_in_app_channel_is_read_with_its_origins(write: Write) -> None:
    good = "mail: {type: memory}\napp: {type: inapp, origins: [https://app.example.com]}\n"
    config, problems = checked(write({"channels.yaml": good}), {})
    assert errors(problems) == []
    assert config is not None
    assert config.channels["app"].params["origins"] == ["https://app.example.com"]
    found = told(write({"channels.yaml": good.replace(".com", ".com/shop")}))
    assert any("is no origin" in each for each in found), found


def test_a_cap_of_news_is_a_cap(write: Write) -> None:
    assert told(write({"policy.yaml": "caps: {status: 5 per day}\n"})) == []
