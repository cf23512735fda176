"""Where the database is: said in forewarn.yaml, its password elsewhere."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from engine.cli import app
from engine.clock import FakeClock
from engine.config.check import checked
from engine.config.load import load_or_raise
from engine.storage import Storage, open_database
from engine.store import schema
from tests import stores

MAIN = "sender: {company: Example}\ntemplates: .\n"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str) -> Path:
        (tmp_path / "forewarn.yaml").write_text(f"{MAIN}{text}\n")
        return tmp_path

    return written


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("store: {url: 'mysql://h/d'}", r":3:14: is no address of a PostgreSQL; write postgresql://user@host/database"),
        ("store: {url: 'postgresql://h'}", "is no address of a PostgreSQL"),
        ("store: {url: 'postgresql://u:hunter2@h/d'}", r":3:14: a password stands in it; write password: {env: NAME}"),
        ("store: {url: 'postgresql://h/d', password: hunter2}", r"a password stands here; write {env: NAME}"),
        ("store: {url: 'postgresql://h/d', password: {env: GONE}}", "the variable GONE is not set; set it"),
        ("store: {url: 'postgresql://h/d', pool: 1}", "1 connections are too few; write 4 or more"),
        ("store: {pool: 20}", "it has no url"),
        ("store: {url: 'postgresql://h/d', passwort: {env: X}}", 'unknown key "passwort"; did you mean "password"'),
    ],
)
def test_what_is_wrong_is_named_with_its_place(write: Write, text: str, problem: str) -> None:
    config, problems = checked(write(text))
    assert config is None
    assert any(re.search(problem.replace("{", r"\{"), str(each)) for each in problems), [str(each) for each in problems]
    assert "hunter2" not in " ".join(str(each) for each in problems)


def test_the_password_comes_from_elsewhere_and_is_not_shown(write: Write) -> None:
    folder = write("store: {url: 'postgresql://ann@db/forewarn', password: {file: secret}}")
    (folder / "secret").write_text("hunter2\n")
    config = load_or_raise(folder, {})
    assert config.main.store.password == "hunter2"
    assert "hunter2" not in repr(config)


def test_without_it_the_file_in_the_data_folder(write: Write) -> None:
    config = load_or_raise(write(""), {})
    with closing(open_database(config)) as opened:
        assert opened.place == str(config.data_dir / "forewarn.db") or stores.EVERYWHERE


def test_an_engine_keeps_there_what_it_keeps(write: Write, postgres: str) -> None:
    config = load_or_raise(write(f"store: {{url: '{postgres}', pool: 5}}"), {})
    with closing(Storage.embedded(config, FakeClock(0.0))) as storage:
        assert storage.database.several
        assert storage.database.place == make_url(postgres).render_as_string()
    assert not (config.data_dir / "forewarn.db").exists()


def test_db_and_doctor_work_on_it(write: Write, postgres: str) -> None:
    folder = write(f"store: {{url: '{postgres}'}}")
    with closing(stores.open_anywhere(postgres)) as opened:
        opened.downgrade(schema.revisions()[1])
    runner = CliRunner()
    assert runner.invoke(app, ["db", "status", "--config", str(folder)]).exit_code == 1
    upgraded = runner.invoke(app, ["db", "upgrade", "--config", str(folder)])
    assert upgraded.exit_code == 0
    assert f"{schema.revisions()[0]}, was {schema.revisions()[1]}" in upgraded.stdout
    assert runner.invoke(app, ["db", "status", "--config", str(folder)]).exit_code == 0
    told = runner.invoke(app, ["doctor", "--config", str(folder), "--json"]).stdout
    assert make_url(postgres).render_as_string() in told


def test_doctor_says_that_it_cannot_be_reached(write: Write) -> None:
    folder = write("store: {url: 'postgresql://ann@127.0.0.1:1/forewarn'}")
    told = CliRunner().invoke(app, ["doctor", "--config", str(folder), "--json"])
    assert told.exit_code == 1
    assert "cannot be reached" in told.stdout
