"""Every secret comes from a file or the environment, and shows nowhere: each is a canary that nothing may tell."""

import io
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, redirect_stderr
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from engine import logs
from engine.app import Engine, services
from engine.cli import main
from engine.clock import FakeClock
from engine.config.check import checked
from engine.config.load import load_or_raise
from engine.config.model import MainConfig, SnapshotsConfig, StoreConfig
from engine.config.model.log import LogConfig
from engine.config.problems import errors
from engine.config.secrets import Secret
from engine.storage import Storage
from engine.web.server import create_app
from outreach.dkim import Dkim
from outreach.imap import Inbox
from outreach.registry import channel_class, channel_types, desk_class, desk_kinds
from tests.brokers.broker import free_port
from tests.engine.web.conftest import Server
from tests.faults.house import START, prepared

SECRET = re.compile(r"password|token$|secret|secrets|api_key|^key$|_sid$")
"""Keys that hold one, by their names."""
NONE = {"messaging_service_sid", "token_file"}
"""Names that look like one: what they hold is no secret."""
FILES = {"ca", "certificate", "key"}
"""Of the log: files."""
PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
FORMS = {
    "account_sid": "AC{:0>32}",
    "auth_token": "{:0>32}",
    "secret": "whsec_" + "c2VjcmV0" * 4 + "{:0>8}",
    "secrets": "whsec_" + "c2VjcmV0" * 4 + "{:0>8}",
}
"""Of secrets that are checked for their form."""
CHANNELS = """
email:
  type: email
  host: 127.0.0.1
  port: {closed}
  tls: none
  from: a@example.com
  username: us
  password: {{env: EMAIL_PASSWORD}}
  webhook_secret: {{env: EMAIL_WEBHOOK_SECRET}}
  dkim: {{domain: example.com, selector: forewarn, key: {{env: EMAIL_DKIM_KEY}}}}
  inbox: {{host: 127.0.0.1, port: {closed}, tls: none, user: us, password: {{env: EMAIL_INBOX_PASSWORD}}}}
sms: {{type: sms, base_url: "http://127.0.0.1:{closed}", account_sid: {{env: SMS_ACCOUNT_SID}},
  auth_token: {{env: SMS_AUTH_TOKEN}}, from: "+15005550006"}}
whatsapp: {{type: whatsapp, base_url: "http://127.0.0.1:{closed}", account_sid: {{env: WHATSAPP_ACCOUNT_SID}},
  auth_token: {{env: WHATSAPP_AUTH_TOKEN}}, from: "+15005550006"}}
voice: {{type: voice, base_url: "http://127.0.0.1:{closed}", account_sid: {{env: VOICE_ACCOUNT_SID}},
  auth_token: {{env: VOICE_AUTH_TOKEN}}, from: "+15005550006"}}
slack: {{type: slack, base_url: "http://127.0.0.1:{closed}", token: {{env: SLACK_TOKEN}},
  signing_secret: {{env: SLACK_SIGNING_SECRET}}}}
pagerduty: {{type: pagerduty, base_url: "http://127.0.0.1:{closed}", webhook_secret: {{env: PAGERDUTY_WEBHOOK_SECRET}}}}
webhook: {{type: webhook, secret: {{env: WEBHOOK_SECRET}}}}
rotating: {{type: webhook, secrets: [{{env: WEBHOOK_SECRETS}}]}}
"""
DESKS = """
zendesk: {{type: zendesk, url: "http://127.0.0.1:{closed}", email: a@example.com, token: {{env: ZENDESK_TOKEN}},
  webhook_secret: {{env: ZENDESK_WEBHOOK_SECRET}}}}
jira: {{type: jira, url: "http://127.0.0.1:{closed}", email: a@example.com, token: {{env: JIRA_TOKEN}}, project: SUP,
  service_desk: "1", request_type: "2", webhook_secret: {{env: JIRA_WEBHOOK_SECRET}}}}
freshdesk: {{type: freshdesk, url: "http://127.0.0.1:{closed}", email: a@example.com,
  api_key: {{env: FRESHDESK_API_KEY}}, webhook_secret: {{env: FRESHDESK_WEBHOOK_SECRET}}}}
servicenow: {{type: servicenow, url: "http://127.0.0.1:{closed}", user: us, password: {{env: SERVICENOW_PASSWORD}},
  webhook_secret: {{env: SERVICENOW_WEBHOOK_SECRET}}}}
bearer: {{type: servicenow, url: "http://127.0.0.1:{closed}", token: {{env: SERVICENOW_TOKEN}}}}
zammad: {{type: zammad, url: "http://127.0.0.1:{closed}", token: {{env: ZAMMAD_TOKEN}}, group: Users,
  customer: a@example.com, webhook_secret: {{env: ZAMMAD_WEBHOOK_SECRET}}}}
"""
PAGES = ("/", "/issues", "/decisions", "/deadletters", "/approvals", "/defects")
LINKS = "link_secret: {file: link.secret}\n"
CLUSTER = """
store: {{url: "postgresql://us@127.0.0.1:{closed}/db", password: {{env: STORE_PASSWORD}}}}
log: {{kafka: ["127.0.0.1:{closed}"], mechanism: SCRAM-SHA-512, user: us, password: {{env: LOG_PASSWORD}}, tls: true}}
"""
NAMED = re.compile(r"\{env: (\w+)\}")


def canaries() -> Mapping[str, str]:
    """Return a value for each variable, known again wherever it shows."""
    made = {}
    for nth, name in enumerate(NAMED.findall(CHANNELS + DESKS + CLUSTER)):
        kind = name.partition("_")[2].lower() or name.lower()
        made[name] = FORMS.get(kind, "canary-of-a-secret-{:0>20}").format(f"9e7{nth}")
    return {**made, "EMAIL_DKIM_KEY": PEM}


def said_of(secret: str) -> str:
    """Return the part of a secret to look for: of a key the middle, as every key begins alike."""
    return secret.splitlines()[1] if "\n" in secret else secret


ENVIRON = canaries()
LINK = "canary-of-the-links-that-is-long-enough"
LOOKED_FOR = [*map(said_of, ENVIRON.values()), LINK]


def hidden(*told: str) -> None:
    """Check that none of the canaries is in what was told."""
    text = "\n".join(told)
    assert text.strip()
    assert [secret for secret in LOOKED_FOR if secret in text] == []


@pytest.fixture
def closed() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path, closed: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with every kind of channel and desk, each with all of its secrets."""
    made = prepared(tmp_path)
    config = made / "config"
    (config / "channels.yaml").write_text(CHANNELS.format(closed=closed))
    (config / "desks.yaml").write_text(DESKS.format(closed=closed))
    (config / "link.secret").write_text(LINK)
    with (config / "forewarn.yaml").open("a") as file:
        file.write(LINKS)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def clustered(folder: Path, closed: int) -> Path:
    with (folder / "config" / "forewarn.yaml").open("a") as file:
        file.write(CLUSTER.format(closed=closed))
    return folder


def secret_names(cls: Any) -> set[str]:
    """Return the names of what a class takes that hold a secret."""
    return {name for name in get_type_hints(cls.__init__) if SECRET.search(name) and name not in NONE}


def test_every_secret_that_there_can_be_is_among_them() -> None:
    """A new channel, desk or key with a secret belongs here too."""
    written = set(ENVIRON)
    for find, kinds in ((channel_class, channel_types()), (desk_class, desk_kinds())):
        for kind in kinds:
            for name in secret_names(find(kind)):
                assert {f"{kind}_{name}".upper(), kind.upper()} & written or f"{kind}_{name}".upper() in written, kind
    assert {f"EMAIL_DKIM_{name}".upper() for name in secret_names(Dkim)} <= written
    assert {f"EMAIL_INBOX_{name}".upper() for name in secret_names(Inbox)} <= written
    main = {f"LOG_{name}".upper() for name in secret_names(LogConfig) - FILES}
    main |= {f"STORE_{name}".upper() for name in secret_names(StoreConfig) | secret_names(SnapshotsConfig)}
    assert main <= written
    assert secret_names(MainConfig) == {"link_secret"}


def test_the_configuration_does_not_show_them(clustered: Path) -> None:
    config, problems = checked(clustered)
    assert config is not None, errors(problems)
    hidden(repr(config), str(config), *map(str, problems))
    assert isinstance(config.main.log.password, Secret)
    assert str.__str__(config.main.log.password) == ENVIRON["LOG_PASSWORD"]


@pytest.mark.parametrize(
    "command", ["check", "check --json", "doctor --json", "db status", "worker --port 0", "outbox list"]
)
def test_no_command_tells_them(clustered: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither in what it says, nor in the log, nor where in the code it failed: broker and database are away."""
    with pytest.raises(SystemExit):
        main(["--debug", *command.split(), "--config", str(clustered / "config")])
    hidden(*capfd.readouterr())


def test_what_is_too_wrong_to_use_is_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRON:
        monkeypatch.setenv(name, f"{said_of(ENVIRON[name])} wrong")
    _, problems = checked(folder)
    hidden("checked", *map(str, problems))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the engine logs while it runs, from DEBUG on, libraries too."""
    text = io.StringIO()
    with redirect_stderr(text):
        logs.configure(people=False, level="DEBUG")
        for name in logs.QUIET:
            logging.getLogger(name).setLevel(logging.DEBUG)
        yield text


def test_neither_pages_nor_api_nor_figures_nor_the_log_tell_them(folder: Path, logged: io.StringIO) -> None:
    clock = FakeClock(START)
    config = load_or_raise(folder)
    listen = replace(config.main.listen, public_url="http://127.0.0.1:8321")
    config = replace(config, main=replace(config.main, listen=listen))
    with closing(Engine(config, clock, Storage.embedded(config, clock))) as engine:
        engine.restore()
        engine.collect()
        engine.poll()
        server = Server(create_app(services(engine, list)))
        described = server.get("/v1/openapi.json").json()["paths"]
        paths = [path for path, methods in described.items() if "get" in methods and "{" not in path]
        told = [server.get(path).text for path in [*paths, "/metrics", "/readyz", *PAGES]]
    assert len(paths) > 10
    hidden(*told, logged.getvalue())
