"""The comparison of UNet variants, with a tiny model."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from benchmarks import execution


def test_every_variant_of_running_the_unet_is_compared_with_the_served_one(model_folder: Path) -> None:
    result = CliRunner().invoke(
        execution.app, ["--model", str(model_folder), "--rounds", "1", "--rows", "1", "--rows", "3"]
    )

    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    for variant in (execution.BASELINE, "without channels_last", "bfloat16", "exact mode", "TFLOP/s, as served"):
        assert any(variant in line for line in lines), variant
    assert "1.00x" in next(line for line in lines if execution.BASELINE in line)
