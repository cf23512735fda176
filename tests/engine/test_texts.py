"""Texts in one buffer are what a list of them is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.columnar.texts import Texts
from engine.events import Decoder, Kind, Schema, Telemetry
from engine.expressions import Expression
from engine.expressions.vectors import objects
from engine.measures.values import unit_hashes

words = st.none() | st.text(max_size=20) | st.sampled_from(["", "eu", "eu-west", "us", "a-text-of-sixteen", "ß"])
columns = st.lists(words, max_size=30)


@given(columns, st.lists(st.booleans(), min_size=30, max_size=30))
def test_they_are_a_list(given_texts: list[str | None], chosen: list[bool]) -> None:
    texts, mask = Texts.of(given_texts), np.array(chosen[: len(given_texts)], np.bool_)
    assert texts == given_texts
    assert (len(texts), texts.tolist(), list(texts)) == (len(given_texts), given_texts, given_texts)
    assert [texts[i] for i in range(len(texts))] == given_texts
    assert texts.missing().tolist() == [text is None for text in given_texts]
    assert texts[mask] == [text for text, kept in zip(given_texts, chosen, strict=False) if kept]
    assert texts[1:3] == given_texts[1:3]
    assert Texts.joined([texts, texts[::-1]]) == given_texts + given_texts[::-1]


@given(columns, st.sampled_from(["", "e", "eu", "eu-west", "ß", "a-text-of-sixteen", "a-text-of-sixteen-and-more"]))
def test_comparisons(given_texts: list[str | None], part: str) -> None:
    texts = Texts.of(given_texts)
    assert texts.among([part, "us"]).tolist() == [text in (part, "us") for text in given_texts]
    assert texts.start_with(part).tolist() == [text is not None and text.startswith(part) for text in given_texts]
    assert texts.end_with(part).tolist() == [text is not None and text.endswith(part) for text in given_texts]


EXPRESSIONS = [
    "t == 'eu'",
    "'eu' == t",
    "t != 'eu'",
    "t < 'eu'",
    "t in ['eu', 'us', '']",
    "t not in ['eu', 'us']",
    "t in ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'eu']",
    "startswith(t, 'eu')",
    "endswith(t, 'west')",
    "contains(t, 'e')",
    "startswith('eu-west', t)",
    "is_missing(t)",
    "t == null",
    "t == t",
    "upper(t) == 'EU'",
    "coalesce(t, 'eu') == 'eu'",
    "len(t) > 2",
    "t",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
@pytest.mark.parametrize("values", [[], ["eu", None, "us", "", "eu-west", "eu"]])
def test_expressions_see_no_difference(text: str, values: list[str | None]) -> None:
    expression = Expression.parse(text)
    fast, slow = (expression.evaluate({"t": column}, len(values)) for column in (Texts.of(values), objects(values)))
    assert fast.tolist() == slow.tolist()
    assert fast.dtype == slow.dtype


def test_texts_where_numbers_are_wanted_are_absent() -> None:
    column = Expression.parse("t + 1").evaluate({"t": Texts.of(["eu", None])}, 2)
    assert np.isnan(column).tolist() == [True, True]


def test_distinct_counts_them_as_before() -> None:
    values: list[Any] = ["eu", None, "us", "eu"]
    expression = Expression.parse("t", Kind.ANY)
    fast, slow = (unit_hashes(expression.evaluate({"t": column}, 4)) for column in (Texts.of(values), objects(values)))
    assert np.array_equal(fast, slow, equal_nan=True)


def test_texts_outlive_their_payload() -> None:
    schema = Schema.build({"x": {"t": Kind.TEXT}})
    line = b'{"id":"%d","source":"s","type":"x","subject":"account/%d","data":{"t":"text %d"}}'
    payload = b"\n".join(line % (i, i, i) for i in range(1_000))
    [run] = Decoder(schema, future=0.0).decode(payload, 0.0).runs
    del payload
    assert isinstance(run.content, Telemetry)
    [columns] = run.content.columns
    texts = columns.fields["t"]
    assert list(texts) == [f"text {i}" for i in range(1_000)]
    assert columns.subject == [f"account/{i}" for i in range(1_000)]
