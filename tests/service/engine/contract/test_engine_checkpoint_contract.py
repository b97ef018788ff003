"""The contract of `service.engine.interface` about the times of checkpoints, and about resuming from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio

from service.engine.interface import Engine, ImageCheckpoint, ImageEvent, ImageFinished, ImageProgress, ImageStarted
from tests.harness.engine.local_engine import TIMEOUT_S
from tests.harness.engine.worker_harness import make_params
from tests.service.engine.contract.engines import KINDS, make, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMAGE = make_params(steps=6)
OTHER = make_params(steps=6, seed=8)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """A serving engine that the tests share and leave idle."""
    async with started(make(request.param)) as engine:
        yield engine


async def read(engine: Engine, **options: Any) -> list[ImageEvent]:
    job = engine.submit([IMAGE, OTHER], **options)
    async with asyncio.timeout(TIMEOUT_S):
        return [event async for event in job.events()]


def steps_of(events: Sequence[ImageEvent], index: int) -> list[int]:
    return [event.step for event in events if isinstance(event, ImageProgress) and event.index == index]


def pixels_of(events: Sequence[ImageEvent]) -> dict[int, bytes]:
    return {event.index: event.rgb_image.pixels for event in events if isinstance(event, ImageFinished)}


async def test_checkpoints_come_every_so_many_steps_of_each_image(engine: Engine) -> None:
    """A reader that is late may find only the latest."""
    events = await read(engine, checkpoint_every=2)

    for index in (0, 1):
        own = [event.step for event in events if isinstance(event, ImageCheckpoint) and event.index == index]
        assert own in ([2, 4], [4])


async def test_nobody_gets_checkpoints_unasked(engine: Engine) -> None:
    assert not any(isinstance(event, ImageCheckpoint) for event in await read(engine))


async def test_an_image_is_resumed_at_its_checkpoint_and_ends_as_it_would_have(engine: Engine) -> None:
    whole = await read(engine, checkpoint_every=2)
    checkpoints = {event.step: event.data for event in whole if isinstance(event, ImageCheckpoint) and event.index == 1}

    resumed = await read(engine, checkpoints={1: checkpoints[4]})

    assert pixels_of(resumed) == pixels_of(whole)
    assert steps_of(resumed, 0) == [1, 2, 3, 4, 5, 6]
    assert steps_of(resumed, 1) == [4, 5, 6]
    own = [event for event in resumed if event.index == 1]
    assert own[0] == ImageStarted(1)


async def test_an_image_begins_anew_where_the_checkpoint_is_not_its_own(engine: Engine) -> None:
    whole = await read(engine, checkpoint_every=2)
    *_, last = [event for event in whole if isinstance(event, ImageCheckpoint) and event.index == 1]

    events = await read(engine, checkpoints={0: last.data, 1: last.data[:-1]})

    assert pixels_of(events) == pixels_of(whole)
    assert steps_of(events, 0) == steps_of(events, 1) == [1, 2, 3, 4, 5, 6]


async def test_a_negative_distance_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="checkpoint_every"):
        engine.submit([IMAGE], checkpoint_every=-1)
