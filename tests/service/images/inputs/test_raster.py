"""The stored form of an input: equal pixels make equal files, and only such files are read back."""

from __future__ import annotations

import hashlib

import pytest
from PIL import Image

from service.images.inputs.raster import MODES, Raster, decode_raster, encode_raster
from tests.service.images.inputs.samples import picture, saved


@pytest.mark.parametrize("mode", MODES)
def test_a_stored_raster_comes_back(mode: str) -> None:
    raster = Raster(picture().convert(mode))
    file = encode_raster(raster)

    assert decode_raster(file.data).image.tobytes() == raster.image.tobytes()
    assert decode_raster(file.data).image.mode == mode
    assert (file.width, file.height) == picture().size
    assert file.sha256 == hashlib.sha256(file.data).hexdigest()


def test_equal_pixels_make_equal_files_and_a_mask_is_never_an_image() -> None:
    gray = picture().convert("L")
    assert encode_raster(Raster(gray)) == encode_raster(Raster(gray.copy()))
    assert encode_raster(Raster(gray)).sha256 != encode_raster(Raster(gray.convert("RGB"))).sha256


@pytest.mark.parametrize("damaged", [b"", b"PNG", saved(picture())[:-30], saved(picture().convert("P"))])
def test_a_damaged_file_is_told_apart(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        decode_raster(damaged)


def test_transparency_is_said() -> None:
    assert Raster(Image.new("RGBA", (1, 1))).has_transparency
    assert not Raster(Image.new("RGB", (1, 1))).has_transparency
