"""Engines for measurements, with the fake worker."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from benchmarks.engine.serving import engine_seconds, serving
from pipelines.params import GenerationParams
from service.engine.config import WorkerConfig
from service.engine.interface import Phase
from tests.harness.engine import uploads

PARAMS = GenerationParams(prompt="a", width=64, height=64, steps=2, guidance_scale=2.0, seed=0, sampler="ddim")


@pytest.mark.integration
async def test_an_engine_makes_images_with_their_inputs_and_stops() -> None:
    images = [PARAMS, replace(PARAMS, image=uploads.IMAGE)]
    inputs = {key: uploads.pixels_of(key, 3) for params in images for key in params.pixels}
    async with serving(
        WorkerConfig(model="fake"), (sys.executable, "-m", "tests.harness.engine.fake_worker")
    ) as engine:
        assert await engine_seconds(engine, images, inputs) > 0

    assert engine.phase is Phase.STOPPED
