"""Both clients against a real server with the bundled model: the whole API, from a text to the bytes of an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import darkroom
from darkroom import (
    CompletedImage,
    ImageReady,
    JobEnded,
    PartialImage,
    ProgressMade,
    StatusChanged,
)
from darkroom.cli.remote import RemoteBackend
from darkroom.results import files
from tests.client.both import Clients
from tests.harness.bundled_server import BundledServer

pytestmark = pytest.mark.timeout(600)
CIRCLE = "a red circle on a white background"


def is_same(one: bytes, other: bytes) -> bool:
    """Returns whether images are equal but for what batches of different sizes may change (docs/exactness.md)."""
    first, second = (np.asarray(files.to_pil(each), np.int16) for each in (one, other))
    return first.shape == second.shape and int(np.abs(first - second).max()) <= 1


def test_an_image_is_made_again_by_its_parameters(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=f"{bundled.url}/v1")
    images = client.images.generate(prompt=CIRCLE, n=2, steps=2, negative_prompt="blue", sampler="euler_a")
    (again,) = client.images.generate(**images[1].parameters)
    assert again.seed == images[1].seed
    assert is_same(again.bytes(), images[1].bytes())
    assert images[1].to_pil().size == (images[1].width, images[1].height)


def test_a_job_is_followed_to_its_images(connect: Clients, bundled: BundledServer, tmp_path: Path) -> None:
    client = connect(None, base_url=bundled.url)
    job = client.jobs.submit(prompt="a {red|blue} circle", prompt_matrix=True, steps=2, seed=5)
    events = list(job.events())
    assert {type(event) for event in events} >= {StatusChanged, ProgressMade, ImageReady}
    assert isinstance(events[-1], JobEnded)
    assert [image.prompt for image in job.result()] == ["a red circle", "a blue circle"]
    assert {event.image.index for event in events if isinstance(event, ImageReady)} == {0, 1}

    blue = job.images[1]
    assert blue.save(tmp_path / "blue.png").read_bytes() == blue.bytes()
    assert blue.to_pil().size == (blue.width, blue.height)
    assert files.mime_of(blue.thumbnail()) == "image/webp"
    (generated,) = client.images.generate(**blue.parameters)
    (again,) = client.jobs.submit(**blue.parameters).result()
    assert is_same(generated.bytes(), blue.bytes())
    assert is_same(again.bytes(), blue.bytes())


def test_a_job_is_found_again_listed_canceled_and_deleted(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    mine = [client.jobs.submit(prompt=CIRCLE, steps=150, n=10, priority="batch", sampler="heun") for _ in range(3)]
    assert client.jobs.get(mine[0].id).id == mine[0].id
    listed = [job.id for job in client.jobs.list(page_size=2)]
    assert listed[:3] == [job.id for job in reversed(mine)]
    for job in mine:
        assert job.cancel().status == "canceled"
        with pytest.raises(darkroom.JobCanceledError):
            job.result()
        job.delete()
        with pytest.raises(darkroom.NotFoundError):
            job.refresh()
    assert not {job.id for job in client.jobs.list(status="canceled")} & {job.id for job in mine}


def test_a_job_that_is_deleted_while_it_is_followed_says_so(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    job = client.jobs.submit(prompt=CIRCLE, steps=150, n=10, sampler="heun")
    with job.events() as events:
        next(iter(events))
        client.jobs.get(job.id).delete()
        with pytest.raises(darkroom.JobDeletedError):
            list(events)


def test_images_start_from_images(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    (red,) = client.images.generate(prompt=CIRCLE, steps=2, seed=5)
    upload = client.uploads.create(image=red)
    (edited,) = client.images.edit(prompt="a blue circle", image=red, strength=0.5, steps=2, seed=5)
    assert not is_same(edited.bytes(), red.bytes())
    (image,) = client.jobs.submit(prompt="a blue circle", image=upload, strength=0.5, steps=2, seed=5).result()
    assert is_same(image.bytes(), edited.bytes())
    (again,) = client.jobs.submit(**image.parameters).result()
    assert is_same(again.bytes(), image.bytes())
    assert len(client.images.variations(image=red, strength=0.5, steps=2)) == 1
    client.uploads.delete(upload.sha256)


def test_two_passes_are_made_again_by_their_parameters(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    hires = {"width": 64, "height": 64, "steps": 2}
    (image,) = client.jobs.submit(prompt=CIRCLE, size="128x128", steps=2, hires=hires, seed=5).result()
    (again,) = client.jobs.submit(**image.parameters).result()
    assert is_same(again.bytes(), image.bytes())


def test_a_stream_has_previews_and_then_the_image(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url, timeout=5)
    with client.images.stream(prompt=CIRCLE, steps=4, seed=5, partial_images=2) as stream:
        events = list(stream)
    expected: list[type] = [PartialImage, PartialImage, CompletedImage]
    assert [type(event) for event in events] == expected
    same = client.images.generate(prompt=CIRCLE, steps=4, seed=5, timeout=60)
    assert is_same(events[-1].bytes(), same[0].bytes())


def test_the_server_tells_what_can_be_asked_of_it(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    capabilities = client.capabilities()
    (model,) = (each for each in client.models.list() if each.parent is None)
    assert model.id == capabilities.models[0].id == client.models.get("bundled").id
    assert capabilities.models[0].sizes[0].width == 128


def test_an_alias_of_the_settings_is_listed_and_asks_for_its_model(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    assert {model.id: model.parent for model in client.models.list()}["house style"] == "bundled"
    assert client.models.get("house style").id == "bundled"
    assert client.images.generate(prompt=CIRCLE, steps=1, model="house style").model == "bundled"
    assert [model.name for model in RemoteBackend(bundled.url).models()] == ["bundled"]


def test_a_refused_argument_is_named_as_it_was_passed(connect: Clients, bundled: BundledServer) -> None:
    client = connect(None, base_url=bundled.url)
    for call, kind in (
        (client.images.generate, darkroom.BadRequestError),
        (client.jobs.submit, darkroom.UnprocessableEntityError),
    ):
        with pytest.raises(kind, match=r"^steps: ") as caught:
            call(prompt=CIRCLE, steps=10**6)
        assert (caught.value.param, caught.value.code) == ("steps", "invalid_value")
        assert str(caught.value.request_id).startswith("req_")
