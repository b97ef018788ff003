"""The content of an image file is saved, decoded and shown."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from darkroom.results import files


def encoded(image_format: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2)).save(file, format=image_format)
    return file.getvalue()


@pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
def test_the_content_tells_its_format(image_format: str) -> None:
    content = encoded(image_format)
    assert files.mime_of(content) == f"image/{image_format}"
    assert list(files.mime_bundle(content)) == [f"image/{image_format}"]
    assert files.png_or_none(content) == (content if image_format == "png" else None)
    assert files.to_pil(content).size == (3, 2)
