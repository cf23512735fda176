"""Every kind of mistake, each at its line: a table of what is broken and what must be said about it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from engine.config.check import check, checked

Write = Callable[..., Path]

MAIN = "sender: {company: Example}\ntemplates: templates\n"
WATCH = "watch: {event: api.request, by: account, measure: count}\n"
MODEL = "model: {kind: threshold, above: 5}\n"
HEAD = "name: errors\nabout: Calls fail.\n"
WHEN = "name: errors\nwhen: {detector: errors}\n"
CLOSE = "  - message: {on: resolved, template: errors/resolved}\n"


def main(text: str) -> Mapping[str, str]:
    """Lines after the third of forewarn.yaml."""
    return {"forewarn.yaml": f"{MAIN}{text}\n"}


def policy(text: str) -> Mapping[str, str]:
    return {"policy.yaml": text}


def channels(text: str) -> Mapping[str, str]:
    return {"channels.yaml": f"mail: {{type: memory}}\n{text}\n"}


def calendars(text: str) -> Mapping[str, str]:
    return {"calendars.yaml": f"{text}\n"}


def detector(text: str, *, watch: str = WATCH, model: str = MODEL) -> Mapping[str, str]:
    """Lines after the fourth of a detector; or its third line, or its fourth."""
    return {"detectors/errors.yaml": f"{HEAD}{watch}{model}{text}\n"}


def watch(inside: str) -> Mapping[str, str]:
    """The third line of a detector, from column 9."""
    return detector("", watch=f"watch: {{{inside}}}\n")


def when(inside: str) -> Mapping[str, str]:
    """The second line of a playbook, from column 8."""
    steps = "steps:\n  - message: {channels: mail, template: errors/notice}\n"
    return {"playbooks/errors.yaml": f"name: errors\nwhen: {{{inside}}}\n{steps}{CLOSE}"}


def steps(*lines: str, after: str = "") -> Mapping[str, str]:
    """Steps from the fourth line of a playbook on, each from column 5."""
    text = "".join(f"  - {line}\n" for line in lines)
    return {"playbooks/errors.yaml": f"{WHEN}steps:\n{text}{after}"}


NOTICE = "message: {channels: mail, template: errors/notice}"
RESOLVED = "message: {on: resolved, template: errors/resolved}"
D, P = "detectors/errors.yaml", "playbooks/errors.yaml"

OFFERED = "message: {channels: mail, template: errors/notice, offer: {remedy: credit-1}}"
CREDIT = "{credit-10: {kind: credit, amount: 10, about: x}}"


def goodwill(remedies: str, currency: str = "EUR") -> str:
    return f"goodwill: {{currency: {currency}, budget: 50 per 30d, remedies: {remedies}}}"


BROKEN: list[tuple[Mapping[str, str | None], str]] = [
    # the files by themselves
    ({"policy.yaml": "hours: {from: 8\n"}, "policy.yaml:2:1: expected ',' or '}'"),
    ({D: HEAD + WATCH + MODEL + HEAD}, f'{D}:5:1: "name" is given twice; first in line 1'),
    (detector("ownr: me"), f'{D}:5:1: unknown key "ownr"; did you mean "owner"?'),
    ({D: HEAD + MODEL}, f'{D}:1:1: "watch" is missing'),
    (detector("raise: {for: 3 of 2}"), f"{D}:5:14: 3 of 2 can never be"),
    (detector("raise: {score: 101%}"), f"{D}:5:16: 101% is out of range"),
    (detector("grace: 1 day"), f"{D}:5:8: '1 day' is not a duration"),
    (detector("demand: {class: remvoe}"), f'{D}:5:17: "remvoe" is not allowed here; did you mean "remove"?'),
    # detectors
    (watch("event: api.*, by: account, measure: count"), f'{D}:3:16: "api.*" is no event type'),
    (watch("event: forewarn.contact, by: account, measure: count"), f'{D}:3:16: "forewarn.contact" is reserved'),
    (watch("event: a, by: [], measure: count"), f"{D}:3:23: there is no key"),
    (watch("event: a, by: acount, measure: count"), f'{D}:3:23: warning: "acount" is taken for a field'),
    (watch("event: a, by: [account, subjct], measure: count"), f'{D}:3:33: warning: "subjct" is taken for a field'),
    (watch("event: a, by: account, measure: medain"), f'{D}:3:41: no measure "medain"'),
    (watch("event: a, by: account, measure: {ratio: status}, where: 5"), f"{D}:3:65: this is a number"),
    (watch("event: a, by: account, measure: {ratio: status + 1}"), f"{D}:3:49: this is a number, but a condition"),
    (watch("event: a, by: account, measure: {mean: lower(x)}"), f"{D}:3:48: this is a text, but a number"),
    (watch("event: a, by: account, measure: count, every: 0s"), f"{D}:3:55: a window is longer than nothing"),
    (watch("event: a, by: account, measure: count, min_events: 0"), f"{D}:3:60: min_events is 0"),
    (watch("event: a, by: x, measure: count, where: lenght(a) > 1"), f"{D}:3:49: no function 'lenght'"),
    (watch("event: a, by: x, measure: {sum: b}, compute: {a: b + 1, b: '2'}"), f'{D}:3:58: "b" is not computed yet'),
    (watch("event: a, by: x, measure: {sum: d}, compute: {d: lower(s)}"), f'{D}:3:41: "d" of a is used as a number'),
    (watch("event: a, by: x, measure: {sum: s}, where: \"s == 'x'\""), f'{D}:3:41: "s" of a is used as a number'),
    (detector("", model="model: {kind: treshold}\n"), f'{D}:4:15: no kind "treshold"; did you mean "threshold"?'),
    (detector("", model="model: {above: 5}\n"), f'{D}:4:8: "kind" is missing'),
    (detector("", model="model: {kind: threshold, abov: 5}\n"), f'{D}:4:26: unknown key "abov"; did you mean "above"?'),
    (detector("", model="model: {kind: threshold, above: x}\n"), f'{D}:4:33: expected a number, not "x"'),
    (detector("", model="model: {kind: threshold}\n"), f"{D}:4:8: threshold needs a limit"),
    (detector("raise: {score: 1}"), f"{D}:5:16: the score 1 is never reached"),
    (detector("min_samples: -1"), f"{D}:5:14: min_samples is -1"),
    (detector('severity: {hihg: "value > 1"}'), f'{D}:5:18: no severity "hihg"; did you mean "high"?'),
    (detector('severity: {high: "vaule > 1"}'), f'{D}:5:19: nothing is called "vaule" here; did you mean "value"?'),
    (detector('severity: {high: "value + 1"}'), f"{D}:5:19: this is a number, but a condition is needed"),
    ({D: "name: other\n" + (HEAD + WATCH + MODEL).partition("\n")[2]}, f"{D}:1:7: warning: the name"),
    ({D: "name: a b\n" + (HEAD + WATCH + MODEL).partition("\n")[2]}, f'{D}:1:7: "a b" is no name'),
    (
        {"detectors/more.yaml": HEAD + WATCH + MODEL},
        'detectors/more.yaml:1:7: the name "errors" is taken; by detectors',
    ),
    (
        {"detectors/lone.yaml": HEAD.replace("errors", "lone") + WATCH + MODEL},
        'detectors/lone.yaml:1:7: warning: no playbook answers the detector "lone"',
    ),
    (
        {
            "detectors/a.yaml": "name: a\nabout: x\nwatch: {event: e, by: x, measure: {mean: f}}\n" + MODEL,
            "detectors/b.yaml": "name: b\nabout: x\nwatch: {event: e, by: x, measure: {distinct: lower(f)}}\n" + MODEL,
        },
        'detectors/b.yaml:3:52: "f" of e is used as a text here, as a number by a',
    ),
    (detector("calendars: {maintenance: suspend}"), f'{D}:5:13: no calendar "maintenance"; write calendars.yaml'),
    (
        {**detector("calendars: {mantenance: suspend}"), **calendars("maintenance: {holidays: AT}")},
        f'{D}:5:13: no calendar "mantenance"; did you mean "maintenance"?',
    ),
    (
        {**detector("calendars: {x: {widen: 1}}"), **calendars("x: {holidays: AT}")},
        f"{D}:5:16: widen is 1; it is more than 1",
    ),
    ({**detector("calendars: {x: stop}"), **calendars("x: {holidays: AT}")}, f'{D}:5:16: "stop" is not allowed here'),
    # calendars
    (calendars("x: {}"), "calendars.yaml:1:4: this calendar is empty"),
    (calendars("x: 5"), "calendars.yaml:1:4: expected a mapping"),
    (calendars("x: {holidays: [AT, QQ]}"), "calendars.yaml:1:20: Country QQ not available"),
    (calendars("x: {holidays: AT, zone: Vienna}"), 'calendars.yaml:1:25: no time zone "Vienna"'),
    (calendars("x: {dates: {from: 2026-12-26, to: 2026-12-24}}"), "calendars.yaml:1:12: it ends before it begins"),
    (calendars("x: {dates: {from: 26.12.2026, to: 2026-12-24}}"), 'calendars.yaml:1:19: "26.12.2026" is not a date'),
    (calendars('x: {weekly: {days: sun, from: "02:00", to: "02:00"}}'), "calendars.yaml:1:13: these hours are empty"),
    (calendars("x: {weekly: {days: sunday}}"), 'calendars.yaml:1:20: "sunday" is not allowed here'),
    # playbooks
    (when("detector: erors"), f'{P}:2:18: no detector "erors"; did you mean "errors"?'),
    (when('detector: [errors, "web-*"]'), f'{P}:2:27: no detector "web-*"'),
    (when("detector: []"), f"{P}:2:18: no detector is named"),
    (when("detector: errors, severity: [hgih]"), f'{P}:2:37: no severity "hgih"; did you mean "high"?'),
    (when("detector: errors, severity: high"), f"{P}:2:36: no detector named here gives the severity high; they give"),
    (when("detector: errors, where: valeu > 1"), f'{P}:2:33: nothing is called "valeu" here; did you mean "value"?'),
    (when("detector: errors, where: account.plan"), ""),
    (when("detector: errors, where: score + 1"), f"{P}:2:33: this is a number, but a condition is needed"),
    (steps(), f"{P}:3:7: expected a list, not nothing"),
    ({P: WHEN + "steps: []\n"}, f"{P}:3:8: the playbook does nothing"),
    (steps("mesage: {}"), f'{P}:4:5: no step "mesage"; did you mean "message"?'),
    (steps(NOTICE), f"{P}:4:14: those who are told never hear that it is over; add - message: {{on: resolved"),
    (steps(NOTICE, NOTICE, RESOLVED), f"{P}:5:14: this step is never reached; the same step stands before it"),
    (steps(RESOLVED), f"{P}:4:19: this step is never reached; no message opens"),
    (
        steps(NOTICE, RESOLVED, "message: {on: resolved, template: errors/notice}"),
        f"{P}:6:19: this step is never reached; the first one is sent",
    ),
    (
        steps(NOTICE, "message: {on: resolved, template: errors/resolved, audience: x}"),
        f"{P}:5:56: warning: audience has no effect here",
    ),
    (
        steps("message: {channels: [preferred, smss], template: errors/notice}", RESOLVED),
        f'{P}:4:37: no channel "smss"; there are best, mail, preferred',
    ),
    (steps("message: {channels: [], template: errors/notice}", RESOLVED), f"{P}:4:25: no channel is named"),
    (
        steps("message: {template: errors/notice, unless: acknowledged}", RESOLVED),
        f"{P}:4:48: nothing is acknowledged before an immediate step",
    ),
    (
        steps("message: {template: errors/notice, after: 2d}", RESOLVED, after="expire: 1d\n"),
        f"{P}:4:47: this step is never reached; the issue expires after 1d",
    ),
    (
        steps('message: {template: errors/notice, emergency: ""}', RESOLVED),
        f"{P}:4:51: an emergency needs the name of its approver",
    ),
    (
        steps("message: {template: errors/notice, emergency: true}", RESOLVED),
        f"{P}:4:51: expected text, not true",
    ),
    (
        steps("message: {template: errors/notice, purpose: marketing}", RESOLVED),
        f"{P}:4:49: marketing needs a postal address",
    ),
    (steps("ticket: {template: errors/agent, desk: bultin}"), f'{P}:4:44: no ticket desk "bultin"; did you mean'),
    (steps("escalate: {after: 5m, to: on-cal}"), f'{P}:4:31: no escalation "on-cal"; did you mean "on-call"?'),
    (
        steps("ticket: {template: errors/agent}", after="limits: {per_customer: 0 per day}\n"),
        f"{P}:5:24: this playbook may never contact anyone",
    ),
    (steps(NOTICE, RESOLVED, after="holdout: 60%\n"), f"{P}:6:10: 0.6 is no share to hold out; write 0% to 50%"),
    (
        steps("message: {template: errors/notice, emergency: Ann}", RESOLVED, after="holdout: 5%\n"),
        f"{P}:6:10: an emergency is held back from nobody",
    ),
    (steps(NOTICE, RESOLVED, after="worth: {contact: -1}\n"), f"{P}:6:18: a cost is 0 or more"),
    (steps(NOTICE, RESOLVED, after="worth: {contact: 9, calls: 3}\n"), f"{P}:6:28: a probability is 0% to 100%"),
    # goodwill, articles, roles
    (policy(goodwill("{}")), "policy.yaml:1:57: there is no remedy"),
    (policy(goodwill(CREDIT, currency="EUO")), 'policy.yaml:1:22: no currency "EUO"; did you mean'),
    (policy(goodwill("{a: {kind: credit, amount: -1, about: x}}")), "policy.yaml:1:61: a remedy costs 0 or more"),
    (policy(goodwill("{a: {kind: credit, amount: 99, about: x}}")), "policy.yaml:1:61: this can never be granted"),
    (policy(goodwill("{a: {kind: extension, amount: 1, about: x}}")), "policy.yaml:1:61: an extension needs lasts"),
    (policy(goodwill("{a: {kind: gift, amount: 1, about: x}}")), 'policy.yaml:1:68: "gift" is not allowed here'),
    (steps(OFFERED, RESOLVED), f'{P}:4:72: no remedy "credit-1"; there are none'),
    (
        {**steps(OFFERED, RESOLVED), **policy(goodwill(CREDIT))},
        f'{P}:4:72: no remedy "credit-1"; did you mean "credit-10"?',
    ),
    (
        {**steps(OFFERED.replace("credit-1", "credit-10, when: valeu > 1"), RESOLVED), **policy(goodwill(CREDIT))},
        f'{P}:4:89: nothing is called "valeu" here; did you mean "value"?',
    ),
    (
        {**steps(OFFERED.replace("credit-1", "credit-10"), RESOLVED), **policy(goodwill(CREDIT))},
        f"{P}:4:63: warning: errors/notice offers credit-10 and does not say so by memory; include",
    ),
    (detector("demand: {class: automate}"), f"{D}:5:17: warning: customers are not shown how to help themselves"),
    (detector('demand: {class: automate, article: {title: x, url: "https://x.example"}}'), ""),
    (
        detector("demand: {class: automate, article: {title: x, url: javascript:0}}"),
        f'{D}:5:52: "javascript:0" is no address for customers; write https',
    ),
    (
        steps(NOTICE, RESOLVED, after="article: {title: x, url: http://x.example}\n"),
        f'{P}:6:26: "http://x.example" is no address',
    ),
    (policy("role_addresses: [noc, a b]"), 'policy.yaml:1:23: "a b" is no mailbox'),
    # policy
    (policy('hours: {from: "25:00", to: "8:00"}'), 'policy.yaml:1:15: "25:00" is not a time of day'),
    (policy('hours: {from: "08:00", to: "08:00"}'), "policy.yaml:1:8: these hours are empty"),
    (policy('regions: {US-FK: {from: "08:00", to: "20:00"}}'), 'policy.yaml:1:11: no region "US-FK"; did you mean'),
    (policy('regions: {XQ: {from: "08:00", to: "20:00"}}'), 'policy.yaml:1:11: no country "XQ"'),
    (policy('regions: {Austria: {from: "08:00", to: "20:00"}}'), 'policy.yaml:1:11: no region "Austria"'),
    (policy("caps: {smss: 2 per day}"), 'policy.yaml:1:8: no cap "smss"; did you mean "sms"?'),
    (policy("consent: {emial: implied}"), 'policy.yaml:1:11: no channel or channel/purpose "emial"; did you mean'),
    (policy("consent: {sms: implied}"), "policy.yaml:1:11: sms always needs a stored consent"),
    (policy("consent: {email/marketing: implied}"), "policy.yaml:1:11: email/marketing always needs a stored consent"),
    (
        policy("inhibit:\n  - source: {detector: erors}\n    target: {detector: errors}\n"),
        'policy.yaml:2:24: no detector "erors"; did you mean "errors"?',
    ),
    (
        policy("inhibit:\n  - source: {detector: errors, where: plam == 1}\n    target: {detector: errors}\n"),
        'policy.yaml:2:39: nothing is called "plam" here',
    ),
    # the main file and channels
    (main("locale: english"), 'forewarn.yaml:3:9: no locale "english"'),
    (main("report_at: six"), 'forewarn.yaml:3:12: "six" is not a time of day'),
    (main("listen: {port: 99999}"), "forewarn.yaml:3:16: 99999 is no port"),
    (main("listen: {public_url: example.com}"), 'forewarn.yaml:3:22: "example.com" is no URL'),
    (main("events: {partitions: 0}"), "forewarn.yaml:3:22: there is at least one partition"),
    (main("retention: {snapshots: 0}"), "forewarn.yaml:3:24: at least one snapshot is kept"),
    (main("snapshot_every: 0"), "forewarn.yaml:3:17: must be longer than nothing"),
    (main("escalations: {x: {channel: mial, address: a@b.cd}}"), 'forewarn.yaml:3:28: no channel "mial"; did you mean'),
    (main("escalations: {x: {channel: mail, address: nobody}}"), 'forewarn.yaml:3:43: "nobody" is no address'),
    ({"forewarn.yaml": "sender: {}\ntemplates: templates\n"}, 'forewarn.yaml:1:9: "company" is missing'),
    ({"forewarn.yaml": 'sender: {company: " "}\ntemplates: templates\n'}, "forewarn.yaml:1:19: customers must know"),
    ({"forewarn.yaml": "sender: {company: x}\ntemplates: nowhere\n"}, "forewarn.yaml:2:12: there is no folder"),
    (channels("preferred: {type: memory}"), 'channels.yaml:2:1: a channel cannot be called "preferred"'),
    (channels("x: {type: memroy}"), 'channels.yaml:2:11: no type "memroy"; did you mean "memory"?'),
    (
        channels("x: {type: webhook, secret: {env: NOT_SET}}"),
        "channels.yaml:2:34: warning: the variable NOT_SET is not",
    ),
    (channels("x: {type: webhook, secret: nonsense}"), "channels.yaml:2:28: "),
    (channels("x: {type: memory, rate: 10 in 1s}"), 'channels.yaml:2:25: "10 in 1s" is not of the form'),
    (channels("x: {type: memory, rate: 0 per 1s}"), "channels.yaml:2:25: rate of x is out of bounds; to send nothing"),
    (channels("x: {type: memory, connections: 0}"), "channels.yaml:2:32: connections of x is out of bounds"),
    (channels("x: {type: memory, batch: 5000}"), "channels.yaml:2:26: batch of x is out of bounds; write 1 to 1000"),
    (channels("x: {type: memory, breaker: 0 per 1m}"), "channels.yaml:2:28: breaker of x is out of bounds"),
    (channels("x: {type: memory, cool_down: 0s}"), "channels.yaml:2:30: cool_down of x is out of bounds"),
    (
        channels("x: {type: memory, provider: p, rate: 1 per 1s}\ny: {type: memory, provider: p, rate: 2 per 1s}"),
        "channels.yaml:3:38: y and x share the provider p, and so its rate; write the same rate, or write it once",
    ),
    (policy("pace: {agents: 3}"), 'policy.yaml:1:7: "contacts_per_agent" is missing'),
    (policy("pace: {agents: 0, contacts_per_agent: 12 per 1h}"), "policy.yaml:1:16: nobody is ever on duty"),
    (policy("pace: {agents: 3, contacts_per_agent: 0 per 1h}"), "policy.yaml:1:39: an agent talks to somebody"),
    (
        policy("pace: {agents: 3, contacts_per_agent: 1 per 1h, zone: Europe/Wien}"),
        'policy.yaml:1:55: no time zone "Europe/Wien"',
    ),
    (
        policy('pace:\n  contacts_per_agent: 1 per 1h\n  agents:\n    - {agents: 1, from: "08:00", to: "08:00"}'),
        "policy.yaml:4:7: this shift is empty",
    ),
    (
        policy("pace:\n  contacts_per_agent: 1 per 1h\n  agents:\n    - {agents: -1}"),
        "policy.yaml:4:7: -1 agents cannot be",
    ),
    # templates
    (
        steps("message: {template: errors/notise}", RESOLVED),
        f'{P}:4:25: no template "errors/notise"; did you mean "errors/notice"?',
    ),
    ({"templates/errors/notice/en/email.txt.j2": None}, f'{P}:4:41: no template "errors/notice"'),
    (
        {
            "templates/errors/notice/de/email.txt.j2": "Subject: Ach\n\nEs geht nicht.\n",
            "templates/errors/notice/en/email.txt.j2": None,
        },
        f'{P}:4:41: the template "errors/notice" is not written in "en", the default',
    ),
    (
        {"templates/errors/notice/en/email.txt.j2": "Subject: x\n\n{{ isue.summary }}\n"},
        "templates/errors/notice/en/email.txt.j2:3:1: nothing fills the variable 'isue.summary'",
    ),
    (
        {"templates/errors/notice/en/email.txt.j2": "Subject: x\n\n\n{{ issue.summary\n"},
        "templates/errors/notice/en/email.txt.j2:4:1: ",
    ),
    (
        {"templates/errors/notice/en/email.txt.j2": "Subject: x\n\n{{ links.console }}\n"},
        "templates/errors/notice/en/email.txt.j2:3:1: nothing fills the variable 'links.console'",
    ),
    (
        {"templates/errors/notice/en/email.txt.j2": "Subject: x\n\nBuy now and save 20 % off!\n"},
        "templates/errors/notice/en/email.txt.j2:3:1: warning: ",
    ),
    (
        {"templates/errors/notice/en/email.txt.j2": "Subject: x\n\nBuy now and save 20 % off!\n"},
        f"{P}:4:41: errors/notice says 'Buy now', so it is marketing, which needs a postal address",
    ),
    (
        {"templates/errors/resolved/en/email.txt.j2": "Subject: x\n\nBuy now!\n"},
        "templates/errors/resolved/en/email.txt.j2:3:1: 'Buy now' is promotion (C10)",
    ),
    (
        {"templates/errors/notice/de/email.txt.j2": "Subject: Ärger\n\nEs geht nicht.\n"},
        f"""{P}:5:39: warning: "errors/resolved" is not written in "de", in which the customers were told""",
    ),
    (
        {"templates/errors/notice/en/whatsapp.yaml": f"content: HX{'0' * 32}\nbody: x\n"},
        f"{P}:5:39: those who were told by an approved WhatsApp template would never hear the end",
    ),
    (
        {"templates/errors/notice/template.yaml": "variants: {b: 10%}\n"},
        f"{P}:4:41: templates/errors/notice@b: there is",
    ),
    ({"templates/_common/expired/en/email.txt.j2": None}, f'{P}:4:14: no template "_common/expired" for when it is'),
    (channels("text: {type: sms}"), "channels.yaml:2:7: "),
    # tests beside playbooks
    ({"playbooks/errors.test.yaml": "name: x\n"}, 'playbooks/errors.test.yaml:1:1: "start" is missing'),
]


@pytest.mark.parametrize(("changes", "expected"), BROKEN, ids=[each[1] or "none" for each in BROKEN])
def test_a_mistake_is_told_at_its_place(write: Write, changes: Mapping[str, str | None], expected: str) -> None:
    told = [str(problem) for problem in check(write(changes), {})]
    if expected:
        assert any(each.startswith(expected) for each in told), "\n".join(told)
    else:
        assert told == []


def test_there_are_enough_of_them() -> None:
    assert len({expected for _, expected in BROKEN}) >= 45


def test_a_whole_configuration_has_no_problem(write: Write) -> None:
    config, problems = checked(write(), {})
    assert problems == []
    assert config is not None


def test_warnings_alone_leave_the_configuration_usable(write: Write) -> None:
    config, problems = checked(write(channels("x: {type: webhook, secret: {env: NOT_SET}}")), {})
    assert [problem.severity for problem in problems] == ["warning"]
    assert config is not None


def test_mistakes_of_several_files_come_in_one_go_sorted(write: Write) -> None:
    changes = {
        **policy("caps: {smss: 2 per day}\nhours: {from: 8, to: 9}\n"),
        **main("locale: english\nescalations: {on-call: {channel: mial, address: x}}"),
        **detector('severity: {hihg: "value > 1"}'),
        **steps("message: {template: errors/notise, channels: [smss]}"),
    }
    problems = check(write(changes), {})
    places = [f"{problem.place.file}:{problem.place.line}" for problem in problems]
    assert places == [
        "detectors/errors.yaml:5",
        "forewarn.yaml:3",
        "forewarn.yaml:4",
        "playbooks/errors.yaml:4",
        "playbooks/errors.yaml:4",
        "playbooks/errors.yaml:4",
        "policy.yaml:1",
        "policy.yaml:2",
        "policy.yaml:2",
    ]
    assert problems == sorted(problems)


def test_one_unreadable_detector_does_not_cause_more_problems(write: Write) -> None:
    problems = check(write(detector("", model="model: {kind: nope}\n")), {})
    assert [str(problem.place) for problem in problems] == ["detectors/errors.yaml:4:15"]


def test_a_secret_is_never_told(write: Write) -> None:
    folder = write(channels("x: {type: webhook, secret: {env: HOOK}}"))
    config, problems = checked(folder, {"HOOK": "hunter2-hunter2"})
    assert "hunter2" not in " ".join(map(str, problems)) + repr(config)
