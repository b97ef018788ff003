"""The answers of the decoding process, byte by byte."""

from __future__ import annotations

import io

from service.images.inputs.limited_process import answer
from tests.service.images.inputs.samples import picture, saved


def answered(file: bytes, max_pixels: int = 10_000) -> bytes:
    out = io.BytesIO()
    answer(file, max_pixels, out)
    return out.getvalue()


def test_pixels_follow_their_description() -> None:
    assert answered(saved(picture())) == b"ok RGB 24 16\n" + picture().tobytes()


def test_a_refusal_is_one_sentence() -> None:
    assert answered(saved(picture()), 10) == b"refused The image has more than 10 pixels.\n"
