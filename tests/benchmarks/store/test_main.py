"""`python -m benchmarks.store`: its options, and a run of two versions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.store.__main__ import PARTS, app


def test_an_unknown_part_is_rejected_with_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["nothing"])

    assert result.exit_code == 2
    assert all(part in result.output for part in PARTS)


def test_several_servers_are_rejected_without_a_database_that_they_can_share() -> None:
    result = CliRunner().invoke(app, ["accept", "--servers", "2"])

    assert result.exit_code == 2
    assert "--database postgres" in result.output


def test_the_help_has_examples() -> None:
    assert "python -m benchmarks.store --smoke" in CliRunner().invoke(app, ["--help"]).output


@pytest.mark.timeout(300)
def test_two_versions_are_measured_in_turns(tmp_path: Path) -> None:
    output, folder = tmp_path / "rounds.json", tmp_path / "stores"
    options = ["--smoke", "--seconds", "0.5", "--before", "HEAD", "--folder", str(folder), "--output", str(output)]

    result = CliRunner().invoke(app, ["accept", *options])

    assert result.exit_code == 0, result.output
    assert "| accept | accepted, jobs/s |" in result.output
    measured = json.loads(output.read_text())["measured"]["accept"]
    assert [len(rounds) for rounds in measured.values()] == [1, 1]
    assert all(figures["accepted, jobs/s"] > 0 for rounds in measured.values() for figures in rounds)
    assert list(folder.iterdir()) == [], "nothing is left behind"
