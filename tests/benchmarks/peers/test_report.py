"""The table, the goals and the charts of a record."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest

from benchmarks.peers.records import Record, TargetRecord
from benchmarks.peers.report import charts, goals, markdown
from benchmarks.peers.servers import OURS
from tests.benchmarks.peers.sample_record import sample_record


def test_goals_are_ratios_to_the_best_peer() -> None:
    by_goodput, by_images, by_short, by_http = goals(sample_record())
    # A's highest rate in time is 0.2, but its load of 0.7 was too; B missed at its lowest, 0.3, which counts for it.
    assert by_goodput.value == pytest.approx(1.0 / 0.3)
    assert by_images.value == pytest.approx(2.2 / 1.1)
    assert by_short.value == pytest.approx(0.5 / 2.0)
    assert by_http.value == pytest.approx(4.0)
    assert all(goal.met for goal in (by_goodput, by_images, by_short, by_http))


def test_a_missed_goal_says_so() -> None:
    slow = sample_record()
    slow.http_overhead_s = [0.008]
    assert "8.00 ms (at most 5.00 ms: missed)" in markdown(slow)


def test_a_goal_that_was_not_measured_is_not_met() -> None:
    bare = sample_record()
    bare.http_overhead_s = []
    http = goals(bare)[-1]
    assert not http.met
    assert str(http) == "- HTTP overhead of a single request: not measured"


def test_the_table_has_a_row_for_each_server() -> None:
    rows = [line for line in markdown(sample_record()).splitlines() if line.startswith("| ")]
    assert rows[1] == "| Darkroom | 2.20 | 1.00 | 0.50 | 20 | 0 |"
    assert rows[3] == "| B & C | 1.10 | < 0.30 | 2.00 | 20 | 0 |"


def test_a_failed_server_has_a_row_of_dashes_and_a_reason() -> None:
    broken = sample_record()
    broken.targets["b"] = TargetRecord("B", failure="did not start")
    text = markdown(broken)
    assert "| B | - | - | - | - | 0 |" in text
    assert "The measurement of B ended early: did not start" in text


def test_a_run_without_darkroom_has_no_goals() -> None:
    without_darkroom = sample_record()
    del without_darkroom.targets[OURS]
    assert goals(without_darkroom) == []


def test_charts_are_svg_and_name_every_server() -> None:
    for chart in charts(sample_record()).values():
        root = ET.fromstring(chart)
        texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert {"Darkroom", "A", "B & C"} <= set(texts)


def test_charts_without_measurements_are_valid_svg() -> None:
    nothing = Record({}, {"mix": {"steps": [4]}}, targets={"a": TargetRecord("A")})
    assert math.isnan(nothing.best_peer_images_per_second)
    assert all(ET.fromstring(chart) is not None for chart in charts(nothing).values())
