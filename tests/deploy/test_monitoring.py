"""The files for Prometheus and Grafana, and the page about metrics, compared with `/metrics`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from glyphd.importing.integrity_log import IntegrityLog
from tests.deploy.promtool import promtool
from tests.service import Service, offers

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules.yml"
RULES_TEST = ROOT / "deploy/prometheus/rules_test.yml"
DASHBOARD = ROOT / "deploy/grafana/glyphd.json"
PAGE = ROOT / "docs/METRICS.md"
NAME = re.compile(r"\b(?<!:)(?:glyphd|process)_[a-z_]+\b(?!:)")
OF_HISTOGRAMS = re.compile(r"_(bucket|sum|count)$")
ROW = re.compile(r"^\| `(glyphd_\w+)` \|(.*?)\|", re.MULTILINE)


@pytest.fixture
def exposition(service: Service) -> str:
    """The text of `/metrics` when every metric has a value."""
    service.import_csv(offers("L4,2400,0.7,USA,Acme,2025-07-29T12:00:00Z"), '?source=a"b\\c')
    IntegrityLog(service.services.registry).record([])
    return str(service.http.get("/metrics").text)


def _labels_by_name(exposition: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = set(sample.labels) - {"le"}
            found.setdefault(OF_HISTOGRAMS.sub("", sample.name), set()).update(labels)
    return found


def _unknown(text: str, exposition: str) -> set[str]:
    """The metrics named in a text that do not exist."""
    named = {OF_HISTOGRAMS.sub("", name) for name in NAME.findall(text)}
    return named - set(_labels_by_name(exposition))


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES))


def test_the_rules_pass_their_test() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(RULES_TEST))


def test_each_alert_is_raised_in_the_test_of_the_rules() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    raised = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", RULES_TEST.read_text()))
    assert raised == alerts


def test_promtool_finds_nothing_wrong_with_the_metrics(exposition: str) -> None:
    assert promtool("check", "metrics", given=exposition) == ""


@pytest.mark.parametrize("path", [RULES, RULES_TEST, DASHBOARD], ids=lambda path: path.name)
def test_only_metrics_that_exist_are_used(path: Path, exposition: str) -> None:
    expressions = "\n".join(_expressions(path))
    assert NAME.search(expressions)
    assert _unknown(expressions, exposition) == set()


def _expressions(path: Path) -> Iterator[str]:
    text = path.read_text()
    if path.suffix == ".json":
        for panel in json.loads(text)["panels"]:
            yield from (target["expr"] for target in panel["targets"])
    else:
        yield re.sub(r"(summary|description): .*", "", text)


def test_the_panels_of_the_dashboard_overlap_nowhere() -> None:
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text())
    cells = [
        (column, row)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for column in range(place["x"], place["x"] + place["w"])
        for row in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(column for column, _ in cells) < 24


def test_the_page_lists_every_metric_with_its_labels(exposition: str) -> None:
    listed = {
        name: set(re.findall(r"`(\w+)`", labels)) for name, labels in ROW.findall(PAGE.read_text())
    }
    own = {
        name: labels
        for name, labels in _labels_by_name(exposition).items()
        if name.startswith("glyphd_")
    }
    assert listed == own


def test_the_page_names_every_metric_of_the_process(exposition: str) -> None:
    own = {name for name in _labels_by_name(exposition) if name.startswith("process_")}
    assert own <= set(re.findall(r"`(process_\w+)`", PAGE.read_text()))
