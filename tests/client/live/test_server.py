"""Both clients against a real server around the fake engine."""

from __future__ import annotations

import pytest

import darkroom
from darkroom import CompletedImage, PartialImage, PreviewReady
from pipelines.fake import INFO
from service.errors import EngineUnavailableError, GenerationFailedError, QueueFullError
from tests.client.both import Clients
from tests.harness.wire.http_server import Harness


def test_each_image_has_the_next_seed(connect: Clients, server: Harness) -> None:
    result = connect(None, base_url=server.url).images.generate(
        prompt="a red circle", n=2, seed=7, size="96x160", steps=3
    )
    assert [image.seed for image in result.images] == [7, 8]
    assert [image.to_pil().size for image in result.images] == [(96, 160), (96, 160)]
    assert result._request_id


def test_every_argument_reaches_the_engine(connect: Clients, server: Harness) -> None:
    connect(None, base_url=server.url).images.generate(
        prompt="a red circle",
        negative_prompt="blue",
        seed=7,
        steps=3,
        guidance_scale=2.5,
        sampler="dpm++_2m",
        schedule="karras",
    )
    (image,) = server.engine.jobs[0].images
    assert (image.prompt, image.negative_prompt, image.seed, image.steps) == ("a red circle", "blue", 7, 3)
    assert (image.guidance_scale, image.sampler, image.schedule) == (2.5, "dpm++_2m", "karras")


@pytest.mark.parametrize("output_format", ["png", "webp", "jpeg"])
def test_the_images_have_the_requested_format(connect: Clients, server: Harness, output_format: str) -> None:
    result = connect(None, base_url=server.url).images.generate(
        prompt="a red circle", steps=1, output_format=output_format
    )
    assert result.images[0].to_pil().format == output_format.upper()


def test_a_stream_yields_previews_and_then_the_image(connect: Clients, server: Harness) -> None:
    events = list(
        connect(None, base_url=server.url).images.stream(prompt="a red circle", n=2, seed=7, steps=3, partial_images=2)
    )
    seen = [(type(event), event.index, event.seed) for event in events]
    first = [(PartialImage, 0, 7), (PartialImage, 0, 7), (CompletedImage, 0, 7)]
    assert seen == [*first, (PartialImage, 1, 8), (PartialImage, 1, 8), (CompletedImage, 1, 8)]


def test_a_job_has_previews_among_its_events(connect: Clients, server: Harness) -> None:
    server.engine.held_before = (0, 5)
    job = connect(None, base_url=server.url).jobs.submit(prompt="a red circle", steps=5, previews=3)
    previews = []
    for event in job.events():
        if isinstance(event, PreviewReady):
            previews.append(event)
            server.engine.let_go()
    assert previews
    assert all(preview.to_pil().format == preview.mime.removeprefix("image/").upper() for preview in previews)


def test_the_served_model_is_listed(connect: Clients, server: Harness) -> None:
    listed = connect(None, base_url=server.url).models.list()
    assert [model.id for model in listed if model.parent is None] == [INFO.name]
    assert {model.parent for model in listed} == {None, INFO.name}


def test_the_client_retries_while_the_queue_is_full(connect: Clients, server: Harness) -> None:
    server.engine.refusals = [QueueFullError("Full.", retry_after_s=1), QueueFullError("Full.", retry_after_s=1)]
    assert len(connect(None, base_url=server.url).images.generate(prompt="a red circle", steps=1).images) == 1


def test_a_queue_that_stays_full_raises_an_internal_server_error(connect: Clients, server: Harness) -> None:
    server.engine.refusals = [QueueFullError("Full.", retry_after_s=2.5)]
    with pytest.raises(darkroom.InternalServerError) as caught:
        connect(None, base_url=server.url, max_retries=0).images.generate(prompt="a red circle")
    assert (caught.value.code, caught.value.retry_after) == ("queue_full", 2.5)


def test_the_client_retries_while_the_model_loads(connect: Clients, server: Harness) -> None:
    server.engine.refusals = [EngineUnavailableError("Loading.", retry_after_s=5)]
    assert len(connect(None, base_url=server.url).images.generate(prompt="a red circle", steps=1).images) == 1


def test_an_image_that_fails_is_not_retried(connect: Clients, server: Harness) -> None:
    server.engine.failure = GenerationFailedError("The image failed.")
    with pytest.raises(darkroom.InternalServerError, match=r"^The image failed\.$"):
        connect(None, base_url=server.url).images.generate(prompt="a red circle")
    assert len(server.engine.jobs) == 1


def test_an_image_that_fails_in_a_stream_raises_a_stream_error(connect: Clients, server: Harness) -> None:
    server.engine.failure = GenerationFailedError("The image failed.")
    with pytest.raises(darkroom.StreamError) as caught:
        list(connect(None, base_url=server.url).images.stream(prompt="a red circle"))
    assert caught.value.code == "generation_failed"


def test_the_error_for_an_invalid_value_names_its_field(connect: Clients, server: Harness) -> None:
    with pytest.raises(darkroom.BadRequestError) as caught:
        connect(None, base_url=server.url).images.generate(prompt="a red circle", steps=10**6)
    assert caught.value.param == "steps"
