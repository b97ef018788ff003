"""The benchmarks of the networks and of the worker's loop, on a model of no size."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import execution, loop
from pipelines.checkpoints.loader import load
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostTable
from tests.harness import tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny")


def test_every_way_of_running_the_unet_is_measured_against_the_served_one(folder: Path) -> None:
    result = CliRunner().invoke(execution.app, ["--model", str(folder), "--rounds", "1", "--rows", "1", "--rows", "3"])

    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    for way in (execution.SERVED, "without channels_last", "bfloat16", "exact mode", "TFLOP/s, as served"):
        assert any(way in line for line in lines), way
    assert "1.00x" in next(line for line in lines if execution.SERVED in line)


def test_the_loops_time_is_told_apart(folder: Path) -> None:
    pipeline = load(str(folder), device="cpu")
    jobs = [
        GenerationParams(prompt="a", width=64, height=64, steps=3, guidance_scale=2.0, seed=seed, sampler="dpm++_2m")
        for seed in range(3)
    ]

    times = loop.run(pipeline, jobs, costs=CostTable(), previews=1)

    assert 0 < times.networks_s < times.whole_s
    assert 0 < times.preview_share < 1
    assert 0 < times.predict_s + times.advance_s < times.whole_s
    assert 0 < times.overhead < 1
    assert 0 < times.update_share < 1
