"""Images are told from other values, wherever they stand."""

from __future__ import annotations

import base64

import pytest

from service.api.generation.image_values import image_objection
from service.api.http.form_body import UploadedFile
from tests.service.images.inputs.samples import picture, saved

FILES = [saved(picture((96, 64)), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("notes", UploadedFile(file)) for file in FILES),
        *(("notes", base64.b64encode(file).decode()) for file in FILES),
        ("notes", ["", {"deep": [{"url": "DATA:image/png;base64,AAAA"}]}]),
        ("control_image", "https://images.example/1"),
        ("inputs", {"image": "http://images.example/1"}),
        ("maskUrl", ["", "https://images.example/1"]),
    ],
)
def test_an_image_cannot_be_ignored(name: str, value: object) -> None:
    assert image_objection(name, value) == "This field takes no image"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notes", UploadedFile(b"x")),
        ("num_images", 2),
        ("image_size", "square_hd"),
        ("images", []),
        ("image", None),
        ("notes", "/9j/ is how the base64 of a JPEG begins"),
        ("callback", "https://hooks.example/1"),
        ("options", {"wait_for_model": True, "a": [1.5, None]}),
    ],
)
def test_whatever_else_can(name: str, value: object) -> None:
    assert image_objection(name, value) is None
