"""YAML with positions: the core schema, places, and everything that is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config.model import Place
from engine.config.problems import Problems
from engine.config.reader import plain
from engine.config.yamlsource import HEAVIEST, LARGEST, Items, Scalar, Table, parse


def parsed(text: str | bytes) -> tuple[list[object], list[str]]:
    problems = Problems()
    content = text.encode() if isinstance(text, str) else text
    documents = parse(content, "x.yaml", problems)
    return [plain(node) for node in documents], [str(problem) for problem in problems.sorted()]


def scalar(text: str) -> Scalar:
    node = parse(text.encode(), "x.yaml", Problems())[0]
    assert isinstance(node, Table)
    value = node.entries[-1].value
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2024-05-01", "2024-05-01"),
        ("1_000", "1_000"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("012", 12),
        ("-3", -3),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("'5'", "5"),
        ('"true"', "true"),
        ("+43 660 1234", "+43 660 1234"),
    ],
)
def test_scalars_follow_the_yaml_1_2_core_schema(written: str, meant: object) -> None:
    assert parsed(f"a: {written}") == ([{"a": meant}], [])


def test_keys_stay_text() -> None:
    assert parsed("on: 1\nno: 2\n3: 4") == ([{"on": 1, "no": 2, "3": 4}], [])


def test_several_documents() -> None:
    assert parsed("a: 1\n---\nb: 2\n") == ([{"a": 1}, {"b": 2}], [])


def test_every_node_knows_its_place() -> None:
    node = parse(b"steps:\n  - message: {to: x}\n", "x.yaml", Problems())[0]
    assert isinstance(node, Table)
    steps = node.entries[0].value
    assert isinstance(steps, Items)
    message = steps.items[0]
    assert isinstance(message, Table)
    assert (steps.place, message.place) == (Place("x.yaml", 2, 3), Place("x.yaml", 2, 5))
    assert message.entries[0].value.place == Place("x.yaml", 2, 14)


@pytest.mark.parametrize(
    ("text", "offset", "line", "column"),
    [
        ("a: value > x", 8, 1, 12),
        ("a: 'value > x'", 8, 1, 13),
        ("a: 'it''s > x'", 7, 1, 13),
        ('a: "b\\"c > x"', 6, 1, 12),
        ("a: |\n  one and\n  two\n", 8, 3, 3),
        ("a: >\n  one and\n  two\n", 8, 3, 3),
        ("a: one and\n  two", 8, 2, 3),
        ("a: |\n  | pipe\n", 2, 2, 5),
    ],
)
def test_a_place_inside_a_text_is_found(text: str, offset: int, line: int, column: int) -> None:
    assert scalar(text).at(offset) == Place("x.yaml", line, column)


def test_an_anchor_is_used_again() -> None:
    assert parsed("a: &x {b: 1}\nc: *x") == ([{"a": {"b": 1}, "c": {"b": 1}}], [])


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\na: 2", 'x.yaml:2:1: "a" is given twice; first in line 1'),
        ("a:\n\tb: 1", "x.yaml:2:1: a tab stands where a value should begin; indent with spaces"),
        (b"a: 1\nb: \xff", "x.yaml:2:4: byte 0xff is not UTF-8; save the file as UTF-8"),
        (b"a: 1\nb: \x07", "x.yaml:2:4: character U+0007 is not allowed here"),
        ("a: *b", 'x.yaml:1:4: no anchor "b" ends before this; write &b first'),
        ("a: &a [*a]", 'x.yaml:1:8: no anchor "a" ends before this; write &a first'),
        (
            "a: !!python/object:os.system x",
            'x.yaml:1:4: the tag "tag:yaml.org,2002:python/object:os.system" is not used',
        ),
        ("? [a]\n: 1", "x.yaml:1:3: a key must be a text"),
        ("a: [1", "x.yaml:1:6: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c", "x.yaml:1:5: mapping values are not allowed here"),
        ("[" * 100, "x.yaml:1:42: is nested more than 40 levels deep"),
        ("a: '\\x", "x.yaml:1:7: found unexpected end of stream"),
        ('a: "\\Uffffffff"', "x.yaml:1:1: is no YAML"),
        (BOMB, f"more than {HEAVIEST} values once its aliases are written out"),
        ("a" * (LARGEST + 1), "x.yaml:1:1: is larger than 1000 kB; split it into several files"),
    ],
)
def test_what_is_no_yaml_is_a_problem_with_its_place(text: str | bytes, problem: str) -> None:
    _, problems = parsed(text)
    assert any(problem in each for each in problems), problems


def test_what_stands_before_a_syntax_error_is_kept() -> None:
    documents, problems = parsed("a: 1\n---\nb: [")
    assert documents == [{"a": 1}]
    assert len(problems) == 1


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_file_has_no_document(text: str) -> None:
    assert parsed(text) == ([], [])


def test_a_byte_order_mark_and_windows_line_ends_are_harmless() -> None:
    assert parsed(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n") == ([{"a": 1, "b": 2}], [])


@given(st.binary(max_size=200))
def test_any_bytes_give_documents_or_problems(content: bytes) -> None:
    problems = Problems()
    parse(content, "x.yaml", problems)
    assert all(problem.place.file == "x.yaml" for problem in problems.found)


@given(st.text(alphabet=" \n\t:-[]{}#&*!|>'\"%@`,?ab1.\\xU", max_size=60))
def test_any_yaml_like_text_gives_documents_or_problems(text: str) -> None:
    problems = Problems()
    parse(text.encode(), "x.yaml", problems)
    assert all(problem.place.line >= 1 for problem in problems.found)
