"""The images of a request are read from files, text and uploads, and prepared at the size of the result."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

import pytest
from PIL import Image

from pipelines.fake import INFO
from pipelines.params import PixelKey
from service.api.generation.input_request import InputRequest
from service.api.generation.inputs import DecodedInputs, InputReader, prepare
from service.api.generation.prepared_inputs import NO_INPUTS, PreparedInputs
from service.api.http.form_body import UploadedFile
from service.engine.types import Size
from service.errors import InvalidRequestError
from service.images.inputs.decoder import DirectDecoder
from service.images.inputs.raster import Raster, decode_raster
from tests.service.images.inputs.samples import picture, saved

SIZE: Final = (96, 64)
FILE: Final = saved(picture(SIZE))
READER: Final = InputReader(DirectDecoder(1 << 20), None, max_pixels=1 << 20, at_a_time=1)


def refuse(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError(message, field=field)


def accept(size: Size, inputs: PreparedInputs) -> None:
    """A `Judge` that refuses nothing."""


async def read(**fields: Any) -> DecodedInputs | None:
    return await READER.read(InputRequest.model_validate(fields), INFO, "", refuse, accept)


@pytest.mark.parametrize(
    "source",
    [
        UploadedFile(FILE),
        base64.b64encode(FILE).decode(),
        f"data:image/png;base64,{base64.b64encode(FILE).decode()}",
        f"DATA:;charset=x;base64,{base64.b64encode(FILE).decode()}",
    ],
    ids=["file", "base64", "data URL", "odd data URL"],
)
async def test_a_source_may_be_a_file_or_text(source: UploadedFile | str) -> None:
    decoded = await read(image=source)
    assert decoded is not None
    assert (decoded.size, decoded.mask, decoded.strength) == (SIZE, None, None)


async def test_nothing_to_start_from_is_nothing() -> None:
    assert await read(strength=0.5) is None


async def test_a_request_may_ask_for_the_pixels_that_its_mask_keeps() -> None:
    decoded = await read(image=UploadedFile(FILE), mask=UploadedFile(FILE), keep_unmasked=True)
    assert (await prepare(decoded, SIZE, "crop")).keep_unmasked
    assert await prepare(None, SIZE, "crop") is NO_INPUTS


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"mask": UploadedFile(FILE)}, "mask"),
        ({"extend": {"left": 8}}, "extend"),
        ({"image": "http://images.example/x.png"}, "image"),
        ({"image": "a" * 64}, "image"),
        ({"image": UploadedFile(FILE), "mask": UploadedFile(b"x")}, "mask"),
    ],
)
async def test_what_cannot_be_read_is_refused_by_its_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await read(**fields)
    assert refusal.value.field == field


async def test_an_image_is_prepared_as_pixels_and_as_the_file_that_is_stored() -> None:
    decoded = await read(image=UploadedFile(FILE), mask=UploadedFile(saved(Image.new("L", SIZE, 255))))
    prepared = await prepare(decoded, (48, 32), "crop")

    assert prepared.image is not None
    assert prepared.mask is not None
    image, mask = PixelKey(prepared.image, 48, 32), PixelKey(prepared.mask, 48, 32)
    assert set(prepared.pixels) == {image, mask}
    assert prepared.pixels[mask].pixels == bytes([255]) * (48 * 32)
    assert [file.sha256 for file in prepared.files] == [prepared.image, prepared.mask]
    assert decode_raster(prepared.files[0].data).image.tobytes() == prepared.pixels[image].pixels


async def test_what_was_prepared_is_prepared_to_itself() -> None:
    first = await prepare(await read(image=UploadedFile(FILE)), (48, 40), "crop")
    again = await prepare(DecodedInputs(decode_raster(first.files[0].data), None, None), (48, 40), "crop")
    assert again.image == first.image


async def test_an_image_and_a_mask_of_the_same_file_are_told_apart() -> None:
    white = UploadedFile(saved(Image.new("L", SIZE, 255)))
    prepared = await prepare(await read(image=white, mask=white), SIZE, "crop")
    assert prepared.image != prepared.mask
    assert {pixels.channels for pixels in prepared.pixels.values()} == {1, 3}


async def test_margins_and_a_mask_are_one_mask() -> None:
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 0, 8, 64))
    decoded = await read(image=UploadedFile(FILE), mask=UploadedFile(saved(mask)), extend={"right": 32})
    assert decoded is not None
    assert decoded.size == (128, 64)
    assert decoded.mask is not None
    columns = [decoded.mask.image.getpixel((x, 0)) for x in (0, 20, 100)]
    assert columns == [255, 0, 255]


@pytest.mark.parametrize("margins", [{"left": 2097, "right": 2000}, {"top": 4096, "bottom": 4096, "left": 200}])
async def test_an_extended_image_is_bounded_before_it_is_made(margins: dict[str, int]) -> None:
    tall = UploadedFile(saved(Image.new("L", (1, 256))))
    with pytest.raises(InvalidRequestError, match="at most 1048576 pixels") as refusal:
        await read(image=tall, extend=margins)
    assert refusal.value.field == "extend"
    assert await read(image=tall, extend={"left": 2048, "right": 2047})


async def test_the_images_of_few_requests_of_a_tenant_are_held_at_a_time_and_others_go_on() -> None:
    decoder = HeldDecoder()
    reader = InputReader(decoder, None, max_pixels=1 << 20, at_a_time=2)
    request = InputRequest.model_validate({"image": UploadedFile(FILE), "mask": UploadedFile(FILE)})
    async with asyncio.TaskGroup() as reading:
        for tenant in ("flood", "flood", "flood", "other"):
            reading.create_task(reader.read(request, INFO, tenant, refuse, accept))
        await decoder.until_asked(3)
        decoder.go_on.set()
    assert decoder.most == 3


class HeldDecoder:
    """Implements `Decoder`. It decodes nothing before it may `go_on`."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.most = 0
        """Files that were decoded at a time, at most."""
        self._asked = 0

    async def decode(self, file: bytes) -> Raster:
        self._asked += 1
        self.most = max(self.most, self._asked)
        await self.go_on.wait()
        await asyncio.sleep(0)
        self._asked -= 1
        return Raster(picture(SIZE))

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(60):
            while self._asked < times:  # noqa: ASYNC110 -- each reader takes some turns of the loop until it asks
                await asyncio.sleep(0)


def test_a_raster_says_its_size() -> None:
    assert DecodedInputs(Raster(picture(SIZE)), None, None).size == SIZE


class NoDecoder:
    """Implements `Decoder`. Nothing may be decoded."""

    async def decode(self, file: bytes) -> Raster:
        raise AssertionError("it was decoded")


@pytest.mark.parametrize(
    ("fields", "transparency_is_mask", "has_mask"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"mask": "QUJD"}, False, True),
        ({"extend": {"left": 8}}, True, True),
        ({"extend": {"left": 0}}, True, False),
    ],
)
async def test_a_request_is_judged_undecoded_as_with_the_smallest_image_and_every_mask_that_there_may_be(
    fields: dict[str, Any], transparency_is_mask: bool, has_mask: bool
) -> None:
    judged: list[tuple[Size, bool, bool, float | None]] = []

    def judge(size: Size, inputs: PreparedInputs) -> None:
        judged.append((size, inputs.image is not None, inputs.mask is not None, inputs.strength))
        raise refuse("sampler", "There is none.")

    reader = InputReader(NoDecoder(), None, max_pixels=1 << 20, at_a_time=1)
    request = InputRequest.model_validate({"image": "QUJD", "strength": 0.3, **fields})
    with pytest.raises(InvalidRequestError, match="There is none"):
        await reader.read(request, INFO, "", refuse, judge, transparency_is_mask=transparency_is_mask)
    assert judged == [((INFO.limits.min_side, INFO.limits.min_side), True, has_mask, 0.3)]
