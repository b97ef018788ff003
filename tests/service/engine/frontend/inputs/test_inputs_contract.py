"""The contract of `service.engine.interface` about images that start from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pipelines.interface import InputPixels
from pipelines.params import GenerationParams, PixelKey
from service.engine.interface import Engine
from service.errors import QueueFullError
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.worker_harness import make_params
from tests.service.engine.contract.engines import KINDS, make, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGE_BYTES = 3 * 64 * 64


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """A serving engine that holds the inputs of two images, which the tests share and leave idle."""
    async with started(make(request.param, max_input_bytes=2 * IMAGE_BYTES)) as engine:
        yield engine


def starting_from(
    name: str, *, steps: int = 2, **parameters: Any
) -> tuple[GenerationParams, dict[PixelKey, InputPixels]]:
    params = make_params(steps=steps, image=name * 64, **parameters)
    (key,) = params.pixels
    return params, {key: InputPixels(64, 64, 3, name.encode() * IMAGE_BYTES)}


async def made(engine: Engine, params: GenerationParams, inputs: dict[PixelKey, InputPixels]) -> bytes:
    async with asyncio.timeout(TIMEOUT_S):
        (finished,) = await engine.submit([params], inputs=inputs).result()
    return finished.rgb_image.pixels


async def test_an_image_depends_on_what_it_starts_from_and_on_how_far_it_goes(engine: Engine) -> None:
    images = [
        await made(engine, *starting_from("a", strength=0.5)),
        await made(engine, *starting_from("b", strength=0.5)),
        await made(engine, *starting_from("a", strength=1.0)),
    ]
    assert len(set(images)) == 3
    assert await made(engine, *starting_from("a", strength=0.5)) == images[0]


async def test_images_of_one_job_share_an_input_and_others_stand_beside_them(engine: Engine) -> None:
    params, inputs = starting_from("a", seed=1)
    images = [params, starting_from("a", seed=2)[0], make_params(steps=2)]
    async with asyncio.timeout(TIMEOUT_S):
        finished = await engine.submit(images, inputs=inputs).result()

    assert [image.params for image in finished] == images
    assert finished[0].rgb_image.pixels == await made(engine, params, inputs)


async def test_a_job_without_its_inputs_is_refused(engine: Engine) -> None:
    params, _ = starting_from("a")
    with pytest.raises(ValueError, match="pixels"):
        engine.submit([params])


async def test_inputs_beyond_the_bound_are_refused_except_of_accepted_jobs(engine: Engine) -> None:
    jobs = []
    for name in ("a", "b"):
        params, inputs = starting_from(name, steps=200)
        jobs.append(engine.submit([params], inputs=inputs))
    params, inputs = starting_from("c", steps=200)
    with pytest.raises(QueueFullError):
        engine.submit([params], inputs=inputs)
    with pytest.raises(QueueFullError):
        await engine.submit_in_line([params], inputs=inputs)
    jobs.append(engine.submit([params], inputs=inputs, accepted=True))
    for job in jobs:
        job.cancel()
    async with asyncio.timeout(TIMEOUT_S):
        while engine.backlog_s:  # noqa: ASYNC110 - the interface has no event for it
            await asyncio.sleep(0.01)

    assert await made(engine, *starting_from("d"))
