"""Our requests and our stand-in's answers, held against Twilio's own OpenAPI description."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from outreach.base import Message
from outreach.channels.sms import Sms
from outreach.channels.voice import Voice
from outreach.channels.whatsapp import WhatsApp
from outreach.twilio import CALLS, STATES
from tests.outreach.fakes import twilio as fake
from tests.outreach.fakes.twilio import FakeTwilio

SPECS = Path(os.environ.get("FOREWARN_SPECS", str(Path(__file__).parents[3] / "shared" / "specs")))
FILE = SPECS / "twilio_api_v2010.json"
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"

pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="Twilio's description is not here: set FOREWARN_SPECS")


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return loaded


def problems(value: Any, schema: dict[str, Any], spec: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield where a value breaks its schema: the part of JSON Schema that this description uses."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if value is None:
        if not schema.get("nullable"):
            yield f"{at} is null"
        return
    kinds: dict[str, type | tuple[type, ...]] = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
    }  # fmt: skip
    if not isinstance(value, kinds[schema.get("type", "string")]):
        yield f"{at} is a {type(value).__name__}, not a {schema.get('type')}"
    elif isinstance(value, str):
        yield from text_problems(value, schema, at)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from problems(item, schema["items"], spec, f"{at}[{number}]")
    elif isinstance(value, dict) and "properties" in schema:
        for name, item in value.items():
            known = schema["properties"].get(name)
            yield from problems(item, known, spec, f"{at}.{name}") if known else [f"{at}.{name} is not described"]


def text_problems(value: str, schema: dict[str, Any], at: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, none of {schema['enum']}"
    if not re.search(schema.get("pattern", ""), value):
        yield f"{at} is {value!r}, not {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6):
        yield f"{at} has {len(value)} characters"


def test_the_checker_finds_what_is_wrong(spec: dict[str, Any]) -> None:
    schema = spec["components"]["schemas"]["api.v2010.account.message"]
    wrong = {"sid": "XX1", "status": "gone", "num_media": 0, "nonsense": 1}
    assert len(list(problems(wrong, schema, spec))) == 5


def test_a_whole_conversation(spec: dict[str, Any], twilio: FakeTwilio) -> None:
    channel = Sms(
        account_sid=fake.ACCOUNT,
        auth_token=fake.TOKEN,
        from_=fake.FROM,
        base_url=twilio.url,
        status_callback="https://forewarn.example.org/hooks/twilio",
        max_price=0.05,
        now=lambda: 1795352700.0,
    )
    message = Message("int_1", "+436641234567", "Ihre Webhooks kommen wieder an.")
    channel.send(message)
    channel.find(message)
    channel.check()
    sent, listed, account = twilio.requests
    path = spec["paths"][MESSAGES]

    form = {key: value[0] for key, value in parse_qs(sent.body.decode()).items()}
    described = path["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    typed = form | {"MaxPrice": float(form["MaxPrice"]), "ValidityPeriod": int(form["ValidityPeriod"])}
    assert list(problems(typed, described, spec)) == []

    query = set(parse_qs(urlsplit(listed.path).query))
    assert query <= {parameter["name"] for parameter in path["get"]["parameters"]}
    assert urlsplit(listed.path).path == MESSAGES.replace("{AccountSid}", fake.ACCOUNT)
    assert account.path.replace(fake.ACCOUNT, "{Sid}") in spec["paths"]

    created = path["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert [list(problems(one, created, spec)) for one in twilio.messages] == [[]]
    answer = json.loads(twilio._list({"To": message.to}).body)
    page = path["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert list(problems(answer, page, spec)) == []


def test_a_call(spec: dict[str, Any], twilio: FakeTwilio) -> None:
    account: dict[str, Any] = {"account_sid": fake.ACCOUNT, "auth_token": fake.TOKEN, "from_": fake.FROM}
    channel = Voice(base_url=twilio.url, status_callback="https://forewarn.example.org/hooks/twilio", **account)
    message = Message("int_1", "+436641234567", "Ihre Webhooks kommen wieder an.", locale="de")
    sid = channel.send(message).provider_id
    channel.find(message)
    channel.recall(sid)
    made, listed, recalled = twilio.requests
    path = spec["paths"][MESSAGES.replace("Messages", "Calls")]

    fields = parse_qs(made.body.decode())
    form: dict[str, Any] = {name: value[0] for name, value in fields.items()} | {"Timeout": int(fields["Timeout"][0])}
    form["StatusCallbackEvent"] = fields["StatusCallbackEvent"]
    described = path["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert list(problems(form, described, spec)) == []
    assert set(parse_qs(urlsplit(listed.path).query)) <= {one["name"] for one in path["get"]["parameters"]}
    assert recalled.path.replace(fake.ACCOUNT, "{AccountSid}").replace(sid, "{Sid}") in spec["paths"]
    created = path["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert [list(problems(one, created, spec)) for one in twilio.calls] == [[]]


def test_a_whatsapp_template(spec: dict[str, Any], twilio: FakeTwilio) -> None:
    account: dict[str, Any] = {"account_sid": fake.ACCOUNT, "auth_token": fake.TOKEN, "from_": fake.FROM}
    message = Message("int_1", "+436641234567", "", content="HX" + "c" * 32, variables={"1": "Webhooks"})
    WhatsApp(base_url=twilio.url, **account).send(message)
    form = {key: value[0] for key, value in parse_qs(twilio.requests[0].body.decode()).items()}
    described = spec["paths"][MESSAGES]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert list(problems(form, described, spec)) == []
    created = spec["paths"][MESSAGES]["post"]["responses"]["201"]["content"]["application/json"]["schema"]
    assert [list(problems(one, created, spec)) for one in twilio.messages] == [[]]


def test_every_state_of_a_call_is_known(spec: dict[str, Any]) -> None:
    assert set(spec["components"]["schemas"]["call_enum_status"]["enum"]) <= set(CALLS)


def test_every_state_of_a_message_is_known(spec: dict[str, Any]) -> None:
    described = set(spec["components"]["schemas"]["message_enum_status"]["enum"])
    assert described - set(STATES) == {"receiving", "received"}
