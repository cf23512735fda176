"""Keys of series: what each `by` takes, and that two never become one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.columnar.columns import Column, Columns
from engine.columnar.texts import Texts
from engine.expressions import Kind
from engine.measures.keys import Keys, split_key, subject_of

OWNERS = {"device/d-1": "account/acme", "device/d-2": "account/b|c"}


def texts(*values: Any) -> Column:
    """A column of texts."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


def batch(subjects: list[str], fields: Mapping[str, Column] | None = None) -> Columns:
    """Events of one type."""
    n = len(subjects)
    return Columns("t", n, np.arange(n, dtype=np.int32), np.zeros(n), Texts.of(subjects), fields or {})


def keys(by: tuple[str, ...], columns: Columns) -> list[str]:
    """The keys of events that all have one."""
    made, unkeyed = Keys(by).of(columns, OWNERS.get)
    assert not unkeyed.any()
    return list(made)


def test_subject_is_the_whole_subject() -> None:
    assert keys(("subject",), batch(["device/d-1", "account/acme"])) == ["device/d-1", "account/acme"]


def test_account_is_subject_field_or_owner() -> None:
    fields = {"account": texts("x", "y", None)}
    columns = batch(["account/acme", "device/d-9", "device/d-1"], fields)
    assert keys(("account",), columns) == ["account/acme", "account/y", "account/acme"]


def test_an_event_of_nobody_is_unkeyed() -> None:
    made, unkeyed = Keys(("account", "endpoint")).of(batch(["device/d-9", "account/a"]), OWNERS.get)
    assert made == ["", "account/a|endpoint="]
    assert unkeyed.tolist() == [True, False]


def test_a_kind_of_subject_or_a_field_of_that_name() -> None:
    columns = batch(["device/d-1", "account/a"], {"device": texts("z", "d-7")})
    assert keys(("device",), columns) == ["device/d-1", "device=d-7"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (np.array([200.0, 0.1, np.nan]), ["200", "0.1", ""]),
        (np.array([True, False, True]), ["true", "false", "true"]),
        (texts("eu", None, ""), ["eu", "", ""]),
    ],
)
def test_values_are_shown_at_their_shortest(column: Column, expected: list[str]) -> None:
    columns = batch(["account/a"] * 3, {"x": column})
    assert keys(("account", "x"), columns) == [f"account/a|x={text}" for text in expected]


def test_bars_and_backslashes_are_escaped_everywhere() -> None:
    columns = batch(["device/d-2", "account/\\"], {"path": texts("a|b", "c\nd")})
    made = keys(("account", "path"), columns)
    assert made == ["account/b\\|c|path=a\\|b", "account/\\\\|path=c␊d"]
    assert [split_key(key) for key in made] == [
        ["account/b|c", "path=a|b"],
        ["account/\\", "path=c␊d"],
    ]
    assert keys(("subject",), batch(["account/a|b"])) == ["account/a\\|b"]


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs"))), min_size=1, max_size=4))
def test_components_come_back(parts: list[str]) -> None:
    columns = batch(["account/a"], {f"f{i}": texts(part) for i, part in enumerate(parts)})
    made = keys(tuple(columns.fields), columns)
    assert split_key(made[0]) == [f"f{i}={part}" for i, part in enumerate(parts)]


@pytest.mark.parametrize(
    ("key", "subject"),
    [
        ("account/acme", "account/acme"),
        ("endpoint=/v1/x|device/d-17", "device/d-17"),
        ("device/a=b", "device/a=b"),
        ("endpoint=/v1/x", ""),
    ],
)
def test_the_subject_of_a_key(key: str, subject: str) -> None:
    assert subject_of(key) == subject


def test_fields_that_may_be_needed() -> None:
    assert Keys(("subject", "account", "region")).fields == {"account": Kind.TEXT, "region": Kind.ANY}
