"""A worker that replaces a killed one gets the pixels that its images start from."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from pipelines.interface import InputPixels
from service.engine.messages import Progress
from tests.harness.engine.local_engine import TIMEOUT_S, serving
from tests.harness.engine.worker_harness import make_params

pytestmark = pytest.mark.integration


async def test_images_of_a_killed_worker_are_made_again_from_their_inputs() -> None:
    images = [make_params(seed=seed, steps=8, image="a" * 64, mask="b" * 64, strength=0.5) for seed in range(3)]
    image, mask = images[0].pixels
    inputs = {
        image: InputPixels(64, 64, 3, bytes(range(192)) * 64),
        mask: InputPixels(64, 64, 1, bytes([0, 255]) * 2048),
    }
    async with serving("--call-s", "0.02", max_rows=4) as (engine, observed), asyncio.timeout(TIMEOUT_S):
        undisturbed = await engine.submit(images, inputs=inputs).result()
        observed.messages.clear()
        job = engine.submit(images, inputs=inputs)
        await observed.count(Progress)
        process = engine._supervisors[0]._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        result = await job.result()

    assert [each.rgb_image.pixels for each in result] == [each.rgb_image.pixels for each in undisturbed]
