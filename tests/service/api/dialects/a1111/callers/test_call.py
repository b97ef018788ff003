"""A running request tells its progress, and leaves what is finished when it is interrupted."""

from __future__ import annotations

import asyncio

import pytest

from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from service.api.dialects.a1111.callers.call import Call
from service.engine.interface import ImageEvent, ImageFinished, ImagePreview, ImageProgress, ImageStarted
from service.engine.types import Timings

PARAMS = GenerationParams(prompt="", width=64, height=64, steps=10, guidance_scale=1.0, seed=1, sampler="ddim")
PIXELS = RgbImage(1, 1, bytes(3))


def call(now: list[float] | None = None) -> Call:
    return Call([PARAMS] * 4, batch_size=2, batches=2, task_id="task", clock=lambda: now[0] if now else 0.0)


def tell(running: Call, *events: ImageEvent) -> None:
    for event in events:
        running.follow(event)


def finished(index: int) -> ImageFinished:
    return ImageFinished(index, PARAMS, PIXELS, Timings(0.0, 0.0, 0.0, 0.0, 1.0))


def test_progress_is_the_share_of_steps_that_are_made() -> None:
    now = [100.0]
    running = call(now)
    assert (running.progress, running.eta_s, running.step, running.batch, running.has_started) == (0, 0, 0, 0, False)

    tell(running, ImageStarted(0), ImageProgress(0, 5, 4.0), ImageProgress(1, 2, 9.0))
    now[0] = 103.0
    assert (running.progress, running.eta_s, running.step, running.has_started) == (7 / 40, 6.0, 5, True)

    tell(running, finished(0), finished(1), ImagePreview(2, 0, 3, PIXELS))
    assert (running.progress, running.batch, running.step) == (0.5, 1, 0)
    assert (running.preview, running.previews) == (PIXELS, 1)

    tell(running, finished(2), finished(3))
    assert (running.progress, running.batch, running.step) == (1.0, 1, 10)


@pytest.mark.parametrize("skips", [False, True])
async def test_interrupted_work_is_ended_without_an_error(skips: bool) -> None:
    running, done = call(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            done.set()

    running_work = asyncio.ensure_future(running.run(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.interrupt(skips=skips)
    await running_work

    assert done.is_set()
    assert (running.interrupted, running.skipped) == (not skips, skips)


async def test_work_ends_with_its_own_error_and_with_the_request() -> None:
    async def fail() -> None:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await call().run(fail())

    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    request = asyncio.ensure_future(call().run(wait()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    request.cancel()
    await asyncio.wait({request})
    await ended.wait()
