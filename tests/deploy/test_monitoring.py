"""Alerts and dashboard ask for metrics that there are, and every alert has a runbook."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.observability.metrics import Metrics
from tests.deploy.files import DEPLOY, panels
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program

PROMETHEUS = DEPLOY / "prometheus"
LABELS = {"le", "job"}
"""Labels that Prometheus and its histograms add."""


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def queries() -> Iterator[str]:
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from (alert["expr"] for alert in alerts())


def exposed() -> dict[str, set[str]]:
    """The labels of every metric of a real exposition, by its name as it is queried."""
    metrics = Metrics()
    text = metrics.exposition(ready=True, backlog_s=0.0)
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text.decode(), re.MULTILINE))
    labels = {name: set(own._labelnames) for own, names in metrics._registry._collector_to_names.items()
              if hasattr(own, "_labelnames") for name in names}  # fmt: skip
    series = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
    return {
        name + suffix: labels.get(name, set()) for name, kind in kinds.items() for suffix in series.get(kind, ("",))
    }


NAME = re.compile(r"\b((?:darkroom|process)_\w+)")


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_names_metrics_and_labels_that_there_are(query: str) -> None:
    found = exposed()
    names = NAME.findall(query)
    assert set(names) - {"up"} <= set(found)
    labels = {name for name in names for name in found[name]} | LABELS
    by = {label for each in re.findall(r"(?:by|without|ignoring) \(([^)]*)\)", query) for label in each.split(", ")}
    matched = set(re.findall(r"(\w+)=~?\"", query))
    assert by | matched <= labels


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    places = [(panel["gridPos"], panel["id"]) for panel in panels()]
    assert len({number for _, number in places}) == len(places)
    cells = [
        (x, y)
        for place, _ in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_every_alert_has_a_severity_a_summary_and_a_runbook() -> None:
    page = (ROOT / "docs" / "runbooks.md").read_text()
    headings = re.findall(r"^## (\w+)$", page, re.MULTILINE)
    assert [alert["alert"] for alert in alerts()] == headings
    for alert in alerts():
        assert alert["labels"]["severity"] in {"page", "ticket"}
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["runbook"] == f"docs/runbooks.md#{alert['alert'].lower()}"


def test_every_alert_is_seen_to_fire_in_the_rules_own_tests() -> None:
    cases = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
    fired = cases[0]
    seen = " ".join(sample["labels"] for test in fired["promql_expr_test"] for sample in test["exp_samples"])
    named = {*re.findall(r'alertname="(\w+)"', seen), *(test["alertname"] for test in fired["alert_rule_test"])}
    assert named == {alert["alert"] for alert in alerts()}


@pytest.mark.integration
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml")],
)
def test_promtool_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    promtool(*arguments, folder=PROMETHEUS)


@pytest.mark.integration
def test_the_queries_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(sorted(set(queries())))
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", "rules.yml", folder=tmp_path)


def promtool(*arguments: str, folder: Path) -> None:
    done = subprocess.run(
        [find_program("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
