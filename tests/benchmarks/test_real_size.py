"""A dry run of the measurement at real size, with a model of tiny width."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.real_size import app


@pytest.mark.timeout(900)  # Two servers start, on a machine that may be busy.
def test_a_tiny_model_is_measured_from_its_start_to_its_images(tmp_path: Path) -> None:
    output = tmp_path / "measured.json"
    options = ["--shape", "tiny", "--steps", "2", "--rounds", "1", "--limit-s", "800", "--output", str(output)]
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 0, result.output
    measured = json.loads(output.read_text())

    assert measured["image"]["ratio"] > 0
    assert measured["readiness"]["not_ready"] == 0
    assert measured["stream"]["longest_silence_s"] <= measured["stream"]["seconds"]
    assert all(measured[start]["memory"]["peak_gib"] > 0 for start in ("start", "start_again"))
    assert measured["start"]["said"][-1] == "serving"
    assert "an image, relative to diffusers alone" in result.output
