"""The expression language: what it means, what it refuses, and that columns and single rows agree."""

import copy
import math
import pickle
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.columnar.columns import Column
from engine.expressions import Expression, ExpressionError, Kind
from engine.expressions.vectors import objects

NAN = math.nan


def value(text: str, **values: object) -> object:
    return Expression.parse(text).value(values)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a + b * 2", {"a": 1, "b": 3}, 7.0),
        ("(a + b) * 2", {"a": 1, "b": 3}, 8.0),
        ("-a ** 2", {"a": 3}, -9.0),
        ("7 // a", {"a": 2}, 3.0),
        ("-7 % a", {"a": 3}, 2.0),
        ("a / 0", {"a": 1}, None),
        ("a % 0", {"a": 1}, None),
        ("10.0 ** 32 ** 2", {}, ExpressionError),
        ("1 < a <= 3", {"a": 3}, True),
        ("1 < a <= 3", {"a": 4}, False),
        ("a or b and not c", {"a": False, "b": True, "c": False}, True),
        ("'x' if a > 1 else 'y'", {"a": 1}, "y"),
        ("a if a > 1 else null", {"a": 1}, None),
        ("(a if a > 1 else null) + 1", {"a": 2}, 3.0),
        ("a in ['x', 'y']", {"a": "y"}, True),
        ("a not in ['x', 'y']", {"a": "z"}, True),
        ("a in [-1, 2]", {"a": -1}, True),
        ("a in []", {"a": 1}, False),
        ("'low' in a", {"a": "slow"}, True),
        ("'fast' not in a", {"a": "slow"}, True),
        ("abs(a)", {"a": -2}, 2.0),
        ("min(a, 3, 2)", {"a": 5}, 2.0),
        ("max(a, 3)", {"a": 5}, 5.0),
        ("round(a)", {"a": 2.6}, 3.0),
        ("round(a, 1)", {"a": 2.64}, 2.6),
        ("floor(a) + ceil(a)", {"a": 2.5}, 5.0),
        ("log10(a)", {"a": 1000}, 3.0),
        ("log(exp(a))", {"a": 2}, 2.0),
        ("sqrt(a)", {"a": 9}, 3.0),
        ("sqrt(a)", {"a": -1}, None),
        ("log(a)", {"a": 0}, None),
        ("exp(a)", {"a": 1e6}, None),
        ("lower(a) == 'abc' and upper(a) == 'ABC'", {"a": "aBc"}, True),
        ("len(a)", {"a": "héé"}, 3.0),
        ("startswith(a, 'ab') and endswith(a, 'bc') and contains(a, 'b')", {"a": "abc"}, True),
        ("matches(a, '/api/*')", {"a": "/api/users/1"}, True),
        ("matches(a, '/api/?')", {"a": "/api/users/1"}, False),
        ("coalesce(a, b, 1)", {"a": None, "b": NAN}, 1.0),
        ("coalesce(a, 'x')", {"a": None}, "x"),
        ("hour(a)", {"a": 1_700_000_000}, 22.0),
        ("weekday(a)", {"a": 1_700_000_000}, 1.0),
        ("weekday(a)", {"a": -1}, 2.0),
        ("account.plan == 'pro'", {"account.plan": "pro"}, True),
        ("field('http.status-code') >= 500", {"http.status-code": 503}, True),
        ("field('from') == 'x'", {"from": "x"}, True),
        ("value > high", {"value": 1, "high": math.inf}, False),
        ("value < high", {"value": 1, "high": math.inf}, True),
        ("a\n  > 1\t", {"a": 2}, True),
        ("a", {"a": 2**70}, 2**70),
        ("a + 0", {"a": 10**400}, None),
        ("true", {}, True),
        ("null + 1", {}, None),
    ],
)
def test_value(text: str, values: Mapping[str, object], expected: object) -> None:
    if expected is ExpressionError:
        with pytest.raises(ExpressionError):
            Expression.parse(text)
    else:
        result = Expression.parse(text).value(values)
        assert result == (pytest.approx(expected) if isinstance(expected, float) else expected)
        assert type(result) is type(expected)


@pytest.mark.parametrize("absent", [None, NAN, [], {"x": 1}])
def test_absent_values(absent: object) -> None:
    comparisons = ("a == 1", "a != 1", "a < 1", "a >= 1", "1 != a", "a in [1]", "a not in [1]", "a == b")
    assert [value(text, a=absent) for text in comparisons] == [False] * len(comparisons)
    assert value("not (a > 1)", a=absent) is True
    assert value("a == null and null == a and is_missing(a)", a=absent) is True
    assert value("a != null", a=absent) is False
    assert value("a != null", a=0) is True
    assert value("not a", a=absent) is True
    assert value("a + 1", a=absent) is None
    assert value("max(a, 1)", a=absent) is None
    assert value("len(a)", a=absent) is None
    assert value("startswith(a, 'x') or a < 'x' or a != 'x' or 'x' not in a", a=absent) is False
    assert value("a", a=absent) is None


def test_a_value_of_another_kind_is_absent() -> None:
    assert value("is_missing(a)", a="5") is False
    assert value("is_missing(a) and not (a > 1)", a="5") is True
    assert value("a + 1", a="5") is None
    assert value("lower(a)", a=5) is None
    assert value("a + 1", a=True) == 2.0


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a", {"a": Kind.ANY}),
        ("a == b", {"a": Kind.ANY, "b": Kind.ANY}),
        ("a < b", {"a": Kind.NUMBER, "b": Kind.NUMBER}),
        ("a < b and b < c and c < 'x'", dict.fromkeys("abc", Kind.TEXT)),
        ("a == b and b == 1", {"a": Kind.NUMBER, "b": Kind.NUMBER}),
        ("a and not b", {"a": Kind.TRUTH, "b": Kind.TRUTH}),
        ("a == true", {"a": Kind.TRUTH}),
        ("a in ['x']", {"a": Kind.TEXT}),
        ("a in ['x', 1]", {"a": Kind.ANY}),
        ("a in b", {"a": Kind.TEXT, "b": Kind.TEXT}),
        ("coalesce(a, b, 1)", {"a": Kind.NUMBER, "b": Kind.NUMBER}),
        ("a if b else 'x'", {"b": Kind.TRUTH, "a": Kind.TEXT}),
        ("is_missing(x.y.z)", {"x.y.z": Kind.ANY}),
        ("true", {}),
    ],
)
def test_kinds(text: str, kinds: Mapping[str, Kind]) -> None:
    assert dict(Expression.parse(text).fields) == kinds


def test_expect() -> None:
    expression = Expression.parse("coalesce(a, b)").expect(Kind.TEXT)
    assert dict(expression.fields) == {"a": Kind.TEXT, "b": Kind.TEXT}
    assert expression.kind is Kind.TEXT
    with pytest.raises(ExpressionError, match="a condition, but a number is needed here"):
        Expression.parse("a > 1").expect(Kind.NUMBER)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "an expression is missing"),
        (" \n", 0, "an expression is missing"),
        ("a + 'x'", 4, "this is a text, but a number is needed here"),
        ("é > 1 and é == 'x'", 15, "this is a text, but a number is needed"),
        ("a > 1 and a", 10, "a is used as a number, but a condition is needed here: compare it"),
        ("  lenn(a)", 2, "no function 'lenn'; did you mean len?"),
        ("abs(a, b)", 0, r"abs is called as abs\(number\)"),
        ("abs(x=1)", 0, r"abs is called as abs\(number\)"),
        ("a = 1", 2, "invalid syntax; allowed are field names"),
        ("a && b", 3, "write `and` and `or`"),
        ("if(a, b, c)", 0, "write `a if condition else b`"),
        ("[x for x in y]", 0, "ListComp is not allowed"),
        ("__import__('os').system('id')", 0, "only a function's name can be called"),
        ("a[0]", 0, "an index"),
        ("(a + 1).b", 0, "a dot stands only within a field's name"),
        ("f'{a}'", 0, "an f-string is not allowed"),
        ("b'x' == a", 0, "b'x' is not allowed"),
        ("1j", 0, "1j is not allowed"),
        ("a & b", 0, "this operator is not allowed"),
        ("~a", 0, "write `not`"),
        ("a is null", 5, "write == instead of `is`"),
        ("a < null", 4, "null has no order"),
        ("a in [null]", 6, "a list holds only"),
        ("a in [b]", 6, "a list holds only"),
        ("a in [-'x']", 6, "this is a text, but a number"),
        ("a < true", 4, "a is used as a condition, but a number is needed|this is a condition"),
        ("2 ** a", 5, "an exponent must be a number from -32 to 32"),
        ("2 ** 33", 5, "an exponent must be a number from -32 to 32"),
        ("2 ** 1e400", 5, "an exponent must be"),
        ("1e400", 0, "a number beyond"),
        ("'\\d' == a", 0, "invalid escape"),
        ("field(a)", 0, "field takes one name"),
        ("field('a', 'b')", 0, "field takes one name"),
        ("a\x00", 0, "null byte"),
        ("\ud800 == 1", 0, "cannot be read"),
        ("9" * 2001, 2000, "longer than 2,000 characters"),
        ("-" * 100 + "1", 65, "nested more than 64 deep"),
        ("a in [" + "1," * 501 + "]", 1006, "a list of more than 500"),
    ],
)
def test_refused(text: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError, match=message) as refused:
        Expression.parse(text)
    assert refused.value.offset == offset


def test_identity() -> None:
    expression = Expression.parse("a > 1")
    assert expression == Expression.parse("a > 1") != Expression.parse("a > 2")
    assert expression != "a > 1"
    assert len({expression, Expression.parse("a > 1")}) == 1
    assert copy.deepcopy(expression) is copy.copy(expression) is expression
    again = pickle.loads(pickle.dumps(expression.expect(Kind.TRUTH)))
    assert again == expression.expect(Kind.TRUTH)
    assert again.value({"a": 2}) is True
    assert (str(expression), repr(expression)) == ("a > 1", "Expression('a > 1')")
    error = pickle.loads(pickle.dumps(ExpressionError("x", 3)))
    assert (error.message, error.offset) == ("x", 3)


def test_columns() -> None:
    columns = {"x": np.array([1.0, NAN, 3.0]), "t": objects(["a", None, "b"]), "b": np.array([True, False, True])}

    def column(text: str) -> Column:
        return Expression.parse(text).evaluate(columns, 3)

    assert column("x").tolist()[::2] == [1.0, 3.0]
    assert column("t").tolist() == ["a", None, "b"]
    assert column("b").dtype == column("b and x > 0").dtype == np.bool_
    assert column("1").tolist() == [1.0] * 3
    assert column("'k'").tolist() == ["k"] * 3
    assert column("contains('xa', t)").tolist() == [True, False, False]
    assert column("t == t").tolist() == [True, False, True]
    assert column("t if b else x").tolist() == ["a", None, "b"]
    assert np.isnan(column("nowhere * 2")).all()
    assert column("nowhere").tolist() == [None] * 3


@pytest.mark.parametrize(
    "text", ["a > 1", "a == 'x'", "a in ['x']", "lower(a)", "contains('x', a)", "len(a)", "1", "a"]
)
def test_no_rows(text: str) -> None:
    assert len(Expression.parse(text).evaluate({}, 0)) == 0


NUMBERS = ("n", "m")
TEXTS = ("s", "t")
TRUTHS = ("p", "q")


def _nested(operators: list[str], pairs: list[str]) -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        binary = st.tuples(inner, st.sampled_from(operators), inner).map(" ".join)
        call = st.tuples(st.sampled_from(["abs", "-"]), inner).map(lambda c: f"{c[0]}({c[1]})")
        pair = st.tuples(st.sampled_from(pairs), inner, inner).map(lambda c: f"{c[0]}({c[1]}, {c[2]})")
        return st.one_of(binary, call, pair).map(lambda text: f"({text})")

    return st.recursive(st.sampled_from([*NUMBERS, "0", "2.5", "-1"]), extend, max_leaves=6)


def _conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    comparison = st.tuples(inner, symbols, inner).map(" ".join)
    return st.recursive(
        st.one_of(st.sampled_from(ATOMS), comparison, st.tuples(texts, symbols, anchored).map(" ".join)),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda c: f"({' '.join(c)})"),
            inner.map(lambda text: f"(not {text})"),
        ),
        max_leaves=5,
    )


def _choices(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(inner, _conditions(inner), inner).map(lambda c: f"{c[0]} if {c[1]} else {c[2]}")


ATOMS = [*TRUTHS, "true", "is_missing(n)", "s in ['a', 'B']", "m not in [1, 2]", "'a' in t", "t not in s"]
anchored = st.sampled_from(["'a'", "''", "upper(s)", "coalesce(t, 'b')"])
texts = st.one_of(anchored, st.sampled_from(TEXTS))
symbols = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
numbers = _nested(["+", "-", "*", "/", "%", "//"], ["min", "max", "coalesce"])
whole = _nested(["+", "-", "*"], ["min", "max"])
rows = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBERS, st.none() | st.integers(-3, 3) | st.floats(-1e308, 1e308)),
        **dict.fromkeys(TEXTS, st.none() | st.sampled_from(["", "a", "b", "A", "ab"])),
        **dict.fromkeys(TRUTHS, st.none() | st.booleans()),
    }
)


def _columns(table: list[dict[str, object]]) -> dict[str, Column]:
    numeric = {name: np.array([row[name] for row in table], np.float64) for name in NUMBERS}
    return numeric | {name: objects([row[name] for row in table]) for name in TEXTS + TRUTHS}


@given(st.one_of(numbers, texts, _conditions(numbers), _choices(numbers)), st.lists(rows, max_size=8))
@settings(max_examples=300, deadline=None)
def test_columns_and_rows_agree(text: str, table: list[dict[str, object]]) -> None:
    expression = Expression.parse(text)
    column = expression.evaluate(_columns(table), len(table))
    absent_as_none = [None if isinstance(item, float) and math.isnan(item) else item for item in column.tolist()]
    assert absent_as_none == [expression.value(row) for row in table]


present = st.fixed_dictionaries(
    {
        **dict.fromkeys(NUMBERS, st.integers(-9, 9)),
        **dict.fromkeys(TEXTS, st.sampled_from(["", "a", "b", "A", "ab"])),
        **dict.fromkeys(TRUTHS, st.booleans()),
    }
)
PYTHON = {
    "__builtins__": {"abs": abs, "min": min, "max": max},
    "true": True,
    "is_missing": lambda _item: False,
    "coalesce": lambda first, _second: first,
    "upper": str.upper,
}


@given(st.one_of(whole, texts, _conditions(whole), _choices(whole)), present)
@settings(max_examples=300, deadline=None)
def test_where_nothing_is_absent_it_means_what_it_means_in_python(text: str, row: dict[str, object]) -> None:
    assert Expression.parse(text).value(row) == eval(text, PYTHON, row)


@given(st.text(max_size=60))
@settings(max_examples=500, deadline=None)
def test_arbitrary_text_is_an_expression_or_an_error(text: str) -> None:
    _parse_or_refuse(text)


WORDS = "a b.c 1 0.5 'x' true null + - * / ** ( ) [ ] , . == != < in not and or if else abs max len lambda : = @ \\"
tokens = st.sampled_from([*WORDS.split(), "\n"])


@given(st.lists(tokens, max_size=25).map(" ".join))
@settings(max_examples=500, deadline=None)
def test_arbitrary_words_are_an_expression_or_an_error(text: str) -> None:
    _parse_or_refuse(text)


def _parse_or_refuse(text: str) -> None:
    try:
        expression = Expression.parse(text)
    except ExpressionError as error:
        refusal = error
    else:
        assert len(expression.evaluate({}, 3)) == 3
        return
    assert 0 <= refusal.offset <= len(text)
    assert refusal.message
