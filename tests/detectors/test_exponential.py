"""The exponential in plain arithmetic against the library's."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.exponential import exponential


@given(st.floats(-87.0, 88.0, width=32))
def test_it_is_right_to_four_roundings(x: float) -> None:
    assert math.isclose(exponential(np.float32(x)), math.exp(x), rel_tol=4 * np.finfo(np.float32).eps)


def test_nothing_is_one_and_no_number_none() -> None:
    assert exponential(np.float32(0.0)) == 1.0
    assert math.isnan(exponential(np.float32(math.nan)))
