"""Dashboards and alert rules ask for metrics that exist, by labels that these have."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

import services
import shared
from cli.up.stack import PORTS
from deploy.dashboards.drawing import draw, to_json_text
from deploy.dashboards.panels import DASHBOARDS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "alerts" / "signalbox.rules.yaml"
OF_PROMETHEUS = {"le", "instance", "job"}
_METRIC = re.compile(r"\b(signalbox_[a-z_]+)(\{[^}]*\})?")
_SUFFIX = re.compile(r"_(bucket|count|sum|total)$")
_GROUPED = re.compile(r"\bby \(([a-z_, ]*)\)")


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """Metric → its labels, of everything that the services and what they share define."""
    for package in (services, shared):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(("__main__", ".child")):
                importlib.import_module(module.name)
    found: dict[str, set[str]] = {}
    for collector in list(REGISTRY._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            found[_SUFFIX.sub("", collector._name)] = set(collector._labelnames)
    return found


def rules() -> list[dict[str, object]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    for dashboard in DASHBOARDS:
        for heading, panels in dashboard.rows.items():
            for panel in panels:
                for query in panel.queries.values():
                    yield f"{dashboard.name}: {heading}: {panel.title}", query
    for rule in rules():
        yield str(rule["alert"]), str(rule["expr"])


def mistakes(expression: str, metrics: dict[str, set[str]]) -> list[str]:
    found, labels = [], set(OF_PROMETHEUS)
    for name, matchers in _METRIC.findall(expression):
        bare = _SUFFIX.sub("", name)
        if bare not in metrics:
            found.append(f"there is no {name}")
            continue
        labels |= metrics[bare]
        asked = set(re.findall(r"([a-z_]+)\s*[=!]", matchers))
        found += [f"{name} has no {label}" for label in asked - metrics[bare] - OF_PROMETHEUS]
    for group in _GROUPED.findall(expression):
        asked = {label.strip() for label in group.split(",")}
        found += [f"nothing has {label}" for label in asked - labels]
    return found


def test_what_is_asked_for_exists(metrics: dict[str, set[str]]) -> None:
    assert len(metrics) > 50
    wrong = {place: found for place, query in expressions() if (found := mistakes(query, metrics))}
    assert wrong == {}


@pytest.mark.parametrize(
    "expression",
    [
        "sum(signalbox_no_such_thing)",
        'rate(signalbox_http_requests_total{path="/x"}[5m])',
        "sum by (route) (signalbox_behind_seconds)",
    ],
)
def test_a_mistake_is_found(metrics: dict[str, set[str]], expression: str) -> None:
    assert mistakes(expression, metrics)


def test_legends_name_labels_that_the_query_keeps(metrics: dict[str, set[str]]) -> None:
    for dashboard in DASHBOARDS:
        for panels in dashboard.rows.values():
            for panel in panels:
                for legend, query in panel.queries.items():
                    named = set(re.findall(r"\{\{([a-z_]+)\}\}", legend))
                    groups = _GROUPED.findall(query)
                    kept = {name.strip() for group in groups for name in group.split(",")}
                    assert named <= (kept if groups else OF_PROMETHEUS), (panel.title, legend)


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_the_files_are_drawn_from_the_table(dashboard: object) -> None:
    """Forgotten: `python -m deploy.dashboards`."""
    name = f"{dashboard.name}.json"  # type: ignore[attr-defined]
    text = (ROOT / "deploy" / "dashboards" / name).read_text()
    assert text == to_json_text(draw(dashboard))  # type: ignore[arg-type]
    panels = json.loads(text)["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places)


def test_every_alert_has_a_runbook_that_says_what_to_do() -> None:
    for rule in rules():
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        text = (ROOT / annotations["runbook_url"]).read_text()
        assert text.startswith("# "), rule["alert"]
        assert "## What you see" in text, rule["alert"]
        assert "## What to do" in text, rule["alert"]
        asked = {name for name, _ in _METRIC.findall(str(rule["expr"]))}
        assert str(rule["alert"]) in text or any(name in text for name in asked), rule["alert"]
        assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})


def test_every_alert_is_tried_both_ways() -> None:
    """Once where it must fire, once where it must be quiet (`promtool test rules`)."""
    text = RULES.with_name("signalbox.rules.test.yaml").read_text()
    fires, quiet = set(), set()
    for case in yaml.safe_load(text)["tests"]:
        for one in case["alert_rule_test"]:
            (fires if one["exp_alerts"] else quiet).add(one["alertname"])
    assert fires == quiet == {rule["alert"] for rule in rules()}


def test_prometheus_asks_every_process_of_up() -> None:
    config = yaml.safe_load(RULES.with_name("prometheus.yaml").read_text())
    (job,) = config["scrape_configs"]
    targets = {target for each in job["static_configs"] for target in each["targets"]}
    expected = {f"127.0.0.1:{port.default}" for port in PORTS if port.name.endswith("-metrics")}
    assert targets == expected
