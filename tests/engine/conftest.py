"""What tests of the command line share: a small configuration, and the command itself, run in this process."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import structlog

from engine import cli
from engine.clock import SystemClock
from engine.columnar.times import epoch

NOW = epoch("2025-03-03T08:02:10Z")
"""What the machine's clock says in these tests, and a millisecond more at each look."""

SAID = "You need not do anything. See {{ links.page }}. You are a contact for {{ customer.name }}.\n"
SOON = "More by {{ next_update_at | when }}.\n"
TROUBLE = "Subject: Trouble\n\nSomething is wrong for {{ customer.name }}."
SAMPLE = '{"customer": {"name": "Acme"}, "links": {"page": "https://x.example/m/1"}, "next_update_at": 1795367100}'
FILES = {
    "config/forewarn.yaml": "sender: {company: Example}\nlisten: {port: 0}\nescalations:\n"
    "  on-call: {channel: mail, address: on-call@example.com}\n",
    "config/policy.yaml": 'hours: {from: "00:00", to: "24:00"}\n',
    "config/channels.yaml": "mail: {type: memory}\n",
    "config/detectors/errors.yaml": "name: errors\nabout: Calls fail.\n"
    "watch: {event: api.request, by: account, measure: count, where: status >= 500}\n"
    "model: {kind: threshold, above: 5}\n",
    "config/playbooks/errors.yaml": "name: errors\nwhen: {detector: errors}\nsteps:\n"
    "  - message: {channels: [mail], template: errors/notice}\n"
    "  - message: {on: resolved, template: errors/resolved}\n"
    "  - message: {on: dismissed, template: _common/correction}\n"
    "  - ticket: {queue: tier-1, template: errors/agent}\n",
    "config/playbooks/errors.test.yaml": "name: nothing happens\nstart: 2025-03-03T08:00:00Z\n"
    "events: [{type: api.request, subject: account/acme, data: {status: 200}}]\nexpect: {issues: [], messages: []}\n"
    "---\nname: it fails\nstart: 2025-03-03T08:00:00Z\n"
    "events: [{type: api.request, subject: account/acme, data: {status: 200}}]\n"
    "expect: {issues: [{detector: errors}]}\n",
    "templates/errors/notice/en/email.txt.j2": f"{TROUBLE}\n{SAID}{SOON}",
    "templates/errors/notice/sample.json": SAMPLE,
    "templates/errors/resolved/en/email.txt.j2": f"Subject: Over\n\nIt is over.\n{SAID}",
    "templates/errors/resolved/sample.json": SAMPLE,
    "templates/errors/agent/en/ticket.txt.j2": "Subject: Calls fail\n\n{{ issue.summary }}\n",
    "templates/errors/agent/sample.json": '{"issue": {"summary": "Calls fail."}}',
    "templates/_layouts/email.html.j2": "<p>{{ mail.subject }}</p>\n",
    "templates/_common/correction/en/email.txt.j2": f"Subject: Sorry\n\nIt was a false alarm.\n{SAID}",
    "templates/_common/correction/sample.json": SAMPLE,
    "templates/_common/expired/en/email.txt.j2": f"Subject: Closed\n\nWe no longer follow this.\n{SAID}",
    "templates/_common/expired/sample.json": SAMPLE,
    "templates/_common/escalation/en/email.txt.j2": "Subject: Nobody acted\n\n{{ next_step }}\n",
    "templates/_common/escalation/sample.json": '{"next_step": "Look at it."}',
}


class Ran(NamedTuple):
    """What came of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the document that was written."""
        return json.loads(self.out)


Forewarn = Callable[..., Ran]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a folder with a whole configuration and its templates."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return tmp_path


@pytest.fixture
def forewarn(shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Forewarn]:
    """Return a function that runs a command in `shop`."""
    monkeypatch.chdir(shop)
    looks = count()
    monkeypatch.setattr(SystemClock, "time", lambda _: NOW + next(looks) * 1e-3)
    monkeypatch.delenv("FOREWARN_CONFIG", raising=False)

    def run(*arguments: object) -> Ran:
        with pytest.raises(SystemExit) as end:
            cli.main([str(each) for each in arguments])
        told = capsys.readouterr()
        return Ran(int(end.value.code or 0), told.out, told.err)

    yield run
    structlog.reset_defaults()
