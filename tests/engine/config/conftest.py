"""A small configuration that is whole, and a way to write it with changes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SAID = "You need not do anything. See {{ links.page }}. You are a contact for {{ customer.name }}.\n"
SOON = "More by {{ next_update_at | when }}.\n"
SAMPLE = '{"customer": {"name": "Acme"}, "links": {"page": "https://x.example/m/1"}, "next_update_at": 1795367100}'
WHOLE: Mapping[str, str] = {
    "forewarn.yaml": "sender: {company: Example}\ntemplates: templates\nescalations:\n"
    "  on-call: {channel: mail, address: on-call@example.com}\n",
    "policy.yaml": 'hours: {from: "08:00", to: "21:00"}\n',
    "channels.yaml": "mail: {type: memory}\n",
    "detectors/errors.yaml": "name: errors\nabout: Calls fail.\n"
    "watch: {event: api.request, by: account, measure: count}\nmodel: {kind: threshold, above: 5}\n",
    "playbooks/errors.yaml": "name: errors\nwhen: {detector: errors}\nsteps:\n"
    "  - message: {channels: mail, template: errors/notice}\n"
    "  - message: {on: resolved, template: errors/resolved}\n",
    "templates/errors/notice/en/email.txt.j2": f"Subject: Trouble\n\nSomething is wrong. {SAID}{SOON}",
    "templates/errors/notice/sample.json": SAMPLE,
    "templates/errors/resolved/en/email.txt.j2": f"Subject: Over\n\nIt is over. {SAID}",
    "templates/errors/resolved/sample.json": SAMPLE,
    "templates/_layouts/email.html.j2": "<p>{{ mail.subject }}</p>\n",
    "templates/_common/correction/en/email.txt.j2": f"Subject: Sorry\n\nIt was a false alarm. {SAID}",
    "templates/_common/correction/sample.json": SAMPLE,
    "templates/_common/expired/en/email.txt.j2": f"Subject: Closed\n\nWe no longer follow this. {SAID}",
    "templates/_common/expired/sample.json": SAMPLE,
    "templates/_common/escalation/en/email.txt.j2": "Subject: Nobody acted\n\n{{ next_step }}\n",
    "templates/_common/escalation/sample.json": '{"next_step": "Look at it."}',
    "templates/errors/agent/en/ticket.txt.j2": "Subject: Calls fail\n\n{{ issue.summary }}\n",
    "templates/errors/agent/sample.json": '{"issue": {"summary": "Calls fail."}}',
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes the whole configuration, changed by path; None leaves a file out."""

    def writer(changes: Mapping[str, str | bytes | None] | None = None) -> Path:
        for name, content in {**WHOLE, **(changes or {})}.items():
            if content is not None:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return writer
