"""Repetitions within the window, whatever the batches."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.columnar.dedup import Dedup


def reference(identities: list[str], window: int) -> list[bool]:
    """The same, in plain Python."""
    known: OrderedDict[str, None] = OrderedDict()
    mask = []
    for identity in identities:
        mask.append(identity not in known)
        if mask[-1]:
            known[identity] = None
            if len(known) > window:
                known.popitem(last=False)
    return mask


@given(
    st.lists(st.integers(0, 40).map(str), max_size=200),
    st.lists(st.integers(1, 50), min_size=1, max_size=10),
    st.integers(1, 30),
)
@settings(deadline=None)
def test_any_cut_gives_what_plain_python_gives(identities: list[str], cuts: list[int], window: int) -> None:
    dedup, got, start = Dedup(window), list[bool](), 0
    for turn in range(len(identities)):
        stop = start + cuts[turn % len(cuts)]
        got += dedup.admit(identities[start:stop]).tolist()
        saved = {name: array.copy() for name, array in dedup.state().items()}
        dedup = Dedup(window)
        dedup.load(saved)
        assert all((dedup.state()[name] == array).all() for name, array in saved.items())
        start = stop
    assert got == reference(identities, window)


def test_a_long_run_forgets_the_oldest() -> None:
    dedup = Dedup(1_000)
    numbers = np.random.default_rng(1).integers(0, 2_500, 50_000)
    identities = [f"app {number}" for number in numbers]
    assert dedup.admit(identities).tolist() == reference(identities, 1_000)


def test_bytes_are_the_same_identities() -> None:
    dedup = Dedup()
    assert dedup.admit("app ä\napp b".encode()).all()
    assert not dedup.admit(["app b", "app ä"]).any()
    assert dedup.admit(b"").shape == dedup.admit([]).shape == (0,)


def test_a_line_break_in_an_identity_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        Dedup().admit(["a", "b\nc"])


def test_a_state_of_a_larger_window_is_refused() -> None:
    large = Dedup(10)
    large.admit(["a", "b", "c"])
    with pytest.raises(ValueError, match="this one holds 2"):
        Dedup(2).load(large.state())


def test_a_window_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a window of 0"):
        Dedup(0)


def test_it_grows_with_what_was_admitted() -> None:
    dedup, identities = Dedup(20_000), [f"app {number}" for number in range(30_000)]
    for start in range(0, len(identities), 700):
        assert dedup.admit(identities[start : start + 700]).all()
        assert not dedup.admit(identities[max(0, start - 10_000) : start + 700]).any()
    assert dedup.admit(identities[:10_000]).all(), "they are older than the window"
