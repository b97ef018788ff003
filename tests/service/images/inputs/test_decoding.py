"""Callers' files become upright sRGB pixels, or are refused with a sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms

from service.images.inputs.decoding import UnreadableImageError, decode
from service.images.inputs.raster import encode_raster
from tests.service.images.inputs.samples import picture, png_header, saved

MAX_PIXELS = 10_000
LOSSY = 10.0
"""Mean difference, of 255, below which a small JPEG shows the same image; two quarters differ by far more."""


def decoded(file: bytes) -> Image.Image:
    return decode(file, max_pixels=MAX_PIXELS).image


def distance(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, np.float32) - np.asarray(other.convert(one.mode), np.float32)).mean())


@pytest.mark.parametrize(
    ("image_format", "options"), [("png", {}), ("jpeg", {"quality": 95}), ("webp", {"lossless": True})]
)
def test_png_jpeg_and_webp_are_read_by_their_content(image_format: str, options: dict[str, object]) -> None:
    image = decoded(saved(picture(), image_format, **options))

    assert image.mode == "RGB"
    assert distance(image, picture()) < LOSSY


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"SIMPLE  =                    T" + bytes(3000),
        b"%PDF-1.7\n" + saved(picture()),
        b"RIFF\x24\0\0\0WAVEfmt ",
        saved(picture(), "gif"),
        saved(picture(), "tiff"),
        saved(picture(), "bmp"),
    ],
    ids=["empty", "text", "svg", "fits", "pdf and png", "wave", "gif", "tiff", "bmp"],
)
def test_anything_else_is_refused_whatever_it_is_called(file: bytes) -> None:
    with pytest.raises(UnreadableImageError, match="no PNG, JPEG or WebP"):
        decode(file, max_pixels=MAX_PIXELS)


def test_a_jpeg_with_very_many_scans_is_refused_undecoded() -> None:
    file = saved(picture(), "jpeg", progressive=True)
    last = file[file.rindex(b"\xff\xda") : -2]
    again = file[:-2] + last + file[-2:]
    assert distance(decoded(again), decoded(file)) < LOSSY
    assert decoded(file + last * 100).size == picture().size  # Behind the image, as phones add films.
    with pytest.raises(UnreadableImageError, match="too many scans"):
        decoded(file[:-2] + last * 100 + file[-2:])


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_half_a_file_is_refused(image_format: str) -> None:
    noise = Image.effect_noise((64, 64), 50).convert("RGB")
    file = saved(noise, image_format)
    for length in (len(file) // 2, len(file) - 40):
        with pytest.raises(UnreadableImageError, match=r"damaged|no PNG"):
            decode(file[:length], max_pixels=MAX_PIXELS)


def test_a_file_with_one_byte_changed_never_raises_anything_else() -> None:
    file = saved(picture())
    for place in range(len(file)):
        spoiled = bytes([*file[:place], file[place] ^ 0xFF, *file[place + 1 :]])
        try:
            decode(spoiled, max_pixels=MAX_PIXELS)
        except UnreadableImageError as error:
            assert str(error).endswith(".")  # noqa: PT017 -- most changes are refused, some do no harm


@pytest.mark.parametrize("size", [(13000, 13000), (2**31 - 1, 2**31 - 1), (101, 100)])
def test_pixels_are_counted_before_any_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadableImageError, match="more than 10000 pixels"):
        decode(png_header(*size), max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("image_format", ["png", "webp"])
def test_an_animation_is_refused(image_format: str) -> None:
    file = saved(picture(), image_format, save_all=True, append_images=[ImageChops.invert(picture())])

    with pytest.raises(UnreadableImageError, match="animated"):
        decode(file, max_pixels=MAX_PIXELS)


def test_a_jpeg_with_a_second_image_behind_it_is_the_first() -> None:
    file = saved(picture(), "mpo", save_all=True, append_images=[ImageChops.invert(picture())], quality=95)

    assert distance(decoded(file), picture()) < LOSSY


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, None),
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_270),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_90),
    ],
)
def test_the_exif_orientation_is_applied(image_format: str, orientation: int, turn: Image.Transpose | None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decoded(saved(picture(), image_format, exif=exif.tobytes()))

    upright = picture() if turn is None else picture().transpose(turn)
    assert distance(image, upright) < LOSSY


def test_an_orientation_that_is_none_turns_nothing() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x04abc\0\0\0\0\0"
    assert decoded(saved(picture(), exif=exif)).size == picture().size


def test_a_color_profile_is_converted_to_srgb() -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    plain = decoded(saved(picture(), icc_profile=swapped.tobytes()))
    assert distance(plain, picture()) == 0, "a profile that does not suit the pixels is ignored"

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    assert distance(decoded(saved(picture(), icc_profile=srgb.tobytes())), picture()) <= 1


def test_a_gamma_profile_changes_the_pixels() -> None:
    """The profile of sRGB with its transfer curves replaced by a straight line of the same length."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert profile.count(b"para\0\0\0\0\0\x03") >= 1
    start = profile.index(b"para\0\0\0\0\0\x03") + 12
    profile[start : start + 4] = (0x10000).to_bytes(4, "big")  # The exponent becomes 1.
    lit = np.asarray(decoded(saved(picture(), icc_profile=bytes(profile))))
    assert lit[0, 0, 0] != 200


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (picture().convert("L"), "RGB"),
        (picture().convert("1"), "RGB"),
        (picture().convert("P"), "RGB"),
        (picture().convert("RGBA"), "RGB"),
        (picture().convert("LA"), "RGB"),
        (Image.new("RGBA", (8, 8), (1, 2, 3, 0)), "RGBA"),
        (Image.new("LA", (8, 8), (9, 128)), "RGBA"),
    ],
)
def test_the_result_has_an_alpha_channel_only_where_something_is_transparent(image: Image.Image, mode: str) -> None:
    assert decoded(saved(image)).mode == mode


def test_a_transparent_color_counts_as_an_alpha_channel() -> None:
    image = decoded(saved(picture(), transparency=(200, 30, 30)))

    assert image.getpixel((0, 0)) == (200, 30, 30, 0)
    assert image.getpixel((23, 15)) == (240, 240, 240, 255)


def test_sixteen_bits_are_scaled_to_eight() -> None:
    gray = Image.fromarray(np.full((4, 4), 0x8080, np.uint16))
    assert decoded(saved(gray)).getpixel((0, 0)) == (128, 128, 128)


def test_a_cmyk_jpeg_is_read() -> None:
    assert distance(decoded(saved(picture().convert("CMYK"), "jpeg", quality=95)), picture()) < 2 * LOSSY


def test_nothing_but_the_pixels_is_kept() -> None:
    file = saved(picture(), "jpeg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", comment=b"secret-comment")
    image = decode(file + b"PK\x03\x04secret-archive", max_pixels=MAX_PIXELS)
    stored = encode_raster(image).data

    assert b"secret" not in stored
    with Image.open(io.BytesIO(stored)) as read:
        assert (read.info, dict(read.getexif())) == ({}, {})
