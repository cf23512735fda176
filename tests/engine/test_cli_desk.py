"""Commands on what an engine did: issues, silences, tickets, outbox, explanations, dead letters."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.app import Engine
from engine.clock import SystemClock
from engine.config.load import load_or_raise
from engine.replay import drain
from engine.storage import Storage
from outreach.channels.memory import MemoryChannel
from tests.engine.conftest import Forewarn, Ran

Step = Callable[[], list[str]]
"""Runs an engine until it has nothing left to do; returns the subjects of what it sent."""


def events(count: int, minutes: int = 2) -> str:
    """Return `count` failed calls in each minute from 08:00 on, and one in the next: the first minute is over then."""
    moments = [f"2025-03-03T08:{minute:02d}:{second:02d}Z" for minute in range(minutes) for second in range(count)]
    moments.append(f"2025-03-03T08:{minutes:02d}:00Z")
    common = {"source": "gw", "type": "api.request", "subject": "account/acme", "data": {"status": 503}}
    return "\n".join(json.dumps({"id": at, "time": at, **common}) for at in moments) + "\n"


PEOPLE = (
    '{"id":"a","source":"crm","type":"forewarn.entity","subject":"account/acme","time":"2025-03-03T07:00:00Z",'
    '"data":{"name":"Acme"}}\n'
    '{"id":"b","source":"crm","type":"forewarn.entity","subject":"contact/ann","time":"2025-03-03T07:00:00Z",'
    '"data":{"parent":"account/acme","addresses":[{"kind":"email","value":"ann@example.com"},'
    '{"kind":"url","value":"https://ann.example"},{"kind":"phone","value":"+4366012345678"}]}}\n'
)


@pytest.fixture
def step(shop: Path) -> Step:
    def run() -> list[str]:
        clock = SystemClock()
        config = load_or_raise(shop)
        engine = Engine(config, clock, Storage.embedded(config, clock, synchronous="OFF"))
        try:
            for reason in engine.restore():
                raise AssertionError(reason)
            drain(engine)
            engine.snapshot()
            mail = engine.channels["mail"]
            assert isinstance(mail, MemoryChannel)
            return [message.subject or message.text for message in mail.sent]
        finally:
            engine.close()

    return run


@pytest.fixture
def lived(shop: Path, forewarn: Forewarn, step: Step) -> list[str]:
    """Let an account fail, and an engine notice; returns what was sent."""
    (shop / "e.ndjson").write_text(PEOPLE + events(9))
    assert forewarn("ingest", "e.ndjson").code == 0
    return step()


def issue_of(forewarn: Forewarn) -> str:
    [issue] = forewarn("issues", "list", "--status", "all", "--json").json
    return str(issue["id"])


def test_what_was_ingested_is_noticed_and_told(forewarn: Forewarn, lived: list[str]) -> None:
    assert lived == ["Trouble"]
    listed = forewarn("issues", "list")
    assert "account/acme" in listed.out
    assert "errors" in listed.out


def test_ingesting_again_changes_nothing(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    assert forewarn("ingest", "e.ndjson").code == 0
    assert step() == []
    assert len(forewarn("outbox", "list", "--json").json["intents"]) == 2


def test_an_issue_is_shown_and_acknowledged(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    issue = issue_of(forewarn)
    shown = forewarn("issues", "show", issue[:10])
    assert "history" in shown.out
    names = [line.split()[0] for line in shown.out.splitlines()[:6]]
    assert names == ["id", "severity", "status", "detector", "series", "subject"]
    assert "allowed" in shown.out
    assert forewarn("issues", "show", issue, "--json").json["account"] == "account/acme"
    ran = forewarn("issues", "ack", issue, "--who", "eve", "--why", "mine")
    assert "the engine does it" in ran.out
    step()
    assert forewarn("issues", "list", "--json").json[0]["status"] == "acknowledged"
    assert "mine" in forewarn("issues", "show", issue).out


@pytest.mark.parametrize(("what", "subject"), [("resolve", "Over"), ("dismiss", "Sorry")])
def test_an_issue_that_is_ended_is_told_so(
    forewarn: Forewarn, lived: list[str], step: Step, what: str, subject: str
) -> None:
    assert forewarn("issues", what, issue_of(forewarn)).code == 0
    assert step() == [subject]
    assert forewarn("issues", "list").out == "no such issues\n"


def test_a_note_is_in_the_history(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    forewarn("issues", "note", issue_of(forewarn), "seen \x1b[31mred")
    step()
    assert "seen \ufffd[31mred" in forewarn("issues", "show", issue_of(forewarn)).out


def test_filters_of_issues(forewarn: Forewarn, lived: list[str]) -> None:
    assert forewarn("issues", "list", "--detector", "other").out == "no such issues\n"
    assert forewarn("issues", "list", "--account", "account/acme", "--json").json
    ran = forewarn("issues", "list", "--status", "opne")
    assert ran.code == 2
    assert "open" in ran.err


@pytest.mark.parametrize("command", [("issues", "show"), ("issues", "ack"), ("explain",), ("outbox", "retry")])
def test_a_wrong_id_is_told_the_nearest(forewarn: Forewarn, lived: list[str], command: tuple[str, ...]) -> None:
    issue = (
        issue_of(forewarn) if command[0] != "outbox" else forewarn("outbox", "list", "--json").json["intents"][0]["id"]
    )
    ran = forewarn(*command, issue[:-1] + "x")
    assert ran.code == 1
    assert f"did you mean '{issue}'" in ran.err
    assert forewarn(*command, "rubbish").code == 1


def test_a_silence_is_made_listed_and_ended(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    assert forewarn("silences", "add", "account=account/acme", "--why", "moving", "--for", "2h").code == 0
    step()
    [silence] = forewarn("silences", "list", "--json").json
    assert "in force" in forewarn("silences", "list").out
    assert forewarn("silences", "end", silence["id"]).code == 0
    step()
    assert forewarn("silences", "list").out == "no silences\n"
    assert "over" in forewarn("silences", "list", "--all").out
    assert forewarn("silences", "end", "sil_x").code == 1


def test_a_declared_change_is_written_and_listed(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    assert forewarn("changes", "list").out == "nothing was declared\n"
    ran = forewarn("changes", "declare", "deployment", "--for", "30m", "--detectors", "err*", "--who", "eve")
    assert ran.out.startswith("change deployment: written into the log")
    step()
    [change] = forewarn("changes", "list", "--json").json
    assert (change["what"], change["subject"], change["lasts"], change["detectors"], change["who"]) == (
        "deployment",
        "fleet",
        1800.0,
        ["err*"],
        "eve",
    )
    assert "deployment  fleet" in forewarn("changes", "list").out
    refused = forewarn("changes", "declare", "deployment", "--for", "soon")
    assert (refused.code, "--for" in refused.err) == (2, True)


def test_a_model_is_kept_listed_and_taken_back(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    assert forewarn("models", "list").out == "no version was kept yet\n"
    assert forewarn("models", "keep", "before-the-move").code == 0
    step()
    [kept] = forewarn("models", "list", "errors", "--json").json
    assert (kept["detector"], kept["version"], kept["series"]) == ("errors", "before-the-move", 1)
    assert "threshold" in forewarn("models", "list").out
    assert forewarn("models", "revert", "errors", "before-the-move").code == 0
    step()
    assert forewarn("deadletters", "list", "--reason", "model").out == forewarn("deadletters", "list").out
    assert [row["what"] for row in forewarn("changes", "list", "--json").json] == [
        "revert before-the-move",
        "keep before-the-move",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("revert", "erors", "x"), "did you mean"),
        (("revert", "errors", "x"), "errors has no version 'x'"),
        (("list", "nothing-like-it"), "there is no detector"),
        (("keep", "../x"), "data.version"),
    ],
)
def test_a_model_that_is_not_there_is_refused(
    forewarn: Forewarn, lived: list[str], arguments: tuple[str, ...], said: str
) -> None:
    ran = forewarn("models", *arguments)
    assert ran.code in (1, 2)
    assert said in ran.err


def test_a_weekly_silence(forewarn: Forewarn, lived: list[str], step: Step) -> None:
    ran = forewarn("silences", "add", "detector=err*", "--why", "nights", "--days", "sat,sun", "--hours", "22:00-06:00")
    assert ran.code == 0
    step()
    [silence] = forewarn("silences", "list", "--json").json
    assert silence["recurring"] == {"days": ["sat", "sun"], "from": "22:00", "to": "06:00", "zone": "UTC"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["acount=x", "--for", "1h"],
        ["account", "--for", "1h"],
        ["account=x"],
        ["account=x", "--for", "soon"],
        ["account=x", "--hours", "22:00"],
        ["account=x", "--days", "monday"],
        ["account=x", "--hours", "1:00-2:00", "--zone", "Mars/Base"],
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(forewarn: Forewarn, lived: list[str], arguments: list[str]) -> None:
    ran = forewarn("silences", "add", *arguments, "--why", "x")
    assert (ran.code, "Traceback" in ran.err) == (2, False)


def test_a_ticket_is_worked_on(forewarn: Forewarn, shop: Path, lived: list[str], step: Step) -> None:
    assert "Calls fail" in forewarn("tickets", "list").out
    shown = forewarn("tickets", "show", 1, "--picture", "p.svg")
    assert "Next: " in shown.out
    assert (shop / "p.svg").read_text().startswith("<svg")
    assert forewarn("tickets", "claim", 1, "--who", "eve").code == 0
    assert "is with eve" in forewarn("tickets", "claim", 1, "--who", "bob").err
    assert forewarn("tickets", "note", 1, "looking", "--who", "eve").code == 0
    assert "looking" in forewarn("tickets", "show", 1).out
    assert forewarn("tickets", "resolve", 1, "--verdict", "maybe").code == 2
    assert forewarn("tickets", "resolve", 1, "--verdict", "false", "--note", "a test").code == 0
    assert forewarn("tickets", "list").out == "no open tickets\n"
    assert step() == ["Sorry"]
    assert forewarn("tickets", "show", 7).code == 1
    assert forewarn("tickets", "note", 7, "x").code == 1


def test_decisions_are_explained(forewarn: Forewarn, lived: list[str]) -> None:
    whole = forewarn("explain", issue_of(forewarn))
    assert "send: No rule stands against it." in whole.out
    assert "2 decisions" in whole.out
    told = forewarn("explain", issue_of(forewarn), "--json").json
    one = forewarn("explain", told[0]["id"])
    assert "facts:" in one.out
    assert "issue.status: open" in one.out
    assert "tries" in one.out, "and what came of it"
    sent = next(row for row in told if row["intent"].startswith("int_") and row["channel"])
    assert [(each["kind"], each["outcome"], each["channel"]) for each in sent["tries"]] == [
        ("attempt", "accepted", sent["channel"])
    ]
    assert forewarn("explain", told[0]["intent"], "--json").json[0]["id"] == told[0]["id"]
    assert "issue.opened_at: 2025-03-03 08:00:00Z" in one.out, "times are shown as such"


def test_decisions_are_listed(forewarn: Forewarn, lived: list[str]) -> None:
    listed = forewarn("explain")
    assert listed.out.splitlines()[0].split()[:3] == ["at", "id", "issue"]
    assert listed.out.count("No rule stands against it.") == 2
    assert len(forewarn("explain", "--json", "--limit", "1").json) == 1
    assert "list them with `forewarn explain`" in forewarn("explain", "dec_none").err


def test_nothing_decided_yet_is_told(forewarn: Forewarn) -> None:
    forewarn("db", "upgrade")
    assert forewarn("explain").out == "nothing was decided yet\n"
    assert forewarn("explain", "--json").json == []


def test_a_failed_message_goes_once_its_template_is_corrected(forewarn: Forewarn, shop: Path, step: Step) -> None:
    template = shop / "templates/errors/notice/en/email.txt.j2"
    good = template.read_text()
    template.write_text("Subject: Trouble\n\n{{ customer.nam }}\n")
    (shop / "e.ndjson").write_text(PEOPLE + events(9))
    forewarn("ingest", "e.ndjson")
    assert step() == []
    [failed] = forewarn("outbox", "list", "--status", "failed", "--json").json["intents"]
    assert "nam" in failed["detail"]
    template.write_text(good)
    assert forewarn("outbox", "retry", failed["id"]).code == 0
    assert step() == ["Trouble"]


def test_what_was_sent_is_sent_again_by_force_only(forewarn: Forewarn, lived: list[str]) -> None:
    [sent] = [each for each in forewarn("outbox", "list", "--json").json["intents"] if each["kind"] == "message"]
    ran = forewarn("outbox", "retry", sent["id"])
    assert ran.code == 1
    assert "--force" in ran.err
    forced = forewarn("outbox", "retry", sent["id"], "--force")
    assert forced.code == 0
    assert "may get it twice" in forced.err
    assert "still on its way" in forewarn("outbox", "retry", sent["id"], "--force").err
    assert forewarn("outbox", "list", "--status", "faild").code == 2


# -- ingest and dead letters


def test_bad_lines_are_dead_letters_with_their_lines(forewarn: Forewarn, shop: Path) -> None:
    (shop / "bad.ndjson").write_text(events(1) + "{}\nrubbish\n" + events(2, 1))
    ran = forewarn("ingest", "bad.ndjson")
    assert ran.code == 0
    assert "6 events accepted\n2 lines rejected: malformed" in ran.out
    listed = forewarn("deadletters", "list", "--json").json
    assert [each["origin"] for each in listed["letters"]] == ["bad.ndjson:4", "bad.ndjson:5"]
    assert "rubbish" in forewarn("deadletters", "show", listed["letters"][1]["id"]).out
    assert forewarn("deadletters", "list", "--after", "dead_x").code == 1
    assert "did you mean" in forewarn("deadletters", "show", listed["letters"][1]["id"][:-1] + "g").err


def test_dead_letters_are_taken_once_the_configuration_knows_them(forewarn: Forewarn, shop: Path) -> None:
    (shop / "x.ndjson").write_text('{"id":"1","source":"s","type":"app.opened","subject":"account/a","data":{}}\n')
    assert forewarn("ingest", "x.ndjson").code == 1
    assert forewarn("deadletters", "retry").code == 2
    assert forewarn("deadletters", "retry", "--all").code == 1
    with (shop / "config/forewarn.yaml").open("a") as file:
        file.write('events: {known: ["app.*"]}\n')
    assert forewarn("deadletters", "retry", "--reason", "unknown-type", "--json").json == {"accepted": 1, "rejected": 0}
    assert forewarn("deadletters", "list").out == "no dead letters\n"


CSV = "when,who,code\n2025-03-03 08:00,acme,503\nnever,acme,503\n"


@pytest.mark.parametrize("name", ["c.csv", "c.csv.gz"])
def test_csv_is_ingested_by_a_mapping(forewarn: Forewarn, shop: Path, name: str) -> None:
    (shop / name).write_bytes(gzip.compress(CSV.encode()) if name.endswith("gz") else CSV.encode())
    arguments = ["--type", "api.request", "--map", "time=when", "--map", "data.status=code"]
    ran = forewarn("ingest", name, *arguments, "--subject", "account/{who}", "--json")
    assert ran.json == {"accepted": 1, "rejected": {"malformed": 1}}
    assert forewarn("deadletters", "list", "--json").json["letters"][0]["origin"] == f"{name}:3"


def test_a_mapping_may_be_a_file(forewarn: Forewarn, shop: Path) -> None:
    (shop / "c.csv").write_text(CSV)
    (shop / "map.yaml").write_text("time: when\nsubject: account/{who}\ndata.status: code\n")
    assert forewarn("ingest", "c.csv", "--map", "map.yaml", "--type", "api.request").code == 0
    (shop / "map.yaml").write_text("- time\n")
    assert forewarn("ingest", "c.csv", "--map", "map.yaml", "--type", "api.request").code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere.ndjson"], 2, "nowhere.ndjson: there is no such file"),
        (["binary"], 1, "binary: is no text"),
        (["broken.gz"], 1, "broken.gz: the gzip file is broken"),
        (["c.csv"], 2, "no column gives the time"),
        (["c.csv", "--type", "api.request", "--map", "time=wehn", "--subject", "a/{who}"], 2, 'did you mean "when"'),
        (["c.csv", "--type", "t", "--map", "time=when", "--subject", "a/{"], 2, "Single '{'"),
        (["c.csv", "--map", "nowhere.yaml"], 2, "nowhere.yaml:1:1: cannot be read"),
        (["c.csv", "--format", "xml"], 2, "xml"),
        (["."], 1, "directory"),
    ],
)
def test_what_cannot_be_ingested_is_told(
    forewarn: Forewarn, shop: Path, arguments: list[str], code: int, told: str
) -> None:
    (shop / "binary").write_bytes(bytes(range(256)))
    (shop / "broken.gz").write_bytes(gzip.compress(b"{}" * 1000)[:-9])
    (shop / "c.csv").write_text(CSV)
    ran: Ran = forewarn("ingest", *arguments)
    assert ran.code == code
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_an_empty_file_is_nothing(forewarn: Forewarn, shop: Path) -> None:
    (shop / "empty.ndjson").write_text("")
    ran = forewarn("ingest", "empty.ndjson")
    assert (ran.code, ran.out) == (0, "0 events accepted\n")


# -- report, backtest, simulate


def test_a_report_tells_of_a_span(forewarn: Forewarn, lived: list[str]) -> None:
    assert forewarn("report", "--since", "2025-03-01", "--until", "2025-03-05", "--json").json["issues"]["opened"] == 1
    assert "opened: 1" in forewarn("report", "--since", "1h").out
    assert "opened: 0" in forewarn("report", "--until", "2025-03-03T08:00:00Z").out
    assert forewarn("report", "--since", "soon").code == 2
    assert forewarn("report", "--since", "2025-03-05", "--until", "2025-03-01").code == 2


def test_a_backtest_says_what_would_have_been(forewarn: Forewarn, shop: Path) -> None:
    (shop / "e.ndjson").write_text(PEOPLE + events(9))
    ran = forewarn("backtest", "e.ndjson", "--json", "b.json", "--html", "b.html")
    assert ran.code == 0, ran.err
    assert "1 issues; 1 messages to 1 customers" in ran.out
    assert "detector  series " in ran.out
    assert json.loads((shop / "b.json").read_text())["messages"][0]["subject"] == "Trouble"
    assert "Trouble" in (shop / "b.html").read_text()
    assert not (shop / "config/var").exists()
    assert forewarn("backtest", "nowhere").code == 2
    (shop / "empty").write_text("")
    assert "no event" in forewarn("backtest", "empty").err
    assert forewarn("backtest", "e.ndjson", "--step", "0s").code == 2


def test_a_scenario_that_is_not_there_is_told(forewarn: Forewarn) -> None:
    assert forewarn("simulate", "--scenario", "x.yaml", "--out", "y").code == 2


def test_a_stop_is_thrown_listed_and_taken_back(forewarn: Forewarn, lived: list[str]) -> None:
    thrown = forewarn("stop", "all", "--why", "wrong texts", "--json").json
    assert (thrown["scope"], thrown["why"], thrown["ended_at"]) == ("all", "wrong texts", None)
    again = forewarn("stop", "all", "--why", "again")
    assert (again.code, "stopped already" in again.err) == (2, True)
    assert "wrong texts" in forewarn("stop", "list").out
    assert forewarn("stop", "end", thrown["id"]).code == 0
    assert forewarn("stop", "list").out == "nothing is stopped\n"
    assert [row["id"] for row in forewarn("stop", "list", "--all", "--json").json] == [thrown["id"]]


def test_who_is_on_duty_is_said_shown_and_taken_back(forewarn: Forewarn, lived: list[str], shop: Path) -> None:
    ran = forewarn("agents", "say", "3")
    assert (ran.code, "names no pace" in ran.err) == (2, True)
    policy = shop / "config" / "policy.yaml"
    policy.write_text(policy.read_text() + "pace: {contacts_per_agent: 12 per 1h, agents: 5}\n")
    assert "5 on duty, by the roster" in forewarn("agents", "show").out
    said = forewarn("agents", "say", "3", "--for", "2h", "--who", "ann", "--json").json
    assert (said["agents"], said["who"], round(said["until"] - said["at"])) == (3, "ann", 7200)
    assert "3 on duty, as ann said, until" in forewarn("agents", "show").out
    assert forewarn("agents", "say", "3", "--for", "soon").code == 2
    assert forewarn("agents", "end").code == 0
    assert forewarn("agents", "show", "--json").json["agents"] == 5
    assert forewarn("agents", "end").code == 2


def test_what_is_not_there_cannot_be_stopped(forewarn: Forewarn, lived: list[str]) -> None:
    for scope in ("playbook", "channel", "template"):
        ran = forewarn("stop", scope, "nothing-such", "--why", "x")
        assert (ran.code, f"no {scope}" in ran.err) == (2, True)
    assert forewarn("stop", "end", "stp_x").code == 2


CAREFUL = "limits: {blast_radius: {max: 1, canary: 100%}}\n"
TWO = PEOPLE + PEOPLE.split("\n")[1].replace('"b"', '"c"').replace("ann", "bob") + "\n"


def test_an_approval_is_shown_with_its_texts_and_given_by_two(forewarn: Forewarn, shop: Path, step: Step) -> None:
    path = shop / "config/playbooks/errors.yaml"
    path.write_text(path.read_text() + CAREFUL)
    (shop / "people.ndjson").write_text(TWO + events(9))
    assert forewarn("ingest", "people.ndjson").code == 0
    assert step() == [], "two would be told, and the most is one"
    (row,) = forewarn("approvals", "list", "--json").json
    assert (row["audience"], row["needed"], row["state"]) == (2, 2, "asked")
    shown = forewarn("approvals", "show", row["id"])
    assert "Something is wrong for Acme." in shown.out
    assert "contact/bob" in shown.out
    assert len(forewarn("approvals", "show", row["id"], "--json").json["people"]) == 2
    assert "somebody else must agree too" in forewarn("approvals", "approve", row["id"], "--who", "eve").out
    assert forewarn("approvals", "approve", row["id"], "--who", "eve").code == 2
    assert forewarn("approvals", "approve", row["id"], "--who", "joe", "--json").json["state"] == "approved"
    assert sorted(step()) == ["Trouble", "Trouble"]
    assert "nothing waits" in forewarn("approvals", "list").out
    assert forewarn("approvals", "show", "apr_nothing").code == 2
