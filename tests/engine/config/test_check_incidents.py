"""What `forewarn check` says of `incidents` in policy.yaml."""

from pathlib import Path

import pytest

from engine.config.check import check
from tests.faults.house import prepared


def said(folder: Path, text: str) -> list[str]:
    return [
        str(each)
        for each in check(prepared(folder, **{"config/policy.yaml": text}) / "config", {})
        if "policy" in str(each)
    ]


def test_nothing_is_said_of_what_is_right(tmp_path: Path) -> None:
    assert said(tmp_path, "incidents: {dimensions: [region, version], within: 30m, at_least: 5}\n") == []


@pytest.mark.parametrize(
    ("written", "place", "problem"),
    [
        ("dimensions: [region, region]", "1:34", '"region" stands here twice'),
        ("dimensions: ['']", "1:26", "an attribute has a name"),
        ("dimensions: [a, b, c, d, e, f, g, h, i]", "1:25", "9 dimensions"),
        ("dimensions: [a], at_least: 2", "1:40", "2 accounts are no incident; write 3 or more"),
        ("dimensions: [a], within: 5s", "1:38", "no span in which one cause shows"),
        ("dimensions: [a], lift: 1", "1:36", "a cause that is 1 times as frequent as usual is none"),
        ("dimensions: [a], false_per_month: 0", "1:47", "no rate of false incidents"),
        ("within: 30m", "1:1", "without dimensions no cause is found"),
        ("dimension: [a]", "1:13", 'did you mean "dimensions"?'),
    ],
)
def test_each_mistake_has_its_place_and_remedy(tmp_path: Path, written: str, place: str, problem: str) -> None:
    found = said(tmp_path, f"incidents: {{{written}}}\n")
    assert any(each.startswith(f"policy.yaml:{place}: ") and problem in each for each in found), found
