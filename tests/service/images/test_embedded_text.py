"""Parameters are read from the image files of all programs, at a cost that the file's size bounds."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipelines.interface import RgbImage
from service.images.embedded_text import MAX_TEXT_BYTES, embedded_text
from service.images.encoding import ImageFormat, encode
from service.images.inputs.decoding import UnreadableImageError
from tests.service.images.inputs.samples import picture, png_header, saved

TEXTS = ("a red circle", "größer", "赤い円 🔴", "x" * 5000)
PIXELS = RgbImage(2, 1, bytes(6))
USER_COMMENT = 0x9286


def png(text: str, **options: Any) -> bytes:
    chunks = PngInfo()
    chunks.add_text("Comment", "another")
    chunks.add_text("parameters", text, **options)
    return saved(picture(), pnginfo=chunks)


def with_comment(image_format: str, comment: bytes, order: str) -> bytes:
    exif = Image.Exif()
    exif.endian = order
    exif.get_ifd(0x8769)[USER_COMMENT] = comment
    exif[0x010E] = "a description before it"
    return saved(picture(), image_format, exif=exif.tobytes())


@pytest.mark.parametrize("image_format", ["png", "webp", "jpeg"])
@pytest.mark.parametrize("text", TEXTS)
def test_our_own_parameters_are_read_back(image_format: ImageFormat, text: str) -> None:
    assert embedded_text(encode(PIXELS, image_format, parameters=text)) == text
    assert embedded_text(encode(PIXELS, image_format)) is None


@pytest.mark.parametrize("text", TEXTS)
def test_a_png_may_have_its_text_compressed_and_behind_other_chunks(text: str) -> None:
    assert [embedded_text(png(text, zip=zipped)) for zipped in (False, True)] == [text, text]


@pytest.mark.parametrize("image_format", ["webp", "jpeg"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_user_comment_is_read_in_any_order_of_bytes(image_format: str, order: str) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        assert embedded_text(with_comment(image_format, b"UNICODE\0" + "größer".encode(encoding), order)) == "größer"
    assert embedded_text(with_comment(image_format, b"ASCII\0\0\0plain\0", order)) == "plain"
    assert embedded_text(with_comment(image_format, b"JIS\0\0\0\0\0x", order)) is None


@pytest.mark.parametrize("file", [b"", b"GIF89a", b"RIFF\0\0\0\0WAVE", b"\x89PNG", saved(picture(), "gif")])
def test_what_is_no_image_that_may_hold_a_text_is_refused(file: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        embedded_text(file)


def test_a_text_is_cut_where_it_is_too_long() -> None:
    bomb = zlib.compress(bytes(1 << 24))
    chunk = b"zTXtparameters\0\0" + bomb
    file = png_header(1, 1)[:33] + struct.pack(">I", len(chunk) - 4) + chunk + bytes(4)

    assert embedded_text(file) == "\0" * MAX_TEXT_BYTES
    assert embedded_text(encode(PIXELS, "png", parameters="x" * (MAX_TEXT_BYTES + 1))) == "x" * MAX_TEXT_BYTES


def test_a_damaged_file_has_a_text_or_none_and_never_an_error() -> None:
    files = [
        png("größer"),
        png("größer", zip=True),
        *(encode(PIXELS, kind, parameters="a") for kind in ("webp", "jpeg")),
    ]
    dice = random.Random(1)
    for _ in range(2000):
        torn = bytearray(dice.choice(files))
        for _ in range(dice.randint(1, 4)):
            torn[dice.randrange(12, len(torn))] = dice.randrange(256)
        found = embedded_text(bytes(torn[: dice.randint(12, len(torn))]))
        assert found is None or isinstance(found, str)
