"""The forms in which an image can be passed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from darkroom import Image, Upload
from darkroom._core.inputs import encode_image
from tests.client import answers

UPLOAD = Upload.model_validate(
    {"sha256": "a" * 64, "width": 8, "height": 8, "size_bytes": 1, "created_at": "2026-01-01T00:00:00Z"}
)


def test_content_is_encoded(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(answers.png())
    loaded = Image.model_validate_json(f'{{"b64_json": "{answers.b64_png()}"}}')
    for image in (answers.png(), tmp_path / "image.png", io.BytesIO(answers.png()), loaded):
        assert encode_image(image) == answers.b64_png()


def test_an_image_of_pillow_is_encoded_as_a_png() -> None:
    assert encode_image(PillowImage.new("RGB", (8, 8), (220, 40, 40))) == answers.b64_png()


def test_an_upload_is_named_and_a_text_passed_on() -> None:
    assert encode_image(UPLOAD) == "a" * 64
    assert encode_image("data:image/png;base64,AAAA") == "data:image/png;base64,AAAA"


def test_a_path_that_does_not_exist_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        encode_image(Path("missing.png"))


class Unloaded:
    """Is loaded by waiting, as the images of an asynchronous client are."""

    async def bytes(self) -> bytes:
        raise AssertionError("nobody waits for it")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (7, "must be bytes, a path, an open file"),
        (io.StringIO("text"), "in binary mode"),
        (Unloaded(), r"pass await image\.bytes\(\)"),
    ],
)
def test_anything_else_is_refused(image: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        encode_image(image)
