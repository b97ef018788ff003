"""The parts of the worker loop's time, with a tiny model."""

from __future__ import annotations

from pathlib import Path

from benchmarks import worker_loop
from pipelines.checkpoints.loader import load
from pipelines.params import GenerationParams
from service.engine.costs.cost_table import CostTable


def test_the_loops_time_is_split_into_its_parts(model_folder: Path) -> None:
    pipeline = load(str(model_folder), device="cpu")
    images = [
        GenerationParams(prompt="a", width=64, height=64, steps=3, guidance_scale=2.0, seed=seed, sampler="dpm++_2m")
        for seed in range(3)
    ]

    times = worker_loop.run(pipeline, images, costs=CostTable(), previews=1)

    assert 0 < times.networks_s < times.whole_s
    assert 0 < times.preview_share < 1
    assert 0 < times.predict_s + times.advance_s < times.whole_s
    assert 0 < times.overhead < 1
    assert 0 < times.update_share < 1
