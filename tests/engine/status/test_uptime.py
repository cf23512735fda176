"""Uptime from what the public was told."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.status.uptime import DAY, WEIGHT, Span, days, share, spans
from engine.store.models import StatusEntry, StatusUpdate

NOON = 20_000 * DAY + 43_200.0
API = ("api",)


def entry(kind: str = "incident", ended_at: float | None = None) -> StatusEntry:
    return StatusEntry(
        id="e", key="k", kind=kind, title="t", state="investigating", impact="major", who="ann", started_at=NOON - 3600,
        ended_at=ended_at, updated_at=NOON,
    )  # fmt: skip


def said(at: float, impact: str, components: list[str] | None = None) -> StatusUpdate:
    return StatusUpdate(
        id=repr(at), entry="e", at=at, state="x", impact=impact, components=components or ["api"], text="t", who="ann"
    )


def test_an_hour_of_a_critical_incident_is_an_hour() -> None:
    known = spans(entry(ended_at=NOON), [said(NOON - 3600, "critical")], NOON + 60)
    assert known == [Span(NOON - 3600, NOON, "critical", API)]
    found = days("api", known, NOON + 60)
    assert len(found) == 90
    assert (found[-1].down_s, found[-1].worst) == (3600.0, "critical")
    assert share(found, NOON + 60) == pytest.approx(1 - 3600 / (89 * DAY + 43_260))


def test_the_impact_counts_from_the_update_that_said_it() -> None:
    updates = [said(NOON - 1800, "critical"), said(NOON - 3600, "minor"), said(NOON - 600, "none")]
    known = spans(entry(), updates, NOON)
    assert [(span.end - span.start, span.impact) for span in known] == [
        (1800, "minor"),
        (1200, "critical"),
        (600, "none"),
    ]
    assert days("api", known, NOON, 1)[0].down_s == 1200.0


def test_of_overlapping_incidents_the_worst_counts_once() -> None:
    known = [Span(NOON - 900, NOON, "major", API), Span(NOON - 300, NOON, "critical", API)]
    assert days("api", known, NOON, 1)[0].down_s == pytest.approx(600 / 3 + 300)


def test_over_midnight_each_day_has_its_part() -> None:
    midnight = NOON - 43_200
    found = days("api", [Span(midnight - 60, midnight + 30, "critical", API)], NOON, 2)
    assert [day.down_s for day in found] == [60.0, 30.0]


def test_announced_maintenance_and_other_components_do_not_count() -> None:
    assert spans(entry("maintenance"), [said(NOON - 3600, "critical")], NOON) == []
    assert days("web", [Span(NOON - 60, NOON, "critical", API)], NOON, 1)[0].down_s == 0.0


def test_what_is_said_after_the_end_changes_nothing() -> None:
    updates = [said(NOON - 3600, "critical"), said(NOON, "critical"), said(NOON + 600, "critical")]
    known = spans(entry(ended_at=NOON), updates, NOON + 900)
    assert [(span.start, span.end) for span in known] == [(NOON - 3600, NOON)]


@given(
    st.lists(st.tuples(st.floats(-3 * DAY, 0.0), st.floats(0.0, 2 * DAY), st.sampled_from(sorted(WEIGHT))), max_size=6)
)
def test_a_share_is_one_and_never_better_for_more_incidents(drawn: list[tuple[float, float, str]]) -> None:
    known = [Span(NOON + start, min(NOON + start + length, NOON), impact, API) for start, length, impact in drawn]
    shares = [share(days("api", known[:count], NOON, 4), NOON) for count in range(len(known) + 1)]
    assert all(0.0 <= each <= 1.0 for each in shares)
    assert all(later <= before + 1e-9 for before, later in pairwise(shares))
