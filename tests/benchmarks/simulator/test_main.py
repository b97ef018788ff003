"""`python -m benchmarks.simulator`."""

from __future__ import annotations

from typer.testing import CliRunner

from benchmarks.simulator.__main__ import app
from benchmarks.simulator.report import POLICIES


def test_the_table_has_a_row_for_each_policy() -> None:
    result = CliRunner().invoke(app, ["--count", "10"])
    assert result.exit_code == 0, result.output
    assert [line.split("|")[1].strip() for line in result.output.splitlines()[2:]] == list(POLICIES)


def test_an_unknown_pattern_is_rejected_with_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["--pattern", "constant"])
    assert result.exit_code == 2
    assert "must be poisson or bursty" in result.output
