"""Alerts and dashboards ask for figures that are exported, and each that is exported is explained."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from engine.web import health
from tests.deployment.deployed import DEPLOY, read
from tests.deployment.exported import exported
from tests.faults.house import opened, prepared

GIVEN = {"up"}
"""What Prometheus itself adds."""
DASHBOARD = yaml.safe_load((DEPLOY / "grafana/forewarn.json").read_text())
ALERTS = [rule for group in read("prometheus/alerts.yaml")["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
SEVERITIES = {"low", "medium", "high", "critical"}
ROW = re.compile(r"^\| `(\w+)` \| ([^|]*) \| [^|]* \| (.*) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    with opened(prepared(tmp_path_factory.mktemp("figures"))) as house:
        return exported(house)


def expressions() -> Iterator[tuple[str, str]]:
    yield from ((rule["alert"], rule["expr"]) for rule in ALERTS)
    yield from ((panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"])


def asked(expression: str) -> set[str]:
    """Return the names that an expression asks for. Raises ValueError where it is none."""
    names: set[str] = set()

    def look(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector) and node.name:
            names.add(node.name)
        if isinstance(node, promql_parser.MatrixSelector) and node.vector_selector.name:
            names.add(node.vector_selector.name)

    promql_parser.walk(promql_parser.parse(expression), look)
    return names


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_what_is_asked_for_is_exported(where: str, expression: str, figures: Mapping[str, str]) -> None:
    found = asked(expression)
    assert found
    assert found <= figures.keys() | GIVEN


def test_the_parser_finds_names_in_ranges_too() -> None:
    assert asked("rate(a_total[5m]) / sum(b) > time() - c offset 5m") == {"a_total", "b", "c"}
    with pytest.raises(ValueError, match=r"unclosed|unexpected|end of input"):
        asked("sum(a")


def test_each_figure_is_explained_as_it_explains_itself(figures: Mapping[str, str]) -> None:
    told = {name: about for name, _, about in ROW.findall((DEPLOY / "metrics.md").read_text())}
    assert told == dict(figures)


def test_each_alert_has_a_section_that_its_link_leads_to() -> None:
    sections = re.findall(r"^## (\w+)$", (DEPLOY / "runbook.md").read_text(), re.MULTILINE)
    assert sections == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in SEVERITIES
        assert rule["annotations"]["summary"]


def test_prometheus_scrapes_what_is_served() -> None:
    told = read("prometheus/prometheus.yaml")
    (job,) = told["scrape_configs"]
    services = read("compose/compose.yaml")["services"]
    (found,) = job["dns_sd_configs"]
    assert job["metrics_path"] in {route.path for route in health.router.routes}  # type: ignore[attr-defined]
    assert set(found["names"]) == {"worker", "dispatch", "schedule", "web"} <= services.keys()
    assert found["port"] == 8321
    assert Path(job["authorization"]["credentials_file"]).name in services["prometheus"]["secrets"]
    assert told["rule_files"] == ["alerts.yaml"]


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    every = DASHBOARD["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    taken: set[tuple[int, int]] = set()
    for panel in every:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_prometheus_own_tool_takes_the_rules() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("there is no promtool")
    path = str(DEPLOY / "prometheus/alerts.yaml")
    done = subprocess.run([tool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
