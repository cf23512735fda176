"""The generic reader: type hints are the schema, and no problem hides another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from detectors.durations import Duration
from engine.config.model import (
    EscalateStep,
    Hours,
    Measure,
    MessageStep,
    Of,
    Per,
    Place,
    Raise,
    Step,
    TicketStep,
    Watch,
)
from engine.config.problems import Problems
from engine.config.reader import BROKEN, Reader, parameters_of
from engine.config.secrets import Secret, Unset, Vault, redacted, unset
from engine.config.special import SPECIAL, made, parameters
from engine.config.yamlsource import Table, parse
from engine.expressions import Expression


@dataclass(frozen=True)
class Inner:
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    name: str
    from_: int = 1
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    named: Mapping[str, Inner] = field(default_factory=dict)
    place: Place = Place("", 0, 0)


class Widget:
    def __init__(
        self,
        *,
        size: int,
        period: Duration | list[Duration] = Duration("1d"),  # noqa: B008 -- as the detectors do
        mode: Literal["fast", "slow"] | None = None,
        options: dict[str, Any] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        if size < 1:
            raise ValueError("size must be 1 or more")
        self.size, self.period, self.mode, self.options = size, period, mode, options


def read(hint: Any, text: str, vault: Vault | None = None) -> tuple[Any, list[str]]:
    problems = Problems()
    reader = Reader(problems, SPECIAL, vault)
    value = reader.read(hint, parse(text.encode(), "x.yaml", problems)[0])
    return value, [str(problem) for problem in problems.sorted()]


def widget(text: str) -> tuple[Any, list[str]]:
    problems = Problems()
    reader = Reader(problems, SPECIAL)
    table = parse(text.encode(), "x.yaml", problems)[0]
    assert isinstance(table, Table)
    values = parameters(reader, Widget, table, "kind")
    value = BROKEN if values is None else made(reader, Widget, values, table)
    return value, [str(problem) for problem in problems.sorted()]


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (str, "hello", "hello"),
        (str, "1.50", "1.50"),
        (int, "5", 5),
        (float, "5", 5.0),
        (float, "5%", 0.05),
        (bool, "true", True),
        (float | None, "~", None),
        (Duration, "1h30m", Duration("1h30m")),
        (Duration, "90", Duration(90.0)),
        (Of, "3 of 5", Of(3, 5)),
        (Per, "1 per 24h", Per(1, 86400.0, False)),
        (Per, "2 per day", Per(2, 86400.0, True)),
        (Hours, '{from: "08:00", to: 24:00}', Hours(480, 1440)),
        (tuple[str, ...], "one", ("one",)),
        (tuple[str, ...], "[one, two]", ("one", "two")),
        (Mapping[str, Duration], "{a: 1m}", {"a": Duration("1m")}),
        (Expression, "status >= 500", Expression.parse("status >= 500")),
        (Expression, "true", Expression.parse("true")),
        (Measure, "count", Measure("count")),
        (Measure, "{ratio: status >= 500}", Measure("ratio", Expression.parse("status >= 500"))),
        (Measure, "{quantile: ms, q: 0.99}", Measure("quantile", Expression.parse("ms"), 0.99)),
        (Measure, "{quantile: ms, q: 99%}", Measure("quantile", Expression.parse("ms"), 0.99)),
        (Raise, "{for: 2 of 3}", Raise(for_=Of(2, 3))),
        (Duration | list[Duration], "[1d, 1w]", [Duration("1d"), Duration("1w")]),
        (Duration | list[Duration], "1d", Duration("1d")),
        (list[int] | None, "[1]", [1]),
        (dict[str, Any], "{a: [1, x, {b: null}]}", {"a": [1, "x", {"b": None}]}),
        (Literal[1, 2], "2", 2),
    ],
)
def test_a_value_is_read_by_its_type(hint: Any, text: str, value: object) -> None:
    assert read(hint, text) == (value, [])


@pytest.mark.parametrize(
    ("hint", "text", "problem"),
    [
        (str, "true", "x.yaml:1:1: expected text, not true: put it in quotes if it is meant"),
        (str, "~", "x.yaml:1:1: expected text, not nothing: put it in quotes if it is meant"),
        (str, "[a]", "x.yaml:1:1: expected one value, not a list"),
        (int, "5.5", "x.yaml:1:1: expected a whole number, not 5.5"),
        (int, "true", "x.yaml:1:1: expected a whole number, not true"),
        (int, "five", 'x.yaml:1:1: expected a whole number, not "five"'),
        (float, ".nan", "x.yaml:1:1: expected a finite number"),
        (float, "1" + "0" * 299 + "e99", "x.yaml:1:1: expected a finite number"),
        (float, "120%", "x.yaml:1:1: 120% is out of range: a percentage is 0% to 100%"),
        (bool, "yes", 'x.yaml:1:1: expected true or false, not "yes"'),
        (Duration, "5 minutes", "x.yaml:1:1: '5 minutes' is not a duration"),
        (Duration, "-5", "x.yaml:1:1: a duration is never negative"),
        (Of, "3 of 2", "x.yaml:1:1: 3 of 2 can never be: the first number is 1 to 2"),
        (Of, "3/5", 'x.yaml:1:1: "3/5" is not of the form 3 of 5'),
        (Per, "2 a day", 'x.yaml:1:1: "2 a day" is not of the form 1 per 24h or 2 per day'),
        (Per, "2 per 0s", "x.yaml:1:1: the time after per must be longer than nothing"),
        (Hours, '{from: "8", to: "21:00"}', 'x.yaml:1:8: "8" is not a time of day such as "08:00"'),
        (Hours, "{from: 24:30, to: 21:00}", 'x.yaml:1:8: "24:30" is not a time of day such as "08:00"'),
        (Expression, "a > 5 and a == 'ok'", "x.yaml:1:16: this is a text"),
        (Measure, "mean", "x.yaml:1:1: mean needs a field; write {mean: FIELD}"),
        (Measure, "{count: x}", "x.yaml:1:2: count takes no argument; write measure: count"),
        (Measure, "{median: x}", 'x.yaml:1:2: no measure "median"; did you mean "mean"?'),
        (Measure, "{mean: x, max: y}", "x.yaml:1:1: expected one measure; there are count"),
        (Measure, "{mean: x, q: 0.5}", "x.yaml:1:14: mean takes no q; only quantile does"),
        (Measure, "{quantile: x, q: 2}", "x.yaml:1:18: q is 2; it lies between 0 and 1"),
        (Measure, "[count]", "x.yaml:1:1: expected a mapping, not a list"),
        (Step, "{mesage: {}}", 'x.yaml:1:2: no step "mesage"; did you mean "message"?'),
        (Step, "{message: {template: a}, ticket: {template: a}}", "x.yaml:1:1: a step has one key"),
        (Literal["low", "high"], "hihg", 'x.yaml:1:1: "hihg" is not allowed here; did you mean "high"?'),
        (tuple[str, ...], "{a: 1}", "x.yaml:1:1: expected a list, not a mapping"),
        (Mapping[str, int], "5", "x.yaml:1:1: expected a mapping, not 5"),
        (
            Watch,
            "{event: a, by: x, measure: count, evry: 1m}",
            'x.yaml:1:35: unknown key "evry"; did you mean "every"?',
        ),
        (Inner, "{x: 1}", 'x.yaml:1:2: unknown key "x"; there are kind'),
        (Outer, "{from: 1}", 'x.yaml:1:1: "name" is missing'),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(hint: Any, text: str, problem: str) -> None:
    _, problems = read(hint, text)
    assert [each for each in problems if each.startswith(problem)], problems


def test_a_dataclass_is_filled_with_its_place() -> None:
    value, problems = read(Outer, "name: n\nfrom: 3\nmany: {kind: b}\nnamed: {x: {}}\n")
    assert problems == []
    assert value == Outer("n", 3, Inner(), (Inner("b"),), {"x": Inner()}, Place("x.yaml", 1, 1))


def test_steps_are_told_apart_by_their_key() -> None:
    text = "- ticket: {template: a/b}\n- message: {template: c/d, on: resolved}\n- escalate: {after: 5m, to: x}\n"
    value, problems = read(tuple[Step, ...], text)
    assert problems == []
    assert value == (
        TicketStep("a/b", place=Place("x.yaml", 1, 11)),
        MessageStep("c/d", on="resolved", place=Place("x.yaml", 2, 12)),
        EscalateStep(Duration("5m"), "x", place=Place("x.yaml", 3, 13)),
    )


def test_all_problems_are_told_at_once_and_the_rest_is_read() -> None:
    value, problems = read(Outer, "name: n\nfrom: x\nmany: [{kind: c}, {kind: b}]\nnamed: 3\n")
    assert [problem.split(": ")[0] for problem in problems] == ["x.yaml:2:7", "x.yaml:3:15", "x.yaml:4:8"]
    assert value.name == "n"
    assert value.many == (Inner(), Inner("b"))


def test_an_error_in_an_expression_points_into_the_text() -> None:
    _, problems = read(Watch, "event: a\nby: x\nmeasure: count\nwhere: 'status == 1 and lenght(x) > 2'\n")
    assert problems[0].startswith("x.yaml:4:25: no function 'lenght'")


def test_a_constructor_is_a_schema() -> None:
    value, problems = widget("{kind: w, size: 3, period: [1d, 1w], mode: fast, options: {a: 1}}")
    assert problems == []
    assert (value.size, value.period, value.mode, value.options) == (3, [86400.0, 604800.0], "fast", {"a": 1})


def test_what_code_hands_in_is_no_key() -> None:
    assert "clock" not in [key.key for key in parameters_of(Widget)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{kind: w, size: 0}", "x.yaml:1:17: size must be 1 or more"),
        ("{kind: w}", 'x.yaml:1:1: "size" is missing'),
        ("{kind: w, size: 1, perod: 1d}", 'x.yaml:1:20: unknown key "perod"; did you mean "period"?'),
        ("{kind: w, size: 1, period: [1x]}", "x.yaml:1:29: '1x' is not a duration"),
        ("{kind: w, size: 1, mode: fats}", 'x.yaml:1:26: "fats" is not allowed here; did you mean "fast"?'),
    ],
)
def test_what_a_constructor_refuses_is_told_at_the_key(text: str, problem: str) -> None:
    _, problems = widget(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_secret_comes_from_the_environment_or_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    vault = Vault({"TOKEN": "from-env"}, tmp_path)
    value, problems = read(dict[str, str], "{a: {env: TOKEN}, b: {file: token}, c: plain}", vault)
    assert problems == []
    assert value == {"a": "from-env", "b": "from-file", "c": "plain"}
    assert repr(value) == "{'a': Secret(***), 'b': Secret(***), 'c': 'plain'}"
    assert redacted("401: token from-env refused", value) == "401: token *** refused"


def test_a_secret_that_is_not_there_is_a_warning_and_says_so(tmp_path: Path) -> None:
    value, problems = read(dict[str, str], "{a: {env: TOKEN}, b: {file: token}}", Vault({}, tmp_path))
    assert [problem.split(";")[0] for problem in problems] == [
        "x.yaml:1:11: warning: the variable TOKEN is not set",
        "x.yaml:1:29: warning: the secret file token cannot be read: No such file or directory",
    ]
    assert isinstance(value["a"], Unset)
    assert unset(value) == [
        "the variable TOKEN is not set",
        "the secret file token cannot be read: No such file or directory",
    ]
    assert Secret("") == value["a"]


def test_a_secret_without_a_name_is_an_error(tmp_path: Path) -> None:
    _, problems = read(dict[str, str], "{a: {env: [x]}}", Vault({}, tmp_path))
    assert problems == ["x.yaml:1:11: env needs a name; write {env: NAME}"]
