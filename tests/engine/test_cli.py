"""The command line: what each command says and ends with, for good input and for rubbish."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from detectors.registry import detector_class, kinds
from engine import cli
from engine.config.model import DetectorConfig, Watch
from engine.config.reader import fields_of, parameters_of
from tests.engine.conftest import SAMPLE, Forewarn

BIN = Path(sys.executable).with_name("forewarn")


def call(*arguments: str, cwd: Path, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run the installed command as a process of its own, warnings as errors."""
    env = os.environ | {"PYTHONWARNINGS": "error", "COLUMNS": "200"}
    return subprocess.run(
        [BIN, *arguments], cwd=cwd, input=given, capture_output=True, env=env, timeout=60, check=False
    )


def test_the_help_lists_every_command(forewarn: Forewarn) -> None:
    ran = forewarn("--help")
    assert ran.code == 0
    assert all(name in ran.out for name in cli.COMMANDS)


@pytest.mark.parametrize("name", [*cli.COMMANDS])
def test_every_command_has_help(forewarn: Forewarn, name: str) -> None:
    ran = forewarn(name, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"forewarn {name}" in ran.out


def test_help_loads_no_command() -> None:
    told = "import sys; from engine import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
    heavy = "print([m for m in sys.modules if m.startswith(('engine.commands', 'numpy', 'sqlalchemy', 'numba'))])"
    ran = subprocess.run([sys.executable, "-c", told + heavy], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_a_misspelt_command_is_told_the_nearest(forewarn: Forewarn) -> None:
    ran = forewarn("chek")
    assert ran.code == 2
    assert "Did you mean 'check'" in ran.err


def test_the_version_is_told(tmp_path: Path) -> None:
    ran = call("version", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.startswith(b"forewarn 0.")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    series(tmp_path, [f"{60 * number},1" for number in range(20_000)])
    piped = f"{BIN} score series.csv --kind threshold --param above=2 | head -n 1"
    ran = subprocess.run(piped, shell=True, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert ran.stdout == b"timestamp,value,score,alarm,signal\n"
    assert b"Error" not in ran.stderr


def test_a_mistake_of_ours_is_one_line_and_with_debug_a_traceback(
    forewarn: Forewarn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.commands.version.version_of", lambda _: 1 / 0)
    ran = forewarn("version")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "unexpected ZeroDivisionError" in ran.err
    assert "Traceback" in forewarn("--debug", "version").err


# -- where the configuration is


def test_the_configuration_is_found_beside_and_within(
    forewarn: Forewarn, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert forewarn("check").code == 0
    monkeypatch.chdir(shop / "config")
    assert forewarn("check").code == 0
    monkeypatch.chdir("/")
    assert forewarn("check").code == 2
    assert forewarn("check", "--config", shop).code == 0
    monkeypatch.setenv("FOREWARN_CONFIG", str(shop))
    assert forewarn("check").code == 0


def test_a_folder_that_is_not_there_is_told(forewarn: Forewarn) -> None:
    ran = forewarn("issues", "list", "--config", "nowhere")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "nowhere: there is no such folder" in ran.err


def test_problems_are_listed_with_their_places(forewarn: Forewarn, shop: Path) -> None:
    with (shop / "config/playbooks/errors.yaml").open("a") as file:
        file.write("limts: {}\n")
    ran = forewarn("check")
    assert ran.code == 2
    assert 'playbooks/errors.yaml:8:1: unknown key "limts"' in ran.out
    assert forewarn("check", "--json").json[0]["line"] == 8
    for command in (["run"], ["ingest", "x"], ["test"], ["issues", "list"]):
        assert forewarn(*command).code == 2


def test_a_configuration_that_is_no_text_is_told(forewarn: Forewarn, shop: Path) -> None:
    (shop / "config/forewarn.yaml").write_bytes(b"\x00\xff\xfe")
    ran = forewarn("check")
    assert ran.code == 2
    assert "forewarn.yaml:1:1" in ran.out


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_configuration_that_cannot_be_read_is_told(forewarn: Forewarn, shop: Path) -> None:
    (shop / "config/forewarn.yaml").chmod(0)
    assert "cannot be read" in forewarn("check").out


def test_a_data_folder_that_cannot_be_written_is_told(forewarn: Forewarn, shop: Path) -> None:
    (shop / "config/var").write_text("a file where the folder should be")
    (shop / "e.ndjson").write_text("{}\n")
    for command in (["run", "--port", "0"], ["ingest", "e.ndjson"], ["db", "upgrade"], ["deadletters", "list"]):
        ran = forewarn(*command)
        assert (ran.code, "var" in ran.err, "Traceback" in ran.err) == (1, True, False), ran


# -- init, test, preview


def test_init_writes_a_starter_once(forewarn: Forewarn, tmp_path: Path) -> None:
    ran = forewarn("init", tmp_path / "new")
    assert ran.code == 0
    assert (tmp_path / "new/config/forewarn.yaml").exists()
    assert not (tmp_path / "new/config/var").exists()
    again = forewarn("init", tmp_path / "new")
    assert again.code == 1
    assert "is there already" in again.err


def test_tests_are_run_by_name_and_failures_are_told(forewarn: Forewarn) -> None:
    assert "1 passed" in forewarn("test", "nothing*").out
    ran = forewarn("test")
    assert ran.code == 1
    assert "1 passed, 1 failed" in ran.out
    assert "no such one among the issues" in ran.out
    assert [each["failures"] == [] for each in forewarn("test", "errors", "--json").json] == [True, False]
    assert 'did you mean "it fails"' in forewarn("test", "it fals").err


def test_many_tests_run_in_several_processes(forewarn: Forewarn, shop: Path) -> None:
    one = (shop / "config/playbooks/errors.test.yaml").read_text().split("---")[0]
    many = [one.replace("nothing happens", f"nothing {number}") for number in range(5)]
    (shop / "config/playbooks/errors.test.yaml").write_text("---\n".join(many))
    assert "5 passed, 0 failed" in forewarn("test", "--jobs", "2").out


def test_a_test_that_cannot_be_read_is_told(forewarn: Forewarn, shop: Path) -> None:
    (shop / "config/playbooks/more.test.yaml").write_text("name: x\nstrat: 1\n")
    ran = forewarn("test")
    assert ran.code == 2
    assert "more.test.yaml:2:1" in ran.err


def test_a_template_is_shown(forewarn: Forewarn, shop: Path) -> None:
    ran = forewarn("preview", "errors/notice", "--html", "out.html")
    assert ran.out.startswith("Subject: Trouble\n\nSomething is wrong for Acme.\nYou need not do anything.")
    assert "<p>Trouble</p>" in (shop / "out.html").read_text()
    (shop / "s.json").write_text(SAMPLE.replace("Acme", "Zoo\\u001b[31m"))
    assert "Zoo\ufffd[31m" not in ran.out
    assert "\x1b" not in forewarn("preview", "errors/notice", "--sample", "s.json").out
    assert forewarn("preview", "errors/agent", "--json").json["subject"] == "Calls fail"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["errors/notce"], 'did you mean "errors/notice"'),
        (["errors/notice", "--sample", "bad.json"], "bad.json: is no JSON"),
        (["errors/notice", "--sample", "list.json"], "is no JSON object"),
        (["errors/notice", "--sample", "empty.json"], "en/email.txt.j2:3"),
        (["errors/notice", "--sample", "nowhere.json"], "nowhere.json: No such file"),
        (["errors/notice", "--channel", "sms"], "no text for 'sms'"),
        (["errors/notice", "--channel", "emial"], "--channel: there is no channel 'emial'; did you mean \"email\"?"),
        (["errors/agent", "--html", "x.html"], "has no HTML"),
    ],
)
def test_a_template_that_cannot_be_shown_is_told(
    forewarn: Forewarn, shop: Path, arguments: list[str], told: str
) -> None:
    for name, content in {"bad": "{", "list": "[]", "empty": "{}"}.items():
        (shop / f"{name}.json").write_text(content)
    ran = forewarn("preview", *arguments)
    assert ran.code in (1, 2)
    assert told in ran.err


def test_a_template_shown_in_another_language_than_was_asked_for_is_told(forewarn: Forewarn) -> None:
    assert "there is no text in 'fr'; readers get 'en'" in forewarn("preview", "errors/notice", "--locale", "fr").err
    assert forewarn("preview", "errors/notice", "--locale", "en-GB").err == ""


def test_only_the_whole_command_installs_completion(forewarn: Forewarn) -> None:
    assert "--install-completion" in forewarn("--help").out
    assert "--install-completion" not in forewarn("issues", "--help").out + forewarn("preview", "--help").out


# -- score


def series(shop: Path, rows: list[str]) -> Path:
    path = shop / "series.csv"
    path.write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    return path


def test_scores_are_written_beside_the_rows(forewarn: Forewarn, shop: Path) -> None:
    rows = ["2025-01-01 00:00,1", "2025-01-01 00:01,", "2025-01-01 00:02,99", "2025-01-01 00:03,2"]
    ran = forewarn("score", series(shop, rows), "--kind", "threshold", "--param", "above=50")
    lines = [line.split(",") for line in ran.out.splitlines()]
    assert lines[0] == ["timestamp", "value", "score", "alarm", "signal"]
    assert [line[4] for line in lines[1:]] == ["0", "0", "1", "0"]
    assert [float(line[3]) > 0 for line in lines[1:]] == [False, False, True, False]
    assert lines[2][:3] == ["2025-01-01 00:01", "", ""]
    assert "a step is 60 s" in ran.err


@pytest.mark.parametrize("kind", ["seasonal", "absence", "threshold", "ensemble"])
def test_a_score_depends_on_what_came_before_only(forewarn: Forewarn, shop: Path, kind: str) -> None:
    rows = [f"{3600 * number},{100 if number in (150, 190) else number % 24}" for number in range(200)]
    arguments = ["--kind", kind, *(["--param", "above=50"] if kind == "threshold" else [])]
    arguments += ["--param", "within=2h"] if kind == "absence" else []
    whole = forewarn("score", series(shop, rows), *arguments).out.splitlines()
    part = forewarn("score", series(shop, rows[:160]), *arguments).out.splitlines()
    assert part == whole[:161]


def test_rows_out_of_order_keep_their_place(forewarn: Forewarn, shop: Path) -> None:
    ran = forewarn("score", series(shop, ["120,1", "0,99", "60,1"]), "--kind", "threshold", "--param", "above=50")
    assert [line.split(",")[0] for line in ran.out.splitlines()[1:]] == ["120", "0", "60"]
    assert "not in order of time" in ran.err
    assert ran.out.splitlines()[2].endswith(",1")


def test_of_two_rows_of_one_time_the_one_that_raised_is_marked(forewarn: Forewarn, shop: Path) -> None:
    ran = forewarn("score", series(shop, ["0,1", "60,1", "60,99"]), "--kind", "threshold", "--param", "above=50")
    assert [line[-2:] for line in ran.out.splitlines()[1:]] == [",0", ",0", ",1"]


def test_an_ensemble_tells_dense_evidence_everywhere_and_an_episode_once(forewarn: Forewarn, shop: Path) -> None:
    rows = [f"{300 * i},{i * 7919 % 13 + (90 if 700 <= i < 705 else 0)}" for i in range(900)]
    ran = forewarn("score", series(shop, rows), "--kind", "ensemble")
    found = [line.split(",") for line in ran.out.splitlines()[1:]]
    assert all(float(line[2]) >= 0 for line in found)
    assert [i for i, line in enumerate(found) if line[4] == "1"] == [
        i for i, line in enumerate(found) if float(line[3]) > 3
    ]
    assert sum(line[4] == "1" for line in found[:700]) == 0
    assert sum(line[4] == "1" for line in found[700:710]) == 1
    assert max(float(line[2]) for line in found[700:710]) > 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["series.csv", "--kind", "treshold"], 'did you mean "threshold"'),
        (["series.csv", "--kind", "threshold", "--param", "abov=1"], 'did you mean "above"'),
        (["series.csv", "--kind", "threshold", "--param", "above=x"], "expected a number"),
        (["series.csv", "--kind", "threshold", "--param", "above"], "is no K=V"),
        (["series.csv", "--kind", "threshold", "--param", "above=[}"], "above"),
        (["series.csv", "--kind", "threshold", "--param", "above=1", "--score", "7"], "score is 7"),
        (["nowhere.csv", "--kind", "seasonal"], "nowhere.csv: No such file"),
        (["bad.csv", "--kind", "seasonal"], "bad.csv:3: 'x' is no number"),
        (["times.csv", "--kind", "seasonal"], "times.csv:2: 'soon' is no time"),
        (["one.csv", "--kind", "seasonal"], "one.csv:1: one column only"),
        (["head.csv", "--kind", "seasonal"], "there is no row below the header"),
        (["empty.csv", "--kind", "seasonal"], "empty.csv: is empty"),
        (["broken.csv.gz", "--kind", "seasonal"], "the gzip file is broken"),
        (["binary.csv", "--kind", "seasonal"], "binary.csv"),
        (["utf16.csv", "--kind", "seasonal"], "utf16.csv: is UTF-16; save it as UTF-8"),
        (["mac.csv", "--kind", "seasonal"], "mac.csv:1: new-line character seen in unquoted field; end lines with"),
        (["series.csv", "--kind", "peer", "--param", "cohort=[]"], "kind peer needs more than one series of values"),
        (["series.csv", "--kind", "novelty"], "kind novelty needs more than one series of values"),
        (["series.csv", "--kind", "risk"], "kind risk needs more than one series of values"),
        (["series.csv", "--kind", "stall"], "kind stall needs more than one series of values"),
    ],
)
def test_what_cannot_be_scored_is_told(forewarn: Forewarn, shop: Path, arguments: list[str], told: str) -> None:
    series(shop, ["0,1"])
    (shop / "bad.csv").write_text("t,value\n0,1\n60,x\n")
    (shop / "times.csv").write_text("t,value\nsoon,1\n")
    (shop / "one.csv").write_text("value\n1\n")
    (shop / "head.csv").write_text("t,value\n")
    (shop / "empty.csv").write_text("")
    (shop / "broken.csv.gz").write_bytes(b"\x1f\x8b\x08\x00broken")
    (shop / "binary.csv").write_bytes(bytes(range(256)) * 9)
    (shop / "utf16.csv").write_text("t,value\n0,1\n", encoding="utf-16")
    (shop / "mac.csv").write_bytes(b"t,value\r0,1\r60,2\r")
    ran = forewarn("score", *arguments)
    assert ran.code in (1, 2)
    assert told in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("text", ["", "NaN", "null", "N/A", "-", "?"])
def test_a_missing_value_has_no_score_and_stops_nothing(forewarn: Forewarn, shop: Path, text: str) -> None:
    ran = forewarn("score", series(shop, ["0,1", f"60,{text}", "120,99"]), "--kind", "threshold", "--param", "above=50")
    assert [line.split(",")[4] for line in ran.out.splitlines()[1:]][::2] == ["0", "1"]
    assert ran.code == 0


def test_where_nothing_has_a_score_it_is_said(forewarn: Forewarn, shop: Path) -> None:
    assert "no row has a score" in forewarn("score", series(shop, ["0,1", "60,2"]), "--kind", "seasonal").err


# -- db, doctor, token


def test_the_database_is_made_and_its_schema_told(forewarn: Forewarn) -> None:
    assert "there is no database" in forewarn("db", "status").err
    assert forewarn("db", "upgrade").code == 0
    told = forewarn("db", "status", "--json").json
    assert told["schema"] == told["needed"]


def test_what_is_made_once_can_be_read_by_a_program(forewarn: Forewarn) -> None:
    forewarn("db", "upgrade")
    assert forewarn("version", "--json").json.keys() == {"forewarn", "python", "system"}
    made = forewarn("token", "create", "shop", "--json").json
    assert made | {"token": made["token"][:3]} == {"name": "shop", "scope": "ingest", "token": "fw_"}
    fed = forewarn("token", "feed", "contact/ann", "--json").json
    assert (fed["subject"], "." in fed["token"], fed["expires_at"] > 1.6e9) == ("contact/ann", True, True)


def test_tokens_are_made_listed_and_revoked(forewarn: Forewarn) -> None:
    forewarn("db", "upgrade")
    secret = forewarn("token", "create", "app").out.strip()
    assert secret.startswith("fw_")
    assert secret not in forewarn("token", "list").out
    assert forewarn("token", "create", "app").code == 1
    assert forewarn("token", "create", "x", "--scope", "god").code == 1
    assert forewarn("token", "revoke", "app").code == 0
    assert forewarn("token", "list", "--json").json[0]["revoked"]
    assert forewarn("token", "revoke", "nobody").code == 1


def test_the_doctor_finds_all_well(forewarn: Forewarn) -> None:
    before = forewarn("doctor", "--json")
    forewarn("db", "upgrade")
    after = forewarn("doctor", "--json", "--send", "http://x.example", "--channel", "mail")
    assert before.code == after.code == 0, after
    states = {each["what"]: each["state"] for each in after.json}
    assert states.pop("public url") == "warning", "links to this machine are of no use in a customer's mail"
    assert set(states.values()) == {"ok"}
    assert after.json[-1]["what"] == "test on mail"


def test_the_doctor_finds_what_is_broken(forewarn: Forewarn, shop: Path) -> None:
    forewarn("db", "upgrade")
    (shop / "config/var/forewarn.db").write_bytes(b"rubbish" * 5000)
    (shop / "config/var/snapshots").mkdir(exist_ok=True)
    (shop / "config/var/snapshots/p00000-0000000001-5.snapshot").write_bytes(b"rubbish")
    ran = forewarn("doctor", "--json")
    states = {each["what"]: each["state"] for each in ran.json}
    assert ran.code == 1
    assert states["forewarn.db"] == "failed"
    assert states["schema"] == "failed"
    assert states["log.db" if "log.db" in states else "clock"] == "ok"


def test_the_doctor_says_which_mail_server_does_not_answer(forewarn: Forewarn, shop: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (shop / "config/channels.yaml").write_text(
        f"mail: {{type: email, host: 127.0.0.1, port: {port}, from: a@b.example}}\n"
    )
    ran = forewarn("doctor", "--json")
    [found] = [each for each in ran.json if each["what"] == "channel mail"]
    assert (ran.code, found["state"]) == (1, "failed")
    assert found["detail"].startswith(f"127.0.0.1:{port}: ")
    assert found["detail"].endswith("; see channels.yaml:1:7")


def test_the_doctor_says_that_the_configuration_is_broken(forewarn: Forewarn, shop: Path) -> None:
    (shop / "config/channels.yaml").write_text("mail: {type: fax}\n")
    ran = forewarn("doctor")
    assert ran.code == 2
    assert "forewarn check tells them" in ran.out
    assert json.loads(forewarn("doctor", "--json").out)[0]["state"] == "failed"


def test_a_test_message_needs_a_channel_that_is_there(forewarn: Forewarn) -> None:
    ran = forewarn("doctor", "--send", "+4366012345", "--channel", "mial")
    assert ran.code == 2
    assert 'did you mean "mail"' in ran.err


def test_kinds_are_told_with_what_they_take(forewarn: Forewarn) -> None:
    listed = forewarn("kinds").out
    assert "seasonal   " in listed
    keys = {key.key for cls in (DetectorConfig, Watch) for key in fields_of(cls)} - {"model"}
    assert {key for key in keys if key not in listed} == set(), "what every detector takes is told too"
    assert [row["kind"] for row in forewarn("kinds", "--json").json] == kinds()
    shown = forewarn("kinds", "threshold").out
    assert "watch: {event: TYPE, by: KEYS" in shown
    assert "recover  number" in shown
    refused = forewarn("kinds", "treshold")
    assert (refused.code, "did you mean 'threshold'" in refused.err) == (2, True)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_can_be_told(forewarn: Forewarn, kind: str) -> None:
    told = forewarn("kinds", kind, "--json").json
    assert told["about"]
    assert "\nwatch: {" in forewarn("kinds", kind).out
    assert {each["key"] for each in told["parameters"]} == {key.key for key in parameters_of(detector_class(kind))}
