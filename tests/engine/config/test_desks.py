"""desks.yaml: ticket desks by name, what is wrong with them, and which can be used."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from engine.config.check import check, checked
from engine.config.load import load_or_raise
from engine.config.problems import errors
from engine.config.ready import ready_desks
from engine.connectors import desks_of, exchange, rehearsed
from engine.errors import ConfigError
from outreach import registry
from outreach.base import TicketDesk
from outreach.tickets.builtin import BuiltinDesk, MemoryTickets
from outreach.tickets.zendesk import Zendesk

Write = Callable[..., Path]
SUPPORT = (
    "support:\n  type: zendesk\n  url: https://acme.zendesk.com\n  email: bot@example.com\n"
    "  token: {env: ZENDESK_TOKEN}\n  groups: {tier-2: 360001}\n  verdict_field: 77\n"
)
TICKET = (
    "name: errors\nwhen: {detector: errors}\nsteps:\n"
    "  - message: {channels: mail, template: errors/notice}\n"
    "  - message: {on: resolved, template: errors/resolved}\n"
    "  - ticket: {desk: support, template: errors/agent}\n"
)
THERE = {"ZENDESK_TOKEN": "t"}


def files(desks: str = SUPPORT, playbook: str = TICKET) -> Mapping[str, str]:
    return {"desks.yaml": desks, "playbooks/errors.yaml": playbook}


def test_a_desk_is_read_with_its_secrets(write: Write) -> None:
    config, problems = checked(write(files()), THERE)
    assert errors(problems) == []
    assert config is not None
    support = config.desks["support"]
    assert (support.type, support.params["groups"], support.params["verdict_field"]) == (
        "zendesk",
        {"tier-2": 360001},
        77,
    )
    assert "'t'" not in repr(support.params)
    assert "desks.yaml" in config.files
    desks = desks_of(config, BuiltinDesk(store=MemoryTickets()))
    assert isinstance(desks["support"], Zendesk)
    assert desks["builtin"].kind == "builtin"


@pytest.mark.parametrize(
    ("desks", "told"),
    [
        ("support: {type: zendeks}", 'desks.yaml:1:17: no type "zendeks"; did you mean "zendesk"?'),
        ("support: {type: builtin}", 'desks.yaml:1:17: no type "builtin"'),
        ("builtin: {type: zammad}", 'desks.yaml:1:1: a desk cannot be called "builtin"; it is the one'),
        ("support: {type: zammad, url: https://z.example.com}", 'desks.yaml:1:10: "token" is missing'),
        (f"{SUPPORT}  poll: 2s\n", "desks.yaml:8:9: 2s is too often to ask a desk; write 1m, or never"),
        (f"{SUPPORT}  poll: often\n", "desks.yaml:8:9: "),
        (f"{SUPPORT}  on_end: solved\n", 'desks.yaml:8:11: "solved" is not allowed here; did you mean "solve"?'),
        ("support: {type: zendesk, url: http://z.example.com, email: e, token: t}", "desks.yaml:1:31: url "),
        ("support: {type: zendesk, url: https://z.example.com, email: e, token: t, tocken: t}", '"tocken"; did you me'),
        (
            "support: {type: zendesk, url: https://z.example.com, email: e, token: {env: NOT_SET}}",
            "desks.yaml:1:77: warning: the variable NOT_SET is not set; the desk cannot be used without it",
        ),
        (
            "support: {type: jira, url: https://j.example.com, email: e, token: t, project: sup, service_desk: 10,"
            " request_type: 25}",
            "desks.yaml:1:80: project 'sup' must be the key of a project",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(write: Write, desks: str, told: str) -> None:
    problems = check(write(files(desks)), {})
    assert any(told in str(problem) for problem in problems), "\n".join(map(str, problems))


def test_a_step_can_name_only_a_desk_that_is_configured(write: Write) -> None:
    problems = check(write(files("help: {type: zammad}")), {})
    told = 'playbooks/errors.yaml:6:20: no ticket desk "support"; there are builtin, help'
    assert told in [str(problem) for problem in problems]


def test_a_desk_without_its_secret_is_an_error_where_a_step_names_it(write: Write) -> None:
    config = load_or_raise(write(files()), {})
    usable, problems = ready_desks(config)
    assert usable == {}
    assert [str(problem) for problem in problems] == [
        'desks.yaml:2:3: the desk "support" cannot be used: the variable ZENDESK_TOKEN is not set; '
        "set it, or name another"
    ]
    with pytest.raises(ConfigError, match="ZENDESK_TOKEN"):
        desks_of(config, BuiltinDesk(store=MemoryTickets()))


def test_a_desk_without_its_secret_that_nobody_names_is_left_out(write: Write) -> None:
    config = load_or_raise(write(files(playbook=TICKET.replace("desk: support, ", ""))), {})
    assert list(desks_of(config, BuiltinDesk(store=MemoryTickets()))) == ["builtin"]


def test_a_rehearsal_makes_no_desk_of_a_vendor(write: Write) -> None:
    own = BuiltinDesk(store=MemoryTickets())
    assert rehearsed(load_or_raise(write(files()), {}), own) == {"builtin": own, "support": own}


def test_exchange_keeps_who_holds_it_and_returns_who_left() -> None:
    own, old, new = (BuiltinDesk(store=MemoryTickets()) for _ in range(3))
    current: dict[str, TicketDesk] = {"builtin": own, "support": old, "gone": old}
    assert exchange(current, {"builtin": own, "support": new}) == [old, old]
    assert current == {"builtin": own, "support": new}


def test_every_desk_can_be_written_down(write: Write) -> None:
    """Each kind's constructor is a schema that the reader understands."""
    for kind in registry.desk_kinds():
        if kind != "builtin":
            problems = check(write(files(f"support: {{type: {kind}, timeout: soon}}")), {})
            assert any("timeout" in str(each) or "number" in str(each) for each in problems), kind


@pytest.mark.parametrize(("poll", "seconds"), [("5m", 300.0), ("never", 0.0), ("0", 0.0)])
def test_a_desk_is_asked_as_often_as_is_written(write: Write, poll: str, seconds: float) -> None:
    config = load_or_raise(write(files(f"{SUPPORT}  poll: {poll}\n  on_end: solve\n")), THERE)
    support = config.desks["support"]
    assert (support.poll, support.on_end, "poll" in support.params) == (seconds, "solve", False)
