"""All answers to one request share their fields and headers, and its images are encoded alike."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any, Final

import pytest
from PIL import Image

from pipelines.fake import INFO
from service.api.dependencies import Services
from service.api.dialects.openai.generation import Generation, to_base64
from service.api.dialects.openai.resolve import parse_request, plan
from service.api.generation.inputs import InputReader
from service.api.http.file_body import FileBodies
from service.api.signed_urls import LinkSigner
from service.auth.quotas import KeyQuotas
from service.engine.interface import ImageFinished
from service.engine.types import Timings
from service.images.encoding import Encoder, ImageFormat
from service.images.inputs.decoder import DirectDecoder
from service.observability.metrics import Metrics
from tests.harness.engine.fake_drawing import draw
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.keys import open_to_all
from tests.service.images.reading import parameters_in

TIMINGS: Final = Timings(0.0, 0.0, 0.0, 0.0, 1.0)


@pytest.fixture
def encoder() -> Iterator[Encoder]:
    encoder = Encoder(1)
    yield encoder
    encoder.close()


def generation(
    encoder: Encoder, *, sole_format: ImageFormat | None = None, embed_parameters: bool = True, **fields: Any
) -> Generation:
    services = Services(
        engine=FakeEngine(),
        encoder=encoder,
        metrics=Metrics(),
        max_body_bytes=1024,
        max_upload_bytes=1024,
        max_upload_pixels=1024,
        file_bodies=FileBodies(1024, 1024, owner=lambda request: ""),
        inputs=InputReader(DirectDecoder(1024), None, max_pixels=1024, at_a_time=1),
        embed_parameters=embed_parameters,
        jobs=None,
        links=LinkSigner(b"key"),
        quotas=KeyQuotas(),
        started_at=0,
        authenticator=open_to_all(),
    )
    parsed = parse_request({"prompt": "a red circle", "seed": 7, **fields})
    return Generation(services, parsed, plan(parsed, INFO), INFO.name, sole_format)


def test_answers_say_how_the_images_are(encoder: Encoder) -> None:
    assert generation(encoder, size="160x96", output_format="webp").response_fields == {
        "size": "160x96",
        "quality": "medium",
        "background": "opaque",
        "output_format": "webp",
    }


@pytest.mark.parametrize(
    ("asked", "told"), [("auto", "medium"), ("standard", "medium"), ("hd", "high"), ("low", "low"), ("max", "max")]
)
def test_older_names_of_qualities_are_told_as_newer_ones(encoder: Encoder, asked: str, told: str) -> None:
    assert generation(encoder, quality=asked).response_fields["quality"] == told


def test_the_format_that_accept_asks_for_goes_before_the_bodys(encoder: Encoder) -> None:
    assert generation(encoder).output_format == "png"
    assert generation(encoder, output_format="webp").output_format == "webp"
    assert generation(encoder, output_format="webp", sole_format="jpeg").output_format == "jpeg"


def test_headers_name_the_seed_and_what_was_ignored_or_adjusted(encoder: Encoder) -> None:
    assert generation(encoder).headers == {"X-Seed": "7"}
    assert generation(encoder, size="1025x1000", lora="a", clip_skip=2).headers == {
        "X-Seed": "7",
        "X-Ignored-Params": "lora, clip_skip",
        "X-Adjusted-Params": "size=160x96",
    }


def test_ignored_names_that_do_not_belong_into_a_header_are_left_out(encoder: Encoder) -> None:
    unknown: dict[str, Any] = {"r\r\nsplit": 1, "ü": 2, "x" * 65: 3, "": 4}
    assert generation(encoder, **unknown, clip_skip=5).headers["X-Ignored-Params"] == "clip_skip"
    assert "X-Ignored-Params" not in generation(encoder, **unknown).headers


def test_a_header_names_twenty_ignored_fields_at_most(encoder: Encoder) -> None:
    unknown: dict[str, Any] = {f"unknown_{i}": i for i in range(100)}
    assert generation(encoder, **unknown).headers["X-Ignored-Params"].split(", ") == list(unknown)[:20]


@pytest.mark.parametrize("embed_parameters", [True, False])
async def test_a_finished_image_carries_its_parameters_where_the_settings_say_so(
    encoder: Encoder, embed_parameters: bool
) -> None:
    made = generation(encoder, embed_parameters=embed_parameters)
    params = made.plan.images[0]
    file = await made.encode_finished(ImageFinished(0, params, draw(params), TIMINGS))
    image = Image.open(io.BytesIO(file))
    assert (image.format, image.size) == ("PNG", INFO.sizes[0])
    assert (parameters_in(file) is not None) is embed_parameters


async def test_an_image_of_another_size_is_stretched_to_the_size_that_was_asked_for(encoder: Encoder) -> None:
    small = draw(generation(encoder, size="64x64").plan.images[0])
    file = await generation(encoder, size="160x96").encode(small)
    assert Image.open(io.BytesIO(file)).size == (160, 96)
    assert base64.b64decode(to_base64(file)) == file
