"""From a folder to a configuration: which files, which documents, and all problems at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config.load import load, load_or_raise
from engine.config.model import Clock, Pace, Per, Place, Sending, Shift
from engine.errors import ConfigError

Write = Callable[..., Path]


def told(folder: Path) -> list[str]:
    return [str(problem) for problem in load(folder, {})[1]]


def test_a_whole_configuration_is_loaded(write: Write) -> None:
    folder = write()
    config, problems = load(folder, {})
    assert problems == []
    assert config is not None
    assert list(config.detectors) == ["errors"]
    assert config.detectors["errors"].model.kind == "threshold"
    assert config.playbooks["errors"].place == Place("playbooks/errors.yaml", 1, 1)
    assert config.channels["mail"].type == "memory"
    assert config.data_dir == folder / "var"
    assert config.templates_dir == folder / "templates"
    assert set(config.files) == {
        "forewarn.yaml",
        "policy.yaml",
        "channels.yaml",
        "detectors/errors.yaml",
        "playbooks/errors.yaml",
    }


def test_how_a_channel_is_sent_by_is_read_beside_what_it_is_made_of(write: Write) -> None:
    text = (
        "mail: {type: memory, provider: one, rate: 10 per 1s, batch: 5, fall_back_after: 2m}\nother: {type: memory}\n"
    )
    config = load_or_raise(write({"channels.yaml": text}), {})
    mail, other = config.channels["mail"], config.channels["other"]
    assert (mail.params, mail.sending.provider, mail.sending.rate) == ({}, "one", Per(10, 1.0, False))
    assert (mail.sending.batch, mail.sending.fall_back_after, mail.sending.connections) == (5, 120.0, 4)
    assert other.sending == Sending()


def test_a_pace_has_a_number_or_a_roster(write: Write) -> None:
    roster = 'pace: {contacts_per_agent: 12 per 1h, agents: [{agents: 6, days: [mon], from: "08:00", to: "18:00"}]}\n'
    number = "pace: {contacts_per_agent: 12 per 1h, agents: 6}\n"
    first, second = (load_or_raise(write({"policy.yaml": text}), {}).policy.pace for text in (roster, number))
    assert first == Pace(Per(12, 3600.0, False), (Shift(6, ("mon",), Clock(480), Clock(1080)),))
    assert second == Pace(Per(12, 3600.0, False), 6)


def test_the_folder_may_be_the_one_above(write: Write, tmp_path: Path) -> None:
    folder = write()
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "config").symlink_to(folder)
    config, _ = load(tmp_path / "above", {})
    assert config is not None
    assert config.folder == tmp_path / "above" / "config"


def test_without_policy_and_channels_there_are_defaults(write: Write) -> None:
    config, problems = load(write({"policy.yaml": None, "channels.yaml": None}), {})
    assert problems == []
    assert config is not None
    assert (config.policy.hours.from_, dict(config.channels)) == (480, {})


def test_a_file_may_hold_several_documents(write: Write) -> None:
    second = "---\nname: more\nabout: x\nwatch: {event: a, by: account, measure: count}\n"
    second += "model: {kind: threshold, above: 1}\n"
    first = (write() / "detectors/errors.yaml").read_text()
    config, _ = load(write({"detectors/errors.yaml": first + second}), {})
    assert config is not None
    assert list(config.detectors) == ["errors", "more"]


def test_tests_beside_playbooks_are_not_playbooks(write: Write) -> None:
    assert told(write({"playbooks/errors.test.yaml": "name: 1\n"})) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"forewarn.yaml": ""}, "forewarn.yaml:1:1: is empty; it names at least the sender"),
        ({"forewarn.yaml": "[a]"}, "forewarn.yaml:1:1: expected a mapping, not a list"),
        ({"forewarn.yaml": "sender: {company: x}\n---\na: 1\n"}, "forewarn.yaml:3:1: a second document"),
        ({"channels.yaml": "- a\n"}, "channels.yaml:1:1: expected a mapping"),
        ({"channels.yaml": "mail: {type: memry}\n"}, 'channels.yaml:1:14: no type "memry"; did you mean "memory"?'),
        ({"channels.yaml": "mail: {}\n"}, 'channels.yaml:1:7: "type" is missing; there are'),
        ({"detectors/a.yaml": "# nothing\n"}, "detectors/a.yaml:1:1: is empty"),
        ({"detectors/a.yml": "name: a\n"}, "detectors/a.yml:1:1: warning: is not read; call it a.yaml"),
        (
            {"detectors/a.yaml": "name: errors\n"},
            'detectors/errors.yaml:1:7: the name "errors" is taken; by detectors/a.ya',
        ),
        ({"detectors/z.yaml": "name: errors\nabuot: x\n"}, 'detectors/z.yaml:2:1: unknown key "abuot"'),
        ({"detectors/a.yaml": b"\xff"}, "detectors/a.yaml:1:1: byte 0xff is not UTF-8"),
    ],
)
def test_files_that_are_not_as_they_should_be(write: Write, changes: dict[str, str], problem: str) -> None:
    assert [each for each in told(write(changes)) if each.startswith(problem)], told(write(changes))


def test_an_unreadable_file_is_a_problem(write: Write) -> None:
    folder = write()
    (folder / "detectors" / "dir.yaml").mkdir()
    assert told(folder) == ["detectors/dir.yaml:1:1: cannot be read: Is a directory"]


def test_no_configuration_at_all(tmp_path: Path) -> None:
    assert told(tmp_path) == [
        f"forewarn.yaml:1:1: there is no such file in {tmp_path}; write a starter with forewarn init"
    ]


def test_problems_of_all_files_come_in_one_go_and_in_order(write: Write) -> None:
    changes = {
        "policy.yaml": "hourss: 1\ncaps: {sms: lots}\n",
        "channels.yaml": "x: {type: nope}\n",
        "detectors/z.yaml": "name: z\nabot: x\nmodel: {kind: nope}\n",
    }
    places = [each.split(": ")[0] for each in told(write(changes))]
    assert places == [
        "channels.yaml:1:11",
        "detectors/z.yaml:1:1",
        "detectors/z.yaml:1:1",
        "detectors/z.yaml:2:1",
        "detectors/z.yaml:3:15",
        "policy.yaml:1:1",
        "policy.yaml:2:13",
    ]


def test_load_or_raise_lists_every_error(write: Write) -> None:
    folder = write({"policy.yaml": "a: 1\nb: 2\n"})
    with pytest.raises(ConfigError) as caught:
        load_or_raise(folder, {})
    assert "2 problems in the configuration" in str(caught.value)
    assert 'policy.yaml:2:1: unknown key "b"' in str(caught.value)


def test_load_or_raise_lets_warnings_pass(write: Write) -> None:
    assert load_or_raise(write({"detectors/a.yml": ""}), {}).main.sender.company == "Example"
