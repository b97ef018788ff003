"""The worker process as it is served: a real, if tiny, model folder behind the border."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pipelines.checkpoints import loader
from pipelines.params import GenerationParams
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.messages import Ready
from tests.harness import tiny_model
from tests.harness.local_engine import TIMEOUT_S, Observed


async def test_a_model_folder_is_loaded_and_draws_what_its_pipeline_draws(tmp_path: Path) -> None:
    folder = tiny_model.write(tmp_path / "tiny")
    observed = Observed()
    engine = LocalEngine(EngineConfig(worker=WorkerConfig(model=str(folder), threads=1)), observe=observed)
    await engine.start()
    try:
        await observed.count(Ready)
        width, height = engine.model.sizes[0]
        params = GenerationParams(
            prompt="a red circle", width=width, height=height, steps=3, guidance_scale=3.0, seed=1, sampler="euler_a"
        )
        async with asyncio.timeout(TIMEOUT_S):
            (finished,) = await engine.submit([params]).result()
    finally:
        await engine.stop()

    pipeline = loader.load(str(folder), device="cpu")
    state = pipeline.begin(params, pipeline.encode(params.texts))
    while state.next_call is not None:
        pipeline.advance(state, pipeline.predict([state])[0])
    (rgb_image,) = pipeline.decode([state])
    values = zip(finished.rgb_image.pixels, rgb_image.pixels, strict=True)
    assert max(abs(ours - theirs) for ours, theirs in values) <= 1
