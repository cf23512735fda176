"""`Ensemble` on the benchmark: it keeps what it reached, and what looks at nothing stays at nothing."""

import runpy
from pathlib import Path

import pytest

from tests.nab.test_scorer import NAB, needs_data

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "nab.py"


@needs_data
def test_the_ensemble_keeps_its_score_and_blind_detectors_have_none() -> None:
    result = runpy.run_path(str(BENCHMARK))["measure"](NAB, "ensemble")
    assert result["standard"] > 72
    assert result["low_fp"] > 64
    assert result["low_fn"] > 76
    assert result["transfer"] > 70
    assert result["blind"]["constant"]["low_fp"] == pytest.approx(0.0, abs=0.5)
    assert result["blind"]["periodic"]["low_fp"] == pytest.approx(0.0, abs=0.5)
