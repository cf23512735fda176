"""An issue's evidence, as agents see it."""

from engine.picture import Band, picture
from engine.store.models import Issue


def evidence_picture(issue: Issue) -> str:
    """Return an issue's evidence as an SVG picture."""
    seen = issue.evidence
    ends = (float("nan") if seen.get(name) is None else float(seen[name]) for name in ("low", "expected", "high"))
    points = [(at, float("nan") if value is None else value) for at, value in seen.get("points", [])]
    return picture(points, Band(*ends), title=f"{issue.detector} of {issue.series}")
